"""Models by name: an ONNX or PyTorch file, a Python callable, a composite, and a list of them as a role."""

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from modules.errors import ModelError
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.composite import Composite, Step
from modules.models.fallback import BackendChoice, Fallback, Watch
from modules.models.fallback_model import FallbackModel
from modules.models.fallback_order import FallbackEvent, FallbackRules
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import OnnxOptions, Provider
from modules.models.optimizer import best_of
from modules.models.threads import ThreadRoom
from modules.models.torch_model import TorchModel

PYTHON: Final = "python:"
"""`python:package.module:name` is a callable, or a class that is called without arguments to make one."""

COMPOSITE: Final = "composite:"
"""`composite:NAME` is the composite of that name."""

TORCH_SUFFIXES: Final = (".pt", ".pt2", ".ts")
"""Files that are programs of PyTorch; all others are ONNX."""

_log = logging.getLogger(__name__)

ModelNames = str | Path | tuple[str | Path, ...]
"""A model, or several, best first: each a path, `python:...` or `composite:...`."""


@dataclass(frozen=True, slots=True)
class CompositeDescription:
    """Models in a row by the names of their steps, in order, and the one model that does it all when a step fails.

    `hands_on` says of a step that the index of the largest value of its output goes on: `indices`.
    """

    steps: Mapping[str, str | Path]
    monolith: str | Path | None = None
    hands_on: Mapping[str, Literal["values", "indices"]] = field(default_factory=dict)
    fallback: FallbackRules = field(default_factory=FallbackRules)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("steps must name at least one model")
        if unknown := sorted(set(self.hands_on) - set(self.steps)):
            raise ValueError(f"hands_on names {unknown[0]!r}, which is no step: {', '.join(self.steps)}")


class NamedModels:
    """Loads models by name; composites are looked up in `composites`. It keeps none of them."""

    def __init__(
        self,
        watch: Watch,
        composites: Mapping[str, CompositeDescription] | None = None,
        on_event: Callable[[FallbackEvent], None] = lambda _: None,
        room: ThreadRoom | None = None,
    ) -> None:
        """Use `watch` and tell `on_event` in every fallback; sessions have no more threads than fit into `room`."""
        self._watch = watch
        self._composites = composites or {}
        self._on_event = on_event
        self._room = room

    def load(
        self, names: ModelNames, role: str, *, rules: FallbackRules | None = None, session: OnnxOptions | None = None
    ) -> ArrayModel:
        """The model of that name, or the models as a role that falls back by `rules`. Raises `ModelError`.

        `session` are the options of ONNX models; the steps of a composite have the default ones. A model that is to run
        on another device than the CPU has the CPU behind it.
        """
        several = names if isinstance(names, tuple) else (names,)
        choices = [choice for name in several for choice in self._choices(name, session)]
        if len(choices) == 1:
            return choices[0].load()
        return self._falling_back(role, choices, rules or FallbackRules())

    def _choices(self, name: str | Path, session: OnnxOptions | None) -> list[BackendChoice[ArrayModel]]:
        """The model of that name as it is asked for, and on the CPU."""
        if session is None or session.provider is Provider.CPU or not is_onnx(name):
            return [BackendChoice(str(name), partial(self._one, name, session))]
        on_cpu = replace(session, provider=Provider.CPU)
        return [
            BackendChoice(f"{name} on {options.provider}", partial(self._one, name, options))
            for options in (session, on_cpu)
        ]

    def _falling_back(
        self, role: str, choices: Sequence[BackendChoice[ArrayModel]], rules: FallbackRules
    ) -> FallbackModel:
        return FallbackModel(Fallback(role, choices, self._watch, rules=rules, on_event=self._on_event))

    def _one(self, name: str | Path, session: OnnxOptions | None = None) -> ArrayModel:
        text = str(name)
        if text.startswith(COMPOSITE):
            return self._composite(text.removeprefix(COMPOSITE))
        if text.startswith(PYTHON):
            return python_model(text.removeprefix(PYTHON))
        path = Path(name)
        return self._onnx(path, session or OnnxOptions()) if is_onnx(name) else torch_model(path)

    def _onnx(self, path: Path, asked: OnnxOptions) -> OnnxModel:
        """The best variant of the model on this machine, with as many threads as there is room for."""
        best = best_of(path) if asked.provider is Provider.CPU else path  # verdicts are of the CPU
        options = asked if self._room is None else self._room.fitted(asked)
        if best != path:
            _log.info("%s runs as %s, which was measured to be faster here", path.name, best.name)
        if options != asked:
            _log.warning(
                "%s gets %d threads a call, not %d: there are %s",
                path.name,
                options.intra_op_threads + options.inter_op_threads - 1,
                asked.intra_op_threads + asked.inter_op_threads - 1,
                self._room,
            )
        return OnnxModel(best, options)

    def _composite(self, name: str) -> ArrayModel:
        """The composite, and its monolith behind it."""
        if name not in self._composites:
            raise ModelError(f"there is no composite {name!r}; there are {', '.join(self._composites) or 'none'}")
        description = self._composites[name]
        if description.monolith is None:
            return self._row(name, description)
        monolith = description.monolith
        choices: list[BackendChoice[ArrayModel]] = [
            BackendChoice(name, partial(self._row, name, description)),
            BackendChoice(str(monolith), partial(self._one, monolith)),
        ]
        return self._falling_back(name, choices, description.fallback)

    def _row(self, name: str, description: CompositeDescription) -> Composite:
        steps = [
            Step(step, self._one(model), description.hands_on.get(step, "values"))
            for step, model in description.steps.items()
        ]
        return Composite(name, steps)


def is_onnx(name: str | Path) -> bool:
    """Whether the name is that of an ONNX file."""
    return not str(name).startswith((COMPOSITE, PYTHON)) and Path(name).suffix not in TORCH_SUFFIXES


def torch_model(path: Path) -> CallableModel:
    """A program of PyTorch, whose calls cannot be broken off. Raises `ModelError`."""
    model = TorchModel(path)
    names = [spec.name for spec in model.inputs]
    return CallableModel(
        path.name,
        lambda *arrays: model.run(dict(zip(names, arrays, strict=True))),
        inputs=model.inputs,
        outputs=model.outputs,
        identity=model.identity,
    )


def python_model(name: str) -> CallableModel:
    """The callable `package.module:name` as a model; its `inputs` and `outputs`, if it has any, are the model's.

    Raises `ModelError` when there is no such thing.
    """
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
        call = found() if isinstance(found, type) else found
    except Exception as error:  # an imported module is the user's own code
        raise ModelError(f"{PYTHON}{name} cannot be loaded: {error}") from error
    if not callable(call):
        raise ModelError(f"{PYTHON}{name} is no callable but {type(call).__name__}")
    return CallableModel(name, call, inputs=getattr(call, "inputs", ()), outputs=getattr(call, "outputs", ()))
