"""Benchmarks that print their lines and say whether their limits held, as results like the others."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout

from benchmarks.material import NoMaterial
from modules.measuring.figures import Figure
from modules.measuring.results import ScenarioResult


def wrapped(name: str, question: str, report: Callable[[], bool]) -> ScenarioResult:
    """What a `report` that prints and returns whether all was well has found: its lines are the notes."""
    begun_s = time.perf_counter()
    lines = _Echo()
    try:
        with redirect_stdout(lines):
            is_good = report()
    except NoMaterial as reason:
        return ScenarioResult(name, question, skipped=str(reason))
    return ScenarioResult(
        name,
        question,
        seconds=time.perf_counter() - begun_s,
        figures=(Figure("within all its limits", float(is_good), least=1.0),),
        notes=tuple(line.rstrip() for line in lines.getvalue().splitlines() if line.strip()),
    )


class _Echo(io.StringIO):
    """Keeps what is printed and shows it on stderr at once: some of these run for minutes."""

    def write(self, text: str) -> int:
        """Both."""
        sys.stderr.write(text)
        return super().write(text)
