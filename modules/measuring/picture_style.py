"""How pictures look: colours that colour-blind people tell apart, on light and on dark, each line with its own dash.

The hues are those of Okabe and Ito (jfly.uni-koeln.de/color), darkened for white paper and lightened for a dark screen
until each has a contrast of 3:1 with its ground (WCAG 2.2, 1.4.11).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour by what it is for: on light ground and on dark ground, as `#rrggbb` in lower case."""

    name: str
    light: str
    dark: str


INK = Colour("ink", "#1c2126", "#e8eaed")
MUTED = Colour("muted", "#5b636b", "#a5adb5")
GRID = Colour("grid", "#dfe3e7", "#33393f")
GROUND = Colour("ground", "#ffffff", "#171a1e")
LIMIT = Colour("limit", "#c0392b", "#ff8a7a")
OTHERS = Colour("others", "#8a949e", "#7d8791")

SERIES = (
    Colour("series-1", "#0067a8", "#5bb4f0"),
    Colour("series-2", "#c65200", "#ff9248"),
    Colour("series-3", "#00805e", "#36cfa2"),
    Colour("series-4", "#a8508a", "#eb9ecb"),
    Colour("series-5", "#8f6a00", "#e8bd4a"),
    Colour("series-6", "#3d4852", "#c3cbd3"),
)
"""The first is Onbeat's."""

PICTURE = (INK, MUTED, GRID, GROUND, LIMIT, OTHERS, *SERIES)
"""Every colour of a picture."""

PAGE = (
    Colour("good", "#1b6e3c", "#6fd39a"),
    Colour("bad", "#b3261e", "#ff9a8f"),
    Colour("doubt", "#8a5a00", "#f0c060"),
    Colour("panel", "#f4f6f8", "#1f2429"),
)
"""What a page has besides."""

DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2), (2, 1.5), (7, 2, 1.5, 2), (4, 1.5, 1, 1.5, 1, 1.5), (1, 1))
"""On and off, in line widths; none is a whole line. Beside colour, for those who print in grey."""

MARKERS = "osD^vP"


def look(index: int) -> tuple[Colour, tuple[float, ...], str]:
    """Colour, dash and marker of a line; the first thirty-six differ, in more than colour where one comes back."""
    again = index // len(SERIES)
    return (
        SERIES[index % len(SERIES)],
        DASHES[(index + again) % len(DASHES)],
        MARKERS[(index + 2 * again) % len(MARKERS)],
    )
