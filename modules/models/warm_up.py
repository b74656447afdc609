"""Warm-up: every shape class of a model is run before anybody waits for it, and what goes wrong is loud.

The first run of a shape plans memory, grows the arena and touches weights for the first time; later ones do not.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from modules.errors import ModelError
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import IoBinding
from modules.models.tensors import example_feeds

_BINDING_S: Final = 0.025
_LEAST_PASSES: Final = 5
_MOST_PASSES: Final = 25


@dataclass(frozen=True, slots=True)
class WarmedClass:
    """One shape class after its warm-up: the sizes of its free axes, and the milliseconds of each pass in order."""

    sizes: Mapping[str, int]
    passes_ms: tuple[float, ...]
    binds: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """Plain calls beside bound ones, the least milliseconds of each; binding is used where it is faster.

    The least, because others on the machine can only make a call slower, and few calls have no steady median.
    """

    plain_ms: float
    bound_ms: float

    @property
    def is_faster(self) -> bool:
        """Whether binding gains more than the doubt of the measurement, which is taken for 3 %."""
        return self.bound_ms < 0.97 * self.plain_ms


def warm_up(
    model: OnnxModel,
    classes: Iterable[Mapping[str, int]],
    *,
    given: Mapping[str, NDArray[Any]] | None = None,
) -> tuple[WarmedClass, ...]:
    """Run each class as often as the model's options say, and measure binding where they leave that open.

    A class names the size of every free axis (`batch`, or `INPUT.AXIS` for one without a name); `given` are values for
    inputs that an example will not do for, such as a sample rate. The largest class comes first: the arena grows once,
    and the small classes, in which a cold cache counts most, are run last. Raises `ModelError` for a class that fails,
    or when there is none to run.
    """
    calls = [(dict(sizes), _example(model, dict(sizes), given or {})) for sizes in classes]
    if not calls:
        raise ModelError(f"{model.path.name} has no shape class to warm up")
    calls.sort(key=lambda call: -sum(array.nbytes for array in call[1].values()))
    return tuple(_warm(model, sizes, feeds) for sizes, feeds in calls)


def measure_binding(model: OnnxModel, feeds: Mapping[str, NDArray[Any]]) -> Binding:
    """Time plain and bound calls into the same arrays, in turn, for about 50 ms. Raises as `run` does."""
    started_s = time.perf_counter()
    targets = dict(zip((spec.name for spec in model.outputs), model.run(feeds), strict=True))
    passes = _clamped(_BINDING_S / (time.perf_counter() - started_s))
    measured: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * passes):
        bound = bool(number % 2)
        started_s = time.perf_counter()
        model.run_into(feeds, targets, bound=bound)
        measured[bound].append((time.perf_counter() - started_s) * 1e3)
    return Binding(min(measured[False]), min(measured[True]))


def _clamped(passes: float) -> int:
    return max(_LEAST_PASSES, min(_MOST_PASSES, round(passes)))


def _example(model: OnnxModel, sizes: dict[str, int], given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    try:
        return example_feeds(model.inputs, sizes, given)
    except ValueError as error:
        raise _failed(model, sizes, error) from error


def _warm(model: OnnxModel, sizes: dict[str, int], feeds: Mapping[str, NDArray[Any]]) -> WarmedClass:
    binds = model.options.io_binding is IoBinding.ON
    try:
        passes_ms = [model.timed(feeds).inference_ms for _ in range(model.options.warm_up_passes)]
        if model.options.io_binding is IoBinding.AUTO:
            binds = measure_binding(model, feeds).is_faster
            model.mark_bound(feeds, is_faster=binds)
    except ModelError as error:
        raise _failed(model, sizes, error) from error
    model.mark_warm(feeds)
    return WarmedClass(sizes, tuple(passes_ms), binds=binds)


def _failed(model: OnnxModel, sizes: Mapping[str, int], error: Exception) -> ModelError:
    return ModelError(f"the warm-up of {model.path.name} failed for {sizes or 'its only shape'}: {error}")
