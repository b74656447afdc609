"""`python run_benchmarks.py --quick`, as a person runs it: every scenario comes to an end, and the report is one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from benchmarks.catalogue import NAMES
from modules.measuring.report_json import report_from_json
from modules.measuring.report_schema import report_schema
from modules.measuring.results import Report

ROOT = Path(__file__).parents[2]

FEW = ("single_stream", "decode")
"""One of each sort, with what the repository itself has, in seconds."""


def benchmarks(folder: Path, *arguments: str, timeout_s: float = 120.0) -> Report:
    """The report of a quick run that ended well, read back; its JSON keeps to the schema."""
    answer = subprocess.run(
        [sys.executable, "run_benchmarks.py", "--quick", "--json", str(folder / "report.json"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    text = (folder / "report.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), report_schema())
    return report_from_json(text)


def test_a_few_scenarios_come_to_an_end(tmp_path: Path) -> None:
    """None is skipped, each has figures, and none claims what a smoke test cannot show."""
    chosen = [argument for name in FEW for argument in ("--scenario", name)]
    report = benchmarks(tmp_path, *chosen)
    assert [scenario.name for scenario in report.scenarios] == list(FEW)
    for scenario in report.scenarios:
        assert not scenario.skipped, scenario.skipped
        assert scenario.all_figures, scenario.name
        assert scenario.question, scenario.name
        assert scenario.invalid, scenario.name
        assert "failed" not in {figure.name for figure in scenario.figures}, scenario.invalid


@pytest.mark.soak
def test_all_scenarios_come_to_an_end(tmp_path: Path) -> None:
    """Two minutes where there is material: a page and its pictures too. What was not run says why."""
    report = benchmarks(
        tmp_path, "--html", str(tmp_path / "page.html"), "--png", str(tmp_path / "pictures"), timeout_s=900.0
    )
    assert [scenario.name for scenario in report.scenarios] == list(NAMES)
    drawn = sum(any(line.points for line in plot.lines) for each in report.scenarios for plot in each.plots)
    assert drawn
    assert len(list((tmp_path / "pictures").iterdir())) == drawn
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<figure>") == drawn
