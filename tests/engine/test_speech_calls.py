"""The calls of a segmenter that recordings share: how long they are, and whose time they take."""

from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech_calls import BLOCK_S, MAX_ROWS, Searched, SpeechCalls
from modules.audio.buffer import AudioBuffer
from modules.stages.hop import END, Failed, HopCall
from tests.engine.test_speech_search import Passing, SharedSeconds
from tests.fakes import EverySecond, ramp


def calls_of(detector: Passing | None = None) -> SpeechCalls:
    """Those of a segmenter that shares."""
    return SpeechCalls(SharedSeconds(detector or Passing()))


def test_a_segmenter_that_is_one_session_shares_nothing() -> None:
    """Whole recordings, for which no speech is looked for, have no detector."""
    assert not SpeechCalls(EverySecond()).are_shared
    assert calls_of().are_shared


def test_each_recording_gets_the_pieces_of_its_own_and_its_share_of_the_time() -> None:
    """The longest one's share is the largest."""
    speech = calls_of()
    with ExitStack() as left:
        sessions = [left.enter_context(speech.recording()) for _ in range(3)]
        found = speech([HopCall(session, ramp(n + 1.0)) for n, session in enumerate(sessions)])
        assert [len(one.pieces) for one in found if isinstance(one, Searched)] == [1, 2, 3]
        shares = [one.service_s for one in found if isinstance(one, Searched)]
        assert shares[1] == pytest.approx(2 * shares[0])
        assert shares[2] == pytest.approx(3 * shares[0])


def test_one_that_fails_has_its_failure_in_its_place() -> None:
    """The others have their pieces."""
    speech, loud = calls_of(), AudioBuffer(np.ones(16_000, np.float32), 16_000)
    with speech.recording() as good, speech.recording() as bad:
        found = speech([HopCall(good, ramp(1.0)), HopCall(bad, loud)])
    assert isinstance(found[0], Searched)
    assert isinstance(found[1], Failed)


def test_an_end_costs_as_much_as_the_grain_that_may_be_left() -> None:
    """A call of nothing but ends is divided too."""
    speech = calls_of()
    with speech.recording() as one, speech.recording() as two:
        first, second = speech([HopCall(one, END), HopCall(two, END)])
    assert isinstance(first, Searched)
    assert isinstance(second, Searched)
    assert first.service_s == second.service_s > 0


def test_every_worker_has_an_even_share_of_the_recordings() -> None:
    """With as many recordings as workers each call has one: shared, some workers would have nothing to do."""
    told: list[int] = []
    speech = SpeechCalls(SharedSeconds(Passing()), workers=2, on_rows=told.append)
    with ExitStack() as left:
        for _ in range(2 * MAX_ROWS + 4):
            left.enter_context(speech.recording())
    assert told == [*range(2, MAX_ROWS + 1), *reversed(range(1, MAX_ROWS))]


def test_a_call_of_all_recordings_stays_within_its_limit() -> None:
    """The more of them there are, the less audio each brings; before anything is known it is little."""
    speech = calls_of()
    block = ramp(BLOCK_S)
    shortest_s = speech.next_of(block, max_service_s=0.2).duration_s
    assert shortest_s < 0.5
    speech.learn(Searched([], 0.01), audio_s=1.0)  # ten milliseconds for a second of audio
    with ExitStack() as left:
        for recordings in range(1, 2 * MAX_ROWS):
            left.enter_context(speech.recording())
            for limit_s in (0.03, 0.2):
                length_s = speech.next_of(block, max_service_s=limit_s).duration_s
                rows = min(recordings, MAX_ROWS)
                assert length_s == shortest_s or 0.01 * rows * length_s <= limit_s
    assert speech.next_of(block, max_service_s=0.2).duration_s == BLOCK_S


@given(block_s=st.floats(0.0, BLOCK_S), cost=st.floats(1e-5, 0.5))
def test_what_a_recording_brings_of_a_block_are_equal_parts(block_s: float, cost: float) -> None:
    """None is short at the end, where the others of a call would go on without it; and together they are the block."""
    speech = calls_of()
    speech.learn(Searched([], cost), audio_s=1.0)
    rest = ramp(block_s)
    lengths: list[int] = []
    while not lengths or rest.frames:
        lengths.append(speech.next_of(rest, max_service_s=0.03).frames)
        rest = rest.cut(lengths[-1])
    assert max(lengths) - min(lengths) <= len(lengths)
    assert sum(lengths) == ramp(block_s).frames


def test_one_slow_call_does_not_shorten_the_next_ones_much() -> None:
    """Each of its recordings tells of it; a machine that stumbles once is none that has become slow."""
    speech = calls_of()
    block = ramp(BLOCK_S)
    speech.learn(Searched([], 0.01), audio_s=1.0)
    before_s = speech.next_of(block, max_service_s=0.03).duration_s
    for _ in range(MAX_ROWS):
        speech.learn(Searched([], 0.02), audio_s=1.0)
    assert speech.next_of(block, max_service_s=0.03).duration_s > before_s / 2
    for _ in range(10 * MAX_ROWS):
        speech.learn(Searched([], 0.02), audio_s=1.0)
    assert speech.next_of(block, max_service_s=0.03).duration_s <= before_s / 2
