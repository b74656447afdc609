"""What displays on stderr need to know of the terminal."""

import os
import sys

_SHOW_CURSOR = b"\x1b[?25h"


def shares_terminal() -> bool:
    """Whether stdout is the terminal that stderr is.

    Only then may a display on stderr take over what is printed, to put it above itself: elsewhere stdout is a file or a
    program that wants its results.
    """
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    return os.ttyname(sys.stdout.fileno()) == os.ttyname(sys.stderr.fileno())


def terminal_size() -> tuple[int, int] | None:
    """Columns and lines of the terminal that stderr is; `None` when it is none."""
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        return None
    return (size.columns, size.lines) if size.columns and size.lines else None


def show_cursor() -> None:
    """Show the cursor that a display has hidden, for a program that ends without taking its display away."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR)
