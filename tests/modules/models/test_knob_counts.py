"""What is counted of a session is the session's, whatever the allocator has kept from before."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.knob_counts import Stretch, new_stretches

ROOT = Path(__file__).parents[3]

SCRIPT = """
import ctypes
import tempfile
from pathlib import Path
from modules.models.knob_counts import MIB, WIDTH, KnobCounts
from modules.models.onnx_options import ArenaGrowth, OnnxOptions

malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
free(malloc(31 * MIB))  # glibc now keeps up to 62 MiB below the break when they are free, and hands them out again
blocks = [malloc(15 * MIB) for _ in range(4)]
for block in blocks:
    ctypes.memset(block, 1, 15 * MIB)
for block in blocks:
    free(block)
with tempfile.TemporaryDirectory() as folder:
    counts = KnobCounts(Path(folder))
    if counted == "reserved":
        print(counts.reserved_mib(OnnxOptions(arena_growth=ArenaGrowth.AS_REQUESTED), 40 * MIB // (4 * WIDTH)))
    else:
        print(counts.kept_mib(OnnxOptions(memory_pattern=False), [2048]))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another allocator keeps memory otherwise")
@pytest.mark.parametrize(("counted", "least_mib"), [("reserved", 39), ("kept", 15)])
def test_memory_that_the_allocator_had_kept_counts_as_new(counted: str, least_mib: int) -> None:
    """An arena of 40 MiB is one, and two arrays of 8 MiB are 16, where 60 MiB of a session before lie free."""
    script = f"counted = {counted!r}\n{SCRIPT}"
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(answer.stdout) >= least_mib


def stretches(addresses: set[int]) -> list[Stretch]:
    """The same as stretches, neighbours joined, as the system lists them."""
    starts = sorted(at for at in addresses if at - 1 not in addresses)
    return [(at, next(end for end in range(at, 1_000) if end not in addresses)) for at in starts]


some = st.sets(st.integers(0, 40))


@given(some, some)
def test_a_stretch_is_new_where_nothing_was(before: set[int], now: set[int]) -> None:
    """Whatever has gone meanwhile, and whatever it lies beside."""
    found = new_stretches(stretches(before), stretches(now))
    assert [at for start, end in found for at in range(start, end)] == sorted(now - before)
