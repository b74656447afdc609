"""Blocks on loan: never lent twice, never more than the limit, and in debug mode every misuse is found."""

import gc
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modules.audio.buffer import AudioBuffer
from modules.errors import LeaseError, PoolExhausted
from modules.memory.lease import Lease
from modules.memory.pool import BufferPool
from modules.memory.size_classes import class_bytes

MIB = 1 << 20


@pytest.fixture
def pool() -> Iterator[BufferPool]:
    """A pool of 1 MiB in debug mode, in which nothing is left out at the end."""
    pool = BufferPool(MIB, debug=True)
    yield pool
    assert pool.statistics.leases_out == 0


@given(
    shape=st.one_of(st.integers(0, 5_000), st.tuples(st.integers(0, 2_000), st.integers(1, 4))),
    sample_type=st.sampled_from([np.float32, np.int16]),
)
def test_samples_have_the_shape_and_type_that_were_asked_for(
    shape: int | tuple[int, int], sample_type: type[np.float32] | type[np.int16]
) -> None:
    """As with `np.empty`: C-contiguous, aligned and writable, whatever the block held before."""
    pool = BufferPool(MIB)
    with pool.lease(3_000, np.int16) as before:
        before.samples[:] = -1
    with pool.lease(shape, sample_type) as lease:
        plain = np.empty(shape, sample_type)
        assert (lease.samples.shape, lease.samples.dtype) == (plain.shape, plain.dtype)
        assert lease.samples.flags.c_contiguous
        assert lease.samples.flags.aligned
        lease.samples[:] = 7
        assert (lease.samples == 7).all()


def test_a_returned_block_is_lent_again(pool: BufferPool) -> None:
    """Also to who asks for another shape or type of about that size."""
    with pool.lease(16_000) as first:
        block = first.samples.base
    with pool.lease((31_000, 1), np.int16) as second:
        assert second.samples.base is block
    now = pool.statistics
    assert (now.hits, now.misses, now.hit_rate) == (1, 1, 0.5)
    assert repr(pool) == "<BufferPool 65536 of 1048576 bytes, 0 leases out, 1 hits, 1 misses>"


def test_a_type_is_the_same_however_it_is_written() -> None:
    """`np.float32` and its dtype share blocks: a pool keyed by what was written would never hit."""
    pool = BufferPool(MIB)
    with pool.lease(100, np.float32):
        pass
    with pool.lease(100, np.dtype(np.float32)):  # type: ignore[arg-type]  # as callers do
        pass
    assert pool.statistics.hits == 1


def test_a_buffer_can_be_made_of_leased_samples(pool: BufferPool) -> None:
    """Views of it are views of the block."""
    with pool.lease((160, 2)) as lease:
        lease.samples[:] = 0.5
        buffer = AudioBuffer(lease.samples, 16_000)
        assert np.shares_memory(buffer.cut(10, 20).samples, lease.samples)
        assert buffer.mono().samples.tolist() == [0.5] * 160


def test_other_types_and_negative_lengths_are_refused(pool: BufferPool) -> None:
    """Before anything is taken."""
    with pytest.raises(ValueError, match="sample_type must be float32 or int16, got float64"):
        pool.lease(10, np.float64)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(ValueError, match=r"no negative length, got \(3, -1\)"):
        pool.lease((3, -1))
    with pytest.raises(ValueError, match="max_bytes must be 0 or more, got -1"):
        BufferPool(-1)


def test_a_lease_is_taken_and_returned_once(pool: BufferPool) -> None:
    """A second return, a second taking, and a return of what was never taken are errors."""
    lease = pool.lease(100)
    with lease, pytest.raises(LeaseError, match="taken once"):
        lease.__enter__()
    with pytest.raises(LeaseError, match="returned twice"):
        lease.__exit__(None, None, None)
    with pytest.raises(LeaseError, match="taken once"):
        lease.__enter__()
    with pytest.raises(LeaseError, match="never taken"):
        pool.lease(100).__exit__(None, None, None)
    assert repr(lease) == "<Lease returned, float32 of shape (100,)>"
    assert pool.statistics.idle_bytes == 4096


def test_samples_are_there_inside_the_block_alone(pool: BufferPool) -> None:
    """Before and after, asking for them is an error."""
    lease = pool.lease(100)
    with pytest.raises(LeaseError, match="too early"):
        _ = lease.samples
    with lease:
        assert len(lease.samples) == 100
    with pytest.raises(LeaseError, match="after its return"):
        _ = lease.samples


def test_a_view_that_outlives_its_lease_is_nan_in_debug_mode(pool: BufferPool) -> None:
    """It cannot be taken for sound: the check of every decoded block would refuse it."""
    with pool.lease(100) as lease:
        lease.samples[:] = 0.25
        kept = lease.samples[10:20]
    assert np.isnan(kept).all()


def test_writing_after_the_return_is_found_out_at_the_next_lease(pool: BufferPool) -> None:
    """With the place of the lease that was misused; the block is not lent again."""
    with pool.lease(100) as lease:
        kept = lease.samples
    kept[3] = 1.0
    with pytest.raises(LeaseError, match=r"written to after its return.*test_pool\.py:\d+ in test_writing_after"):
        pool.lease(100).__enter__()
    with pool.lease(100):
        assert pool.statistics.misses == 2


def test_a_lease_that_is_out_is_named_by_its_place(pool: BufferPool) -> None:
    """In debug mode, by file, line and function."""
    with pool.lease(100), ExitStack() as stack:
        stack.enter_context(pool.lease(100))
        places = pool.places
    assert len(places) == 2
    assert all("test_pool.py" in place and "in test_a_lease_that_is_out" in place for place in places)
    with BufferPool(MIB).lease(100):
        assert pool.places == ()


def test_a_dropped_lease_is_a_leak_and_its_block_is_not_lent_again(pool: BufferPool) -> None:
    """Whoever holds a view of it keeps it; the pool's room is free again."""
    lease: Lease | None = pool.lease(100).__enter__()
    assert lease
    kept = lease.samples
    kept[:] = 0.25
    lease = None
    gc.collect()
    now = pool.statistics
    assert (now.leaks, now.leases_out, now.held_bytes) == (1, 0, 0)
    with pool.lease(100):
        assert (kept == 0.25).all()


def test_a_lease_beyond_the_limit_is_refused(pool: BufferPool) -> None:
    """The text says what was asked and what is out; a smaller one fits."""
    with (
        pool.lease(200_000),
        pytest.raises(PoolExhausted, match="a block of 262144 bytes does not fit: 917504 of 1048"),
    ):
        pool.lease(65_000).__enter__()
    assert pool.statistics.refusals == 1
    with pool.lease(65_000):
        pass


def test_idle_blocks_of_other_sizes_make_room(pool: BufferPool) -> None:
    """The size used least recently goes first."""
    for frames in (50_000, 70_000, 50_000):
        with pool.lease(frames):
            pass
    with pool.lease(120_000):
        pass
    assert pool.statistics.trimmed_bytes == class_bytes(4 * 70_000)
    with pool.lease(50_000):
        pass
    assert pool.statistics.hits == 2


def test_trimming_lets_idle_blocks_go_and_no_others(pool: BufferPool) -> None:
    """What is on loan stays."""
    with pool.lease(50_000):
        with pool.lease(50_000):
            pass
        assert pool.trim(keep_bytes=MIB) == 0
        assert pool.trim() == class_bytes(200_000)
        assert pool.statistics.held_bytes == class_bytes(200_000)
    assert pool.statistics.idle_bytes == class_bytes(200_000)


def test_lowering_the_limit_shrinks_the_pool(pool: BufferPool) -> None:
    """At once by what is idle, and by what is on loan when it comes back."""
    with pool.lease(50_000):
        with pool.lease(50_000):
            pass
        pool.max_bytes = 1_000
        assert pool.statistics.idle_bytes == 0
        assert pool.statistics.leases_out == 1
    assert pool.statistics.held_bytes == 0
    with pytest.raises(PoolExhausted):
        pool.lease(100).__enter__()
    pool.max_bytes = MIB


def test_a_failure_inside_the_block_returns_the_lease(pool: BufferPool) -> None:
    """As does every other way out."""
    with pytest.raises(ZeroDivisionError), pool.lease(100):
        raise ZeroDivisionError
    assert pool.statistics.idle_bytes == 4096


def test_threads_never_share_a_block() -> None:
    """Each writes its number into what it leases and finds it there at the end."""
    pool = BufferPool(8 * MIB)
    mixed: list[int] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(300):
            with pool.lease(1_000 + 64 * (turn % 7), np.int16) as outer, pool.lease(1_000, np.int16) as inner:
                outer.samples[:], inner.samples[:] = number, -number
                if (outer.samples != number).any() or (inner.samples != -number).any():
                    mixed.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = pool.statistics
    assert mixed == []
    assert (now.leases_out, now.hits + now.misses) == (0, 4 * 300 * 2)
    assert now.misses <= 8
    assert now.held_bytes == now.idle_bytes


class PoolMachine(RuleBasedStateMachine):
    """A pool beside a plain list of what is out: contents stay, the sums agree, the limit holds."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = BufferPool(256 * 1024, debug=True)
        self.out: list[tuple[Lease, int, int]] = []
        self.number = 0

    @rule(frames=st.integers(0, 40_000))
    def lease(self, frames: int) -> None:
        """Take one, or be refused exactly when there is no room beside what is out."""
        size = class_bytes(4 * frames)
        lease = self.pool.lease(frames)
        if sum(other for *_, other in self.out) + size > self.pool.max_bytes:
            with pytest.raises(PoolExhausted):
                lease.__enter__()
            return
        self.number += 1
        lease.__enter__().samples[:] = self.number
        self.out.append((lease, self.number, size))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """Return any of them; it holds what was written."""
        lease, number, _ = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        assert (lease.samples == number).all()
        lease.__exit__(None, None, None)

    @rule(keep_bytes=st.integers(0, 300_000))
    def trim(self, keep_bytes: int) -> None:
        """Idle blocks alone go."""
        self.pool.trim(keep_bytes=keep_bytes)
        assert self.pool.statistics.idle_bytes <= keep_bytes

    @rule(max_bytes=st.integers(0, 400_000))
    def limit(self, max_bytes: int) -> None:
        """Set another limit."""
        self.pool.max_bytes = max_bytes

    @invariant()
    def sums_agree(self) -> None:
        """What is out is what the list says, and idle blocks fit beside it."""
        now = self.pool.statistics
        assert now.leases_out == len(self.out)
        assert now.leased_bytes == sum(size for *_, size in self.out)
        assert now.idle_bytes <= max(0, now.max_bytes - now.leased_bytes)

    def teardown(self) -> None:
        """All leases come back."""
        for lease, *_ in self.out:
            lease.__exit__(None, None, None)
        assert self.pool.statistics.leased_bytes == 0


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
