"""A control group with a CPU quota for this process, where one can be made: version 1, or version 2, by root."""

import contextlib
import os
from pathlib import Path
from typing import Self

PERIOD_US = 100_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


class NoGroup(Exception):
    """No control group can be made here; the text says why."""


class QuotaGroup:
    """Made on entering, gone on leaving. This process is in it between `join` and `leave`, and its threads with it."""

    def __init__(self, cpus: float) -> None:
        """Allow so many CPUs."""
        self._cpus = cpus
        self._is_v1 = (_V1 / "cpu.cfs_quota_us").exists()
        self._root = _V1 if self._is_v1 else _V2
        self._folder = self._root / f"onbeat-bench-{os.getpid()}"

    def __enter__(self) -> Self:
        """Make it. Raises `NoGroup`."""
        quota_us = round(self._cpus * PERIOD_US)
        try:
            self._folder.mkdir()
            if self._is_v1:
                (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (self._folder / "cpu.cfs_quota_us").write_text(str(quota_us))
            else:
                (self._folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        except OSError as error:
            with contextlib.suppress(OSError):
                self._folder.rmdir()
            raise NoGroup(f"no control group can be made here: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it and remove it."""
        self.leave()
        self._folder.rmdir()

    def join(self) -> None:
        """This process, with all its threads, is held to the quota from now on."""
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def leave(self) -> None:
        """It is not any more."""
        (self._root / "cgroup.procs").write_text(str(os.getpid()))

    def periods(self) -> tuple[int, int]:
        """How many periods there were in which somebody wanted to run, and in how many of them it was held back."""
        counts = dict(line.split() for line in (self._folder / "cpu.stat").read_text().splitlines())
        return int(counts["nr_periods"]), int(counts["nr_throttled"])
