"""A folder job that is killed again and again, and what must be true of it afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.jobs.journal_rows import State
from engine.jobs.lock import is_held
from engine.jobs.place import LOCK_NAME, STATE_FOLDER
from engine.jobs.view import viewed
from modules.checkpoint import found_from_json
from modules.errors import ConfigError
from modules.results_json import file_from_json
from tests.command import PATIENCE_S
from tests.fakes import ramp, write_wav

ROOT = Path(__file__).parent.parent
FORMATS = "txt,srt,json"


@dataclass(frozen=True, slots=True)
class Work:
    """A folder of recordings, and how long the fake recogniser takes for a segment."""

    folder: Path
    pause_s: float

    @property
    def inputs(self) -> Path:
        """Where the recordings are."""
        return self.folder / "in"

    def command(self, output: str, *, workers: int = 2) -> list[str]:
        """The run with a log beside its output folder."""
        log = self.folder / f"{output}.log"
        program = [sys.executable, str(ROOT / "tests" / "logged_run.py"), str(log), str(self.pause_s)]
        return [*program, "run", "in", "-o", output, "--asr", "none", "--workers", f"{workers}", "--format", FORMATS]

    def start(self, output: str, *, workers: int = 2) -> subprocess.Popen[bytes]:
        """Begin the run."""
        return subprocess.Popen(
            self.command(output, workers=workers),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def finish(self, output: str, *, workers: int = 2) -> None:
        """Run it to its end, which must be a good one."""
        process = self.start(output, workers=workers)
        _, stderr = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, stderr.decode()

    def hold(self, output: str, *, segments: int) -> None:
        """Have its runs wait with what comes after so many segments: however slow the machine, they are not over."""
        hold_of(self.folder / f"{output}.log").write_text(f"{segments}")

    def let_go(self, output: str) -> None:
        """Have them go on."""
        hold_of(self.folder / f"{output}.log").unlink()

    def log(self, output: str) -> list[str]:
        """The texts of the segments recognised so far."""
        log = self.folder / f"{output}.log"
        return log.read_text().splitlines() if log.exists() else []


def hold_of(log: Path) -> Path:
    """The file beside a log that says at how many lines of it to wait."""
    return log.with_suffix(".hold")


def recordings(folder: Path, *, short: int, long_s: tuple[float, ...], pause_s: float) -> Work:
    """Short recordings, long ones among them, and one twin, all of random samples."""
    work = Work(folder, pause_s)
    for number in range(short):
        write_wav(work.inputs / f"{number % 7}" / f"{number:04d}.wav", ramp(0.1 + number / 1000))
    for number, seconds in enumerate(long_s):
        write_wav(work.inputs / f"{number}" / "0long.wav", ramp(seconds))
    twin = work.inputs / "6" / "9twin.wav"
    twin.write_bytes((work.inputs / "0" / "0000.wav").read_bytes())
    return work


def kill_at_random(work: Work, output: str, *, kills: int, within_s: tuple[float, float], seed: int) -> None:
    """Kill the run so many times at seeded random moments; after each, what is on record is whole and is never redone.

    The moments are counted from when the run holds its lock, so that none is wasted on Python's own start. The work
    must be enough to last through all of them, or be held.
    """
    chance = random.Random(seed)
    lock = work.folder / output / STATE_FOLDER / LOCK_NAME
    for number in range(kills):
        begun = len(work.log(output))
        before = on_record(work.folder / output)
        process = work.start(output)
        until(partial(_has_begun, process, lock), "the run does not begin")
        time.sleep(chance.uniform(*within_s))
        process.send_signal(signal.SIGKILL)
        _, stderr = process.communicate()
        assert process.returncode == -signal.SIGKILL, (number, process.returncode, stderr.decode())
        until(lambda: not is_held(lock), "the killed run still holds its lock")
        again = before & set(work.log(output)[begun:])
        assert not again, f"after kill {number}: recognised again though on record: {sorted(again)[:5]}"


def on_record(output: Path) -> set[str]:
    """The texts of everything that is on record; the journal passes SQLite's check."""
    texts: set[str] = set()
    try:
        with viewed(output) as job:
            assert job.journal.check() == "ok"
            for line in job.lines():
                texts.update(segment.text for segment in file_from_json(line).segments)
            for file in job.files(State.BEGUN):
                rows = job.journal.segments(file.id)
                texts.update(segment.text for row in rows for segment in found_from_json(row.found))
    except ConfigError:  # it was killed before there was a journal
        assert not (output / "results.jsonl").exists()
    return texts


def _has_begun(process: subprocess.Popen[bytes], lock: Path) -> bool:
    return is_held(lock) or process.poll() is not None


def until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for another process; nothing else can tell when it is that far."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, otherwise
        time.sleep(0.005)


def outputs(folder: Path) -> dict[str, Any]:
    """Every file of an output folder by its name, without the fields that are times or memory."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in sorted(_files(folder))}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and ".onbeat" not in path.parts)


def _content(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in text.splitlines()]
    return _timeless(json.loads(text)) if path.suffix == ".json" else text


def _timeless(fields: dict[str, Any]) -> str:
    measured = {"timing", "wall_s", "realtime_factor", "peak_memory_mb"}
    return json.dumps({name: value for name, value in fields.items() if name not in measured})
