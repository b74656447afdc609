"""The arena of the process is set up once: a second wish that differs would do nothing and is refused."""

import subprocess
import sys
from pathlib import Path

from tests.small_models import power_bands

ROOT = Path(__file__).parents[3]

SCRIPT = """
import sys
from pathlib import Path
from modules.errors import ModelError
from modules.models.onnx import OnnxModel, OnnxOptions
from modules.models.onnx_options import ArenaGrowth

path = Path(sys.argv[1])
options = OnnxOptions(arena_growth=ArenaGrowth.AS_REQUESTED, max_arena_bytes=2**26)
first, second = OnnxModel(path, options), OnnxModel(path, options)
assert {knob.knob: knob.found for knob in second.knobs}["shared arena"] == "on"
try:
    OnnxModel(path, OnnxOptions(max_arena_bytes=2**27))
except ModelError as error:
    print(error)
OnnxModel(path)
"""


def test_the_process_has_one_arena(tmp_path: Path) -> None:
    """Sessions that wish for the same share it, others keep their own."""
    path = power_bands(tmp_path / "m.onnx", frames=8, classes=2)
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("this process shares one arena")
