"""Stages with known behaviour, and recordings made up: what engine tests run instead of models."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import anyio
import numpy as np
import soundfile

from engine.config import BatchProcessingConfig
from engine.flow_parts import FlowParts
from engine.pipeline import Pipeline
from engine.speech_calls import SpeechCalls
from engine.workers import Workers
from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.chunks import ChunkSizer
from modules.errors import Cancelled
from modules.stages.protocols import SessionStage
from modules.stages.recognisers import RecogniserChoice
from modules.stages.segmenter import SpeechPiece, WholeStream

RATE_HZ = 16_000


class CountingRecogniser:
    """Says of each segment how many frames it had and a digest of them; counts sessions open at once."""

    sample_rate = RATE_HZ

    def __init__(self, on_feed: Callable[[AudioBuffer], None] = lambda _: None) -> None:
        """Call `on_feed` with every chunk, on the worker."""
        self.on_feed = on_feed
        self.open_now = 0
        self.open_most = 0
        self.chunks: list[int] = []
        self.cancelled = 0

    def open(self) -> "CountingSession":
        """A session for one segment."""
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        return CountingSession(self)

    def close(self) -> None:
        """Nothing is held."""


class CountingSession:
    """One segment of the counting recogniser."""

    def __init__(self, stage: CountingRecogniser) -> None:
        """Start with nothing heard."""
        self._stage = stage
        self._frames = 0
        self._digest = hashlib.sha256()
        self._start_s: float | None = None
        self._end_s = 0.0
        self._is_cancelled = False

    def feed(self, payload: AudioBuffer) -> list[TranscriptSegment]:
        """Count."""
        if self._is_cancelled:
            raise Cancelled("told to stop")
        self._stage.on_feed(payload)
        self._stage.chunks.append(payload.frames)
        self._frames += payload.frames
        self._digest.update(payload.samples.tobytes())
        self._start_s = payload.start_s if self._start_s is None else self._start_s
        self._end_s = payload.end_s
        return []

    def finish(self) -> list[TranscriptSegment]:
        """Say what was counted."""
        self._stage.open_now -= 1
        text = f"{self._frames}:{self._digest.hexdigest()[:8]}"
        return [TranscriptSegment(self._start_s or 0.0, self._end_s, text)]

    def cancel(self) -> None:
        """Stop at the next chunk."""
        self._stage.cancelled += 1
        self._is_cancelled = True


def expected(buffer: AudioBuffer) -> str:
    """What the counting recogniser says of the buffer as one segment."""
    session = CountingRecogniser().open()
    session.feed(buffer)
    return session.finish()[0].text


class EverySecond:
    """A segmenter that makes each whole second a segment of its own. It is its own session."""

    def __init__(self) -> None:
        """Start before the first second."""
        self._samples = np.empty(0, np.float32)
        self._number = 0

    def open(self) -> "EverySecond":
        """A session for one stream."""
        return EverySecond()

    def feed(self, payload: AudioBuffer) -> list[SpeechPiece]:
        """The seconds that are whole."""
        self._samples = np.concatenate((self._samples, payload.samples))
        pieces = []
        while len(self._samples) >= RATE_HZ:
            pieces.append(self._piece(RATE_HZ))
        return pieces

    def finish(self) -> list[SpeechPiece]:
        """The last, shorter one."""
        return [self._piece(len(self._samples))] if len(self._samples) else []

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _piece(self, frames: int) -> SpeechPiece:
        audio = AudioBuffer(self._samples[:frames], RATE_HZ, float(self._number))
        self._samples = self._samples[frames:]
        self._number += 1
        return SpeechPiece(self._number - 1, audio, is_last=True)


def parts_with(
    workers: Workers,
    recogniser: CountingRecogniser,
    *,
    segmenter: SessionStage[AudioBuffer, SpeechPiece] | None = None,
    sessions: int = 3,
) -> FlowParts:
    """What a flow needs, with these stages in a pipeline."""
    pipeline = Pipeline(
        segmenter=segmenter or WholeStream(RATE_HZ),
        recogniser=recogniser,
        sample_rate=RATE_HZ,
        max_sessions=sessions,
        choice=RecogniserChoice("none", "a test"),
        config=BatchProcessingConfig(),
        fingerprint="test",
    )
    return FlowParts(
        pipeline, workers, anyio.Semaphore(sessions), ChunkSizer(), target_s=0.3, speech=SpeechCalls(pipeline.segmenter)
    )


def ramp(seconds: float, rate: int = RATE_HZ) -> AudioBuffer:
    """Samples of which no two stretches are alike, exact in 16 bits."""
    numbers = np.random.default_rng(round(seconds * 1000)).integers(-20_000, 20_000, round(seconds * rate))
    return AudioBuffer((numbers / 32_768).astype(np.float32), rate)


def write_wav(path: Path, buffer: AudioBuffer) -> Path:
    """A 16-bit WAV of the buffer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, buffer.samples, buffer.sample_rate, subtype="PCM_16")
    return path
