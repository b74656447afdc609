"""The command `onbeat`: which sub-commands there are, and how an error leaves the program."""

import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from engine.cli.commands import COMMANDS
from engine.cli.exits import Exit, Interrupted
from engine.version import __version__
from modules.errors import ConfigError, OnbeatError


class Onbeat(TyperGroup):
    """The group of all commands: an `OnbeatError` leaves it as one line on stderr and an exit code."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The command that is asked for, imported now: what is listed only stands for it."""
        name, listed, rest = super().resolve_command(ctx, args)
        wanted = next((command for command in COMMANDS if command.name == name), None)
        return name, get_command(wanted.load()) if wanted else listed, rest

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # noqa: ANN401 - typer's own signature
        """Run the command, and see its output through to the reader."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except OnbeatError as error:
            if ctx.params["debug"]:
                traceback.print_exception(error)
            mark = "" if isinstance(error, Interrupted) else "error: "
            typer.echo(f"onbeat: {mark}{' '.join(str(error).split())}", err=True)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(Exit.INTERRUPTED) from interrupt
        except BrokenPipeError as error:  # the reader has left, as `head` does: nobody is there to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.FAILED) from error
        return answer


def exit_code(error: OnbeatError) -> Exit:
    """The exit code that tells a script what kind of error it was."""
    if isinstance(error, Interrupted):
        return error.code
    return Exit.USAGE if isinstance(error, ConfigError) else Exit.FAILED


app = typer.Typer(
    cls=Onbeat,
    help="Run audio through models, on time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _listed() -> None:
    """What stands in the help for a command until it is run."""


for _command in COMMANDS:
    app.command(_command.name, help=_command.summary)(_listed)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's own signature
    if wanted:
        typer.echo(f"onbeat {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Run audio through models, on time."""
