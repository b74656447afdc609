"""The pictures of a report as PNG files, for a page or a mail of one's own."""

from pathlib import Path

from modules.errors import OutputError
from modules.measuring.drawing import png
from modules.measuring.results import Report


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write each picture to `<scenario>-<number>-<what it shows>.png` in the folder, which is made; the files written.

    Raises `ConfigError` where matplotlib is not installed, and `OutputError` where nothing can be written.
    """
    drawn = {
        f"{scenario.name}-{index}-{plot.name}.png".replace("/", "-"): png(plot)
        for scenario in report.scenarios
        for index, plot in enumerate(scenario.plots, start=1)
        if any(line.points for line in plot.lines)
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_written(folder / name, data) for name, data in drawn.items()]
    except OSError as error:
        raise OutputError(f"pictures cannot be written to {folder}: {error.strerror or error}") from error


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
