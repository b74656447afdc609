"""How a run shows its progress on stderr: a live display, plain lines, JSON lines, or nothing."""

import json
import sys
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from engine.cli.terminal_display import TerminalDisplay
from engine.jobs.request import Notice
from modules.results import FileResult, Status

_SHOWN_FILES = 6

KEPT_RESULTS = 20
"""Results kept to be shown when the run is over."""


class ProgressKind(StrEnum):
    """The choices of `--progress`; `auto` is `rich` on a terminal and `none` elsewhere."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Tally:
    """How far a run is: an observer that counts and shows nothing."""

    def __init__(self) -> None:
        """Start the clock."""
        self.counts = dict.fromkeys(Status, 0)
        self.kept = 0
        self.kept_failed = 0
        self.recognised = 0
        self.current: dict[Path, float] = {}
        self.finished_audio_s = 0.0
        self.first: list[FileResult] = []
        self.started_s = time.monotonic()

    def __enter__(self) -> Self:
        """Nothing is shown."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was shown."""

    @property
    def audio_s(self) -> float:
        """Seconds of audio done, those of unfinished files included."""
        return self.finished_audio_s + sum(self.current.values())

    @property
    def realtime_factor(self) -> float:
        """Audio seconds per wall second so far."""
        return self.audio_s / max(time.monotonic() - self.started_s, 1e-9)

    @property
    def done(self) -> int:
        """Inputs finished in whatever way."""
        return sum(self.counts.values())

    def heard(self, path: Path, audio_s: float) -> None:
        """So many more seconds of it have been recognised; the first time 0, when work on it begins."""
        self.current[path] = self.current.get(path, 0.0) + audio_s

    def finished(self, result: FileResult) -> None:
        """An input is done: what was skipped or failed is told."""
        self.count(result)
        if result.error is not None:
            message = result.error.message
            self.tell(f"{result.status}: {message if result.path in message else f'{result.path}: {message}'}")

    def noticed(self, notice: Notice) -> None:
        """Something about the job as a whole is told; what an earlier run has done is counted."""
        self.counts[Status.OK] += notice.ok
        self.counts[Status.FAILED] += notice.failed
        self.counts[Status.SKIPPED] += notice.skipped
        self.kept += notice.ok + notice.failed + notice.skipped
        self.kept_failed += notice.failed
        if notice.text:
            self.tell(notice.text)

    def count(self, result: FileResult) -> None:
        """Take an input's end into the tally."""
        self.current.pop(Path(result.path), None)
        self.counts[result.status] += 1
        self.finished_audio_s += result.duration_s
        if result.status is Status.OK:
            self.recognised += 1
            if len(self.first) < KEPT_RESULTS:
                self.first.append(result)

    def tell(self, line: str) -> None:
        """Write one line to stderr, whole."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is where the program speaks

    def line(self) -> str:
        """The state in one line."""
        failed, skipped = self.counts[Status.FAILED], self.counts[Status.SKIPPED]
        parts = ((failed, "failed"), (skipped, "skipped"), (self.kept, "done before"))
        odd = "".join(f", {count} {word}" for count, word in parts if count)
        minutes = f"{self.audio_s / 60:.1f} min of audio"
        return f"{self.done} files done{odd}; {minutes}, {self.realtime_factor:.1f}x real time"


class PlainProgress(Tally):
    """A line at each input's end."""

    def finished(self, result: FileResult) -> None:
        """Count, then tell."""
        super().finished(result)
        self.tell(self.line())


class JsonProgress(Tally):
    """A JSON object a line, with its `type`: `started`, `finished`, `kept` or `notice`."""

    def heard(self, path: Path, audio_s: float) -> None:
        """Tell that work on an input begins."""
        if path not in self.current:
            self._tell_json(type="started", path=str(path))
        super().heard(path, audio_s)

    def finished(self, result: FileResult) -> None:
        """An input is done."""
        self.count(result)
        self._tell_json(
            type="finished",
            path=result.path,
            status=result.status,
            message=result.error.message if result.error else None,
            files=self.done,
            audio_s=round(self.audio_s, 3),
            realtime_factor=round(self.realtime_factor, 3),
        )

    def noticed(self, notice: Notice) -> None:
        """What is told is an object of the type `notice`; inputs that are done before, one of the type `kept`."""
        super().noticed(replace(notice, text=""))
        if notice.text:
            self._tell_json(type="notice", message=notice.text)
        else:
            self._tell_json(type="kept", ok=notice.ok, failed=notice.failed, skipped=notice.skipped, files=self.done)

    def _tell_json(self, **fields: object) -> None:
        self.tell(json.dumps(fields, ensure_ascii=True))


class RichProgress(Tally):
    """A display at the bottom of the terminal, drawn anew a few times a second."""

    def __init__(self) -> None:
        """Prepare the display."""
        super().__init__()
        self._spinner = Spinner("dots")
        self._display = TerminalDisplay(self._draw)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away: the summary comes instead."""
        self._display.__exit__(kind, error, trace)

    def tell(self, line: str) -> None:
        """Write one line above the display."""
        self._display.tell(line)

    def _draw(self) -> RenderableType:
        files = Table.grid(padding=(0, 2))
        shown = list(self.current.items())[:_SHOWN_FILES]
        for path, audio_s in shown:
            files.add_row(
                "", Text(path.name, overflow="ellipsis", no_wrap=True), Text(f"{audio_s:.0f} s", style="cyan")
            )
        more = len(self.current) - len(shown)
        rest = [Text(f"  and {more} more", style="dim")] if more > 0 else []
        self._spinner.update(text=Text(self.line(), style="bold"))
        return Group(self._spinner, files, *rest)


def progress(kind: ProgressKind) -> Tally:
    """The progress display of that kind, for this stderr."""
    if kind is ProgressKind.AUTO:
        kind = ProgressKind.RICH if sys.stderr.isatty() else ProgressKind.NONE
    kinds = {ProgressKind.RICH: RichProgress, ProgressKind.PLAIN: PlainProgress, ProgressKind.JSON: JsonProgress}
    return kinds.get(kind, Tally)()
