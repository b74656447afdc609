"""Sides that do the same work, in turn in slots of some tenths of a second, and between which values their ratio lies.

A machine that is shared changes its speed by half within seconds, and others' work takes a CPU away for a while: two
slots that follow each other have seen the same machine, so each pair gives a ratio, and the median of many is trusted.
"""

import math
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Self, TypeVar

import anyio
import anyio.to_thread

from benchmarks.model_material import Feeds
from engine.throughput import rows_per_s_on
from engine.workers import WorkerThreads

Side = Callable[[float], Awaitable[float]]
"""Works for about so many seconds; rows a second."""

Name = TypeVar("Name", bound=Hashable)

SLOT_S = 0.15
LEAST_TURNS = 12
MOST_TURNS = 32
GRID_TURNS = 6

_SPIN_S = 0.06
"""For so long threads of a session that spins still burn CPU after its last call (measured: 40 ms)."""


@dataclass(frozen=True, slots=True)
class Turns(Generic[Name]):
    """Rows a second of each side, turn by turn."""

    rates: Mapping[Name, list[float]]

    def ratio(self, ours: Name, theirs: Name) -> "Ratio":
        """Of one side to another in the same turns."""
        return Ratio(sorted(a / b for a, b in zip(self.rates[ours], self.rates[theirs], strict=True)))

    def hardest(self, ours: Name, others: Sequence[Name]) -> Name:
        """The one of `others` beside which ours looks worst."""
        return min(others, key=lambda name: self.ratio(ours, name).median)

    def rate(self, side: Name) -> float:
        """The median of a side."""
        return statistics.median(self.rates[side])


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratios in rising order."""

    all: list[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.all)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the median lies, 19 times of 20: two of the ratios measured, whatever they are spread like."""
        count = len(self.all)
        outside = max(0, math.floor((count - 1.96 * math.sqrt(count)) / 2))
        return self.all[outside], self.all[-1 - outside]

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.median:.3f} in {len(self.all)} turns, between {low:.3f} and {high:.3f}"


async def in_turn(sides: Mapping[str, Side], *, least: float, ours: str, theirs: Sequence[str]) -> Turns[str]:
    """All sides, the order changing, until it is clear on which side of `least` the ratio of ours to the best is.

    At most `MOST_TURNS`: what then is not clear is nearer to `least` than this machine can tell.
    """
    turns: Turns[str] = Turns({name: [] for name in sides})
    for number in range(MOST_TURNS):
        await _turn(sides, turns, number, SLOT_S)
        if number + 1 >= LEAST_TURNS:
            low, high = turns.ratio(ours, turns.hardest(ours, theirs)).interval
            if low >= least or high < least:
                break
    return turns


async def turn_by_turn(sides: Mapping[str, Side], *, seconds: float, turns: int) -> Turns[str]:
    """All sides so many times, the order changing, each about so long."""
    found: Turns[str] = Turns({name: [] for name in sides})
    for number in range(turns):
        await _turn(sides, found, number, seconds)
    return found


async def _turn(sides: Mapping[Name, Side], turns: Turns[Name], number: int, seconds: float) -> None:
    for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
        turns.rates[name].append(await sides[name](seconds))


async def finalists(sides: Mapping[Name, Side]) -> list[Name]:
    """The two that give most: each in several turns, and of each its median share of what its turn gave."""
    turns: Turns[Name] = Turns({name: [] for name in sides})
    for number in range(GRID_TURNS):
        await _turn(sides, turns, number, SLOT_S / 2)
    sums = [sum(rates) for rates in zip(*turns.rates.values(), strict=True)]
    shares = {
        name: statistics.median(rate / total for rate, total in zip(rates, sums, strict=True))
        for name, rates in turns.rates.items()
    }
    return sorted(shares, key=shares.__getitem__, reverse=True)[:2]


def on_pool(pool: WorkerThreads, call: Callable[[], object], *, calls: int, rows: int) -> Side:
    """Calls on the engine's workers, short ones several a hop as the grains of a chunk are."""

    def hop() -> None:
        for _ in range(calls):
            call()

    return partial(_on_pool, pool, hop, calls * rows)


async def _on_pool(pool: WorkerThreads, hop: Callable[[], None], rows: int, seconds: float) -> float:
    return await rows_per_s_on(pool, hop, rows=rows, seconds=seconds)


@dataclass(slots=True, eq=False)
class BareThreads:
    """So many threads that call a session of ONNX Runtime and do nothing else; they wait between their slots."""

    session: Any  # untyped library
    feeds: Feeds
    rows: int
    threads: int
    spins: bool = False
    _until_s: float = 0.0
    _begin: list[threading.Semaphore] = field(default_factory=list)
    _ended: threading.Semaphore = field(default_factory=partial(threading.Semaphore, 0))
    _found: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start them."""
        self._begin = [threading.Semaphore(0) for _ in range(self.threads)]
        self._found = [0.0] * self.threads
        for number in range(self.threads):
            threading.Thread(target=self._work, args=(number,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self._until_s = -1.0
        for begin in self._begin:
            begin.release()

    async def slot(self, seconds: float) -> float:
        """Rows a second, the sum of what each thread gives until its own last call."""
        rate = await anyio.to_thread.run_sync(self._slot, seconds)
        if self.spins:
            await anyio.sleep(_SPIN_S)
        return rate

    def _slot(self, seconds: float) -> float:
        self._until_s = time.perf_counter() + seconds
        for begin in self._begin:
            begin.release()
        for _ in self._begin:
            self._ended.acquire()
        return sum(self._found)

    def _work(self, number: int) -> None:
        while self._begin[number].acquire() and self._until_s > 0:
            done, started_s = 0, time.perf_counter()
            while time.perf_counter() < self._until_s or not done:
                self.session.run(None, self.feeds)
                done += 1
            self._found[number] = done * self.rows / (time.perf_counter() - started_s)
            self._ended.release()
