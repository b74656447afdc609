import re
from xml.etree import ElementTree as ET

import pytest

from modules.measuring.drawing import svg
from modules.measuring.inline_svg import inlined
from modules.measuring.picture_style import PICTURE
from modules.measuring.plots import Plot
from tests.made_report import PLOTS, STREAMS


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_picture_fits_into_a_page(plot: Plot) -> None:
    """Whole XML without a document around it, a size of its own or a style sheet that would leak into the page."""
    text = inlined(svg(plot), name="p1", title="a < b", description="c & d")
    tree = ET.fromstring(text)  # noqa: S314 - our own drawing
    assert tree.tag.endswith("svg")
    assert {"viewBox", "role"} <= set(tree.attrib)
    assert not {"width", "height"} & set(tree.attrib)
    assert [child.text for child in tree[:2]] == ["a < b", "c & d"]
    assert "<style" not in text
    assert "<metadata" not in text
    assert "http" not in text.replace("http://www.w3.org/", "")


def test_it_says_what_it_is_to_a_screen_reader() -> None:
    """Its title and its description are named by their ids."""
    text = inlined(svg(STREAMS), name="p1", title="p99", description="rises")
    assert 'role="img" aria-labelledby="p1-title p1-description"' in text
    assert '<title id="p1-title">p99</title><desc id="p1-description">rises</desc>' in text


def test_two_pictures_in_one_page_do_not_mix() -> None:
    """No id of one is an id of the other, and every reference leads to one of its own."""
    one, other = (inlined(svg(STREAMS), name=name, title="", description="") for name in ("a", "b"))
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', one))
    assert used
    assert used <= ids[0]


def test_colours_are_those_of_the_page() -> None:
    """None is left that stays light on a dark screen."""
    text = inlined(svg(STREAMS), name="p1", title="", description="")
    assert "var(--series-1)" in text
    assert [colour.name for colour in PICTURE if colour.light in text] == []
    assert re.findall(r"#[0-9a-f]{6}\b", text) == []
