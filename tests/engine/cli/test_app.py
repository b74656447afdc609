"""The command `onbeat`: what it says of itself, and how errors leave it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.app import Onbeat, app, options
from engine.cli.exits import Exit, Interrupted
from engine.version import __version__
from modules.errors import ConfigError, ModelError, OnbeatError

ROOT = Path(__file__).parents[3]


def failing(error: BaseException) -> typer.Typer:
    """A command line like ours with a command that raises."""
    broken = typer.Typer(cls=Onbeat, pretty_exceptions_enable=False)
    broken.callback()(options)

    @broken.command()
    def fail() -> None:
        raise error

    return broken


def onbeat(*arguments: str, cwd: Path, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run `python -m engine` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=cwd,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
    )


def test_the_version_is_shown() -> None:
    """On one line."""
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"onbeat {__version__}\n")


def test_without_a_command_the_help_is_shown() -> None:
    """With the commands there are."""
    result = CliRunner().invoke(app, [])
    for command in ("run", "doctor", "config"):
        assert command in result.output


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["config", "show", "--nonsense"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """And says what is wrong on stderr."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == Exit.USAGE
    assert "nonsense" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("no such setting"), 2, "onbeat: error: no such setting\n"),
        (ModelError("no model"), 1, "onbeat: error: no model\n"),
        (OnbeatError("two\nlines"), 1, "onbeat: error: two lines\n"),
        (Interrupted(Exit.INTERRUPTED), 130, "onbeat: interrupted\n"),
        (Interrupted(Exit.TERMINATED), 143, "onbeat: terminated\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_leaves_as_one_line_and_a_code(error: BaseException, code: int, line: str) -> None:
    """Without a traceback."""
    result = CliRunner().invoke(failing(error), ["fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, line, "")


def test_debug_shows_the_traceback_and_keeps_the_code() -> None:
    """For those who look for a fault in Onbeat itself."""
    result = CliRunner().invoke(failing(ConfigError("no such setting")), ["--debug", "fail"])
    assert result.exit_code == Exit.USAGE
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("onbeat: error: no such setting\n")


def test_an_unknown_key_in_the_file_exits_with_2(tmp_path: Path) -> None:
    """As a process, from the outside."""
    (tmp_path / "onbeat.toml").write_text("worker = 2")
    result = onbeat("config", "show", cwd=tmp_path)
    assert result.returncode == Exit.USAGE
    assert result.stderr.startswith("onbeat: error: onbeat.toml")
    assert result.stderr.count("\n") == 1


def test_a_reader_that_has_left_is_not_told_of_it(tmp_path: Path) -> None:
    """As with `onbeat config show | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = onbeat("config", "show", cwd=tmp_path, stdout=writing)
    finally:
        os.close(writing)
    assert result.stderr == ""
    assert result.returncode == Exit.FAILED
