"""A stage that is described, not programmed: what each input of a model is fed and what each of its outputs means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.events import EventType, StreamEvent
from modules.models.array_model import ArrayModel, RowCalls, fixed_batch, parts
from modules.models.step_calls import Memory, StepCalls
from modules.models.tensors import Array
from modules.stages.classify_onnx import MAX_ROWS, Activation, Scored, activated
from modules.stages.front_ends import FrontEnd
from modules.stages.windows import WindowRun

AUDIO_FEEDS: Final = ("audio", "log-mel")
"""What an input may hear: the window's samples, or their log-mel features. One input does."""

STATE: Final = "state:"
"""`state:NAME` feeds an input what output NAME gave to the window before, and zeros to the first."""

OutputUse = Literal["scores", "values", "audio"]


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The windows of a run and what the model gave for them, by the output's name: (windows, ...)."""

    run: WindowRun
    values: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _State:
    """What the model remembers of a stream: how it is carried on, and what it is before the first window."""

    memory: Memory
    empty: Array


class GenericModel:
    """A `RecurrentStage` from runs of windows to what a model gives for them.

    `feeds` says of each input what it is fed: `audio`, `log-mel`, `rate`, `state:OUTPUT` or a number. Without states,
    all windows of all streams share calls; with states, the streams do, window by window.
    """

    def __init__(
        self, model: ArrayModel, front_end: FrontEnd, *, feeds: Mapping[str, str | float], outputs: Sequence[str]
    ) -> None:
        """Give the outputs named in `outputs`. Raises `ModelError` for names that the model has not, or needs.

        A model that does not say what it takes and gives gets what is heard first, then the numbers in the order of
        `feeds`, and its outputs have the names of `outputs` in order.
        """
        self._model = model
        self.models = (model,)
        self._front_end = front_end
        self._inputs = {tensor.name: tensor for tensor in model.inputs}
        self._output_names = [tensor.name for tensor in model.outputs] or list(outputs)
        if model.inputs:
            _same_names(model, "input", feeds, self._inputs)
        self._given = tuple(dict.fromkeys(outputs))
        self._outputs = tuple(self._output(name) for name in self._given)
        heard = [name for name, feed in feeds.items() if feed in AUDIO_FEEDS]
        if len(heard) != 1:
            raise ModelError(f"{model!r}: one input hears {' or '.join(AUDIO_FEEDS)}, here {len(heard)} do")
        self._heard = heard[0]
        self._states = [self._state(name, feed) for name, feed in feeds.items() if is_state(feed)]
        self.is_batched = fixed_batch(model, self._heard) is None
        elements = {name: tensor.element for name, tensor in self._inputs.items()}
        self._rates = {name: elements.get(name, "int64") for name, feed in feeds.items() if feed == "rate"}
        self._numbers = {
            name: np.array(feed, elements.get(name, "float32"))
            for name, feed in feeds.items()
            if not isinstance(feed, str)
        }

    def initial_state(self) -> tuple[Array, ...]:
        """Zeros, for each state of the model."""
        return tuple(state.empty for state in self._states)

    def process(
        self, states: Sequence[tuple[Array, ...]], batch: Sequence[WindowRun]
    ) -> tuple[list[tuple[Array, ...]], list[Given]]:
        """New states, and what the model gave for the windows of each run."""
        rows = [self._front_end.rows(run) for run in batch]
        beside = self._constants(batch[0].shape.sample_rate)
        if self._states:
            new_states, outputs = self._rolled(states, rows, beside)
        else:
            new_states, outputs = list(states), self._at_once(rows, beside)
        values = [dict(zip(self._given, arrays, strict=True)) for arrays in outputs]
        return new_states, [Given(run, given) for run, given in zip(batch, values, strict=True)]

    def cancel(self) -> None:
        """Break off the calls that run; see `Hop.break_off`."""
        if stop := getattr(self._model, "stop", None):
            stop()

    def _at_once(self, rows: list[Array], beside: Mapping[str, Array]) -> list[list[Array]]:
        """All windows of all streams in as few calls as may be."""
        calls = RowCalls(self._heard, MAX_ROWS, self._outputs, beside)
        found = calls.run(self._model, rows[0] if len(rows) == 1 else np.concatenate(rows))
        counts = [len(some) for some in rows]
        return [list(each) for each in zip(*(parts(output, counts) for output in found), strict=True)]

    def _rolled(
        self, states: Sequence[tuple[Array, ...]], rows: list[Array], beside: Mapping[str, Array]
    ) -> tuple[list[tuple[Array, ...]], list[list[Array]]]:
        """Window after window, those of different streams together."""
        memories = tuple(state.memory for state in self._states)
        found, after = StepCalls(self._heard, memories, self._outputs, beside).run(self._model, rows, states)
        return after, found

    def _constants(self, sample_rate: int) -> dict[str, Array]:
        """What is the same for every window: the rate, and numbers."""
        if not self._rates:
            return self._numbers
        return self._numbers | {name: np.array(sample_rate, element) for name, element in self._rates.items()}

    def _state(self, name: str, feed: str | float) -> _State:
        if name not in self._inputs:
            raise ModelError(f"{self._model!r} does not say what shape its state {name!r} has")
        tensor = self._inputs[name]
        free = [axis for axis, length in enumerate(tensor.shape) if not isinstance(length, int)]
        if len(free) > 1:
            raise ModelError(f"{self._model!r}: the state {tensor.name!r} has several free axes: {tensor.shape}")
        shape = tuple(length if isinstance(length, int) else 1 for length in tensor.shape)
        memory = Memory(name, self._output(str(feed).removeprefix(STATE)), free[0] if free else 0)
        return _State(memory, np.zeros(shape, tensor.element))

    def _output(self, name: str) -> int:
        if name not in self._output_names:
            raise ModelError(f"{self._model!r} has no output {name!r}; it has {', '.join(self._output_names)}")
        return self._output_names.index(name)


class ScoresOf:
    """A `SessionStage`, and its own session: one output as the scores of the windows."""

    def __init__(self, output: str, activation: Activation) -> None:
        """Take `output`, through `activation`."""
        self._output = output
        self._activation = activation

    def open(self) -> "ScoresOf":
        """A session for one stream."""
        return self

    def feed(self, payload: Given) -> list[Scored]:
        """The scores, from 0 to 1."""
        return [Scored(payload.run, activated(payload.values[self._output], self._activation))]

    def finish(self) -> list[Scored]:
        """Nothing is held back."""
        return []

    def cancel(self) -> None:
        """Nothing here takes long."""


class ValuesOf:
    """A `SessionStage`, and its own session: what the model gave as final events, one a window, with its times.

    The event's `value` holds the arrays by name; an output that is audio becomes an `AudioBuffer` at `sample_rate` Hz.
    """

    def __init__(self, uses: Mapping[str, OutputUse], sample_rate: int) -> None:
        """Use the outputs as `uses` says."""
        self._uses = uses
        self._rate = sample_rate

    def open(self) -> "ValuesOf":
        """A session for one stream."""
        return self

    def feed(self, payload: Given) -> list[StreamEvent]:
        """An event for each window."""
        return [
            StreamEvent(EventType.FINAL, start_s, end_s, value=self._value(payload, number, start_s))
            for number, (start_s, end_s) in enumerate(payload.run.spans)
        ]

    def finish(self) -> list[StreamEvent]:
        """Nothing is held back."""
        return []

    def cancel(self) -> None:
        """Nothing here takes long."""

    def _value(self, given: Given, number: int, start_s: float) -> dict[str, object]:
        arrays = {name: given.values[name][number] for name in self._uses}
        return {
            name: AudioBuffer(np.asarray(array, np.float32).reshape(-1), self._rate, start_s)
            if self._uses[name] == "audio"
            else array
            for name, array in arrays.items()
        }


def is_state(feed: str | float) -> bool:
    """Whether an input is fed what the model remembers."""
    return isinstance(feed, str) and feed.startswith(STATE)


def _same_names(model: ArrayModel, what: str, named: Mapping[str, object], there: Mapping[str, object]) -> None:
    if unknown := [name for name in named if name not in there]:
        raise ModelError(f"{model!r} has no {what} {unknown[0]!r}; it has {', '.join(there)}")
    if missing := [name for name in there if name not in named]:
        raise ModelError(f"{model!r} has an {what} {missing[0]!r}, but nothing says what it is fed")
