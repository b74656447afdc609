"""A report as one page that needs nothing else: no network, no script, no file beside it."""

from html import escape

from modules.measuring.drawing import svg
from modules.measuring.html_style import style
from modules.measuring.html_tables import figures_table, marked, overview, pairs_table, sides_table, table
from modules.measuring.inline_svg import inlined
from modules.measuring.picture_plan import mark_words
from modules.measuring.plot_words import columns, described, rows
from modules.measuring.plots import Line, Plot
from modules.measuring.report_words import (
    CHECKED,
    Verdict,
    again,
    bare_command,
    duration,
    machine_words,
    moment,
    summary,
    verdict,
)
from modules.measuring.results import Report, ScenarioResult


def report_html(report: Report) -> str:
    """The page. Raises `ConfigError` where it has pictures to draw and matplotlib is not installed."""
    sections = "\n".join(_scenario(scenario, report) for scenario in report.scenarios if not scenario.skipped)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Onbeat: what was measured, {escape(moment(report.started))}</title>
<style>
{style()}</style>
</head>
<body>
<header>
<h1>Onbeat: what was measured</h1>
<p class="lead">{escape(summary(report))}</p>
<p class="muted">{escape(_when(report))}</p>
</header>
<main>
{overview(report)}
{_trust(report)}
{_machine(report)}
{sections}
</main>
</body>
</html>
"""


def _when(report: Report) -> str:
    version = f"Onbeat {report.onbeat}" if report.onbeat else "Onbeat"
    revision = f", revision {report.revision}" if report.revision else ""
    return f"{version}{revision}; begun {moment(report.started)}, {duration(report.seconds)} long, mode {report.mode}."


def _trust(report: Report) -> str:
    """Which numbers say something, in plain words."""
    doubted = [scenario for scenario in report.scenarios if verdict(scenario) is Verdict.INVALID]
    checks = "".join(f"<li>{escape(check)}</li>" for check in CHECKED)
    told = f'<details><summary>What is checked</summary><ul class="muted">{checks}</ul></details>'
    if not report.scenarios:
        said = "<p>Nothing was run, so there is nothing to trust.</p>"
    elif not doubted:
        said = "<p>Yes: every scenario that was run passed the checks of its own measurement.</p>"
    else:
        reasons = "".join(
            f'<li><a href="#{escape(scenario.name)}">{escape(scenario.name)}</a>: {escape("; ".join(scenario.invalid))}'
            "</li>"
            for scenario in doubted
        )
        said = f'<div class="notice">Not all. Leave out:<ul>{reasons}</ul></div>'
    return (
        f'<section aria-labelledby="trust"><h2 id="trust">Can these numbers be trusted?</h2>\n{said}\n{told}</section>'
    )


def _machine(report: Report) -> str:
    versions = pairs_table((version.name, version.version) for version in report.versions)
    listed = f"<details><summary>Versions of what it uses</summary>{versions}</details>" if report.versions else ""
    command = f"<p>Do it again: <code>{escape(bare_command(report))}</code></p>" if report.command else ""
    return (
        f'<section aria-labelledby="machine"><h2 id="machine">The machine</h2>\n'
        f"{pairs_table(machine_words(report.machine))}\n{command}\n{listed}</section>"
    )


def _scenario(scenario: ScenarioResult, report: Report) -> str:
    name = escape(scenario.name)
    parts = [
        f"<p>{escape(scenario.question)}</p>" if scenario.question else "",
        f"<p>{marked(verdict(scenario))}</p>",
        _notices(scenario),
        _settings(scenario, report),
        figures_table(scenario.figures, is_valid=scenario.is_valid),
        sides_table(scenario),
        *(f'<p class="muted">{escape(note)}</p>' for note in scenario.notes),
        *(_picture(scenario, index, plot) for index, plot in enumerate(scenario.plots)),
    ]
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}" aria-labelledby="{name}-head"><h2 id="{name}-head">{name}</h2>\n{body}\n</section>'


def _notices(scenario: ScenarioResult) -> str:
    if scenario.invalid:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in scenario.invalid)
        return f'<div class="notice bad">These numbers are not to be trusted:<ul>{reasons}</ul></div>'
    return ""


def _settings(scenario: ScenarioResult, report: Report) -> str:
    words = [f"{parameter.name} {parameter.value}" for parameter in scenario.parameters]
    words += [f"seeds {', '.join(map(str, scenario.seeds))}"] if scenario.seeds else []
    words += [f"took {duration(scenario.seconds)}"] if scenario.seconds else []
    told = f"{escape('; '.join(words))}. " if words else ""
    return f'<p class="muted">{told}Again: <code>{escape(again(scenario, report))}</code></p>'


def _picture(scenario: ScenarioResult, index: int, plot: Plot) -> str:
    """The drawing with its words and numbers; without a point there is nothing to draw."""
    if not any(line.points for line in plot.lines):
        return ""
    name = f"{scenario.name}-{index}".replace(" ", "-")
    drawing = inlined(svg(plot), name=name, title=plot.title, description=described(plot))
    marks = "".join(f"<li>{escape(words)}</li>" for words in mark_words(plot)) if len(plot.marks) > 1 else ""
    numbers = "".join(_numbers(plot, line) for line in plot.lines if line.points)
    return (
        f"<figure><figcaption>{escape(plot.title)}</figcaption>\n{drawing}\n"
        + (f"<ol>{marks}</ol>\n" if marks else "")
        + f"<details><summary>The numbers</summary>{numbers}</details></figure>"
    )


def _numbers(plot: Plot, line: Line) -> str:
    cells = [[escape(x), escape(y)] for x, y in rows(plot, line)]
    head = f"<h3>{escape(line.name)}</h3>" if len(plot.lines) > 1 else ""
    return head + table(columns(plot, line), cells, numbers=(1,))
