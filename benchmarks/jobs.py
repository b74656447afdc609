"""A folder of very many tiny recordings: how soon the first result is there, memory, the journal's share, resuming."""

import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.material import NoMaterial
from engine.jobs.outputs import RESULTS_NAME
from engine.jobs.view import viewed
from modules.monitoring.resources import effective_cpus, worker_count

MAX_FIRST_RESULT_S = 2.0
MAX_JOURNAL_SHARE = 0.02
"""Of the time of all workers: the journal's calls keep one of them, by the clock, waits for the disk included."""

MAX_RESUME_S = 10.0
MAX_GROWTH = 1.10
"""Of the most that the unique set was in the first fifth of the way, while caches fill, to that of the second half."""

_EARLY, _LATE = 0.2, 0.5

_RATE_HZ = 16_000
_FRAMES = 1_600
_LOOK_S = 0.05
_LINE_BYTES = 450  # of results, about
_MB = 2**20


def report(*, files: int) -> bool:
    """Print the figures; whether all are within their limits."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise NoMaterial("needs Linux: the unique set is read from /proc")
    workers = worker_count(effective_cpus())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings(folder / "in", files)
        run = Watched(folder, files)
        with viewed(folder / "out") as job:
            share = job.runs[-1].journal_s / job.runs[-1].wall_s / workers
            check = job.journal.check()
        resumed = Watched(folder, files)
        print(f"{files} recordings of 0.1 s in {run.wall_s:.1f} s, one folder, no recogniser; journal: {check}")
        findings = {
            f"first result after {run.first_s:.2f} s (limit {MAX_FIRST_RESULT_S:g})": run.first_s <= MAX_FIRST_RESULT_S,
            f"unique set at most {run.early_bytes / _MB:.1f} MB in the first fifth, {run.late_bytes / _MB:.1f} MB "
            f"in the second half (limit {MAX_GROWTH:g} times)": run.late_bytes <= MAX_GROWTH * run.early_bytes,
            f"the journal took {share:.2%} of the {workers} workers' time (limit {MAX_JOURNAL_SHARE:.0%})": share
            <= MAX_JOURNAL_SHARE,
            f"resumed, with nothing to do, in {resumed.wall_s:.1f} s (limit {MAX_RESUME_S:g})": resumed.wall_s
            <= MAX_RESUME_S,
        }
        for finding, is_kept in findings.items():
            print(f"{finding}{'' if is_kept else '  <- beyond'}")
        return check == "ok" and all(findings.values())


def recordings(folder: Path, files: int) -> None:
    """So many WAV files of noise, no two alike, in one folder."""
    folder.mkdir()
    chance = random.Random(1)
    size = 2 * _FRAMES
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    head += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE_HZ, 2 * _RATE_HZ, 2, 16)
    head += struct.pack("<4sI", b"data", size)
    for number in range(files):
        (folder / f"{number:06d}.wav").write_bytes(head + chance.randbytes(size))


class Watched:
    """An `onbeat run` from the folder's `in` to its `out`, watched from outside to its end."""

    def __init__(self, folder: Path, files: int) -> None:
        results = folder / "out" / RESULTS_NAME
        command = [sys.executable, "-m", "engine", "run", str(folder / "in"), "-o", str(folder / "out")]
        options = ["--asr", "none", "--segmenting", "off", "--format", "json", "--progress", "none"]
        self.first_s = self.early_bytes = self.late_bytes = 0.0
        started_s = time.perf_counter()
        with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                time.sleep(_LOOK_S)
                size = results.stat().st_size if results.exists() else 0
                if not self.first_s and size and b'"type":"file"' in results.read_bytes()[:4096]:
                    self.first_s = time.perf_counter() - started_s
                part = size / (files * _LINE_BYTES)
                used = _unique_set(process.pid)
                if part < _EARLY:
                    self.early_bytes = max(self.early_bytes, used)
                elif part >= _LATE:
                    self.late_bytes = max(self.late_bytes, used)
        self.wall_s = time.perf_counter() - started_s
        if process.returncode:
            raise AssertionError(f"onbeat run ended with {process.returncode}")


def _unique_set(pid: int) -> int:
    """Of a process and those it has started, in bytes."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return 0
    own = 1024 * sum(map(int, re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", rollup, re.MULTILINE)))
    return own + sum(_unique_set(int(child)) for child in children)
