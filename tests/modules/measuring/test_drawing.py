import struct
import sys
from dataclasses import replace

import pytest

from modules.errors import ConfigError
from modules.measuring.drawing import HEIGHT_IN, MAX_MARKS_NAMED, PNG_DPI, WIDTH_IN, png, svg
from modules.measuring.plots import Line, Mark, Plot, PlotKind
from tests.made_report import BATCHES, CDF, DECISIONS, MEMORY, PEERS, PLOTS, STREAMS


def size(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels, from its first chunk."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_kind_is_drawn_with_its_names(plot: Plot) -> None:
    """Letters stay letters: axes, and each line where there are several."""
    text = svg(plot)
    names = [line.name for line in plot.lines] if len(plot.lines) > 1 else []
    for words in (plot.x_label, plot.y_label, *names, *plot.bar_names):
        assert words in text


def test_limits_and_marks_are_named_in_the_picture() -> None:
    """One mark by its words, several by numbers."""
    assert "target 300 ms" in svg(CDF)
    assert "limit 512 MB" in svg(MEMORY)
    assert "knee 4" in svg(BATCHES)
    several = svg(DECISIONS)
    assert "stops partial results" not in several
    assert [f">{number}</text>" in several for number in (1, 2, 3)] == [True] * 3


def test_the_same_numbers_give_the_same_picture() -> None:
    """To the byte, so that a report in a repository changes only with its numbers."""
    assert svg(STREAMS) == svg(STREAMS)
    assert png(STREAMS) == png(STREAMS)


def test_a_png_is_as_large_as_it_has_to_be() -> None:
    """Title and marks that stand beside it make it higher, bars each add to it."""
    width, height = size(png(STREAMS))
    assert width == round(WIDTH_IN * PNG_DPI)
    assert height > HEIGHT_IN * PNG_DPI
    assert size(png(DECISIONS))[1] > height
    more = replace(PEERS, bar_names=tuple("abcdefgh"), lines=(Line("x", tuple((float(n), 1.0) for n in range(8))),))
    assert size(png(more))[1] > size(png(PEERS))[1]


def test_many_marks_are_counted_beyond_some() -> None:
    """The picture does not grow without end."""
    many = replace(DECISIONS, marks=tuple(Mark(n / 10, f"move {n}") for n in range(90)))
    few = replace(DECISIONS, marks=many.marks[: MAX_MARKS_NAMED + 1])
    assert size(png(many)) == size(png(few))


@pytest.mark.parametrize(
    "plot",
    [
        replace(STREAMS, lines=(Line("one point", ((10.0, 20.0),)),)),
        replace(STREAMS, lines=(Line("nothing", ()), *STREAMS.lines)),
        replace(MEMORY, lines=(Line("flat", ((0.0, 0.0), (1.0, 0.0))),)),
        replace(MEMORY, limit=512e6),
        replace(CDF, lines=(Line("all at once", ((5.0, 1.0),)),)),
        replace(PEERS, lines=(*PEERS.lines, replace(PEERS.lines[0], name="later"))),
        replace(PEERS, limit=20.0),
        replace(STREAMS, lines=tuple(replace(STREAMS.lines[0], name=f"side {n} of $x_2$ & more") for n in range(14))),
        replace(DECISIONS, kind=PlotKind.LINE, marks=(Mark(-40.0, "before"), Mark(80.0, "after"))),
        replace(BATCHES, title="a title " * 30),
    ],
    ids=lambda plot: f"{plot.name} {plot.lines[0].name}",
)
def test_odd_numbers_are_drawn_all_the_same(plot: Plot) -> None:
    """Warnings are errors here: nothing collapses, nothing is cut off in silence."""
    assert size(png(plot))[0] == round(WIDTH_IN * PNG_DPI)
    assert svg(plot)


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'onbeat\[bench\]'"):
        svg(STREAMS)
