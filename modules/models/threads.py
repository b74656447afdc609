"""How many threads each model gets, so that all of them together never run more than there are CPUs. Pure.

A call of a model keeps as many threads busy as its session has intra-op threads; a model whose calls run on several
workers keeps that many times as many. Threads beyond the CPUs make every call slower (FINDINGS: 8 sessions of 2 threads
on 2 CPUs gave 18 calls/s where one session of one thread gave 43).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modules.models.onnx_options import Execution, OnnxOptions


@dataclass(frozen=True, slots=True)
class ThreadWish:
    """What a model would like: calls on so many workers at once, each with so many intra-op threads."""

    model: str
    workers: int = 1
    intra_op_threads: int = 1

    def __post_init__(self) -> None:
        for name in ("workers", "intra_op_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of {self.model} must be at least 1, got {getattr(self, name)}")

    @property
    def threads(self) -> int:
        """Threads busy when all its workers are."""
        return self.workers * self.intra_op_threads


@dataclass(frozen=True, slots=True)
class ThreadShare:
    """What models get: calls of `models`, which take turns when there are several, run on so many workers at once."""

    models: tuple[str, ...]
    workers: int
    intra_op_threads: int

    @property
    def threads(self) -> int:
        """Threads busy when all its workers are."""
        return self.workers * self.intra_op_threads


@dataclass(frozen=True, slots=True)
class ThreadRoom:
    """What the models of an engine have in common: they take turns on so many workers, which share so many CPUs."""

    workers: int
    cpus: float

    def __str__(self) -> str:
        return f"{self.workers} workers on {self.cpus:g} CPUs"

    def fitted(self, options: OnnxOptions) -> OnnxOptions:
        """The options with as many threads as a call may keep busy when calls run on all workers; at least one.

        Threads that share an operation stay where those of branches can go. What one thread does not need is off.
        """
        branches = options.inter_op_threads - 1
        wish = ThreadWish("a call", self.workers, options.intra_op_threads + branches)
        (share,) = share_threads([wish], self.cpus)
        if share.intra_op_threads == wish.intra_op_threads:
            return options
        intra = min(options.intra_op_threads, share.intra_op_threads)
        has_none_to_wait_for = intra == 1 and options.execution is Execution.SEQUENTIAL
        return replace(
            options,
            intra_op_threads=intra,
            inter_op_threads=min(options.inter_op_threads, share.intra_op_threads - intra + 1),
            spinning=options.spinning and not has_none_to_wait_for,
        )


def share_threads(wishes: Sequence[ThreadWish], cpus: float) -> tuple[ThreadShare, ...]:
    """Shares whose threads add up to at most max(1, floor(`cpus`)), every model in exactly one.

    Wishes that fit are granted. Where they do not, intra-op threads are taken first, from the model with the most,
    because they gain least; then workers, likewise. Where even one thread a model is too many, models take turns.
    Raises `ValueError` unless `cpus` is more than 0 and finite and the models' names differ.
    """
    if not 0 < cpus < math.inf:
        raise ValueError(f"cpus must be more than 0 and finite, got {cpus}")
    if len({wish.model for wish in wishes}) < len(wishes):
        raise ValueError(f"models must have different names, got {[wish.model for wish in wishes]}")
    room = max(1, math.floor(cpus))
    shrunk = _shrunk(_shrunk(list(wishes), room, "intra_op_threads"), room, "workers")
    groups: list[list[ThreadWish]] = [[] for _ in range(min(room, len(shrunk)))]
    for number, wish in enumerate(shrunk):
        groups[number % len(groups)].append(wish)
    return tuple(
        ThreadShare(
            tuple(wish.model for wish in group),
            max(wish.workers for wish in group),
            max(wish.intra_op_threads for wish in group),
        )
        for group in groups
    )


def _shrunk(wishes: list[ThreadWish], room: int, what: str) -> list[ThreadWish]:
    """The wishes with as much taken from `what` as is needed and possible."""
    while sum(wish.threads for wish in wishes) > room:
        largest = max(range(len(wishes)), key=lambda number: int(getattr(wishes[number], what)))
        size = int(getattr(wishes[largest], what))
        if size == 1:
            break
        wishes[largest] = (
            replace(wishes[largest], workers=size - 1)
            if what == "workers"
            else replace(wishes[largest], intra_op_threads=size - 1)
        )
    return wishes
