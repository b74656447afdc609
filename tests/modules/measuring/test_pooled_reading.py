"""A recording is read into leased blocks, and what is counted is what the pool did once it was warm."""

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.measuring.pooled_reading import (
    BLOCK_S,
    MAX_IN_HAND,
    ROUNDS,
    Leases,
    blocks_in_hand,
    read_in_leases,
)
from modules.memory.pool import BufferPool, PoolStatistics

RATE_HZ = 100
BLOCK_BYTES = 4_096  # a block of 10 s at 100 Hz is 4,000 bytes, in the smallest class


def sound(*, channels: int = 1, seconds: float = 35.0) -> AudioBuffer:
    """Samples of which none is 0."""
    frames = round(seconds * RATE_HZ)
    return AudioBuffer(np.full((frames, channels) if channels > 1 else frames, 0.5, np.float32), RATE_HZ)


def test_once_warm_every_lease_finds_a_block() -> None:
    """The blocks that were made in the warm-up are not counted; afterwards none is made, and none is out."""
    pool = BufferPool(1 << 20)
    assert read_in_leases(pool, sound()) == Leases(hits=ROUNDS * MAX_IN_HAND, misses=0, in_hand=MAX_IN_HAND)
    now = pool.statistics
    assert (now.misses, now.leases_out, now.idle_bytes) == (MAX_IN_HAND, 0, MAX_IN_HAND * BLOCK_BYTES)


def test_a_pool_that_keeps_nothing_never_has_a_block() -> None:
    """What is told is what the pool did, not what was hoped for."""

    class Forgetful(BufferPool):
        def lease(self, *arguments: object) -> object:  # type: ignore[override] # passed on as they are
            self.trim()
            return super().lease(*arguments)  # type: ignore[arg-type] # as above

    assert read_in_leases(Forgetful(1 << 20), sound()).hit_rate == 0.0


@pytest.mark.parametrize("channels", [1, 2])
def test_the_blocks_have_the_sound_in_them(channels: int) -> None:
    """They are filled from the file, channel by channel."""
    pool = BufferPool(1 << 20)
    read_in_leases(pool, sound(channels=channels))
    with pool.lease((round(BLOCK_S) * RATE_HZ, channels)) as lease:
        assert (lease.samples == 0.5).all()


def test_no_more_is_in_hand_than_the_pool_has_room_for() -> None:
    """And in a pool without room for a single block nothing is leased."""
    assert blocks_in_hand(BufferPool(3 * BLOCK_BYTES), sound()) == 3
    assert read_in_leases(BufferPool(3 * BLOCK_BYTES), sound()).in_hand == 3
    nothing = read_in_leases(BufferPool(BLOCK_BYTES - 1), sound())
    assert (nothing.count, nothing.hit_rate) == (0, None)


def test_leases_are_counted_between_two_looks() -> None:
    """What was before the first does not count."""
    before, after = PoolStatistics(1, hits=2, misses=3), PoolStatistics(1, hits=11, misses=4)
    assert Leases.between(before, after) == Leases(9, 1)
    assert Leases(9, 1).hit_rate == 0.9
