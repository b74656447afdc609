"""`SphinxRecogniser`: offline English speech recognition by PocketSphinx, in processes of its own.

A session keeps its speech until the end and only then borrows a process: open streams cost memory, not processes.
Why processes, and what runs inside them, stands in `sphinx_child.py`; how they are shared, in `sphinx_children.py`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from modules.audio.buffer import AudioBuffer
from modules.audio.grains import GrainCutter, to_pcm16
from modules.audio.transcript import TranscriptSegment, Word
from modules.errors import AudioError, Cancelled, ModelError
from modules.stages import sphinx_child
from modules.stages.sphinx_children import SphinxChildren, Turn

SAMPLE_RATE_HZ: Final = 16_000
GRAIN_S: Final = 0.2
MAX_UTTERANCE_S: Final = 120.0
"""Speech that goes on for longer is cut, since the memory and time of decoding grow with the utterance."""
CUT_WITHIN_S: Final = 20.0
"""The cut falls on the quietest grain of this last stretch."""

_GRAIN_FRAMES = round(GRAIN_S * SAMPLE_RATE_HZ)
_MAX_GRAINS = round(MAX_UTTERANCE_S / GRAIN_S)
_CUT_WITHIN_GRAINS = round(CUT_WITHIN_S / GRAIN_S)

_NOISE_PEAK = 5
"""The peak of the noise floor in 16-bit steps, -80 dB RMS. PocketSphinx estimates noise and removes it, which exact
digital silence upsets: without the floor 54 % of synthesised words were wrong, with it 23 %; of words read aloud 42 %
and 39 %. A floor four times as high helps the former and harms the latter."""


class SphinxRecogniser:
    """A session stage from speech to transcript segments; results depend on the audio alone, not on how it was cut.

    At most `max_processes` processes of about 170 MB each are started, as they are needed. `model_dir` is a folder laid
    out like PocketSphinx's own `model/en-us`, which is used without it. `close()` ends the processes.
    """

    def __init__(self, *, max_processes: int = 1, model_dir: Path | None = None) -> None:
        self.sample_rate = SAMPLE_RATE_HZ
        self.grain_s = GRAIN_S
        self.is_remote = True  # a worker only waits for the process that computes
        command = [sys.executable, "-u", "-P", str(Path(sphinx_child.__file__).resolve())]
        if model_dir is not None:
            command.append(str(model_dir))
        self._children = SphinxChildren(command, max_processes=max_processes)

    def __repr__(self) -> str:
        return f"<SphinxRecogniser {self._children!r}>"

    def warm_up(self) -> None:
        """One process is loaded when this returns. Raises `ModelError` if it cannot be."""
        self._children.ready()

    def open(self) -> "SphinxSession":
        """A session for one utterance; costs nothing before its `finish`."""
        return SphinxSession(self._children)

    def close(self) -> None:
        """No process is left when this returns; sessions in progress raise `Cancelled`."""
        self._children.close()


class Answerer(Protocol):
    """Who decodes: `SphinxChildren`, or a fake in tests."""

    def ask(self, body: bytes, turn: Turn, /) -> bytes:
        """The JSON that answers 16-bit PCM."""
        ...

    def cancel(self, turn: Turn, /) -> None:
        """An `ask` under this turn raises `Cancelled`."""
        ...


class SphinxSession:
    """One stretch of speech: kept as 16-bit PCM while it is fed, recognised when it is finished or grows too long."""

    __slots__ = ("_children", "_cutter", "_grains", "_start_s", "_turn")

    def __init__(self, children: Answerer) -> None:
        self._children = children
        self._turn = Turn()
        self._cutter = GrainCutter(_GRAIN_FRAMES, np.float32)
        self._grains: list[bytes] = []
        self._start_s: float | None = None

    def __repr__(self) -> str:
        return f"<SphinxSession {len(self._grains)} grains{', cancelled' if self._turn.cancelled else ''}>"

    def feed(self, payload: AudioBuffer) -> Sequence[TranscriptSegment]:
        """Nothing, since the words come with `finish`; but a segment for each utterance that became too long.

        Raises `AudioError` unless the audio is 16 kHz mono, and what `finish` raises.
        """
        if payload.sample_rate != SAMPLE_RATE_HZ or payload.samples.ndim != 1:
            raise AudioError(
                f"PocketSphinx takes {SAMPLE_RATE_HZ} Hz mono of shape (frames,), got {payload.sample_rate} Hz of "
                f"shape {payload.samples.shape}; resample and call mono() first"
            )
        if self._turn.cancelled:
            raise Cancelled("recognition was cancelled")
        if self._start_s is None:
            self._start_s = payload.start_s
        segments: list[TranscriptSegment] = []
        for grain in self._cutter.push(payload.samples):
            self._grains.append(to_pcm16(grain))
            if len(self._grains) == _MAX_GRAINS:
                segments += self._recognise(_quietest(self._grains))
        return segments

    def finish(self) -> Sequence[TranscriptSegment]:
        """One segment that spans what was fed, or none if no word was heard. The session is spent.

        Waits for a free process, then about 0.15 s for each second of speech. Raises `Cancelled`, and `ModelError` if
        the model is missing or the process dies.
        """
        if self._start_s is None:
            return ()
        self._grains.append(to_pcm16(self._cutter.rest()))
        return self._recognise(len(self._grains))

    def cancel(self) -> None:
        """Stop soon, from any thread: a process at work for this session is killed, `feed` and `finish` raise."""
        self._children.cancel(self._turn)

    def _recognise(self, grains: int) -> Sequence[TranscriptSegment]:
        """What the first `grains` grains say; they are forgotten and the stretch goes on behind them."""
        assert self._start_s is not None
        pcm = b"".join(self._grains[:grains])
        del self._grains[:grains]
        if not pcm:
            return ()
        start_s, end_s = self._start_s, self._start_s + len(pcm) // 2 / SAMPLE_RATE_HZ
        self._start_s = end_s
        words = tuple(
            Word(word, min(start_s + from_s, end_s), min(start_s + to_s, end_s), confidence)
            for word, from_s, to_s, confidence in _checked(self._children.ask(_with_floor(pcm), self._turn))["words"]
        )
        if not words:
            return ()
        return (TranscriptSegment(start_s, end_s, " ".join(word.word for word in words), words),)


def _quietest(grains: Sequence[bytes]) -> int:
    """How many grains come before and with the quietest of the last stretch; the latest of several as quiet."""
    last = np.frombuffer(b"".join(grains[-_CUT_WITHIN_GRAINS:]), dtype="<i2").reshape(-1, _GRAIN_FRAMES)
    power = np.square(last, dtype=np.float64).sum(axis=1)
    return len(grains) - int(power[::-1].argmin())


def _with_floor(pcm: bytes) -> bytes:
    """The samples with noise added that is the same each time."""
    samples = np.frombuffer(pcm, dtype="<i2")
    noise = np.random.default_rng(0).integers(-_NOISE_PEAK, _NOISE_PEAK, len(samples), dtype=np.int32, endpoint=True)
    return np.clip(samples + noise, -32_768, 32_767).astype("<i2").tobytes()


def _checked(reply: bytes) -> dict[str, Any]:
    """The child's answer, whose shape our own child promises. Raises `ModelError` if it says what went wrong."""
    answer: dict[str, Any] = json.loads(reply)
    if "error" in answer:
        raise ModelError(f"PocketSphinx failed on an utterance: {answer['error']}")
    return answer
