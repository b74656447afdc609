"""`DecisionLog`: a file with every look of the governor and what came of it, a JSON line each, for `onbeat replay`."""

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from modules.errors import OutputError
from modules.memory.relief import Relief
from modules.monitoring.targets import PerformanceTarget
from modules.tuning.json_records import to_fields
from modules.tuning.plan import Decision, Limits, Observation, Plan
from modules.tuning.replay import SCHEMA

MAX_LOOKS = 1_000_000
"""Looks that are written; at four a second that is three days. The log then ends."""


class DecisionLog:
    """A file from entering to leaving. Lines are short and buffered, so it may be told on the event loop."""

    def __init__(self, path: Path) -> None:
        """Write to `path`, over what may be there."""
        self.path = path
        self._file: IO[str] | None = None
        self._looks = 0
        self._failed: OSError | None = None

    def __enter__(self) -> Self:
        """Open it. Raises `OutputError`."""
        try:
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it. Raises `OutputError` when not all of it could be written."""
        assert self._file is not None
        try:
            self._file.close()
        except OSError as late:
            self._failed = self._failed or late
        if self._failed is not None and error is None:
            why = self._failed.strerror or self._failed
            raise OutputError(f"{self.path} is not complete: {why}") from self._failed

    def begin(self, target: PerformanceTarget, limits: Limits, plan: Plan) -> None:
        """What the governor begins with."""
        self._write(
            {
                "type": "header",
                "schema": SCHEMA,
                "target": to_fields(target),
                "limits": to_fields(limits),
                "plan": to_fields(plan),
            }
        )

    def look(self, seen: Observation, decision: Decision) -> None:
        """A look and what came of it."""
        self._looks += 1
        if self._looks <= MAX_LOOKS:
            self._write({"type": "look", "seen": to_fields(seen), "decision": to_fields(decision)})

    def relieved(self, at_s: float, relief: Relief, why: str) -> None:
        """Steps against a shortage of memory; no decision of the controller's, so a replay passes over them."""
        self._write({"type": "relief", "at_s": at_s, "steps": list(relief.steps), "why": why})

    def _write(self, line: dict[str, object]) -> None:
        assert self._file is not None
        if self._failed is not None:
            return
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:  # the disk is full: streams go on, and leaving says so
            self._failed = error
