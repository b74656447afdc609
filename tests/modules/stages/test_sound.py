"""Any stream's audio becomes mono at the rate that is wanted."""

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.errors import AudioError
from modules.stages.alone import alone
from modules.stages.sound import SoundAt


def test_stereo_at_another_rate_becomes_mono_at_this_one() -> None:
    """A second stays a second, in its place."""
    buffer = AudioBuffer(np.ones((48_000, 2), np.float32), 48_000, 3.0)
    session = SoundAt(16_000).open()
    parts = [*session.feed(buffer), *session.finish()]
    assert sum(part.frames for part in parts) == 16_000
    assert {part.sample_rate for part in parts} == {16_000}
    assert parts[0].start_s == 3.0


def test_a_channel_may_be_chosen() -> None:
    """Counted from 0."""
    samples = np.stack([np.zeros(100), np.ones(100)], axis=1).astype(np.float32)
    (part,) = SoundAt(8_000, channel=1).open().feed(AudioBuffer(samples, 8_000))
    assert part.samples.min() == 1.0


def test_mono_at_the_right_rate_passes_without_a_copy() -> None:
    """Nothing is done twice."""
    buffer = AudioBuffer.silence(100, 16_000)
    (part,) = alone([SoundAt(16_000)]).feed(buffer)
    assert part is buffer


def test_a_rate_that_changes_midway_is_refused() -> None:
    """It would be another sound."""
    session = SoundAt(16_000).open()
    session.feed(AudioBuffer.silence(100, 8_000))
    with pytest.raises(AudioError, match="from 8000 Hz"):
        session.feed(AudioBuffer.silence(100, 48_000))


def test_an_empty_stream_is_nothing() -> None:
    """And a rate that there is not is refused at once."""
    assert list(SoundAt(16_000).open().finish()) == []
    with pytest.raises(AudioError, match="sample_rate"):
        SoundAt(0)
