"""The numbers that the settings, the models and the process put into the memory budget."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import memory_sums
from engine.config import BatchProcessingConfig
from engine.inline_workers import InlineWorkers
from engine.memory_sums import MAX_BARE_BYTES, POOL_BYTES, budget_of, keeper_of, model_bytes_of, need_of, outlook_of
from engine.pipeline import Pipeline
from engine.streams import StreamWish
from modules.errors import Overloaded
from modules.memory.outlook import SESSION_BYTES
from modules.stages.recognisers import RecogniserChoice
from modules.stages.vad_silero import packaged_model
from tests.fakes import CountingRecogniser, parts_with

MB = 2**20
NONE = RecogniserChoice("none", "a test")


def pipeline_with(**settings: Any) -> Pipeline:  # noqa: ANN401 - whatever the settings take
    """A pipeline with these settings."""
    config = BatchProcessingConfig(**settings)
    return replace(parts_with(InlineWorkers(), CountingRecogniser()).pipeline, config=config)


def test_the_pool_is_a_small_part_of_a_small_budget() -> None:
    """And of a larger one no more than its own limit."""
    small = budget_of(BatchProcessingConfig(max_memory_mb=64), NONE, idle_bytes=0)
    assert (small.max_memory_bytes, small.pool_bytes) == (64 * MB, 4 * MB)
    large = budget_of(BatchProcessingConfig(max_memory_mb=4096), NONE, idle_bytes=0)
    assert large.pool_bytes == POOL_BYTES


def test_models_are_those_that_are_used(tmp_path: Path) -> None:
    """The recogniser's folder, and the voice detector where recordings are cut at silences."""
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(bytes(5_000))
    choice = RecogniserChoice("vosk", "a test", tmp_path)
    detector = packaged_model().stat().st_size
    assert model_bytes_of(BatchProcessingConfig(segmenting="off"), choice) == 5_000
    assert model_bytes_of(BatchProcessingConfig(), choice) == 5_000 + detector
    assert model_bytes_of(BatchProcessingConfig(segmenting="off"), None) == 0


def test_a_stream_needs_what_its_recogniser_remembers(tmp_path: Path) -> None:
    """Beside its chunks; of stages that are an application's own nothing is known."""
    need = need_of(RecogniserChoice("vosk", "a test", tmp_path), chunk_s=0.5, sample_rate=8_000)
    assert (need.chunk_bytes, need.session_bytes) == (16_000, SESSION_BYTES["vosk"])
    assert need_of(None, chunk_s=0.5).session_bytes == 0


def test_what_an_application_held_before_is_not_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of 900 MB that grew by 30 MB with the models leaves the engine as much room as a bare one does."""
    pipeline = pipeline_with(max_memory_mb=256)
    rooms = []
    for before_bytes in (900 * MB, MAX_BARE_BYTES):
        monkeypatch.setattr(memory_sums, "unique_set_bytes", lambda before=before_bytes: before + 30 * MB)
        keeper = keeper_of(pipeline, before_bytes=before_bytes)
        assert keeper.not_ours_bytes == before_bytes - MAX_BARE_BYTES
        rooms.append(keeper.budget.room_bytes)
    assert rooms[0] == rooms[1] == 256 * MB - 16 * MB - (MAX_BARE_BYTES + 30 * MB - keeper.budget.model_bytes)


def test_where_the_system_does_not_tell_a_process_is_taken_to_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget is then kept by the sum alone."""

    def unknown() -> int:
        raise OSError("no /proc")

    monkeypatch.setattr(memory_sums, "unique_set_bytes", unknown)
    assert keeper_of(pipeline_with(max_memory_mb=64), before_bytes=0).budget.room_bytes == 60 * MB


def test_room_is_given_by_what_a_stream_wishes() -> None:
    """A longer chunk at a higher rate needs more; what does not fit beside others is refused."""
    pipeline = pipeline_with(max_memory_mb=64)
    keeper = keeper_of(pipeline, before_bytes=1 << 40)  # nothing of it is the engine's
    small, large = StreamWish(8_000, 0.2, has_own_stages=False), StreamWish(192_000, 60.0, has_own_stages=True)
    with memory_sums.room_of(keeper, pipeline, small):
        assert keeper.given_bytes == 3 * 6_400 + SESSION_BYTES["none"]
        with pytest.raises(Overloaded, match=r"a stream needs 131\.8 MB"):
            memory_sums.room_of(keeper, pipeline, large).__enter__()
    assert keeper.given_bytes == 0


def test_the_outlook_counts_as_many_streams_as_may_be_open_and_recordings_as_workers() -> None:
    """What the doctor prints."""
    outlook = outlook_of(BatchProcessingConfig(max_streams=7, chunk_s=0.1), NONE, workers=3, idle_bytes=9 * MB)
    assert (outlook.max_streams, outlook.recordings, outlook.need.chunk_bytes) == (7, 3, 6_400)
    assert outlook.budget.idle_bytes == 9 * MB
