"""The options that every command with a recogniser has, declared once."""

from pathlib import Path
from typing import Annotated

import typer

_MODELS = "Models"

Asr = Annotated[
    str | None,
    typer.Option(help="Recogniser: auto, vosk, sphinx or none.", rich_help_panel=_MODELS, show_default="auto"),
]

VoskModel = Annotated[
    Path | None, typer.Option(help="Folder of the Vosk model.", rich_help_panel=_MODELS, show_default=False)
]

VoskDownload = Annotated[
    bool | None,
    typer.Option(
        "--vosk-download", help="Let Vosk download a missing model.", rich_help_panel=_MODELS, show_default=False
    ),
]

Language = Annotated[
    str | None,
    typer.Option(help="Language of the Vosk model to look for.", rich_help_panel=_MODELS, show_default="en-us"),
]

Channel = Annotated[
    int | None, typer.Option(help="Channel to use, from 0.", rich_help_panel=_MODELS, show_default="all, mixed")
]

WorkerCount = Annotated[
    int | None, typer.Option("--workers", help="Worker threads.", show_default="the effective CPUs")
]

DecisionFile = Annotated[
    Path | None,
    typer.Option("--decisions", help="Write what the governor sees and decides to this file.", show_default=False),
]

Stages = Annotated[
    str | None,
    typer.Option(
        help="Stages described in onbeat.toml that also run, with commas.", rich_help_panel=_MODELS, show_default=False
    ),
]
