"""The documents are true: their Python runs, their links lead somewhere, their settings and options exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.catalogue import NAMES
from engine.config import known_settings
from engine.stage_config import known_keys

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block in that language, with the document it stands in."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(document.name, block) for document in DOCUMENTS for block in fence.findall(document.read_text())]


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python at the root of the repository, as a reader would."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(("name", "block"), blocks("python"), ids=lambda value: value if len(value) < 30 else "")
def test_the_python_in_the_documents_runs(name: str, block: str) -> None:
    """Copied from the page, it works."""
    answer = run_python("-W", "error", "-c", block)
    assert answer.returncode == 0, f"{name}: {answer.stderr}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_run(example: Path) -> None:
    """Each program in `examples/` works as it stands."""
    answer = run_python("-W", "error", str(example))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_settings_in_the_documents_exist() -> None:
    """Every key of a TOML block, and every ONBEAT_ variable, is known."""
    keys = {key for _, block in blocks("toml") for key in re.findall(r"^(\w+) *=", block, re.MULTILINE)}
    text = "".join(document.read_text() for document in DOCUMENTS)
    variables = {name.lower() for name in re.findall(r"\bONBEAT_([A-Z0-9_]+[A-Z0-9])", text)}
    assert keys
    assert keys | variables <= set(known_settings()) | {"config"} | known_keys()


def test_options_in_the_guide_exist() -> None:
    """Every option of the guide's table is one of `onbeat run --help`."""
    help_text = run_python("-m", "engine", "run", "--help").stdout
    table = re.findall(r"^\| `(--[a-z-]+)", (ROOT / "docs" / "guide.md").read_text(), re.MULTILINE)
    assert table
    assert [option for option in table if option not in help_text] == []


def test_the_scenarios_of_the_page_are_those_there_are() -> None:
    """docs/benchmarks.md names each scenario of `run_benchmarks.py` once, and each option is one of its own."""
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    named = [
        name
        for cell in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w[\w.]*)`", cell)
    ]
    assert sorted(named) == sorted(NAMES)
    help_text = run_python("run_benchmarks.py", "--help").stdout
    assert [option for option in set(re.findall(r"`(--[a-z]+)", text)) if option not in help_text] == []
