"""The table of commands: it says what the commands say of themselves, and none is loaded before it is run."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from engine.cli.app import app
from engine.cli.commands import COMMANDS, Command

ROOT = Path(__file__).parents[3]

HEAVY = ("numpy", "onnxruntime", "matplotlib", "soundfile", "av", "soxr", "psutil", "pydantic", "anyio", "sqlite3")


def imported_by(*arguments: str) -> set[str]:
    """The names of the modules that `onbeat` has imported when it is through."""
    program = "import sys; from engine.__main__ import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_table_says_what_the_command_says(command: Command) -> None:
    """The first line of its help."""
    own_help = get_command(command.load()).help or ""
    assert command.summary == own_help.partition("\n")[0]


def test_every_command_of_the_table_is_listed() -> None:
    """In its order, and no other."""
    assert [each.name for each in app.registered_commands] == [command.name for command in COMMANDS]


def test_every_file_of_a_command_is_in_the_table() -> None:
    """A file of `engine/cli` that defines a command or a group of them is not forgotten."""
    named = {command.module.rpartition(".")[2] for command in COMMANDS}
    files = (ROOT / "engine" / "cli").glob("*.py")
    docs = {file.stem for file in files if file.read_text().startswith(f'"""`onbeat {file.stem}`')}
    assert named == docs


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_help_loads_no_command_and_no_library_of_the_engine(option: str) -> None:
    """It is there at once."""
    found = imported_by(option)
    assert not found & {*HEAVY, *(command.module for command in COMMANDS)}
    assert not [name for name in found if name.startswith("modules.") and name != "modules.errors"]


def test_a_command_loads_no_other() -> None:
    """`onbeat run` has nothing of the benchmark, and `onbeat config` nothing of the models."""
    found = imported_by("run", "--help")
    assert "engine.cli.run" in found
    others = {command.module for command in COMMANDS} - {"engine.cli.run", "engine.cli.config"}
    assert not found & {*others, "engine.bench.capacity", "modules.simulation", "matplotlib"}
    assert not imported_by("config", "show", "--help") & {"numpy", "onnxruntime", "engine.processor"}
