"""A recording read into leased blocks, several in hand: the walk on which a pool pays (docs/decisions/0007).

How often the pool has a block is counted once it is warm, when every block that is wanted at once was made before.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from modules.audio.buffer import AudioBuffer
from modules.audio.mapped_file import MemoryMappedAudioFile
from modules.audio.pcm_layout import Encoding, SampleForm
from modules.memory.pool import BufferPool, PoolStatistics
from modules.memory.size_classes import class_bytes

BLOCK_S = 10.0
MAX_IN_HAND = 8
ROUNDS = 50
"""So often as many blocks as are in hand are leased, filled and given back, once the pool is warm."""

_SAMPLE_BYTES = 4


@dataclass(frozen=True, slots=True)
class Leases:
    """Leases that found a block, and those for which one had to be made; `in_hand`, where known, were out at once."""

    hits: int = 0
    misses: int = 0
    in_hand: int | None = None

    @classmethod
    def between(cls, before: PoolStatistics, after: PoolStatistics, *, in_hand: int | None = None) -> "Leases":
        """Those of a pool between two looks at it."""
        return cls(after.hits - before.hits, after.misses - before.misses, in_hand)

    @property
    def count(self) -> int:
        """All of them."""
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float | None:
        """The share that found a block; `None` of none."""
        return self.hits / self.count if self.count else None


def blocks_in_hand(pool: BufferPool, sound: AudioBuffer) -> int:
    """How many blocks of such a sound are leased at once: as many as fit, no more than `MAX_IN_HAND`."""
    return min(MAX_IN_HAND, pool.max_bytes // class_bytes(_SAMPLE_BYTES * sound.channels * _block_frames(sound)))


def read_in_leases(pool: BufferPool, sound: AudioBuffer) -> Leases:
    """What leases came to once the pool was warm, reading `sound` from a mapped file, over and over.

    There are none where not even one block fits into the pool. Raises `OSError` where no temporary file can be written.
    """
    in_hand = blocks_in_hand(pool, sound)
    if not in_hand:
        return Leases()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sound.f32"
        sound.samples.astype("<f4", copy=False).tofile(path)
        form = SampleForm(sound.sample_rate, sound.channels, Encoding.F32)
        with MemoryMappedAudioFile(path, raw=form) as recording:
            _round(pool, recording, sound, in_hand)
            warm = pool.statistics
            for _ in range(ROUNDS):
                _round(pool, recording, sound, in_hand)
    return Leases.between(warm, pool.statistics, in_hand=in_hand)


def _round(pool: BufferPool, recording: MemoryMappedAudioFile, sound: AudioBuffer, in_hand: int) -> None:
    """Lease the blocks, all of them at once, and fill them with what comes one after the other."""
    frames = _block_frames(sound)
    shape = frames if sound.channels == 1 else (frames, sound.channels)
    with ExitStack() as leases:
        for number in range(in_hand):
            block = leases.enter_context(pool.lease(shape)).samples
            recording.read_into(block, number * frames % recording.frames)


def _block_frames(sound: AudioBuffer) -> int:
    return round(BLOCK_S * sound.sample_rate)
