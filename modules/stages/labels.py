"""Labels of a model's classes, from the file that came with it."""

import csv
from pathlib import Path

from modules.errors import ModelError

MAX_LABELS = 100_000

_NAME_COLUMNS = ("display_name", "name", "label")


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in order of class: one a line, or of a `.csv` the column `display_name`, `name` or `label`.

    A column `index` puts the rows in order. Raises `ModelError` for a file that is missing or holds none.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            labels = _from_table(csv.DictReader(file)) if path.suffix.lower() == ".csv" else _from_lines(file.read())
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise ModelError(f"no labels can be read from {path}: {error}") from error
    if not 1 <= len(labels) <= MAX_LABELS:
        raise ModelError(f"{path} holds {len(labels)} labels; 1 to {MAX_LABELS} are allowed")
    return labels


def _from_lines(text: str) -> tuple[str, ...]:
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not all(labels):  # to leave it out would give all after it a wrong name
        raise ValueError(f"line {labels.index('') + 1} is empty")
    return labels


def _from_table(rows: "csv.DictReader[str]") -> tuple[str, ...]:
    columns = rows.fieldnames or []
    name = next((column for column in _NAME_COLUMNS if column in columns), None)
    if name is None:
        raise ValueError(f"its first line names no column {', '.join(_NAME_COLUMNS)}, but {', '.join(columns)}")
    table = list(rows)
    if "index" in columns:
        table.sort(key=lambda row: int(row["index"]))
        if [int(row["index"]) for row in table] != list(range(len(table))):
            raise ValueError("its column index does not count from 0 without gaps")
    return tuple(row[name].strip() for row in table)
