"""A backend that fails is replaced, the call that found it is answered, and it comes back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from typing import TypeVar

import numpy as np
import pytest

from engine.call_watch import CallWatch
from modules.errors import Cancelled, DeadlineExceeded, ModelError, StageFailed
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.composite import Composite, Step
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_model import FallbackModel
from modules.models.fallback_order import FallbackEvent, FallbackRules
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel, providers
from modules.models.onnx_options import OnnxOptions, Provider
from modules.models.tensors import Array
from tests.small_models import matmul, power_bands, slow, write

Result = TypeVar("Result")


class VirtualWatch:
    """A watch whose clock is set by hand; a call that says it takes long is late at once."""

    def __init__(self) -> None:
        self.clock_s = 100.0

    def now_s(self) -> float:
        self.clock_s += 1e-3
        return self.clock_s

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        try:
            return call()
        except TakesLong as late:
            if late.seconds <= limit_s:
                raise
            if stop:
                stop()
            raise DeadlineExceeded(f"longer than {limit_s:g} s") from late


class TakesLong(Exception):
    """In the place of waiting."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


class Backend:
    """Says its name and what it was asked, until it is told to fail."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fails: Exception | None = None
        self.asked: list[int] = []
        self.stopped = 0

    def say(self, payload: int) -> str:
        self.asked.append(payload)
        if self.fails:
            raise self.fails
        return f"{self.name} {payload}"

    def stop(self) -> None:
        self.stopped += 1


class Role:
    """A role with backends a, b and c under a virtual watch."""

    def __init__(self, rules: FallbackRules | None = None) -> None:
        self.watch = VirtualWatch()
        self.backends = {name: Backend(name) for name in "abc"}
        self.cannot_load: set[str] = set()
        self.loads: list[str] = []
        self.told: list[FallbackEvent] = []
        choices = [BackendChoice(name, partial(self._load, name)) for name in "abc"]
        rules = rules or FallbackRules(rest_s=5.0, max_call_s=1.0)
        self.fallback: Fallback[Backend] = Fallback("role", choices, self.watch, rules=rules, on_event=self.told.append)

    def _load(self, name: str) -> Backend:
        self.loads.append(name)
        if name in self.cannot_load:
            raise ModelError(f"{name} is broken")
        return self.backends[name]

    def ask(self, payload: int) -> str:
        return self.fallback.call(lambda backend: backend.say(payload))

    def moves(self) -> list[tuple[str, str, str]]:
        return [(event.kind, event.was, event.backend) for event in self.told]


def test_the_best_backend_answers_and_no_other_is_loaded() -> None:
    """Once."""
    role = Role()
    assert [role.ask(1), role.ask(2)] == ["a 1", "a 2"]
    assert role.loads == ["a"]
    assert role.told == []
    assert repr(role.fallback) == "<Fallback role: a of a, b, c>"


def test_one_that_cannot_be_loaded_is_replaced_at_load() -> None:
    """The event says why."""
    role = Role()
    role.cannot_load = {"a"}
    assert role.fallback.load() is role.backends["b"]
    assert role.fallback.answers == "b"
    (event,) = role.told
    assert (event.kind, event.was, event.backend, event.role) == ("moved", "a", "b", "role")
    assert event.reason == "a cannot be loaded: a is broken"
    assert list(role.fallback.events) == role.told


def test_one_that_raises_at_the_thousandth_call_is_replaced_and_nothing_is_lost() -> None:
    """The thousandth is answered by the next, and after a rest the first comes back."""
    role = Role()
    answers = [role.ask(number) for number in range(999)]
    role.backends["a"].fails = ZeroDivisionError("at last")
    answers += [role.ask(999), role.ask(1000)]
    role.backends["a"].fails = None
    role.watch.clock_s += 5.0
    answers.append(role.ask(1001))
    assert [answer.split()[1] for answer in answers] == [str(number) for number in range(1002)]
    assert answers[998:] == ["a 998", "b 999", "b 1000", "a 1001"]
    assert role.moves() == [("moved", "a", "b"), ("recovered", "b", "a")]
    assert role.told[0].reason == "at last"


def test_one_that_has_not_recovered_is_left_again_without_loss() -> None:
    """It rests longer, and nobody is told twice."""
    role = Role()
    role.backends["a"].fails = ZeroDivisionError("for good")
    for number in range(4):
        assert role.ask(number) == f"b {number}"
        role.watch.clock_s += 5.1
    assert role.backends["a"].asked == [0, 1, 3]
    assert role.moves() == [("moved", "a", "b")]


def test_a_payload_that_all_refuse_is_its_own_fault() -> None:
    """The error names each backend; none of them rests."""
    role = Role()
    for backend in role.backends.values():
        backend.fails = ValueError("not this")
    with pytest.raises(StageFailed, match="role: none of 3 backends could answer: a: not this; b: not this; c: not"):
        role.ask(1)
    for backend in role.backends.values():
        backend.fails = None
    assert role.ask(2) == "a 2"
    assert role.told == []


def test_when_none_can_be_loaded_it_is_a_model_error_with_all_reasons() -> None:
    """At load and later; they are tried again when they have rested."""
    role = Role()
    role.cannot_load = {"a", "b", "c"}
    with pytest.raises(ModelError, match=r"a: a cannot be loaded: a is broken; b: .*; c: ") as caught:
        role.fallback.load()
    assert isinstance(caught.value.__cause__, ModelError)
    role.cannot_load = set()
    role.watch.clock_s += 5.0
    assert role.ask(1) == "a 1"


def test_one_that_hangs_is_left_after_its_time() -> None:
    """It is stopped, rests, and comes back."""
    role = Role()
    role.fallback.load()
    role.backends["a"].fails = TakesLong(60.0)
    assert role.ask(1) == "b 1"
    assert role.backends["a"].stopped == 1
    assert "longer than 1 s" in role.told[0].reason
    role.backends["a"].fails = None
    role.watch.clock_s += 5.0
    assert role.ask(2) == "a 2"


def test_a_payload_on_which_all_hang_lets_them_rest_all_the_same() -> None:
    """Else every payload would wait as long."""
    role = Role()
    for backend in role.backends.values():
        backend.fails = TakesLong(60.0)
    with pytest.raises(StageFailed, match="longer than 1 s"):
        role.ask(1)
    role.backends["a"].fails = None
    role.backends["b"].fails = None
    assert role.ask(2) == "a 2"  # all rest: the one that is back first is asked first


def test_a_call_that_was_told_to_stop_has_not_failed() -> None:
    """It raises, and its backend goes on to answer others."""
    role = Role()
    role.fallback.load()
    role.backends["a"].fails = Cancelled("told to stop")
    with pytest.raises(Cancelled):
        role.ask(1)
    role.backends["a"].fails = None
    assert role.ask(2) == "a 2"
    role.fallback.stop()
    assert [backend.stopped for backend in role.backends.values()] == [1, 0, 0]


def test_a_call_that_was_broken_off_because_another_was_late_is_answered_by_the_next() -> None:
    """Stopping a model stops all its calls; theirs is no fault."""
    role = Role()
    role.fallback.load()

    def beside_a_late_one(backend: Backend) -> str:
        if backend.name == "a":
            role.backends["a"].fails = TakesLong(60.0)
            role.ask(1)
            raise Cancelled("told to stop")
        return f"{backend.name} 2"

    assert role.fallback.call(beside_a_late_one) == "b 2"


def test_recovery_repeats_the_call_that_failed_where_nobody_waits() -> None:
    """Calls do not try it themselves, and it answers them only once it has done what it failed at."""
    role = Role(FallbackRules(rest_s=5.0, tries_in_calls=False))
    role.fallback.load()
    role.backends["a"].fails = ZeroDivisionError("now")
    role.ask(7)
    assert not role.fallback.is_due()
    role.watch.clock_s += 6.0
    assert role.ask(8) == "b 8"
    assert role.fallback.is_due()
    assert not role.fallback.recover()
    role.backends["a"].fails = None
    role.watch.clock_s += 11.0
    assert role.fallback.recover()
    assert role.backends["a"].asked == [7, 7, 7]
    assert role.ask(9) == "a 9"
    assert not role.fallback.is_due()
    assert role.moves() == [("moved", "a", "b"), ("recovered", "b", "a")]


def test_what_failed_twice_in_a_row_is_loaded_anew() -> None:
    """Its first loading may be what was broken."""
    role = Role()
    role.fallback.load()
    role.backends["a"].fails = ZeroDivisionError("now")
    role.ask(1)
    role.watch.clock_s += 6.0
    role.ask(2)
    role.backends["a"].fails = None
    role.watch.clock_s += 11.0
    assert role.ask(3) == "a 3"
    assert role.loads == ["a", "b", "a"]


def test_a_wish_is_heard_while_it_works_and_moves_nobody_else() -> None:
    """A session stays with its backend when a better one has come back."""
    role = Role()
    role.fallback.load()
    role.backends["a"].fails = ZeroDivisionError("now")
    role.ask(1)
    role.backends["a"].fails = None
    role.watch.clock_s += 6.0
    assert role.ask(2) == "a 2"
    second = role.backends["b"]
    assert role.fallback.call(lambda backend: backend.say(3), first=second) == "b 3"
    assert role.ask(4) == "a 4"
    assert role.moves() == [("moved", "a", "b"), ("recovered", "b", "a")]
    second.fails = ZeroDivisionError("it too")
    assert role.fallback.call(lambda backend: backend.say(5), first=second) == "a 5"


def test_threads_that_want_a_backend_at_once_load_it_once() -> None:
    """The others wait for it."""
    role = Role()
    together = Barrier(8)
    answers: list[str] = []

    def ask(number: int) -> None:
        together.wait(10)
        answers.append(role.ask(number))

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 8
    assert role.loads == ["a"]


# Real models, and the engine's watch.

ROWS = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)


def models(*paths: Path, max_call_s: float = 10.0) -> FallbackModel:
    """A role of ONNX files."""
    choices: list[BackendChoice[ArrayModel]] = [BackendChoice(path.name, partial(OnnxModel, path)) for path in paths]
    rules = FallbackRules(rest_s=1e-3, max_call_s=max_call_s)
    return FallbackModel(Fallback("scores", choices, CallWatch(), rules=rules))


def broken(folder: Path, how: str) -> Path:
    """A file that cannot be used, each in its way."""
    good = power_bands(folder / "good.onnx", frames=8, classes=5).read_bytes()
    relu = [Node("Relu", ["x"], ["y"])], [Port("x", ["N", 8])], [Port("y", ["N", 8])]
    contents = {
        "corrupt": good[:40] + bytes(60) + good[100:],
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "wrong opset": model_bytes(*relu, opset=9_999),
        "unknown operation": model_bytes([Node("Sorcery", ["x"], ["y"])], *relu[1:]),
    }
    return write(folder / f"{how.replace(' ', '_')}.onnx", contents[how])


@pytest.mark.parametrize("how", ["corrupt", "truncated", "empty", "wrong opset", "unknown operation"])
def test_a_broken_file_is_replaced_at_load_and_named_when_there_is_no_other(tmp_path: Path, how: str) -> None:
    """The event and the error name the file."""
    bad = broken(tmp_path, how)
    model = models(bad, power_bands(tmp_path / "next.onnx", frames=8, classes=5))
    assert model.run({"samples": ROWS})[0].shape == (3, 5)
    assert bad.name in model.fallback.events[0].reason
    with pytest.raises(ModelError, match=rf"none of 1 backends could answer: .*{bad.stem}"):
        models(bad)


def test_a_model_of_another_shape_is_replaced_at_run_time(tmp_path: Path) -> None:
    """It loads, but refuses what it is fed."""
    wrong = power_bands(tmp_path / "wrong.onnx", frames=9, classes=5)
    model = models(wrong, power_bands(tmp_path / "right.onnx", frames=8, classes=5))
    assert model.run({"samples": ROWS})[0].shape == (3, 5)
    assert model.fallback.answers == "right.onnx"
    assert "wrong.onnx failed while running" in model.fallback.events[0].reason


def test_a_provider_that_does_not_start_is_replaced_by_the_cpu(tmp_path: Path) -> None:
    """The same file on two devices is a role too; the event says what the first one lacks."""
    path = power_bands(tmp_path / "bands.onnx", frames=8, classes=5)
    missing = next(provider for provider in Provider if provider not in providers())
    options = {"device": OnnxOptions(provider=missing), "cpu": OnnxOptions()}
    choices: list[BackendChoice[ArrayModel]] = [
        BackendChoice(name, partial(OnnxModel, path, option)) for name, option in options.items()
    ]
    model = FallbackModel(Fallback("scores", choices, CallWatch()))
    assert model.run({"samples": ROWS})[0].shape == (3, 5)
    assert model.fallback.answers == "cpu"
    assert f"{missing} is not in this installation" in model.fallback.events[0].reason


def test_a_model_that_does_not_end_is_stopped_after_its_time(tmp_path: Path) -> None:
    """The real ONNX Runtime, told to stop in the middle, by the real watch; the next one answers."""
    identity = [Node("Identity", ["in"], ["out"])], [Port("in", [256, 256])], [Port("out", [256, 256])]
    quick = write(tmp_path / "quick.onnx", model_bytes(*identity))
    model = models(slow(tmp_path / "slow.onnx"), quick, max_call_s=0.05)
    square = np.eye(256, dtype=np.float32)
    (found,) = model.run({"x": square})
    np.testing.assert_array_equal(found, square)
    assert model.fallback.answers == "quick.onnx"
    assert "longer than 0.05 s and was stopped" in model.fallback.events[0].reason


# The composite falls back to one model that does it all.


@contextmanager
def voice(folder: Path) -> Iterator[tuple[FallbackModel, dict[str, bool], VirtualWatch]]:
    """Encoder -> talker -> vocoder, the talker a callable that can be killed, and a monolith behind them."""
    killed = {"talker": False}
    hidden, logits = 3_584, 8_448

    def talker(states: Array) -> Array:
        if killed["talker"]:
            raise ConnectionError("the talker is gone")
        return np.concatenate([states, states, states[..., : logits - 2 * hidden]], axis=-1)

    def row() -> Composite:
        first = OnnxModel(matmul(folder / "encoder.onnx", "audio", "hidden_states", sizes=(16, hidden)))
        last = OnnxModel(matmul(folder / "vocoder.onnx", "logits", "samples", sizes=(logits, 4)))
        return Composite("voice", [Step("encoder", first), Step("talker", CallableModel("t", talker)), Step("v", last)])

    whole = matmul(folder / "whole.onnx", "sound", "out", sizes=(16, 4))
    choices: list[BackendChoice[ArrayModel]] = [
        BackendChoice("composite", row),
        BackendChoice("monolith", lambda: OnnxModel(whole)),
    ]
    watch = VirtualWatch()
    yield FallbackModel(Fallback("voice", choices, watch, rules=FallbackRules(rest_s=5.0))), killed, watch


AUDIO = np.random.default_rng(5).standard_normal((2, 3, 16)).astype(np.float32)


def test_killing_a_step_of_a_composite_moves_to_the_monolith_and_back(tmp_path: Path) -> None:
    """The call in which it died is answered, though the monolith calls its input otherwise."""
    with voice(tmp_path) as (model, killed, watch):
        (before,) = model.run({"audio": AUDIO})
        killed["talker"] = True
        (meanwhile,) = model.run({"audio": AUDIO})
        assert meanwhile.shape == before.shape == (2, 3, 4)
        assert np.abs(meanwhile - before).max() > 0.01
        assert model.fallback.answers == "monolith"
        assert "step talker failed: the talker is gone" in model.fallback.events[0].reason
        killed["talker"] = False
        watch.clock_s += 5.0
        np.testing.assert_array_equal(model.run({"audio": AUDIO})[0], before)
        assert [event.kind for event in model.fallback.events] == ["moved", "recovered"]


def test_a_composite_that_cannot_be_loaded_is_its_monolith(tmp_path: Path) -> None:
    """A missing encoder is found when the models are loaded."""
    whole = matmul(tmp_path / "whole.onnx", "audio", "out", sizes=(16, 4))
    model = models(tmp_path / "absent.onnx", whole)
    assert model.run({"audio": AUDIO})[0].shape == (2, 3, 4)
    assert "no ONNX model at" in model.fallback.events[0].reason


def test_a_model_with_more_inputs_than_are_given_is_no_replacement(tmp_path: Path) -> None:
    """It is refused with what it takes."""
    two = model_bytes(
        [Node("Add", ["a", "b"], ["c"])], [Port("a", ["N", 8]), Port("b", ["N", 8])], [Port("c", ["N", 8])]
    )
    good, bad = power_bands(tmp_path / "good.onnx", frames=8, classes=5), write(tmp_path / "two.onnx", two)
    model = models(good, bad)
    with pytest.raises(StageFailed, match="takes 2 inputs, a, b; 1 are given"):
        model.run({"samples": np.zeros((3, 7), np.float32)})
