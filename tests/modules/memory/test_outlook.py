"""The memory sum of the settings, before anything runs."""

import pytest

from modules.memory.budget import MemoryBudget, StreamNeed
from modules.memory.outlook import SESSION_BYTES, MemoryOutlook, session_bytes

MB = 2**20
BUDGET = MemoryBudget(512 * MB, pool_bytes=32 * MB, idle_bytes=50 * MB, model_bytes=40 * MB)
NEED = StreamNeed.of(sample_rate=16_000, chunk_s=0.2, session_bytes=600_000)


def test_the_sum_is_one_line() -> None:
    """Every term of it, in the order of the design, and what it comes to."""
    assert str(MemoryOutlook(BUDGET, NEED, max_streams=100, recordings=2)) == (
        "100 streams x (3 chunks x 12.8 kB + session 600 kB) + 2 recordings x 16 MB + pool 32 MB + process 50 MB "
        "+ models 40 MB = 215 MB"
    )


def test_it_says_how_many_streams_fit() -> None:
    """All that may be open, or as many as the limit leaves room for."""
    assert MemoryOutlook(BUDGET, NEED, max_streams=100, recordings=2).fitting_streams == 100
    crowded = MemoryOutlook(BUDGET, NEED, max_streams=1_000, recordings=2)
    assert crowded.fitting_streams == (512 - 32 - 50 - 2 * 16) * MB // NEED.total_bytes
    assert crowded.total_bytes > crowded.limit_bytes == 552 * MB


def test_every_recogniser_has_a_session_size() -> None:
    """The names are those of the backends."""
    assert set(SESSION_BYTES) == {"vosk", "sphinx", "none"}


def test_negative_counts_are_refused() -> None:
    """There are no fewer than no streams."""
    with pytest.raises(ValueError, match="must be 0 or more"):
        MemoryOutlook(BUDGET, NEED, max_streams=-1, recordings=0)


def test_a_recogniser_remembers_more_with_a_wider_model() -> None:
    """As measured of two models; of another backend, and of a model as small as the smaller, what the table says."""
    assert session_bytes("vosk", acoustic_bytes=1_391_629) == SESSION_BYTES["vosk"]
    assert session_bytes("vosk", acoustic_bytes=13_087_434) == pytest.approx(12.0e6, rel=0.02)
    assert session_bytes("none") == SESSION_BYTES["none"]


def test_of_stages_that_are_nobodys_nothing_is_known() -> None:
    """So nothing is promised to them."""
    assert session_bytes(None) == session_bytes("mine") == 0
