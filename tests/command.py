"""`onbeat` as a person runs it: in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from engine.cli.app import app

ROOT = Path(__file__).parent.parent
PATIENCE_S = 300.0
"""After so long another process hangs; before, the machine may just be busy with something else."""

PLAIN = ("--asr", "none", "--segmenting", "off")
"""The quickest way through: no model is loaded, and every recording is one segment without words."""


def start(
    *arguments: str | Path, folder: Path, first_on_path: Path | None = None, **settings: str
) -> subprocess.Popen[str]:
    """Begin `onbeat` in `folder`; `settings` go into its environment."""
    paths = [str(path) for path in (first_on_path, ROOT) if path]
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | settings,
    )


def onbeat(
    *arguments: str | Path, folder: Path, first_on_path: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `onbeat` in `folder` to its end."""
    process = start(*arguments, folder=folder, first_on_path=first_on_path, **settings)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def in_this_process(*arguments: str | Path, folder: Path) -> Result:
    """What `onbeat` says in `folder` of wrong usage, without a process of its own, whose start takes most of a second.

    For nothing that begins a run with -o: that forks.
    """
    assert "-o" not in arguments
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, [*map(str, arguments)])


def told(answer: Result) -> str:
    """Its stderr in one line, without the frames that are drawn around it."""
    assert isinstance(answer.exception, SystemExit), answer.exception
    return " ".join(answer.stderr.replace("│", " ").split())


def results(folder: Path) -> list[dict[str, Any]]:
    """The lines of results."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
