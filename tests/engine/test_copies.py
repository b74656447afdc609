"""How often a sample is copied on its way from a file, or from who pushes it, to the recogniser; docs/memory.md has it.

The stages note every array that is handed over. A hand-over whose array shares no memory with what was there before is
a copy; what a library makes anew (a decoder, a resampler) counts as one as well.
"""

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from engine import AsyncAudioProcessor, BatchProcessingConfig
from engine import pipeline as pipeline_file
from modules.audio import decode
from modules.audio.buffer import AudioBuffer
from modules.audio.downmix import Downmix
from modules.audio.grains import to_int16
from modules.audio.resample import Resampler
from modules.stages import asr_vosk, segmenter
from modules.stages.asr_vosk import VoskSession
from tests.live_streams import events_of

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "audio" / "welcome.wav"
RATE_HZ = 16_000

Arrays = list[NDArray[Any]]


class Kaldi:
    """In a Vosk recogniser's place: keeps the bytes it is given and hears nothing."""

    def __init__(self, handed: dict[str, Arrays]) -> None:
        """Keep them in `handed`."""
        self._handed = handed

    def AcceptWaveform(self, pcm: bytes) -> bool:  # noqa: N802 - the library's name
        """Not an endpoint."""
        self._handed.setdefault("bytes", []).append(np.frombuffer(pcm, np.int16))
        return False

    def PartialResult(self) -> str:  # noqa: N802 - as above
        """Nothing."""
        return "{}"

    FinalResult = Result = PartialResult


class Recogniser:
    """A recogniser whose sessions are Vosk's, around `Kaldi`."""

    sample_rate = RATE_HZ

    def __init__(self, handed: dict[str, Arrays]) -> None:
        """Keep what is handed to it."""
        self._handed = handed

    def open(self) -> VoskSession:
        """A session."""
        return VoskSession(Kaldi(self._handed), sample_rate=RATE_HZ, endpoints=False)

    def close(self) -> None:
        """Nothing is held."""


def noting(kind: Any, name: str, handed: dict[str, Arrays]) -> Any:  # noqa: ANN401 - any session's class
    """The same session, which notes the samples of all that it gives."""

    class Noting(kind):  # type: ignore[misc]  # any class
        def feed(self, payload: object) -> object:
            outputs = super().feed(payload)
            for output in outputs:
                audio: AudioBuffer = getattr(output, "audio", output)
                if audio.frames:
                    handed.setdefault(name, []).append(audio.samples if audio.pcm16 is None else audio.pcm16)
            return outputs

    return Noting


def watch(handed: dict[str, Arrays], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have decoder, stages and recogniser note what they give."""
    cut, convert = decode._cut, to_int16

    def each(pieces: Iterator[NDArray[np.float32]], name: str) -> Iterator[NDArray[np.float32]]:
        for piece in pieces:
            handed.setdefault(name, []).append(piece)
            yield piece

    def in_16_bits(samples: NDArray[np.float32]) -> NDArray[np.int16]:
        converted = convert(samples)
        handed.setdefault("16 bits", []).append(converted)
        return converted

    monkeypatch.setattr(decode, "_cut", lambda pieces, frames: each(cut(each(pieces, "decoded"), frames), "block"))
    monkeypatch.setattr(pipeline_file, "Downmix", noting(Downmix, "mono", handed))
    monkeypatch.setattr(pipeline_file, "Resampler", noting(Resampler, "resampled", handed))
    monkeypatch.setattr(segmenter, "WholeGrains", noting(segmenter.WholeGrains, "grains", handed))
    monkeypatch.setattr(segmenter, "CuttingSession", noting(segmenter.CuttingSession, "speech", handed))
    monkeypatch.setattr(asr_vosk, "to_int16", in_16_bits)


def copies(handed: dict[str, Arrays], walk: Sequence[str]) -> list[str]:
    """The steps of the walk at which most of what is handed over is not what was there before."""
    made = []
    for before, after in pairwise(walk):
        shared = [any(np.may_share_memory(new, old) for old in handed[before]) for new in handed[after]]
        if sum(shared) <= len(shared) / 2:
            made.append(after)
    return made


@pytest.mark.parametrize(
    ("rate_hz", "channels", "steps"),
    [
        (44_100, 2, ["block", "mono", "resampled", "grains", "16 bits", "bytes"]),
        (44_100, 1, ["block", "resampled", "grains", "16 bits", "bytes"]),
        (16_000, 1, ["block", "grains", "16 bits", "bytes"]),
    ],
)
async def test_copies_on_the_walk_of_a_file(
    rate_hz: int, channels: int, steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is mono, or has the right rate, is not copied for that. The detector's input is one more, beside these."""
    speech, _ = soundfile.read(EXAMPLE, dtype="float32")
    whole = np.tile(speech if rate_hz == RATE_HZ else np.repeat(speech, 3), 4)
    soundfile.write(tmp_path / "a.wav", np.stack([whole] * channels, axis=1), rate_hz)
    handed: dict[str, Arrays] = {}
    watch(handed, monkeypatch)
    monkeypatch.setattr("modules.stages.recognisers.load", lambda _choice, _wish: Recogniser(handed))
    async with AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1)) as processor:
        await processor.process_file(tmp_path / "a.wav")
    walk = ["decoded", "block", "mono", "resampled", "grains", "speech", "16 bits", "bytes"]
    handed.setdefault("resampled", handed["mono"])
    assert copies(handed, walk) == steps


async def test_copies_on_the_walk_of_a_live_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """16-bit samples at the recogniser's rate: one copy when they are pushed, one for the library that takes bytes."""
    handed: dict[str, Arrays] = {}
    watch(handed, monkeypatch)
    pushed = np.random.default_rng(1).integers(-9_000, 9_000, 20 * RATE_HZ // 5, dtype=np.int16)

    class Live:
        """The recogniser as a stage of one's own, which gets what was pushed."""

        def open(self) -> VoskSession:
            return Taken(Kaldi(handed), sample_rate=RATE_HZ, endpoints=False)

    class Taken(VoskSession):
        def feed(self, payload: AudioBuffer) -> Any:  # noqa: ANN401 - as the session gives it
            assert payload.pcm16 is not None
            handed.setdefault("chunk", []).append(payload.pcm16)
            return super().feed(payload)

    async with (
        AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1)) as processor,
        processor.open_stream(RATE_HZ, stages=[Live()], chunk_s=0.2) as stream,
    ):
        await stream.push(pushed)
        stream.end_input()
        await events_of(stream)
    handed["pushed"] = [pushed]
    assert copies(handed, ["pushed", "chunk", "bytes"]) == ["chunk", "bytes"]
    assert "16 bits" not in handed
    assert len({chunk.base is not None and id(chunk.base) for chunk in handed["chunk"]}) == 1  # views of one copy
    np.testing.assert_array_equal(np.concatenate(handed["bytes"]), pushed)


def test_16_bits_are_made_with_one_array_of_floats_beside_them() -> None:
    """Scaled once, rounded and clipped in place."""
    samples = np.linspace(-1, 1, 1 << 20, dtype=np.float32)
    to_int16(samples[:100])
    tracemalloc.start()
    try:
        to_int16(samples)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 6.1 * len(samples)
