"""What a report says in words: numbers with their units, bounds, and whether a scenario is to be trusted.

The page, the terminal and the documents all take their words from here, so that they never disagree.
"""

import re
from enum import StrEnum

from modules.measuring.figures import Figure
from modules.measuring.results import Machine, Report, ScenarioResult
from modules.monitoring.wording import counted

_FILE_OPTION = re.compile(r"--(?:json|html|png|compare)(?:=| +)(?:'[^']*'|\S+)")  # as shlex.join quotes them

CHECKED = (
    "latency counts from the moment a chunk was due, so that a sender who waits hides nothing",
    "the sender was on time itself (its own p99 under 5 ms)",
    "nobody else disturbed the machine much",
    "there were enough chunks for what is claimed of them",
)
"""What a run has to be before its numbers are to be trusted; docs/benchmarks.md says more."""


class Verdict(StrEnum):
    """What came of a scenario, the gravest first."""

    BROKEN = "bound broken"
    INVALID = "not to be trusted"
    SKIPPED = "not run"
    KEPT = "within bounds"
    MEASURED = "measured"


def verdict(scenario: ScenarioResult) -> Verdict:
    """Numbers that are not to be trusted neither keep nor break a bound; without bounds there is nothing to keep."""
    if scenario.skipped:
        return Verdict.SKIPPED
    if scenario.invalid:
        return Verdict.INVALID
    if not scenario.is_good:
        return Verdict.BROKEN
    return Verdict.KEPT if bounded(scenario) else Verdict.MEASURED


def bounded(scenario: ScenarioResult) -> tuple[Figure, ...]:
    """The figures of which something is promised."""
    return tuple(figure for figure in scenario.all_figures if figure.has_bound)


def bounds_met(scenario: ScenarioResult) -> str:
    """How many bounds are kept: "5 of 6"; empty where there are none, or where the numbers say nothing."""
    promised = bounded(scenario)
    if not promised or not scenario.is_valid:
        return ""
    return f"{sum(figure.is_good for figure in promised)} of {len(promised)}"


def summary(report: Report) -> str:
    """The whole report in one sentence."""
    found = [verdict(scenario) for scenario in report.scenarios]
    parts = {
        Verdict.BROKEN: "broke a bound",
        Verdict.INVALID: "not to be trusted",
        Verdict.KEPT: "within all bounds",
        Verdict.MEASURED: "measured, without a bound",
        Verdict.SKIPPED: "not run",
    }
    counts = [f"{found.count(kind)} {words}" for kind, words in parts.items() if kind in found]
    return f"{counted(len(found), 'scenario')}: {', '.join(counts)}." if found else "No scenario was run."


def machine_words(machine: Machine) -> list[tuple[str, str]]:
    """What it ran on, as pairs of a name and what it is."""
    cpus = f"{machine.cpus}"
    if machine.effective_cpus != machine.cpus:
        cpus += f", of which a quota leaves {machine.effective_cpus:.3g}"
    known = [
        ("processor", machine.processor),
        ("CPUs", cpus),
        ("memory", f"{machine.memory_mb:,.0f} MB"),
        ("system", machine.platform),
    ]
    if machine.load_before is not None:
        known.append(("load before it began", f"{machine.load_before:.2g} processes that wanted a CPU"))
    return known


def again(scenario: ScenarioResult, report: Report) -> str:
    """The command that measures the scenario again; a report of `onbeat bench` has only the one."""
    if report.command.startswith("onbeat "):
        return bare_command(report)
    return f"python run_benchmarks.py --scenario {scenario.name}"


def bare_command(report: Report) -> str:
    """The report's command without the files it wrote: they say something of who ran it, nothing of what was run."""
    return " ".join(_FILE_OPTION.sub("", report.command).split())


def duration(seconds: float) -> str:
    """A time span for people: "42 s", "9 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{number(seconds)} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def moment(instant: str) -> str:
    """An instant in ISO 8601 for people: "2026-11-21 13:30 UTC"; another zone stays as it is."""
    date, _, rest = instant.partition("T")
    is_utc = rest.endswith(("Z", "+00:00"))
    return f"{date} {rest[:5]} UTC" if is_utc else instant


def number(value: float) -> str:
    """A number for people: three digits that count, thousands apart."""
    if value == 0 or abs(value) >= 1000:  # noqa: PLR2004 - from here on whole numbers have enough digits
        return f"{value:,.0f}"
    if abs(value) >= 100 or value == int(value):  # noqa: PLR2004 - three digits
        return f"{value:.0f}"
    return f"{value:.3g}"


def amount(value: float, unit: str) -> str:
    """A number with its unit: "1.31x", "4.2 %", "312 streams"."""
    return f"{number(value)}x" if unit == "x" else f"{number(value)} {unit}".rstrip()


def told(figure: Figure) -> str:
    """The figure's value with its unit; with more digits where a broken bound would else look like a kept one."""
    limits = {number(limit) for limit in (figure.least, figure.most) if limit is not None}
    if figure.is_good or number(figure.value) not in limits:
        return amount(figure.value, figure.unit)
    unit = figure.unit if figure.unit == "x" else f" {figure.unit}"
    return f"{figure.value:.6g}{unit}".rstrip()


def interval(figure: Figure) -> str:
    """The interval around the figure: "300 to 324"; empty when it was measured once."""
    if figure.low is None or figure.high is None:
        return ""
    low, high = number(figure.low), number(figure.high)
    return low if low == high else f"{low} to {high}"


def bound(figure: Figure) -> str:
    """What is promised: "at least 0.85", "at most 300"; empty when nothing is."""
    parts = [] if figure.least is None else [f"at least {number(figure.least)}"]
    parts += [] if figure.most is None else [f"at most {number(figure.most)}"]
    return ", ".join(parts)


def kept(figure: Figure) -> str:
    """Whether the bound is kept, in a word; empty without a bound."""
    if not figure.has_bound:
        return ""
    return "kept" if figure.is_good else "BROKEN"
