"""A recording is listened to while it is read, and nothing of it changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
from modules.errors import AudioError
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_model import FallbackModel
from modules.stages.extra_stages import ExtraStages
from tests.modules.models.test_named_models import NoWatch

BLOCKS = [AudioBuffer(np.full((10, 2), [0.0, 1.0], np.float32), 10, float(second)) for second in range(4)]


class Hearing:
    """A stage that hears a sound in each block, and remembers what it was given."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.given: list[AudioBuffer] = []
        self.models: tuple[object, ...] = ()

    def process(self, batch: Sequence[AudioBuffer]) -> list[Detection]:
        self.given += batch
        return [Detection(self.label, audio.start_s, audio.end_s, 0.5) for audio in batch]


def test_listeners_hear_all_and_say_it_at_the_end() -> None:
    """In order of time, with pieces that touch put together; the blocks pass as they are, one by one."""
    dog, bell = Hearing("Dog"), Hearing("Bell")
    facts: dict[str, Any] = {}
    heard = iter(ExtraStages(listeners=((dog,), (bell,))).heard(BLOCKS, None, facts))
    assert next(heard) is BLOCKS[0]
    assert len(dog.given) == 1
    assert facts == {}
    assert list(heard) == BLOCKS[1:]
    assert facts["detections"] == (Detection("Bell", 0.0, 4.0, 0.5), Detection("Dog", 0.0, 4.0, 0.5))


@pytest.mark.parametrize(("channel", "value"), [(None, 0.5), (0, 0.0), (1, 1.0)])
def test_listeners_hear_the_channel_that_is_used(channel: int | None, value: float) -> None:
    """Or the mean of all."""
    dog = Hearing("Dog")
    list(ExtraStages(listeners=((dog,),)).heard(BLOCKS, channel, {}))
    assert {float(sample) for audio in dog.given for sample in audio.samples} == {value}


def test_a_channel_that_there_is_not_is_an_error() -> None:
    """As it is for the recogniser."""
    with pytest.raises(AudioError, match="channel 2"):
        list(ExtraStages(listeners=((Hearing("Dog"),),)).heard(BLOCKS, 2, {}))


def test_where_nobody_listens_nothing_is_said() -> None:
    """There is a difference between no sounds and nobody who listened."""
    facts: dict[str, Any] = {}
    assert ExtraStages().heard(BLOCKS, None, facts) is BLOCKS
    assert facts == {}


def test_the_roles_of_all_stages_are_known() -> None:
    """So that what failed can be tried again where nobody waits."""
    roles: list[Fallback[ArrayModel]] = [
        Fallback(name, [BackendChoice("a", lambda: CallableModel("a", abs))], NoWatch()) for name in ("clean", "dog")
    ]
    cleaning, dog = Hearing("clean"), Hearing("dog")
    for stage, role in zip((cleaning, dog), roles, strict=True):
        stage.models = (FallbackModel(role),)
    assert ExtraStages(clean=(cleaning,), listeners=((dog,), (Hearing("bell"),))).fallbacks == roles
