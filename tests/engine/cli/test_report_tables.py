import io
from dataclasses import replace

import pytest
from rich.console import Console

from engine.cli.report_tables import lines, print_report, rows
from modules.measuring.results import Report
from tests.made_report import CARRIED, DOUBTED, KEPT, LEFT_OUT, REPORT


def printed(report: Report, *, columns: int = 120) -> str:
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=columns, force_terminal=True, color_system=None, legacy_windows=False)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_each_scenario_and_the_whole() -> None:
    """Verdicts, reasons, figures with bounds, what was left out, one sentence at the end."""
    text = printed(REPORT)
    for words in (
        "multi_stream: bound broken, 2 of 3 bounds kept",
        "How many streams are carried & held?",
        "BROKEN",
        "300 to 324",
        "LitServe: not measured, litserve is not installed",
        "overload: not to be trusted",
        "the generator was late: p99 7.2 ms, at most 5 ms",
        "cannot be told",
        "quota: not run",
        "no control group can be made here",
        "LitServe needs an environment of its own.",
    ):
        assert words in text
    assert text.strip().splitlines()[-1].startswith("5 scenarios: 1 broke a bound")


def test_a_narrow_terminal_shows_it_too() -> None:
    """Nothing is wider than it."""
    assert max(map(len, printed(REPORT, columns=60).splitlines())) <= 60


def test_empty_columns_are_left_out() -> None:
    """A lone figure has no side and no interval."""
    text = printed(replace(REPORT, scenarios=(KEPT,)))
    assert "side" not in text
    assert "interval" not in text
    assert "at most 300" in text


def test_a_side_is_named_once_but_not_after_another() -> None:
    """Every row says whose it is to a program."""
    assert [row[:2] for row in rows(CARRIED)] == [
        ("onbeat", "streams"),
        ("onbeat", "p99"),
        ("thread pool", "streams"),
        ("thread pool", "p99"),
        ("bare kernels", "streams"),
        ("", "efficiency"),
        ("", "onbeat / thread pool"),
    ]
    shown = printed(replace(REPORT, scenarios=(CARRIED,)))
    assert shown.count("thread pool ") == 2  # its rows, and a ratio
    assert shown.count("overall") == 1


def test_what_was_not_run_is_a_line_too() -> None:
    """With the reason."""
    assert list(lines(LEFT_OUT)) == [("quota", "not run", "no control group can be made here")]
    assert next(lines(DOUBTED))[-1] == "cannot be told"


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A figure each, apart by tabs, without colours or frames."""
    print_report(REPORT)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split("\t") == [
        "multi_stream",
        "bound broken",
        "onbeat",
        "streams",
        "312 streams",
        "300 to 324",
        "",
        "",
    ]
    assert "multi_stream\tbound broken\tLitServe\tnot measured: litserve is not installed" in out
    assert len(out) == 7 + 1 + 1 + 1 + 1 + 1
