"""`BufferPool`: blocks of samples on loan, under one byte limit, so that large blocks are not made anew each time.

It pays where large blocks live and die in numbers; where a view is enough there is no block at all, and most of the
engine needs neither (docs/decisions/0007). Blocks are bytes: float32 and int16, and shapes of about the same size,
share them.
"""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from modules.errors import LeaseError, PoolExhausted
from modules.memory.lease import Lease, Loan, SampleType, leased_at
from modules.memory.size_classes import class_bytes

_SPOILT = np.float32(np.nan).view(np.uint32)
"""What a block is filled with on its return in debug mode: NaN as floats, loud clicks as 16-bit samples."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """What a pool has done: `leased_bytes` and `idle_bytes` are held now, together never more than `max_bytes`.

    A hit is a lease of a block that was there, a miss one that had to be made, a refusal one for which there was no
    room. `leaks` are leases that were dropped without being returned; their blocks are no longer the pool's.
    """

    max_bytes: int
    leases_out: int = 0
    leased_bytes: int = 0
    idle_bytes: int = 0
    hits: int = 0
    misses: int = 0
    refusals: int = 0
    leaks: int = 0
    trimmed_bytes: int = 0

    @property
    def held_bytes(self) -> int:
        """What the pool accounts for: on loan and idle."""
        return self.leased_bytes + self.idle_bytes

    @property
    def hit_rate(self) -> float | None:
        """The share of leases that found a block; `None` before the first."""
        leases = self.hits + self.misses
        return self.hits / leases if leases else None


class BufferPool:
    """Blocks on loan: `with pool.lease((frames, channels)) as lease:` has `lease.samples`, of unknown content, inside.

    Any thread may lease and return. What is held, on loan and idle, is never more than `max_bytes`: idle blocks of
    other sizes go first, then a lease raises `PoolExhausted`. With `debug` a block is filled with NaN when it comes
    back, writing to it afterwards is found out at its next lease, and the pool knows where each lease was taken.
    """

    def __init__(self, max_bytes: int, *, debug: bool = False) -> None:
        """Hold at most `max_bytes`. Raises `ValueError` below 0."""
        self._max_bytes = _checked(max_bytes)
        self._debug = debug
        self._lock = threading.Lock()  # guards all below but `_lost`, whose own ends are safe
        self._idle: OrderedDict[int, deque[Loan]] = OrderedDict()  # by size, the size used least recently first
        self._idle_bytes = self._leased_bytes = 0
        self._out: dict[int, Loan] = {}
        self._lost: deque[Loan] = deque()  # leases die in the garbage collector, which may run while the lock is held
        self._hits = self._misses = self._refusals = self._leaks = self._trimmed_bytes = 0

    def __repr__(self) -> str:
        now = self.statistics
        return (
            f"<BufferPool {now.held_bytes} of {now.max_bytes} bytes, {now.leases_out} leases out, "
            f"{now.hits} hits, {now.misses} misses>"
        )

    def lease(self, shape: int | tuple[int, ...], sample_type: SampleType = np.float32) -> Lease:
        """Samples of that shape, float32 or int16, for the time of a `with` block; nothing is taken before it begins.

        Raises `ValueError` for another type or a negative length. Entering raises `PoolExhausted`.
        """
        return Lease(shape, sample_type, take=self._take, give_back=self._give_back, lose=self._lost.append)

    def trim(self, *, keep_bytes: int = 0) -> int:
        """Let idle blocks go until at most `keep_bytes` are idle, least recently used sizes first; the bytes let go."""
        with self._lock:
            return self._trim(keep_bytes)

    @property
    def max_bytes(self) -> int:
        """The limit. Lowering it lets idle blocks go at once, and blocks on loan when they come back."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, max_bytes: int) -> None:
        with self._lock:
            self._max_bytes = _checked(max_bytes)
            self._trim(max(0, max_bytes - self._leased_bytes))

    @property
    def statistics(self) -> PoolStatistics:
        """What the pool has done and holds now."""
        with self._lock:
            self._write_off()
            return PoolStatistics(
                max_bytes=self._max_bytes,
                leases_out=len(self._out),
                leased_bytes=self._leased_bytes,
                idle_bytes=self._idle_bytes,
                hits=self._hits,
                misses=self._misses,
                refusals=self._refusals,
                leaks=self._leaks,
                trimmed_bytes=self._trimmed_bytes,
            )

    @property
    def places(self) -> tuple[str, ...]:
        """With `debug`, where the leases that are out were taken, oldest first; without, nothing is known of that."""
        with self._lock:
            self._write_off()
            return tuple(loan.place for loan in self._out.values() if loan.place)

    def _take(self, wanted_bytes: int) -> Loan:
        size = class_bytes(wanted_bytes)
        with self._lock:
            self._write_off()
            loan = self._found(size) or self._made(size)
            self._out[id(loan)] = loan
            self._leased_bytes += size
        if self._debug:
            self._check(loan)
            loan.place = leased_at()
        return loan

    def _found(self, size: int) -> Loan | None:
        blocks = self._idle.get(size)
        if not blocks:
            return None
        self._idle.move_to_end(size)
        self._idle_bytes -= size
        self._hits += 1
        return blocks.pop()  # the one used last: it is the most likely to be in a cache

    def _made(self, size: int) -> Loan:
        room = self._max_bytes - self._leased_bytes - size
        if room < 0:
            self._refusals += 1
            raise PoolExhausted(
                f"a block of {size} bytes does not fit: {self._leased_bytes} of {self._max_bytes} bytes are on loan; "
                "return blocks sooner, ask for smaller ones, or raise the pool's max_bytes"
            )
        self._trim(room)
        self._misses += 1
        return Loan(
            np.full(size // _SPOILT.itemsize, _SPOILT).view(np.uint8) if self._debug else np.empty(size, np.uint8)
        )

    def _check(self, loan: Loan) -> None:
        """Raise `LeaseError` when somebody wrote to the block between its return and now; it is then forgotten."""
        if (loan.block.view(np.uint32) == _SPOILT).all():
            return
        with self._lock:
            self._forget(loan)
        raise LeaseError(f"a block was written to after its return; it had been leased at {loan.place}")

    def _give_back(self, loan: Loan) -> None:
        if self._debug:
            loan.block.view(np.uint32)[:] = _SPOILT
        with self._lock:
            size = self._forget(loan)
            if self._leased_bytes + self._idle_bytes + size > self._max_bytes:  # the limit was lowered meanwhile
                self._trimmed_bytes += size
                return
            self._idle.setdefault(size, deque()).append(loan)
            self._idle_bytes += size

    def _trim(self, keep_bytes: int) -> int:
        before = self._idle_bytes
        while self._idle_bytes > keep_bytes:
            size, blocks = next(iter(self._idle.items()))
            if blocks:
                blocks.popleft()
                self._idle_bytes -= size
            else:
                del self._idle[size]
        self._trimmed_bytes += before - self._idle_bytes
        return before - self._idle_bytes

    def _write_off(self) -> None:
        """Forget the blocks whose leases were dropped: somebody may still look at them, so they are not lent again."""
        while self._lost:
            self._forget(self._lost.popleft())
            self._leaks += 1

    def _forget(self, loan: Loan) -> int:
        """Take the block off the list of those on loan; its size."""
        del self._out[id(loan)]
        self._leased_bytes -= len(loan.block)
        return len(loan.block)


def _checked(max_bytes: int) -> int:
    if max_bytes < 0:
        raise ValueError(f"max_bytes must be 0 or more, got {max_bytes}")
    return max_bytes
