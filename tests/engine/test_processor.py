"""The processor as an application uses it, with real decoding and no recogniser, or a recogniser that counts."""

import gc
import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from engine import (
    AsyncAudioProcessor,
    AudioBuffer,
    AudioError,
    BatchProcessingConfig,
    ConfigError,
    DecodeError,
    OutputError,
    Overloaded,
    Status,
    TranscriptFormat,
    process_audio_file,
)
from modules.results_json import file_from_json
from modules.stages import recognisers
from tests.fakes import CountingRecogniser, ramp, write_wav

pytestmark = pytest.mark.anyio

CONFIG = BatchProcessingConfig(asr="none", segmenting="off", workers=2)


class Nothing:
    """A stage that answers every chunk with nothing."""

    def process(self, batch: Sequence[object]) -> list[None]:
        """Nothing for each."""
        return [None for _ in batch]


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> CountingRecogniser:
    """A counting recogniser in the place of the one that would be loaded."""
    counting = CountingRecogniser()
    monkeypatch.setattr(recognisers, "load", lambda _choice, _wish: counting)
    return counting


async def test_a_recording_is_the_same_from_path_bytes_and_file(tmp_path: Path, recogniser: CountingRecogniser) -> None:
    """Every door leads to the same samples."""
    assert recogniser.open_now == 0
    path = write_wav(tmp_path / "a.wav", ramp(1.5))
    async with AsyncAudioProcessor(CONFIG) as processor:
        results = [
            await processor.process_file(path),
            await processor.process_file(str(path)),
            await processor.process_file(path.read_bytes()),
            await processor.process_file(io.BytesIO(path.read_bytes())),
            await processor.process(ramp(1.5)),
            await processor.process(ramp(1.5).samples, sample_rate=16_000),
            await processor.process((ramp(1.5).samples * 32_768).astype(np.int16), sample_rate=16_000),
        ]
    assert len({result.text for result in results}) == 1
    assert all(result.duration_s == pytest.approx(1.5) for result in results)
    assert results[0].path == str(path)
    assert results[0].decoder == "soundfile"
    assert results[4].decoder == "memory"


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (np.zeros(10), None, "needs its sample_rate"),
        (np.zeros(10), 0, "sample_rate must be"),
        (np.zeros((2, 2, 2)), 16_000, "shape"),
        (np.array([0.0, np.nan]), 16_000, "NaN"),
        (np.array(["a"]), 16_000, "must be float"),
    ],
)
async def test_what_is_no_audio_is_refused_with_what_was_expected(
    samples: NDArray[Any], rate: int | None, reason: str
) -> None:
    """A typed error, before anything runs."""
    async with AsyncAudioProcessor(CONFIG) as processor:
        with pytest.raises(AudioError, match=reason):
            await processor.process(samples, rate)


async def test_a_bad_file_raises_alone_and_fails_among_many(tmp_path: Path) -> None:
    """`process_file` raises; `process_files` reports it and goes on."""
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF, but not for long")
    good = [write_wav(tmp_path / f"{n}.wav", ramp(0.2 + n / 10)) for n in range(6)]
    async with AsyncAudioProcessor(CONFIG) as processor:
        with pytest.raises(DecodeError, match=r"bad\.wav"):
            await processor.process_file(bad)
        results = {result.path: result async for result in processor.process_files([*good[:3], bad, *good[3:]])}
    assert len(results) == 7
    assert results[str(bad)].status is Status.FAILED
    assert all(results[str(path)].status is Status.OK for path in good)


async def test_a_source_that_raises_while_being_listed_reaches_the_caller(tmp_path: Path) -> None:
    """The results that were there come first."""

    def sources() -> Iterator[Path]:
        yield write_wav(tmp_path / "a.wav", ramp(0.1))
        raise LookupError("no more")

    async with AsyncAudioProcessor(CONFIG) as processor:
        with pytest.raises(LookupError, match="no more"):
            async for _ in processor.process_files(sources()):
                pass
        assert (await processor.process(ramp(0.1))).status is Status.OK


async def test_leaving_a_loop_over_files_stops_the_rest(tmp_path: Path) -> None:
    """Files that nobody waits for are not begun."""
    begun = []

    def sources() -> Iterator[Path]:
        for number in range(100):
            begun.append(number)
            yield write_wav(tmp_path / f"{number}.wav", ramp(0.1))

    async with AsyncAudioProcessor(CONFIG) as processor:
        results = processor.process_files(sources())
        await anext(results)
        await results.aclose()  # type: ignore[attr-defined]  # an async generator, by its annotation an iterator
    assert len(begun) < 20


async def test_leaving_the_block_cancels_what_runs_inside(recogniser: CountingRecogniser) -> None:
    """The call under way gets an error that says so, and its native work has stopped."""
    begun, stop, seen = threading.Event(), threading.Event(), []

    def wait(_: AudioBuffer) -> None:
        begun.set()
        stop.wait(5)

    recogniser.on_feed = wait
    async with anyio.create_task_group() as tasks:

        async def call(processor: AsyncAudioProcessor) -> None:
            try:
                await processor.process(ramp(3))
            except RuntimeError as error:
                seen.append(str(error))

        async with AsyncAudioProcessor(CONFIG) as processor:
            tasks.start_soon(call, processor)
            await anyio.to_thread.run_sync(begun.wait)
            threading.Timer(0.05, stop.set).start()
    assert seen == ["the processor's `async with` block was left while this call was under way"]


async def test_a_timeout_ends_the_work_and_the_processor_goes_on(recogniser: CountingRecogniser) -> None:
    """Cancelling is waiting for no more than the chunk that runs."""
    recogniser.on_feed = lambda _: time.sleep(0.02)
    async with AsyncAudioProcessor(CONFIG) as processor:
        with anyio.move_on_after(0.1) as scope:
            await processor.process(ramp(60))
        assert scope.cancelled_caught
        assert recogniser.cancelled >= 1
        recogniser.on_feed = lambda _: None
        assert (await processor.process(ramp(0.1))).status is Status.OK


async def test_a_processor_outside_its_block_says_what_to_do() -> None:
    """Before entering and after leaving."""
    processor = AsyncAudioProcessor(CONFIG)
    with pytest.raises(RuntimeError, match="async with"):
        await processor.process(ramp(0.1))
    async with processor:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        await processor.process_file("x.wav")


async def test_streams_stay_within_the_memory_budget(recogniser: CountingRecogniser) -> None:
    """The first is always let in; the next is told what it needs, what there is, and which setting to raise."""
    del recogniser
    wide: dict[str, Any] = {"sample_rate": 192_000, "chunk_s": 60.0, "stages": [Nothing()]}
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1, max_memory_mb=64)) as processor:
        async with processor.open_stream(**wide):
            with pytest.raises(Overloaded, match=r"a stream needs 131\.8 MB and 131\.8 of .*; raise max_memory_mb"):
                await processor.open_stream(**wide).__aenter__()
        async with processor.open_stream(**wide) as stream:
            assert stream.statistics.pushed_frames == 0


async def test_the_pool_lends_blocks_inside_the_budget(recogniser: CountingRecogniser) -> None:
    """A sixteenth of a small one; outside the block there is none."""
    del recogniser
    processor = AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1, max_memory_mb=64))
    async with processor:
        with processor.pool.lease((1_000, 2)) as lease:
            assert lease.samples.shape == (1_000, 2)
        assert processor.pool.max_bytes == 4 * 2**20
    with pytest.raises(RuntimeError, match="not running"):
        _ = processor.pool


async def test_what_was_there_at_the_beginning_is_frozen_if_that_is_wanted(recogniser: CountingRecogniser) -> None:
    """Until the block is left."""
    del recogniser
    gc.unfreeze()
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1, freeze_garbage=True)):
        assert gc.get_freeze_count() > 1_000
    assert gc.get_freeze_count() == 0


async def test_a_folder_gets_results_in_order_and_transcripts_beside(tmp_path: Path) -> None:
    """Header, a line for each input by name, summary."""
    for name, seconds in (("c", 0.1), ("a", 3.0), ("b", 0.2)):
        write_wav(tmp_path / "in" / f"{name}.wav", ramp(seconds))
    (tmp_path / "in" / "bad.wav").write_bytes(b"not really")
    async with AsyncAudioProcessor(CONFIG) as processor:
        summary = await processor.process_folder(
            tmp_path / "in", tmp_path / "out", formats=[TranscriptFormat.TXT, TranscriptFormat.SRT]
        )
        assert (summary.files, summary.ok, summary.failed, summary.skipped) == (4, 3, 1, 0)
        lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
        assert '"type":"header"' in lines[0]
        assert '"type":"summary"' in lines[-1]
        names = [Path(file_from_json(line).path).name for line in lines[1:-1]]
        assert names == ["a.wav", "b.wav", "bad.wav", "c.wav"]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            ".onbeat",
            "a.wav.srt",
            "a.wav.txt",
            "b.wav.srt",
            "b.wav.txt",
            "c.wav.srt",
            "c.wav.txt",
            "results.jsonl",
        ]
        with pytest.raises(OutputError, match="holds an earlier run"):
            await processor.process_folder(tmp_path / "in", tmp_path / "out", resume=False)
        again = await processor.process_folder(tmp_path / "in", tmp_path / "out")
        assert (again.files, again.ok, again.failed) == (4, 3, 1)
        await processor.process_folder(tmp_path / "in", tmp_path / "out", overwrite=True)
        with pytest.raises(ConfigError, match="no such file"):
            await processor.process_folder(tmp_path / "absent", tmp_path / "other")


async def test_the_plain_call_refuses_to_block_a_running_loop(tmp_path: Path) -> None:
    """It names what to await instead."""
    with pytest.raises(RuntimeError, match="await AsyncAudioProcessor"):
        process_audio_file(tmp_path / "a.wav", CONFIG)


def test_the_plain_call_transcribes_a_file(tmp_path: Path) -> None:
    """No event loop is needed."""
    result = process_audio_file(write_wav(tmp_path / "a.wav", ramp(0.5)), CONFIG)
    assert result.status is Status.OK
    assert result.duration_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("is_beside_a_stream", "max_memory_mb", "in_hand"), [(False, 512, 8), (True, 512, 8), (True, 64, 1)]
)
async def test_more_recordings_are_in_hand_where_only_speech_is_looked_for_and_there_is_room(
    *, is_beside_a_stream: bool, max_memory_mb: int, in_hand: int
) -> None:
    """They share the detector's calls; beside live streams, where memory is short, each worker has one."""
    taken: list[int] = []
    recording = io.BytesIO()
    soundfile.write(recording, ramp(6.0).samples, 16_000, format="WAV")

    def sources() -> Iterator[bytes]:
        for number in range(20):
            taken.append(number)
            yield recording.getvalue()

    async with (
        AsyncAudioProcessor(
            BatchProcessingConfig(asr="none", workers=1, learn=False, max_memory_mb=max_memory_mb)
        ) as processor,
        AsyncExitStack() as streams,
    ):
        if is_beside_a_stream:
            await streams.enter_async_context(processor.open_stream(16_000, stages=[Nothing()]))
        results = processor.process_files(sources())
        async for result in results:
            assert result.status is Status.OK
            break
        await results.aclose()  # type: ignore[attr-defined] # it is a generator
    assert in_hand < len(taken) <= in_hand + 2  # one waits for its place, and one more may have begun
