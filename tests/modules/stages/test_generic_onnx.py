"""A described model runs as it was described, shared by streams, with memory or without."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.events import EventType, StreamEvent
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.onnx import OnnxModel
from modules.models.tensors import TensorSpec
from modules.stages.alone import alone
from modules.stages.front_ends import Waveform
from modules.stages.generic_onnx import GenericModel, Given, ScoresOf, ValuesOf
from modules.stages.vad_silero import SileroDetector
from modules.stages.windows import WindowRun, Windows, WindowShape
from tests.small_models import power_bands, running_sum

SHAPE = WindowShape(1_000, 4, 4)
SUM_FEEDS = {"samples": "audio", "state": "state:state_out", "rate": "rate"}


def generic(
    model: ArrayModel, feeds: Mapping[str, str | float], *outputs: str, shape: WindowShape = SHAPE
) -> GenericModel:
    """A stage of windows of samples."""
    return GenericModel(model, Waveform(shape), feeds=feeds, outputs=outputs)


def run(*samples: float, shape: WindowShape = SHAPE) -> WindowRun:
    """The windows of these samples."""
    return Windows(shape).open().feed(AudioBuffer(np.array(samples, np.float32), shape.sample_rate))[0]


def noise(windows: int, seed: int) -> WindowRun:
    """Some windows of noise."""
    return run(*np.random.default_rng(seed).standard_normal(4 * windows))


@pytest.mark.parametrize("batch", ["N", 1])
def test_streams_without_memory_share_calls(tmp_path: Path, batch: int | str) -> None:
    """Each gets what it would get alone, within 1e-5; a fixed batch axis is said."""
    model = OnnxModel(power_bands(tmp_path / "bands.onnx", frames=4, classes=3, batch=batch))
    stage = generic(model, {"samples": "audio"}, "scores")
    assert stage.is_batched == (batch == "N")
    batched = [noise(3, 1), noise(100, 2), noise(1, 3)]
    states, together = stage.process([stage.initial_state() for _ in batched], batched)
    assert states == [(), (), ()]
    for payload, given in zip(batched, together, strict=True):
        _, (single,) = stage.process([()], [payload])
        assert given.run is payload
        np.testing.assert_allclose(given.values["scores"], single.values["scores"], atol=1e-5)


@pytest.mark.parametrize("batch", ["N", 1])
def test_the_memory_of_a_stream_is_carried_from_window_to_window_and_call_to_call(
    tmp_path: Path, batch: int | str
) -> None:
    """Streams of different lengths share calls and keep apart; the rate is fed as a number."""
    stage = generic(OnnxModel(running_sum(tmp_path / "sum.onnx", frames=4, batch=batch)), SUM_FEEDS, "sum")
    assert [state.shape for state in stage.initial_state()] == [(2, 1, 1)]
    batched = [run(*[1.0] * 8), run(*[10.0] * 4), run(*[100.0] * 16)]
    states, first = stage.process([stage.initial_state() for _ in batched], batched)
    assert [given.values["sum"].ravel().tolist() for given in first] == [
        [1_004, 1_008],
        [1_040],
        [1_400, 1_800, 2_200, 2_600],
    ]
    _, second = stage.process(states, batched)
    assert [given.values["sum"].ravel().tolist()[0] for given in second] == [1_012, 1_080, 3_000]


def test_a_number_is_fed_as_it_is(tmp_path: Path) -> None:
    """In the place of the rate, say, with the type that the model wants."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=4))
    stage = generic(model, {**SUM_FEEDS, "rate": 7.0}, "sum")
    _, (given,) = stage.process([stage.initial_state()], [run(1, 1, 1, 1)])
    assert given.values["sum"].tolist() == [[11.0]]


@pytest.mark.parametrize(
    ("feeds", "outputs", "words"),
    [
        ({"samples": "audio", "state": "state:state_out"}, ["sum"], "has an input 'rate', but nothing says"),
        ({**SUM_FEEDS, "gain": 1.0}, ["sum"], "has no input 'gain'; it has samples, state, rate"),
        ({**SUM_FEEDS, "state": "state:memory"}, ["sum"], "has no output 'memory'; it has sum, state_out"),
        (SUM_FEEDS, ["total"], "has no output 'total'"),
        ({**SUM_FEEDS, "samples": "rate"}, ["sum"], "one input hears audio or log-mel, here 0 do"),
    ],
)
def test_a_description_that_does_not_fit_the_model_is_refused(
    tmp_path: Path, feeds: dict[str, str | float], outputs: list[str], words: str
) -> None:
    """When it is put together, with the names that there are."""
    model = OnnxModel(running_sum(tmp_path / "sum.onnx", frames=4))
    with pytest.raises(ModelError, match=words):
        generic(model, feeds, *outputs)


def test_a_callable_that_says_nothing_of_itself_is_fed_in_order() -> None:
    """What is heard, then the numbers; its outputs have the names that the description gives them."""
    model = CallableModel("m", lambda x, gain, rate: [x * gain, x[:, :1] * rate])
    stage = generic(model, {"gain": 2.0, "x": "audio", "rate": "rate"}, "louder", "first")
    _, (given,) = stage.process([stage.initial_state()], [run(1, 2, 3, 4)])
    assert given.values["louder"].tolist() == [[2.0, 4.0, 6.0, 8.0]]
    assert given.values["first"].tolist() == [[1_000.0]]
    with pytest.raises(ModelError, match="does not say what shape its state 's' has"):
        generic(model, {"x": "audio", "s": "state:louder"}, "louder")


def test_a_state_whose_streams_could_lie_along_several_axes_is_refused() -> None:
    """Nobody knows which."""
    inputs = [TensorSpec("x", "float32", ("N", 4)), TensorSpec("s", "float32", (2, "A", "B"))]
    outputs = [TensorSpec("y", "float32", ("N",)), TensorSpec("s2", "float32")]
    model = CallableModel("m", lambda x, s: [x, s], inputs=inputs, outputs=outputs)
    with pytest.raises(ModelError, match="the state 's' has several free axes"):
        generic(model, {"x": "audio", "s": "state:s2"}, "y")


def test_an_output_without_a_row_for_each_stream_is_an_error() -> None:
    """Better than to give it to the wrong one."""
    inputs = [TensorSpec("x", "float32", ("N", 4)), TensorSpec("s", "float32", ("N", 1))]
    outputs = [TensorSpec("y", "float32"), TensorSpec("s2", "float32")]
    model = CallableModel("m", lambda x, s: [x.mean(axis=0), s], inputs=inputs, outputs=outputs)
    stage = generic(model, {"x": "audio", "s": "state:s2"}, "y")
    with pytest.raises(ModelError, match="for 2 rows"):
        stage.process([stage.initial_state()] * 2, [noise(1, 1), noise(1, 2)])


def test_values_become_events_with_times() -> None:
    """Arrays by the output's name; an output that is audio becomes audio at its own rate, in its place."""
    given = Given(run(*[1.0] * 8), {"pitch": np.array([[440.0], [220.0]]), "voice": np.ones((2, 1, 8))})
    session = alone([ValuesOf({"pitch": "values", "voice": "audio"}, 2_000)])
    first, second = session.feed(given)
    assert isinstance(first, StreamEvent)
    assert (first.type, first.start_s, first.end_s) == (EventType.FINAL, 0.0, 0.004)
    assert (second.start_s, second.end_s) == (0.004, 0.008)
    assert second.value["pitch"].tolist() == [220.0]
    voice = second.value["voice"]
    assert (voice.sample_rate, voice.frames, voice.start_s) == (2_000, 8, 0.004)
    assert session.finish() == []


def test_scores_go_through_their_activation() -> None:
    """As a classifier's do."""
    given = Given(run(1, 1, 1, 1), {"logits": np.zeros((1, 4), np.float32)})
    (scored,) = alone([ScoresOf("logits", "softmax")]).feed(given)
    np.testing.assert_allclose(scored.scores, [[0.25] * 4])


def test_the_described_voice_detector_hears_what_the_ready_one_hears(shared: Path) -> None:
    """Silero with its state, its rate and its 64 samples of context, from a description alone."""
    model = OnnxModel(shared / "models" / "onnx" / "silero_vad_16k_op15.onnx")
    shape = WindowShape(16_000, 576, 512, 64)
    stage = generic(model, {"input": "audio", "state": "state:stateN", "sr": "rate"}, "output", shape=shape)
    swell = np.sin(np.arange(512 * 12) / 3_000) * 0.2
    audio = AudioBuffer((np.random.default_rng(1).standard_normal(len(swell)) * swell).astype(np.float32), 16_000)
    (windows,) = Windows(shape).open().feed(audio)
    _, (given,) = stage.process([stage.initial_state()], [windows])
    ready = SileroDetector(model)
    _, (heard,) = ready.process([ready.initial_state()], [audio])
    np.testing.assert_allclose(given.values["output"][:, 0], heard.probabilities, atol=1e-6)


def test_a_described_model_is_broken_off_if_it_can_be() -> None:
    """Another is left alone."""
    takes, gives = [TensorSpec("x", "float32", ("N", 4))], [TensorSpec("y", "float32")]
    stopped: list[int] = []
    model = CallableModel("m", lambda x: x, inputs=takes, outputs=gives)
    generic(model, {"x": "audio"}, "y").cancel()
    model.stop = lambda: stopped.append(1)
    generic(model, {"x": "audio"}, "y").cancel()
    assert stopped == [1]
