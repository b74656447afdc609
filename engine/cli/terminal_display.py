"""`TerminalDisplay`: what is drawn on stderr, at the bottom of the terminal, while a command works."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from engine.cli.terminal import shares_terminal


class TerminalDisplay:
    """Drawn anew a few times a second inside a `with` block; leaving takes it away, and the terminal is as it was."""

    def __init__(
        self, draw: Callable[[], RenderableType], *, console: Console | None = None, redrawn_per_s: float = 8
    ) -> None:
        """Show what `draw` gives, which is called in a thread of the display's own."""
        self.console = console or Console(stderr=True)
        self._live = Live(
            get_renderable=draw,
            console=self.console,
            refresh_per_second=redrawn_per_s,
            transient=True,
            redirect_stdout=shares_terminal(),
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away."""
        self._live.stop()

    def tell(self, line: str) -> None:
        """Write one line above the display."""
        self.console.print(Text(line), soft_wrap=True)
