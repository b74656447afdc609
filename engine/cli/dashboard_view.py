"""How a `Dashboard` looks in a terminal of any size. Nothing here measures: it only says what the frozen data says."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.cli.dashboard_sections import Detail, alerts, latency, machine, promises, sentences, stages, streams
from modules.monitoring.dashboard import Dashboard

_WIDE_COLUMNS = 110
"""From here on latency and machine stand side by side."""

_MAX_COLUMNS = 140
_BORDER_COLUMNS, _BORDER_LINES = 4, 2
_CURSOR_LINES = 1

_DETAILS = (
    Detail(sentence_lines=4, alerts=5, advice=3, decisions=4),
    Detail(sentence_lines=2, alerts=3, advice=2, decisions=3),
    Detail(sentence_lines=1, alerts=3, advice=1, decisions=2),
    Detail(sentence_lines=1, alerts=1, advice=1, decisions=1),
)
"""From the fullest to the shortest: the first that fits is shown."""


class DashboardView:
    """A dashboard as something rich can print. `work` is a line of the command's own, above the rest."""

    def __init__(self, dashboard: Dashboard, *, title: str, work: str = "") -> None:
        """Show `dashboard` under `title`."""
        self._dashboard = dashboard
        self._title = title
        self._work = work

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The panel; what does not fit the height of the terminal is left out, from the end."""
        width = min(options.max_width, _MAX_COLUMNS)
        inner = options.update(width=width - _BORDER_COLUMNS, height=None)
        room = max(1, options.size.height - _BORDER_LINES - _CURSOR_LINES)

        def lines(section: RenderableType) -> int:
            return len(console.render_lines(section, inner, pad=False))

        for detail in _DETAILS:
            shown = self._sections(detail, wide=width >= _WIDE_COLUMNS)
            if sum(map(lines, shown)) <= room:
                break
        while len(shown) > 1 and sum(map(lines, shown)) > room:
            shown.pop()
        yield Panel(Group(*shown), title=Text(self._title, style="bold"), title_align="left", width=width)
        yield Text("")  # the cursor rests here: what a terminal echoes, such as ^C, does not wrap and spoil the panel

    def _sections(self, detail: Detail, *, wide: bool) -> list[RenderableType]:
        """From the most pressing to the least."""
        shown = self._dashboard
        work = Text(self._work, no_wrap=True, overflow="ellipsis") if self._work else None
        found = (
            work,
            *_top(shown, wide=wide),
            alerts(shown, detail),
            stages(shown),
            sentences("decided", shown.state.decisions[-detail.decisions :], detail),
            sentences("advice", shown.recommendations[: detail.advice], detail),
            promises(shown),
        )
        return [section for section in found if section is not None]


def _top(shown: Dashboard, *, wide: bool) -> Iterable[RenderableType | None]:
    if not wide:
        return streams(shown), latency(shown), machine(shown)
    left = [section for section in (streams(shown), latency(shown)) if section is not None]
    both = Table.grid(expand=True, padding=(0, 4, 0, 0))
    both.add_column(ratio=1)
    both.add_column(ratio=1)
    both.add_row(Group(*left), machine(shown))
    return (both,)
