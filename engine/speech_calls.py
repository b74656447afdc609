"""`SpeechCalls`: how recordings are searched for speech: those that are in hand together share the detector's calls.

A recording has one call under way, as a live stream has; what the detector remembers of it goes along as a value.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from modules.audio.buffer import AudioBuffer
from modules.batching.chunks import ChunkSizer
from modules.stages.hop import END, Failed, Hop, HopCall, HopSession, hops_of
from modules.stages.protocols import SessionStage
from modules.stages.segmenter import SpeechPiece

BLOCK_S = 5.0
"""Seconds of audio decoded at once, and searched for speech at once where nobody else waits for a worker."""

MAX_ROWS = 8
"""Recordings that share a call at most: with twice as many a call does 5 % more in a second, and lasts twice as long.

`python run_benchmarks.py --scenario module` measures the detector by batch.
"""

_LENGTHS_S = tuple(BLOCK_S / pieces for pieces in (16, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1))
"""Equal pieces of a block: a call is nearly as long as it may be, whatever that is."""

_NEW_SHARE = 0.05  # each recording of a call tells of it


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of one recording's audio, and how many of the call's seconds were spent on it."""

    pieces: Sequence[SpeechPiece]
    service_s: float


class SpeechCalls:
    """The calls of one segmenter, by which workers know them as a kind of their own: use it as `Work`'s call."""

    def __init__(
        self,
        segmenter: SessionStage[AudioBuffer, SpeechPiece],
        *,
        workers: int = 1,
        on_rows: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Search by `segmenter`; where it says of what `stages` it consists, recordings share the calls of these.

        `on_rows` is told how many may share one: an even share for each of `workers`, or some would have nothing to do.
        """
        stages = getattr(segmenter, "stages", ())
        hops = hops_of(stages) if stages else []
        self._hop: Hop | None = hops[0] if len(hops) == 1 and hops[0].is_shared else None
        self._sizer = ChunkSizer(allowed_s=_LENGTHS_S, new_share=_NEW_SHARE)
        self._workers = workers
        self._on_rows = on_rows
        self._open = 0
        self.rows = 1
        """How many recordings may share a call now."""

    def __repr__(self) -> str:
        return f"<SpeechCalls {self._hop}, {self._open} recordings>"

    @property
    def are_shared(self) -> bool:
        """Whether recordings share anything; otherwise each is searched by a session of its own."""
        return self._hop is not None

    @contextmanager
    def recording(self) -> Iterator[HopSession]:
        """What is remembered of one recording."""
        assert self._hop is not None
        session = self._hop.open()
        self._opened(1)
        try:
            yield session
        finally:
            self._opened(-1)

    def next_of(self, audio: AudioBuffer, *, max_service_s: float) -> AudioBuffer:
        """What the recording should bring of `audio` for a call of all that are searched to take no longer.

        Equal parts of it: a short one at its end would leave its row of a call empty while longer ones go on.
        """
        length_s = self._sizer.chunk_s(max_service_s=max_service_s / self.rows)
        parts = math.ceil(round(audio.duration_s / length_s, 3))
        return audio.cut(0, math.ceil(audio.frames / max(1, parts)))

    def learn(self, searched: Searched, *, audio_s: float) -> None:
        """A call has searched `audio_s` seconds of one recording."""
        self._sizer.observe(audio_s=audio_s, service_s=searched.service_s)

    def __call__(self, calls: Sequence[HopCall]) -> Sequence[Searched | Failed]:
        """On a worker: what comes of each call's audio, or of its end."""
        assert self._hop is not None
        started_s = time.perf_counter()
        answers = self._hop.run(calls)
        each_s = (time.perf_counter() - started_s) / max(sum(map(_length_s, calls)), _LEAST_S)
        return [
            answer if isinstance(answer, Failed) else Searched(answer, each_s * _length_s(call))
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _opened(self, more: int) -> None:
        self._open += more
        before, self.rows = self.rows, max(1, min(MAX_ROWS, math.ceil(self._open / self._workers)))
        if self.rows != before:
            self._on_rows(self.rows)


_LEAST_S = 0.032  # what is left at an end is searched as a grain


def _length_s(call: HopCall) -> float:
    payload: Any = call.payload
    return _LEAST_S if payload is END else payload.duration_s
