"""The files `onbeat bench` writes: they are looked at before a minute is spent, and written after it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import ConfigError, OutputError
from modules.measuring.drawing import png, require_pictures
from modules.measuring.html_report import report_html
from modules.measuring.report_json import report_json
from modules.measuring.results import Report


@dataclass(frozen=True, slots=True)
class BenchOutputs:
    """Where the report goes: as JSON, as a page, and its first picture as a PNG; `None` for what is not wanted."""

    json: Path | None = None
    html: Path | None = None
    png: Path | None = None

    def check(self) -> None:
        """Raise `ConfigError` for a file that cannot be, and for pictures where matplotlib is not installed."""
        for path in (self.json, self.html, self.png):
            if path is not None and path.is_dir():
                raise ConfigError(f"{path} is a folder; give the name of a file")
            if path is not None and not path.parent.is_dir():
                raise ConfigError(f"no folder {path.parent} to write {path.name} to; make it first")
        if self.html or self.png:
            require_pictures()

    def write(self, report: Report) -> Iterator[Path]:
        """Write what is wanted; each file when it is there. Raises `OutputError`."""
        if self.json:
            yield _written(self.json, lambda: report_json(report).encode())
        if self.html:
            yield _written(self.html, lambda: report_html(report).encode())
        plots = [plot for scenario in report.scenarios for plot in scenario.plots]
        if self.png and plots:
            yield _written(self.png, lambda: png(plots[0]))


def _written(path: Path, make: Callable[[], bytes]) -> Path:
    try:
        path.write_bytes(make())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return path
