"""Every knob of a session is shown to do what it says, on this machine."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from modules.models.knob_effects import KnobEffect
from modules.models.onnx_options import OnnxOptions

ROOT = Path(__file__).parents[3]

TIMED = {"spinning", "prepacking"}
"""What these do is seen in CPU time only, which a loaded machine blurs: `run_benchmarks.py` judges them."""

SCRIPT = """
import json
from dataclasses import asdict
from modules.models.knob_effects import knob_effects
print(json.dumps([asdict(effect) for effect in knob_effects()]))
"""


@pytest.fixture(scope="module")
def effects() -> dict[str, KnobEffect]:
    """Measured in a process of its own, since some hold for a whole process."""
    answer = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    return {found["knob"]: KnobEffect(**found) for found in json.loads(answer.stdout)}


def test_every_setting_is_measured(effects: dict[str, KnobEffect]) -> None:
    """In the order of the record: none is left out."""
    assert list(effects) == [field.name for field in fields(OnnxOptions)]


@pytest.mark.parametrize("knob", [field.name for field in fields(OnnxOptions) if field.name not in TIMED])
def test_a_knob_is_in_force(effects: dict[str, KnobEffect], knob: str) -> None:
    """By what is counted with it one way and the other; where nothing can be counted, that is said."""
    effect = effects[knob]
    is_unknown = effect.without is None or effect.with_it is None
    assert effect.is_shown or (is_unknown and not sys.platform.startswith("linux")), str(effect)


@pytest.mark.parametrize("knob", sorted(TIMED))
def test_what_is_seen_in_time_has_its_figures(effects: dict[str, KnobEffect], knob: str) -> None:
    """Both of them."""
    effect = effects[knob]
    assert effect.without is not None
    assert effect.with_it is not None
    assert effect.without >= 0 < effect.with_it


def test_an_effect_reads_as_a_line() -> None:
    """With a doubt where there is one."""
    assert str(KnobEffect("a", "threads", 1, 2, is_shown=True)) == "a: threads: 1 -> 2"
    assert str(KnobEffect("a", "threads", None, 2, is_shown=False)) == "a: threads: ? -> 2 (no effect shown)"
