"""`--dashboard`: how the engine does, live at the bottom of the terminal. It shows what the monitor says."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import typer
from rich.console import Console, RenderableType
from rich.text import Text

from engine.cli.dashboard_view import DashboardView
from engine.cli.progress import Tally
from engine.cli.terminal import terminal_size
from engine.cli.terminal_display import TerminalDisplay
from engine.failures import first_error
from modules.monitoring.dashboard import Dashboard
from modules.monitoring.engine_state import EngineState
from modules.monitoring.monitor import RealTimePerformanceMonitor

PERIOD_S = 1.0
"""How often the monitor is asked."""

_REDRAWN_PER_S = 4

DashboardWish = Annotated[
    bool, typer.Option("--dashboard", help="Show live in the terminal how the engine does.", rich_help_panel="Output")
]


class LiveDashboard(TerminalDisplay):
    """A display of what a monitor says."""

    def __init__(self, title: str, *, console: Console | None = None) -> None:
        """Prepare it, under a `title` of a few words."""
        self.work: Callable[[], str] = lambda: ""
        """Gives a line of the command's own, shown above the rest; called in the thread that draws."""
        self._title = title
        self._shown: Dashboard | None = None
        super().__init__(self._draw, console=console, redrawn_per_s=_REDRAWN_PER_S)

    async def follow(self, monitor: RealTimePerformanceMonitor) -> None:
        """Show what `monitor` says until cancelled; where nobody ticks it, tick it without knowing more."""
        last_s = monitor.ticked_s
        while True:
            if monitor.ticked_s == last_s:
                monitor.tick(time.perf_counter(), EngineState())
            last_s = monitor.ticked_s
            self._shown = monitor.get_performance_dashboard()
            await anyio.sleep(PERIOD_S)

    def _draw(self) -> RenderableType:
        """What is shown, in the thread that draws: frozen data alone."""
        if size := terminal_size():
            self.console.size = size  # rich looks at other descriptors, which may be no terminal
        if self._shown is None:
            return Text("")
        return DashboardView(self._shown, title=self._title, work=self.work())


class DashboardTally(Tally):
    """How far a run is, told by a dashboard."""

    def __init__(self, display: LiveDashboard) -> None:
        """Tell it by `display`, which whoever made it shows."""
        super().__init__()
        self._display = display
        display.work = self.line

    def tell(self, line: str) -> None:
        """Write one line above the display."""
        self._display.tell(line)


def live_dashboard(title: str) -> LiveDashboard | None:
    """The display for this stderr; `None`, and a line that says so, where it is no terminal."""
    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveDashboard(title, console=console)
    typer.echo("onbeat: no dashboard: stderr is no terminal", err=True)
    return None


@asynccontextmanager
async def followed(display: LiveDashboard | None, monitor: RealTimePerformanceMonitor) -> AsyncIterator[None]:
    """Inside the block `display` shows `monitor`; without a display nothing is shown."""
    if display is None:
        yield
        return
    with first_error(), display:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(display.follow, monitor)
            yield
            tasks.cancel_scope.cancel()
