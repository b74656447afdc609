"""`StepCalls`: how steps of several streams go through a model with a memory, those of different streams together.

Everything that can be is done once for many steps: a step costs some 5 us beside the model's call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from modules.errors import ModelError
from modules.models.array_model import ArrayModel, fixed_batch, owed
from modules.models.tensors import Array

States = tuple[Array, ...]
"""What a model remembers of one stream: an array for each memory, of size 1 where streams lie beside each other."""

_LAID_OUT_BYTES: Final = 96 << 10
"""Inputs that are copied beside each other at once: enough for several steps, little enough to stay in a core's cache
and to be had from the heap without new pages (measured: 330 us for 368 kB in new ones, 10 us for the same in place)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The input `name` is fed what output number `output` gave a step before; the streams lie along `axis`."""

    name: str
    output: int
    axis: int = 0


@dataclass(frozen=True, slots=True)
class StepCalls:
    """Each step is fed to the input `name` beside what the model remembers, and to every call `beside` as it is.

    `outputs` are those that are wanted, by number. A model whose batch axis is fixed gets one stream after the other.
    """

    name: str
    memories: tuple[Memory, ...]
    outputs: tuple[int, ...] = (0,)
    beside: Mapping[str, Array] = field(default_factory=dict)

    def run(
        self, model: ArrayModel, streams: Sequence[Array], states: Sequence[States]
    ) -> tuple[list[list[Array]], list[States]]:
        """For each stream of (steps, ...) the wanted outputs, (steps, ...) each; and what the model remembers of it.

        At least one stream has a step, each where the batch axis is fixed. Raises `ModelError` for an output that has
        not a row for each stream, and as `model.run` does.
        """
        is_shared = fixed_batch(model, self.name) is None
        order = sorted(range(len(streams)), key=lambda i: len(streams[i]), reverse=True)
        outputs: list[list[Array]] = [[] for _ in streams]
        new_states = list(states)
        for group in [order] if is_shared else [[i] for i in order]:
            found, after = self._rolled(model, [streams[i] for i in group], [states[i] for i in group])
            for row, i in enumerate(group):
                outputs[i] = [array[row, : len(streams[i])] for array in found]
                new_states[i] = after[row]
        return outputs, new_states

    def _rolled(
        self, model: ArrayModel, rows: list[Array], given: Sequence[States]
    ) -> tuple[list[Array], list[States]]:
        """The outputs (rows, steps, ...) and the last states of `rows`, the longest first; one just leaves the end."""
        after = list(given)
        states = self._joined(given)
        found: list[Array] = []
        active, steps, table = len(rows), len(rows[0]), _Table(rows)
        for step in range(steps):
            if len(rows[active - 1]) <= step:
                after[:active] = self._split(states, active)
                active = next(left for left in range(active, 0, -1) if len(rows[left - 1]) > step)
                states = self._joined(after[:active])
            carried = {memory.name: state for memory, state in zip(self.memories, states, strict=True)}
            outputs = model.run({self.name: table.inputs(step, active), **carried, **self.beside})
            wanted = [owed(model, outputs[number], active) for number in self.outputs]
            found = found or [np.empty((len(rows), steps, *one.shape[1:]), one.dtype) for one in wanted]
            for array, one in zip(found, wanted, strict=True):
                _put(model, array[:active, step], one)
            states = [_next(model, memory, outputs, last) for memory, last in zip(self.memories, states, strict=True)]
        after[:active] = self._split(states, active)
        return found, after

    def _joined(self, states: Sequence[States]) -> list[Array]:
        """Each memory of all the streams in one array."""
        if len(states) == 1:
            return list(states[0])
        every = zip(*states, strict=True)
        return [np.concatenate(one, axis=memory.axis) for memory, one in zip(self.memories, every, strict=True)]

    def _split(self, states: Sequence[Array], rows: int) -> list[States]:
        """Each stream's own memories."""
        if rows == 1:
            return [tuple(states)]
        pieces = []
        for memory, state in zip(self.memories, states, strict=True):
            before = (slice(None),) * memory.axis
            pieces.append([state[(*before, slice(row, row + 1))].copy() for row in range(rows)])
        return list(zip(*pieces, strict=True))


class _Table:
    """Where the inputs of some steps lie beside each other, those of a step in one piece: no library copies them."""

    def __init__(self, rows: Sequence[Array]) -> None:
        """For `rows` of (steps, ...), the longest first."""
        self._rows = [row[:, np.newaxis] for row in rows]
        first = self._rows[0]
        self._most = max(1, min(len(first), _LAID_OUT_BYTES // max(1, len(rows) * first[:1].nbytes)))
        self._laid = first if len(rows) == 1 else np.empty((self._most, len(rows), *first.shape[2:]), first.dtype)
        self._begin, self._end = 0, len(first) if len(rows) == 1 else 0

    def inputs(self, step: int, active: int) -> Array:
        """The inputs (active, ...) of a step; steps are asked for in order."""
        if step == self._end:
            self._begin, self._end = step, min(step + self._most, len(self._rows[active - 1]))
            pieces = [row[step : self._end] for row in self._rows[:active]]
            np.concatenate(pieces, axis=1, out=self._laid[: self._end - step, :active])
        inputs: Array = self._laid[step - self._begin, :active]
        return inputs


def _put(model: ArrayModel, place: Array, output: Array) -> None:
    if output.shape != place.shape:
        raise ModelError(f"{model!r} gave an output of shape {output.shape} after others of {place.shape}")
    place[...] = output


def _next(model: ArrayModel, memory: Memory, outputs: Sequence[Array], last: Array) -> Array:
    """What goes into `memory` at the next step. Raises `ModelError` when it is not of as many streams as the last."""
    state, axis = outputs[memory.output], memory.axis
    if state.ndim <= axis or state.shape[axis] != last.shape[axis]:
        raise ModelError(f"{model!r} gave {memory.name} of shape {state.shape} after {last.shape}: axis {axis} differs")
    return state
