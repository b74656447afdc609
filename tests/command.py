"""`onbeat` as a person runs it: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def results(folder: Path) -> list[dict[str, Any]]:
    """The lines of results."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
