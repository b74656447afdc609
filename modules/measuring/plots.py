"""`Plot`: what a picture shows, as numbers: lines or bars over named axes, with marks and a limit."""

import math
from dataclasses import dataclass
from enum import StrEnum


class PlotKind(StrEnum):
    """How the points of a line are joined: straight, as steps that hold until the next point, or as bars."""

    LINE = "line"
    STEP = "step"
    BARS = "bars"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of (x, y) points by name, x ascending. Of bars, x is the number of the bar in `Plot.bar_names`.

    `is_right` says that y is read on the axis at the right.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    is_right: bool = False

    def __post_init__(self) -> None:
        if not all(len(point) == 2 and all(map(math.isfinite, point)) for point in self.points):  # noqa: PLR2004 - a pair
            raise ValueError(f"points of {self.name} must be pairs of finite numbers")
        if any(after[0] < before[0] for before, after in zip(self.points, self.points[1:], strict=False)):
            raise ValueError(f"points of {self.name} must come in order of x")


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, or is to be seen, at `x`: a decision, the knee, an event of the scenario."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture. `name` says which of the kinds there are it is; see `PLOT_NAMES`.

    `limit` is a horizontal line, `limit_x` a vertical one (the target); `right_label` names the axis at the right, for
    lines that are `is_right`.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    kind: PlotKind = PlotKind.LINE
    limit: float | None = None
    limit_x: float | None = None
    is_log_x: bool = False
    is_log_y: bool = False
    right_label: str = ""
    bar_names: tuple[str, ...] = ()


PLOT_NAMES = (
    "latency_cdf",
    "throughput_over_batch",
    "p99_over_streams",
    "decisions_over_load",
    "memory_over_time",
    "peers",
)
"""What pictures show: the share of chunks within a latency; chunks a second by batch, with the knee marked; p99 by
streams; load, streams served and misses over time, with decisions marked; bytes over time; sides as bars."""
