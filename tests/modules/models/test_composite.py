"""Models in a row: no step is a dummy, neighbours must fit, and a step that fails is named."""

from pathlib import Path

import numpy as np
import pytest

from modules.errors import Cancelled, ModelError, StageFailed
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.composite import Composite, Step
from modules.models.onnx import OnnxModel
from modules.models.tensors import Array, TensorSpec
from tests.small_models import matmul

HIDDEN, LOGITS = 3_584, 8_448
AUDIO = np.random.default_rng(5).standard_normal((2, 3, 16)).astype(np.float32)


def encoder(folder: Path, seed: int = 0) -> OnnxModel:
    """Audio [B, T, 16] -> hidden states [B, T, 3584]."""
    return OnnxModel(matmul(folder / f"encoder{seed}.onnx", "audio", "hidden_states", sizes=(16, HIDDEN), seed=seed))


def talker(hidden: Array) -> Array:
    """Hidden states [B, T, 3584] -> logits [B, T, 8448]: a callable, with little arithmetic."""
    return np.concatenate([hidden, hidden[..., ::-1], hidden[..., : LOGITS - 2 * HIDDEN]], axis=-1)


TALKER = CallableModel(
    "talker",
    talker,
    inputs=[TensorSpec("hidden_states", "float32", ("B", "T", HIDDEN))],
    outputs=[TensorSpec("logits", "float32", ("B", "T", LOGITS))],
)


def vocoder(folder: Path, seed: int = 0) -> OnnxModel:
    """Logits [B, T, 8448] -> samples [B, T, 4]."""
    return OnnxModel(matmul(folder / f"vocoder{seed}.onnx", "logits", "samples", sizes=(LOGITS, 4), seed=seed))


def voice(*models: ArrayModel) -> Composite:
    """The three in a row."""
    return Composite("voice", [Step(n, m) for n, m in zip(("encoder", "talker", "vocoder"), models, strict=True)])


def said(composite: Composite) -> Array:
    """What it makes of the audio."""
    (samples,) = composite.run({"audio": AUDIO})
    return samples


def test_a_composite_is_its_steps_in_order(tmp_path: Path) -> None:
    """Its inputs are the first one's, its outputs the last one's, its numbers those of the steps run by hand."""
    first, last = encoder(tmp_path), vocoder(tmp_path)
    composite = voice(first, TALKER, last)
    (hidden,) = first.run({"audio": AUDIO})
    (samples,) = last.run({"logits": talker(hidden)})
    np.testing.assert_array_equal(said(composite), samples)
    assert [spec.name for spec in (*composite.inputs, *composite.outputs)] == ["audio", "samples"]


@pytest.mark.parametrize("changed", ["encoder", "talker", "vocoder"])
def test_changing_any_step_changes_what_comes_out(tmp_path: Path, changed: str) -> None:
    """No step is a dummy."""
    models: dict[str, ArrayModel] = {"encoder": encoder(tmp_path), "talker": TALKER, "vocoder": vocoder(tmp_path)}
    others: dict[str, ArrayModel] = {
        "encoder": encoder(tmp_path, seed=1),
        "talker": CallableModel("louder", lambda hidden: 1.5 * talker(hidden)),
        "vocoder": vocoder(tmp_path, seed=1),
    }
    before = said(voice(*models.values()))
    models[changed] = others[changed]
    assert np.abs(said(voice(*models.values())) - before).max() > 0.01


def test_neighbours_that_do_not_fit_are_refused_when_they_are_put_together(tmp_path: Path) -> None:
    """With the names of both, and what each gives and takes."""
    narrow = OnnxModel(matmul(tmp_path / "narrow.onnx", "hidden_states", "logits", sizes=(512, 8), seed=0))
    with pytest.raises(ModelError, match=r"encoder gives 'hidden_states' of shape .*3584.*talker takes .* 512\]"):
        Composite("voice", [Step("encoder", encoder(tmp_path)), Step("talker", narrow)])


def test_a_step_may_hand_on_the_index_of_the_largest_value() -> None:
    """Tokens, for a vocoder that takes tokens."""
    logits = np.zeros((1, 3, 8), np.float32)
    logits[0, [0, 1, 2], [5, 0, 7]] = 1.0
    heard: list[Array] = []

    def listen(tokens: Array) -> Array:
        heard.append(tokens)
        return tokens

    steps = [
        Step("talker", CallableModel("talker", lambda _: logits), hands_on="indices"),
        Step("vocoder", CallableModel("vocoder", listen)),
    ]
    Composite("voice", steps).run({"hidden": AUDIO})
    assert heard[0].dtype == np.int64
    assert heard[0].tolist() == [[5, 0, 7]]


def test_steps_with_several_inputs_are_fed_by_name() -> None:
    """In whatever order the step before gives them; a name that it does not give is refused."""
    outputs = [TensorSpec("loud", "float32"), TensorSpec("soft", "float32")]
    two = CallableModel("two", lambda x: [10 * x, x], outputs=outputs)
    minus = CallableModel("minus", lambda soft, loud: soft - loud, inputs=outputs[::-1])
    (found,) = Composite("c", [Step("two", two), Step("minus", minus)]).run({"x": np.ones(3)})
    np.testing.assert_array_equal(found, np.full(3, -9.0))
    other = CallableModel(
        "other", lambda a, b: a + b, inputs=[TensorSpec("soft", "float32"), TensorSpec("quiet", "float32")]
    )
    with pytest.raises(ModelError, match="other takes 'quiet', but two gives loud, soft"):
        Composite("c", [Step("two", two), Step("other", other)])


def test_a_step_that_fails_is_named() -> None:
    """With its error as the cause."""

    def broken(_: Array) -> Array:
        raise ZeroDivisionError("no way")

    composite = Composite("voice", [Step("encoder", CallableModel("encoder", broken))])
    with pytest.raises(StageFailed, match="voice: step encoder failed: no way") as caught:
        composite.run({"audio": AUDIO})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_step_that_was_told_to_stop_has_not_failed() -> None:
    """Its error stays what it is, and stopping reaches every step that can be stopped."""

    class Stoppable:
        stopped = 0

        def __call__(self, _: Array) -> Array:
            raise Cancelled("told to stop")

        def stop(self) -> None:
            self.stopped += 1

    model = Stoppable()
    composite = Composite("voice", [Step("a", CallableModel("a", model)), Step("b", CallableModel("b", lambda x: x))])
    with pytest.raises(Cancelled):
        composite.run({"audio": AUDIO})
    composite.stop()
    assert model.stopped == 1


def test_a_composite_has_a_step() -> None:
    """Else it could give nothing."""
    with pytest.raises(ModelError, match="at least one step"):
        Composite("voice", [])
