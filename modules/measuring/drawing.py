"""Pictures of a `Plot`, as SVG and as PNG. The only importer of matplotlib, which the extra `bench` brings.

Legends stand outside of the data, limits and marks are named where they are, bars lie so that long names can be read.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from modules.errors import ConfigError
from modules.measuring.picture_plan import (
    drawn,
    in_order,
    is_of_shares,
    limit_words,
    log_steps,
    mark_rows,
    mark_words,
    share_ticks,
    share_words,
    x_ticks,
)
from modules.measuring.picture_style import GRID, GROUND, INK, LIMIT, MUTED, OTHERS, SERIES, look
from modules.measuring.plots import Plot, PlotKind
from modules.measuring.report_words import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, FigureBase

WIDTH_IN, HEIGHT_IN = 7.2, 3.9
PNG_DPI = 150
MAX_MARKS_NAMED = 10
"""In a PNG, which has no list beside it; the rest are counted."""

_BAR_IN, _TITLE_IN, _KEY_IN = 0.34, 0.32, 0.2
_RIGHT = " (right)"
_POINTS_A_LETTER, _POINTS_A_HANDLE = 5.6, 48.0
_MAX_MARKED_POINTS = 24
_LIMIT_LINE: dict[str, Any] = {"color": LIMIT.light, "linewidth": 1.3, "dashes": (5, 3), "zorder": 1.5}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # letters stay letters: small, sharp, and found by a search
    "svg.hashsalt": "onbeat",  # the same plot gives the same text
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": INK.light,
    "axes.labelcolor": INK.light,
    "axes.edgecolor": MUTED.light,
    "xtick.color": MUTED.light,
    "ytick.color": MUTED.light,
    "xtick.labelcolor": INK.light,
    "ytick.labelcolor": INK.light,
    "grid.color": GRID.light,
    "figure.facecolor": GROUND.light,
    "axes.facecolor": GROUND.light,
    "legend.frameon": False,
}


def svg(plot: Plot) -> str:
    """The picture as an SVG document in the light colours of `picture_style`, without its title.

    Raises `ConfigError` where matplotlib is not installed, as `png` does.
    """
    with _drawing() as library:
        text = io.StringIO()
        _figure(library, plot, is_alone=False).savefig(text, format="svg", transparent=True, metadata={"Date": None})
        return text.getvalue()


def png(plot: Plot) -> bytes:
    """The picture as a PNG that stands alone: with its title, and with what its marks mean."""
    with _drawing() as library:
        data = io.BytesIO()
        figure = _figure(library, plot, is_alone=True)
        figure.savefig(data, format="png", dpi=PNG_DPI, metadata={"Software": None})
        return data.getvalue()


def require_pictures() -> None:
    """Raise `ConfigError` where matplotlib is not installed: worth knowing before there is something to draw."""
    with _drawing():
        pass


@contextmanager
def _drawing() -> Iterator[Any]:
    """Inside the block matplotlib has the house's settings, and nobody else's."""
    try:
        import matplotlib  # noqa: ICN001, PLC0415 - an extra, and half a second to import
        import matplotlib.figure  # noqa: PLC0415 - as above
        import matplotlib.ticker  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ConfigError(f"pictures need matplotlib: pip install 'onbeat[bench]' ({error})") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # the names that its type knows differ from version to version
        settings.update(_SETTINGS)
        yield matplotlib


def _figure(library: Any, plot: Plot, *, is_alone: bool) -> "Figure":  # noqa: ANN401 - the library itself
    named = mark_words(plot) if is_alone and len(plot.marks) > 1 else []
    height_in = _height_in(plot) + _KEY_IN * min(len(named), MAX_MARKS_NAMED + 1)
    title_in = _TITLE_IN if is_alone else 0.0
    figure: Figure = library.figure.Figure(figsize=(WIDTH_IN, height_in + title_in), layout="constrained")
    body: FigureBase = figure
    if is_alone:  # a strip of its own, so that no legend covers the title
        head, body = cast("tuple[FigureBase, FigureBase]", figure.subfigures(2, 1, height_ratios=(title_in, height_in)))
        head.text(0.01, 0.35, plot.title, va="center", fontweight="bold", fontsize=11.0)
    axes = body.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if plot.kind is PlotKind.BARS:
        handles = _bars(axes, plot)
    else:
        _scales(library, axes, plot)
        handles = _lines(library.ticker, axes, plot)
        _limits(axes, plot)
        _marks(axes, plot)
        _from_nothing(axes, plot)
    if len(handles) > 1:
        body.legend(handles=handles, loc="outside upper left", ncols=_legend_columns(plot), handlelength=3.2)
    if named:
        _named_marks(body, axes, named)
    return figure


def _height_in(plot: Plot) -> float:
    """Bars need room each, and so do the rows of a legend."""
    rows = -(-len(plot.lines) // _legend_columns(plot)) if len(plot.lines) > 1 else 0
    if plot.kind is PlotKind.BARS:
        return 0.9 + _BAR_IN * len(plot.bar_names) * max(1, len(plot.lines)) + _KEY_IN * rows
    return HEIGHT_IN + _KEY_IN * max(0, rows - 1)


def _legend_columns(plot: Plot) -> int:
    longest = max((len(line.name) + (len(_RIGHT) if line.is_right else 0) for line in plot.lines), default=0)
    columns = int(72 * WIDTH_IN // (_POINTS_A_HANDLE + _POINTS_A_LETTER * longest))
    return max(1, min(columns, len(plot.lines)))


def _scales(library: Any, axes: "Axes", plot: Plot) -> None:  # noqa: ANN401 - the library itself
    ticker = library.ticker
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(visible=True)
    if plot.is_log_x:
        axes.set_xscale("log")
        xs = [x for line in plot.lines for x, _ in drawn(plot, line)]
        _log_ticks(ticker, axes.xaxis, x_ticks(plot), log_steps([*xs, plot.limit_x or 0.0]))
    else:
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: number(x)))
    if is_of_shares(plot):
        axes.set_yscale("logit")
        axes.yaxis.set_major_locator(ticker.FixedLocator(share_ticks(plot)))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: share_words(y)))
        axes.yaxis.set_minor_locator(ticker.NullLocator())
    elif plot.is_log_y:
        axes.set_yscale("log")
        ys = [y for line in plot.lines if not line.is_right for _, y in drawn(plot, line)]
        _log_ticks(ticker, axes.yaxis, [], log_steps([*ys, plot.limit or 0.0]))
    else:
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: number(y)))


def _log_ticks(ticker: Any, axis: "Axis", places: list[float], steps: tuple[int, ...]) -> None:  # noqa: ANN401 - a part of the library
    axis.set_major_locator(ticker.FixedLocator(places) if places else ticker.LogLocator(subs=steps, numticks=12))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(ticker.NullLocator())


def _lines(ticker: Any, axes: "Axes", plot: Plot) -> list["Artist"]:  # noqa: ANN401 - a part of the library
    right = axes.twinx() if any(line.is_right for line in plot.lines) else axes
    handles: list[Artist] = []
    for index, line in enumerate(plot.lines):
        points = drawn(plot, line)
        colour, dashes, marker = look(index)
        (handle,) = (right if line.is_right else axes).plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=f"{line.name}{_RIGHT}" if line.is_right else line.name,
            color=colour.light,
            dashes=dashes,
            linewidth=1.6 if index else 2.4,
            drawstyle="steps-post" if plot.kind is PlotKind.STEP else "default",
            marker=marker if _is_marked(plot, len(points)) else "",
            markersize=4.5,
        )
        handles.append(handle)
    if right is not axes:
        right.set_ylabel(plot.right_label)
        right.spines[["top", "left"]].set_visible(False)
        right.set_ylim(bottom=0)
        right.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: number(y)))
    return handles


def _from_nothing(axes: "Axes", plot: Plot) -> None:
    """An axis begins at 0, so that heights can be compared; one of shares at the lowest that is named."""
    if is_of_shares(plot):
        axes.set_ylim(bottom=share_ticks(plot)[0])
    elif not plot.is_log_y:
        lowest = min((y for line in plot.lines if not line.is_right for _, y in line.points), default=0.0)
        axes.set_ylim(bottom=0.0 if lowest >= 0 else axes.get_ylim()[0])


def _is_marked(plot: Plot, points: int) -> bool:
    return plot.kind is PlotKind.LINE and points <= _MAX_MARKED_POINTS


def _limits(axes: "Axes", plot: Plot) -> None:
    text: dict[str, Any] = {"color": LIMIT.light, "textcoords": "offset points", "annotation_clip": False}
    if plot.limit is not None:
        axes.axhline(plot.limit, **_LIMIT_LINE)
        is_beside = not any(line.is_right for line in plot.lines)
        axes.annotate(
            limit_words(plot, plot.limit, plot.y_label),
            (1.0, plot.limit),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0) if is_beside else (-4, 3),
            ha="left" if is_beside else "right",
            va="center" if is_beside else "bottom",
            **text,
        )
    if plot.limit_x is not None:
        axes.axvline(plot.limit_x, **_LIMIT_LINE)
        axes.annotate(
            limit_words(plot, plot.limit_x, plot.x_label),
            (plot.limit_x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            ha="center",
            va="bottom",
            **text,
        )


def _marks(axes: "Axes", plot: Plot) -> None:
    """Dotted lines where something happened; one says what, several are numbered."""
    marks = in_order(plot)
    for mark in marks:
        axes.axvline(mark.x, color=MUTED.light, linewidth=0.9, linestyle=":", zorder=1)
    places = [axes.transAxes.inverted().transform(axes.transData.transform((mark.x, 1.0)))[0] for mark in marks]
    rows = mark_rows(places)
    above = 1 if plot.limit_x is not None else 0
    for index, (mark, row) in enumerate(zip(marks, rows, strict=True)):
        axes.annotate(
            f"{mark.text} {number(mark.x)}" if len(marks) == 1 else str(index + 1),
            (mark.x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 11 * (row + above)),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=MUTED.light,
            annotation_clip=False,
        )


def _named_marks(body: "FigureBase", axes: "Axes", named: list[str]) -> None:
    lines = [f"{index + 1}   {words}" for index, words in enumerate(named[:MAX_MARKS_NAMED])]
    if len(named) > MAX_MARKS_NAMED:
        lines.append(f"and {len(named) - MAX_MARKS_NAMED} more")
    nothing = [axes.plot([], [], label=line, linestyle="none")[0] for line in lines]
    body.legend(handles=nothing, loc="outside lower left", handlelength=0, handletextpad=0, fontsize=8.5)


def _bars(axes: "Axes", plot: Plot) -> list["Artist"]:
    """Bars that lie, the first at the top, each with its number at its end; Onbeat's stand out."""
    handles: list[Artist] = []
    thick = 0.8 / max(1, len(plot.lines))
    for index, line in enumerate(plot.lines):
        places, values = [x + index * thick for x, _ in line.points], [y for _, y in line.points]
        colours = [_bar_colour(plot, int(x), index) for x, _ in line.points]
        bars = axes.barh(places, values, height=0.9 * thick, color=colours)
        for bar in bars[:1]:
            bar.set_label(line.name)
            handles.append(bar)
        axes.bar_label(bars, labels=[number(value) for value in values], padding=4, color=INK.light)
    axes.set_yticks([place + thick * (len(plot.lines) - 1) / 2 for place in range(len(plot.bar_names))], plot.bar_names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.margins(x=0.12)
    axes.set_xlabel(plot.y_label)
    if plot.limit is not None:
        axes.axvline(plot.limit, **_LIMIT_LINE)
    return handles


def _bar_colour(plot: Plot, bar: int, line: int) -> str:
    if len(plot.lines) > 1:
        return SERIES[line % len(SERIES)].light
    ours = [name.casefold().startswith("onbeat") for name in plot.bar_names]
    return SERIES[0].light if not any(ours) or ours[bar] else OTHERS.light
