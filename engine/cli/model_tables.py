"""How `onbeat models` prints: a table on a terminal, tab-separated lines in a pipe, one JSON object with `--json`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever a record holds
    """One JSON object; records become objects, paths texts."""
    typer.echo(
        json.dumps(
            asdict(value) if is_dataclass(value) and not isinstance(value, type) else value, indent=2, default=_plain
        )
    )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """Rows under their columns; numbers to the right. In a pipe the columns' names are left out."""
    if not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(row) for row in rows))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for number, column in enumerate(columns):
        is_number = bool(rows) and all(_looks_like_number(row[number]) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def size(count: int) -> str:
    """Bytes for people."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"


def ms(value: float) -> str:
    """Milliseconds with three significant digits."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits


def _looks_like_number(text: str) -> bool:
    return not text or text[0].isdigit() or (text[0] == "-" and text[1:2].isdigit())


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value) if isinstance(value, Path) else repr(value)
