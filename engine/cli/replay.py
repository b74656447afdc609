"""`onbeat replay`: the decisions of a recorded log, decided again from what was seen."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.exits import Exit
from modules.errors import ConfigError
from modules.tuning.plan import Decision
from modules.tuning.replay import Difference, replay


def replay_command(
    log: Annotated[Path, typer.Argument(help="A file written with --decisions.", show_default=False)],
) -> None:
    """Decide again what a log says was seen: the same decisions, or the first that differs, with exit code 1."""
    try:
        with log.open(encoding="utf-8") as lines:
            found = replay(lines)
    except OSError as error:
        raise ConfigError(f"{log} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{log} is no log of decisions: {error}") from error
    if found.difference is None:
        typer.echo(f"{found.looks} looks, {found.moves} moves: the same decisions")
        return
    typer.echo(_told(found.difference))
    raise typer.Exit(Exit.FAILED)


def _told(difference: Difference) -> str:
    return (
        f"look {difference.look}, at {difference.seen.now_s:.2f} s, differs\n"
        f"  logged:  {_moves(difference.logged)}\n"
        f"  decided: {_moves(difference.decided)}"
    )


def _moves(decision: Decision) -> str:
    moves = (f"{move.knob} {move.before:g} -> {move.after:g} ({move.sentence})" for move in decision.moves)
    return "; ".join(moves) or f"no move; {decision.plan}"
