"""A recording may be long, and it may be silent, but not a bomb."""

import pytest

from modules.audio.sound_limits import SoundBound, SoundLimits

DAY_S = 86_400.0


def test_a_recording_may_last_as_long_as_the_limit_says() -> None:
    """And not a second longer."""
    bound = SoundBound(SoundLimits(), 10**9)
    assert bound.exceeded(DAY_S, 0) == ""
    assert bound.exceeded(DAY_S + 1, 0) == "more than 86400 s of sound, the limit max_audio_s"


def test_an_hour_of_anything_is_free() -> None:
    """However few bytes it comes from; beyond it, a thousand times its size is the limit."""
    bound = SoundBound(SoundLimits(), 100)
    assert bound.exceeded(3_600, 2 * 16_000 * 3_600) == ""
    assert bound.exceeded(3_601, 100_000) == ""
    assert bound.exceeded(3_601, 100_001) == "3601 s of sound from 100 bytes, more than 1000 times its size"


@pytest.mark.parametrize("wrong", [{"max_audio_s": 0}, {"free_s": -1}, {"max_expansion": 0.5}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """With the field that is wrong."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SoundLimits(**wrong)
