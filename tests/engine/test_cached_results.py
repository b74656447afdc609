"""A recording that was processed before is not processed again, and says so."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cached_results import transcribe_once
from engine.flow_parts import FlowParts
from engine.inline_workers import InlineWorkers
from engine.recording import RecordingInMemory, StoredRecording
from modules.audio.buffer import AudioBuffer
from modules.audio.source import Source
from modules.errors import DecodeError
from modules.models.cache_folder import CacheFolder
from modules.models.result_cache import ResultCache
from modules.results import FileResult
from tests.fakes import CountingRecogniser, EverySecond, parts_with, ramp, write_wav


class Engine:
    """A pipeline that counts what it recognises, and a cache."""

    def __init__(self, cache: ResultCache | None = None) -> None:
        self.recogniser = CountingRecogniser()
        self.cache = cache or ResultCache(1_000_000)
        self.parts: FlowParts = parts_with(InlineWorkers(), self.recogniser, segmenter=EverySecond())

    async def hear(self, source: Source | AudioBuffer, name: str = "a") -> FileResult:
        """The result of a source, called `name`."""
        recording = RecordingInMemory(source) if isinstance(source, AudioBuffer) else StoredRecording(source)
        return await transcribe_once(name, source, recording, self.parts, self.cache)


def without_timing(result: FileResult) -> FileResult:
    """What two results have in common when they are the same."""
    return replace(result, timing=result.timing.__class__(), cache_hit=False)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["path", "bytes", "file", "samples"])
async def test_the_second_time_is_a_hit_and_says_the_same(tmp_path: Path, kind: str) -> None:
    """To the last digit; nothing is recognised for it, and its name is the one that asks."""
    engine = Engine()
    path = write_wav(tmp_path / "a.wav", ramp(2.7))
    sources: dict[str, Source | AudioBuffer] = {
        "path": path,
        "bytes": path.read_bytes(),
        "file": io.BytesIO(path.read_bytes()),
        "samples": ramp(2.7),
    }
    first = await engine.hear(sources[kind], "first")
    heard = len(engine.recogniser.chunks)
    second = await engine.hear(sources[kind], "second")
    assert heard == len(engine.recogniser.chunks) > 0
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert (first.path, second.path) == ("first", "second")
    assert without_timing(second) == replace(without_timing(first), path="second")
    assert (second.timing.chunks, second.timing.model_s) == (0, 0.0)


@pytest.mark.anyio
async def test_another_pipeline_is_another_question() -> None:
    """Its fingerprint holds its settings and its models."""
    engine = Engine()
    await engine.hear(ramp(1.5))
    engine.parts = replace(engine.parts, pipeline=replace(engine.parts.pipeline, fingerprint="other settings"))
    assert not (await engine.hear(ramp(1.5))).cache_hit
    assert (await engine.hear(ramp(1.5))).cache_hit


@pytest.mark.anyio
async def test_other_audio_is_another_question() -> None:
    """One sample is enough."""
    engine, audio = Engine(), ramp(1.5)
    await engine.hear(audio)
    louder = audio.samples.copy()
    louder[0] += 0.001
    assert not (await engine.hear(AudioBuffer(louder, audio.sample_rate))).cache_hit
    assert not (await engine.hear(AudioBuffer(audio.samples, 8_000))).cache_hit


@pytest.mark.anyio
async def test_what_can_be_read_only_once_is_processed_and_not_kept(tmp_path: Path) -> None:
    """There is nothing to compare it by."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    engine = Engine()
    content = write_wav(tmp_path / "a.wav", ramp(1.5)).read_bytes()
    for _ in range(2):
        result = await engine.hear(Pipe(content))
        assert (result.cache_hit, result.duration_s) == (False, 1.5)
    assert engine.cache.statistics().entries == 0


@pytest.mark.anyio
async def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    """The file may be whole the next time."""
    engine = Engine()
    path = tmp_path / "a.wav"
    for content in (b"no recording", None):
        if content is None:
            write_wav(path, ramp(1.5))
            assert not (await engine.hear(path)).cache_hit
            continue
        path.write_bytes(content)
        with pytest.raises(DecodeError):
            await engine.hear(path)


@pytest.mark.anyio
async def test_with_a_folder_the_next_process_hits_too(tmp_path: Path) -> None:
    """A new cache over the same folder knows the result."""
    first = Engine(ResultCache(0, CacheFolder(tmp_path, 1_000_000)))
    said = await first.hear(ramp(1.5))
    second = Engine(ResultCache(0, CacheFolder(tmp_path, 1_000_000)))
    again = await second.hear(ramp(1.5))
    assert again.cache_hit
    assert without_timing(again) == without_timing(said)
