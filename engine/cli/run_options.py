"""The options of `onbeat run` about going on from an earlier run and about recordings that do harm, declared once."""

from typing import Annotated

import typer

_RESUMING = "Earlier runs"
_HARM = "Recordings that do harm"

Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume", help="Go on from an earlier run in the output folder.", rich_help_panel=_RESUMING
    ),
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Do everything anew and replace results that are there.", rich_help_panel=_RESUMING
    ),
]

RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run.", rich_help_panel=_RESUMING)
]

Watch = Annotated[
    bool, typer.Option("--watch", help="Go on with recordings that arrive, until Ctrl-C.", rich_help_panel=_RESUMING)
]

MaxAttempts = Annotated[
    int | None,
    typer.Option(
        "--max-attempts", help="Attempts at a recording whose decoder dies.", rich_help_panel=_HARM, show_default="2"
    ),
]

Isolate = Annotated[
    str | None,
    typer.Option(
        "--isolate",
        help="Decode in a process apart: auto (odd recordings), always or never.",
        rich_help_panel=_HARM,
        show_default="auto",
    ),
]

MaxFileSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-file-s", help="Most seconds of work on one recording.", rich_help_panel=_HARM, show_default="a day"
    ),
]
