"""From sound to pieces of speech: the same samples, bit for bit, whatever the feeds."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.batching.segments import SegmentRules
from modules.models.onnx import OnnxModel
from modules.stages.protocols import Session
from modules.stages.segmenter import (
    CuttingSession,
    SpeechCutting,
    SpeechPiece,
    SpeechSegmenter,
    SpeechTimes,
    WholeGrains,
    WholeStream,
)
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, Heard, SileroDetector, packaged_model

RULES = SegmentRules(min_segment_s=0.3, max_segment_s=2.0, min_silence_s=0.1, padding_s=0.1)

Segments = list[tuple[float, NDArray[np.float32]]]

probabilities = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.1, 0.4, 0.9])), min_size=1, max_size=12
).map(lambda runs: [p for count, p in runs for _ in range(count)])


def counted(frames: int) -> AudioBuffer:
    """Samples that are all different and none zero, so that a lost, moved or made-up one shows."""
    return AudioBuffer(np.arange(1, frames + 1, dtype=np.float32), RATE_HZ)


def cut_at(audio: AudioBuffer, cuts: Sequence[int]) -> list[AudioBuffer]:
    """The audio in parts; a cut may be anywhere, also where another is."""
    edges = [0, *sorted(min(cut, audio.frames) for cut in cuts), audio.frames]
    return [audio.cut(start, end) for start, end in pairwise(edges)]


def fed(session: Session[AudioBuffer, SpeechPiece], parts: Sequence[AudioBuffer]) -> list[SpeechPiece]:
    """All pieces for these parts."""
    return [piece for part in parts for piece in session.feed(part)] + list(session.finish())


def segments(pieces: Sequence[SpeechPiece]) -> Segments:
    """Start and samples of each segment, its pieces joined; checks that they are in order and end once."""
    whole: Segments = []
    for number in range(pieces[-1].segment + 1 if pieces else 0):
        own = [piece for piece in pieces if piece.segment == number]
        assert [piece.is_last for piece in own] == [False] * (len(own) - 1) + [True]
        whole.append((own[0].audio.start_s, np.concatenate([piece.audio.samples for piece in own])))
    assert [piece.segment for piece in pieces] == sorted(piece.segment for piece in pieces)
    return whole


def assert_from(source: AudioBuffer, found: Segments) -> None:
    """Every segment is a stretch of the source, bit for bit, at the place it says."""
    for start_s, samples in found:
        start = round(start_s * RATE_HZ)
        np.testing.assert_array_equal(samples, source.samples[start : start + len(samples)])


def assert_same(one: Segments, other: Segments) -> None:
    """Equal starts, equal bits."""
    assert [start for start, _ in one] == pytest.approx([start for start, _ in other])
    assert [samples.tobytes() for _, samples in one] == [samples.tobytes() for _, samples in other]


@given(frames=st.integers(0, 5_000), cuts=st.lists(st.integers(0, 5_000), max_size=12))
def test_whole_grains_are_the_same_audio_and_only_the_last_buffer_ends_inside_one(frames: int, cuts: list[int]) -> None:
    """Whatever the parts it came in."""
    source, session = counted(frames), WholeGrains().open()
    whole = [buffer for part in cut_at(source, cuts) for buffer in session.feed(part)]
    rest = session.finish()
    assert all(buffer.frames and buffer.frames % GRAIN_FRAMES == 0 for buffer in whole)
    assert [buffer.frames for buffer in rest] == ([frames % GRAIN_FRAMES] if frames % GRAIN_FRAMES else [])
    joined = [buffer.samples for buffer in [*whole, *rest]]
    assert np.array_equal(np.concatenate(joined) if joined else source.samples, source.samples)


def cutting(given_probabilities: Sequence[float], source: AudioBuffer, grains_each: Sequence[int]) -> Segments:
    """What the cutter makes of the source with these probabilities, fed so many grains at a time."""
    session, pieces, at, turn = CuttingSession(RULES), list[SpeechPiece](), 0, 0
    while at < len(given_probabilities):
        end = min(at + grains_each[turn % len(grains_each)], len(given_probabilities))
        audio = source.cut(at * GRAIN_FRAMES, end * GRAIN_FRAMES)
        pieces += session.feed(Heard(audio, np.array(given_probabilities[at:end], np.float32)))
        at, turn = end, turn + 1
    return segments(pieces + session.finish())


@given(
    given_probabilities=probabilities,
    missing=st.integers(0, GRAIN_FRAMES - 1),
    grains_each=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_segments_are_stretches_of_the_source_whatever_the_feeds(
    given_probabilities: list[float], missing: int, grains_each: list[int]
) -> None:
    """Bit for bit and the same for any feeds; a last grain that is not whole is not filled up with zeros."""
    source = counted(len(given_probabilities) * GRAIN_FRAMES - missing)
    found = cutting(given_probabilities, source, grains_each)
    assert_from(source, found)
    assert_same(found, cutting(given_probabilities, source, [1]))
    covered = {frame for start_s, samples in found for frame in _frames(start_s, samples)}
    speech = [grain for grain, p in enumerate(given_probabilities) if p >= RULES.threshold]
    assert all(min((grain + 1) * GRAIN_FRAMES, source.frames) - 1 in covered for grain in speech)


def _frames(start_s: float, samples: NDArray[np.float32]) -> range:
    start = round(start_s * RATE_HZ)
    return range(start, start + len(samples))


def test_silence_is_not_kept() -> None:
    """However long nobody speaks, no more than the padding is held."""
    session = SpeechCutting(RULES).open()
    for _ in range(200):
        session.feed(Heard(AudioBuffer.silence(10 * GRAIN_FRAMES, RATE_HZ), np.zeros(10, np.float32)))
    assert session._held is not None
    assert session._held.frames <= (RULES.padding_s * RATE_HZ) + GRAIN_FRAMES


def test_what_is_kept_between_feeds_holds_nothing_else_in_memory() -> None:
    """A view of the last few samples would keep the whole buffer they came in, for as long as the stream is silent."""
    grains, cutter = WholeGrains(), CuttingSession(RULES)
    (whole,) = grains.feed(counted(10 * GRAIN_FRAMES + 5))
    cutter.feed(Heard(whole, np.full(10, 0.9, np.float32)))
    assert grains._rest is not None
    assert cutter._held is not None
    for kept, frames in ((grains._rest, 5), (cutter._held, 0)):
        assert kept.frames == frames
        assert kept.samples.base is None
        assert not np.shares_memory(kept.samples, whole.samples)


def test_a_stream_without_speech_has_no_pieces() -> None:
    """Nor has one without samples."""
    assert cutting([0.1] * 50, counted(50 * GRAIN_FRAMES), [7]) == []
    assert CuttingSession(RULES).finish() == []


@pytest.fixture(scope="module")
def segmenter() -> SpeechSegmenter:
    """The packaged detector with rules that cut often."""
    return SpeechSegmenter(SileroDetector(OnnxModel(packaged_model())), RULES)


@pytest.fixture(scope="module")
def speech(shared: Path) -> AudioBuffer:
    """Twice three seconds of digits with silence around them, ending inside a grain."""
    samples, _ = soundfile.read(shared / "strings" / "digits_01_jackson.flac", dtype="float32")
    pause = np.zeros(3 * RATE_HZ, np.float32)
    three = 3 * RATE_HZ
    return AudioBuffer(np.concatenate([pause, samples[:three], pause, samples[three : 2 * three + 100]]), RATE_HZ)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 12 * RATE_HZ), max_size=40))
def test_speech_is_cut_the_same_whatever_the_feeds(
    segmenter: SpeechSegmenter, speech: AudioBuffer, cuts: list[int]
) -> None:
    """With the real detector: the same segments, made of the source's own samples."""
    found = segments(fed(segmenter.open(), cut_at(speech, cuts)))
    assert len(found) >= 2
    assert_from(speech, found)
    assert_same(found, segments(fed(segmenter.open(), [speech])))


def test_speech_times_say_when_somebody_spoke() -> None:
    """One segment without text over all that was fed, and none for nothing."""
    session = SpeechTimes().open()
    assert session.feed(AudioBuffer.silence(RATE_HZ, RATE_HZ, start_s=2.0)) == []
    assert session.feed(AudioBuffer.silence(RATE_HZ, RATE_HZ, start_s=3.0)) == []
    assert session.finish() == [TranscriptSegment(2.0, 4.0, "")]
    assert SpeechTimes().finish() == []


@given(st.lists(st.integers(0, 100), max_size=8))
def test_a_whole_stream_is_one_segment(sizes: list[int]) -> None:
    """Everything, as it came; the empty last piece stands where the stream ends."""
    parts = cut_at(counted(sum(sizes)), np.cumsum(sizes).tolist())
    session = WholeStream(RATE_HZ).open()
    *pieces, last = fed(session, parts)
    assert [piece.audio for piece in pieces] == parts
    assert {piece.segment for piece in [*pieces, last]} == {0}
    assert (last.is_last, last.audio.frames) == (True, 0)
    assert last.audio.start_s == pytest.approx(sum(sizes) / RATE_HZ)
