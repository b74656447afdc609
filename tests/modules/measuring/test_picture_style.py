import pytest

from modules.measuring.picture_style import DASHES, GRID, GROUND, MARKERS, PAGE, PICTURE, SERIES, Colour, look

LEAST_CONTRAST, LEAST_CONTRAST_OF_TEXT = 3.0, 4.5


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [colour for colour in PICTURE if colour not in (GROUND, GRID)], ids=str)
def test_what_is_drawn_can_be_seen_on_both_grounds(colour: Colour) -> None:
    """3:1 at least; the grid is meant to stay behind."""
    assert contrast(colour.light, GROUND.light) >= LEAST_CONTRAST
    assert contrast(colour.dark, GROUND.dark) >= LEAST_CONTRAST


@pytest.mark.parametrize("name", ["ink", "muted", "limit", "series-1", "good", "bad", "doubt"])
def test_what_is_written_can_be_read_on_both_grounds(name: str) -> None:
    """4.5:1 at least, on a panel too."""
    colours = {colour.name: colour for colour in (*PICTURE, *PAGE)}
    colour, panel = colours[name], colours["panel"]
    for ground in (GROUND, panel):
        assert contrast(colour.light, ground.light) >= LEAST_CONTRAST_OF_TEXT
        assert contrast(colour.dark, ground.dark) >= LEAST_CONTRAST_OF_TEXT


def test_lines_differ_by_more_than_colour() -> None:
    """Each has a dash and a marker that no other has."""
    assert len(set(DASHES)) == len(set(MARKERS)) == len(SERIES)
    looks = [look(index) for index in range(36)]
    assert len({(colour, dashes) for colour, dashes, _ in looks}) == len(looks)
    assert len({dashes for _, dashes, _ in looks[:6]}) == 6


def test_a_colour_of_a_picture_has_one_meaning() -> None:
    """It can be told from the text of a drawing which one it is."""
    assert len({colour.light for colour in PICTURE}) == len({colour.name for colour in PICTURE}) == len(PICTURE)
