"""`OwnGroup`: a control group for one benchmark, with a hard memory limit that can be moved while it runs.

Needs Linux with control groups of version 1 for memory, and the right to make one, as root has.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.material import NoMaterial

_ROOT = Path("/sys/fs/cgroup/memory")


class OwnGroup:
    """This process alone in a group, between entering and leaving; then it is back where it was."""

    def __init__(self, limit_bytes: int) -> None:
        """Nothing is made yet."""
        self._folder = _ROOT / f"onbeat-benchmark-{os.getpid()}"
        self._limit_bytes = limit_bytes

    def __enter__(self) -> Self:
        """Make it and move in. Raises `NoMaterial`."""
        try:
            self._folder.mkdir()
            self.limit(self._limit_bytes)
            self._before = _group_of_this_process()
            self._move_to(self._folder)
        except OSError as error:
            raise NoMaterial(f"no control group of version 1 can be made: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move back and take it away."""
        self._move_to(self._before)
        self._folder.rmdir()

    def limit(self, limit_bytes: int) -> None:
        """Set the limit. Raises `OSError` when more than that is in use and cannot be given back."""
        (self._folder / "memory.limit_in_bytes").write_text(str(limit_bytes))

    @property
    def refusals(self) -> int:
        """How often the group has been at its limit, so that something had to be given back for what was asked."""
        return int((self._folder / "memory.failcnt").read_text())

    @staticmethod
    def _move_to(folder: Path) -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def _group_of_this_process() -> Path:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    (name,) = [name for _, controllers, name in lines if "memory" in controllers.split(",")]
    return _ROOT / name.lstrip("/")
