"""Three models in a row that fall back to one: the talker breaks, the monolith answers, the talker comes back."""

import numpy as np

from engine.call_watch import CallWatch
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.composite import Composite, Step
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_model import FallbackModel
from modules.models.fallback_order import FallbackEvent, FallbackRules

BREAKS_AT = (3, 4)
calls = 0


def encode(audio: np.ndarray) -> np.ndarray:
    """(batch, samples) to hidden states (batch, frames, 4); any ONNX file would do as well."""
    return audio.reshape(len(audio), -1, 4)


def talk(hidden: np.ndarray) -> np.ndarray:
    """Hidden states to logits, until it breaks."""
    global calls  # noqa: PLW0603 - an example that breaks when it should
    calls += 1
    if calls in BREAKS_AT:
        raise ConnectionError("the talker is gone")
    return 2 * hidden


def sing(logits: np.ndarray) -> np.ndarray:
    """Logits to samples."""
    return logits.reshape(len(logits), -1)


def all_in_one(audio: np.ndarray) -> np.ndarray:
    """The one model that does it all, less well."""
    return audio


def voice() -> ArrayModel:
    """Encoder, talker and vocoder in a row."""
    steps = {"encoder": encode, "talker": talk, "vocoder": sing}
    return Composite("voice", [Step(name, CallableModel(name, step)) for name, step in steps.items()])


def tell(event: FallbackEvent) -> None:
    """Print a move."""
    print(f"  {event.kind}: {event.backend} answers in the place of {event.was}: {event.reason}")


def main() -> None:
    """Ask seven times; every call is answered."""
    choices: list[BackendChoice[ArrayModel]] = [
        BackendChoice("composite", voice),
        BackendChoice("monolith", lambda: CallableModel("monolith", all_in_one)),
    ]
    rules = FallbackRules(rest_s=1e-6, max_call_s=1.0)  # so short a rest only here: it is tried again at once
    model = FallbackModel(Fallback("voice", choices, CallWatch(), rules=rules, on_event=tell))
    for number in range(1, 8):
        (samples,) = model.run({"audio": np.ones((1, 8), np.float32)})
        print(f"call {number}: {model.fallback.answers} says {samples[0, 0]:g}")


main()
