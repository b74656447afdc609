"""`Composite`: several models in a row as one: encoder -> talker -> vocoder, each with a backend of its own.

What a step gives is what the next one takes, so a change of any step changes what comes out. When a step fails, the
composite has failed: a `FallbackModel` then moves to one model that does it all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from modules.errors import Cancelled, ModelError, StageFailed
from modules.models.array_model import ArrayModel, Axes
from modules.models.tensors import Array, TensorSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One model of a composite. `hands_on` says what of its output goes on: the values, or the index of the largest.

    Indices are what a model wants that takes tokens; they are int64, and the output's last axis is gone.
    """

    name: str
    model: ArrayModel
    hands_on: Literal["values", "indices"] = "values"


class Composite:
    """An `ArrayModel` that runs its steps in order; its inputs are the first one's, its outputs the last one's.

    A step's inputs are the outputs of the step before it with the same names; a step with one input takes the first
    output, whatever it is called.
    """

    def __init__(self, name: str, steps: Sequence[Step]) -> None:
        """Put `steps` in a row. Raises `ModelError` where one cannot take what the one before it gives."""
        if not steps:
            raise ModelError(f"{name}: a composite needs at least one step")
        self.name = name
        self.steps = tuple(steps)
        self.inputs = tuple(steps[0].model.inputs)
        self.outputs = tuple(steps[-1].model.outputs)
        for before, after in pairwise(steps):
            self._check(before, after)

    def __repr__(self) -> str:
        return f"<Composite {self.name}: {' -> '.join(step.name for step in self.steps)}>"

    def run(self, feeds: Mapping[str, Array], /) -> list[Array]:
        """The last step's outputs. Raises `StageFailed` with the name of the step that failed."""
        for number, step in enumerate(self.steps):
            try:
                outputs = step.model.run(feeds)
                if number + 1 == len(self.steps):
                    return _handed_on(step, outputs)
                feeds = self._fed(step, self.steps[number + 1], _handed_on(step, outputs))
            except Cancelled:
                raise
            except Exception as error:
                raise StageFailed(f"{self.name}: step {step.name} failed: {error}") from error
        raise AssertionError("unreachable: there is at least one step")

    def stop(self) -> None:
        """Break off the calls that run, of every step that can be stopped."""
        for step in self.steps:
            if stop := getattr(step.model, "stop", None):
                stop()

    def _fed(self, step: Step, after: Step, outputs: list[Array]) -> dict[str, Array]:
        """What the next step takes of a step's outputs."""
        names = [tensor.name for tensor in step.model.outputs] or [f"output{n}" for n in range(len(outputs))]
        given = dict(zip(names, outputs, strict=True))
        wanted = [tensor.name for tensor in after.model.inputs]
        if len(wanted) <= 1:
            return {wanted[0] if wanted else names[0]: outputs[0]}
        return {name: given[name] for name in wanted}

    def _check(self, before: Step, after: Step) -> None:
        """Refuse neighbours that do not fit, as far as they say what they give and take."""
        given, wanted = before.model.outputs, after.model.inputs
        if not given or not wanted:
            return
        if len(wanted) == 1:
            pairs = [(given[0], wanted[0])]
        else:
            by_name = {tensor.name: tensor for tensor in given}
            if missing := [tensor.name for tensor in wanted if tensor.name not in by_name]:
                raise ModelError(
                    f"{self.name}: {after.name} takes {missing[0]!r}, but {before.name} gives {', '.join(by_name)}"
                )
            pairs = [(by_name[tensor.name], tensor) for tensor in wanted]
        for output, taken in pairs:
            self._check_shapes((before, output), (after, taken))

    def _check_shapes(self, before: tuple[Step, TensorSpec], after: tuple[Step, TensorSpec]) -> None:
        (step, output), (next_step, taken) = before, after
        shape = output.shape[:-1] if step.hands_on == "indices" else output.shape
        if not _fits(shape, taken.shape):
            raise ModelError(
                f"{self.name}: {step.name} gives {output.name!r} of shape {_words(shape)}, "
                f"but {next_step.name} takes {taken.name!r} of shape {_words(taken.shape)}"
            )


def _handed_on(step: Step, outputs: list[Array]) -> list[Array]:
    if step.hands_on == "values":
        return outputs
    tokens: list[Array] = [np.argmax(outputs[0], axis=-1).astype(np.int64)]
    return tokens


def _fits(given: Axes, wanted: Axes) -> bool:
    """Whether an output may be fed to an input: as many axes, and the same length where both are fixed."""
    if not given or not wanted:
        return True
    pairs: Any = zip(given, wanted, strict=False)
    return len(given) == len(wanted) and all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _words(shape: Axes) -> str:
    return f"[{', '.join('any' if axis is None else str(axis) for axis in shape)}]"
