"""What is drawn at the bottom of the terminal stays below what is told, and is gone at the end."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from engine.cli.progress import RichProgress
from engine.cli.terminal_display import TerminalDisplay
from modules.results import FileResult, Status

CLEARED = "\x1b[1A\x1b[2K"
"""One line up, and that line is empty."""


def terminal() -> tuple[Console, io.StringIO]:
    """A console that takes itself for one, and what is written to it."""
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=80, color_system=None, legacy_windows=False), written


def test_lines_are_told_above_it_and_it_is_taken_away() -> None:
    """What was told is drawn over by nothing; the cursor is hidden meanwhile and shown again."""
    console, written = terminal()
    with TerminalDisplay(lambda: Text("drawn"), console=console, redrawn_per_s=0.01) as display:
        display.tell("told")
    said = written.getvalue()
    assert said.index("told\n") < said.index("drawn")
    assert said.rindex(CLEARED) > said.rindex("drawn")
    assert said.index("\x1b[?25l") < said.index("drawn")
    assert said.rindex("\x1b[?25h") > said.rindex("drawn")


def test_it_is_taken_away_when_the_work_fails() -> None:
    """And the error goes on."""
    console, written = terminal()
    with (
        pytest.raises(RuntimeError, match="broke"),
        TerminalDisplay(lambda: Text("drawn"), console=console, redrawn_per_s=0.01),
    ):
        raise RuntimeError("broke")
    assert written.getvalue().rindex(CLEARED) > written.getvalue().rindex("drawn")


def test_the_progress_of_a_run_is_such_a_display() -> None:
    """It counts what is done, and tells of failures above itself."""
    console, written = terminal()
    run = RichProgress()
    run._display = TerminalDisplay(run._draw, console=console, redrawn_per_s=0.01)
    with run:
        run.tell("failed: tuesday.wav")
        run.finished(FileResult("calls/monday.wav", Status.OK, duration_s=3.0))
    said = written.getvalue()
    assert "failed: tuesday.wav" in said
    assert "1 files done" in said
    assert said.rindex(CLEARED) > said.rindex("files done")
