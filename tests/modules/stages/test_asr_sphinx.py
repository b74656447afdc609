"""Recognition with PocketSphinx: the session with a fake in place of the processes, and the recogniser as it is."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.errors import AudioError, Cancelled, ModelError
from modules.stages import asr_sphinx
from modules.stages.asr_sphinx import SphinxRecogniser, SphinxSession
from modules.stages.sphinx_children import Turn

RATE = 16_000
AUDIO = Path(__file__).parents[3] / "examples" / "audio"


class Echo:
    """Answers each utterance with one word that tells its content, from its second frame to beyond its end."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def ask(self, body: bytes, turn: Turn) -> bytes:
        if turn.cancelled:
            raise Cancelled("as told")
        self.heard.append(body)
        return json.dumps({"words": [[hashlib.md5(body).hexdigest(), 0.01, 1e9, 0.5]]}).encode()  # noqa: S324

    def cancel(self, turn: Turn) -> None:
        turn.cancelled = True


class Deaf(Echo):
    """Hears no word."""

    def ask(self, body: bytes, turn: Turn) -> bytes:
        super().ask(body, turn)
        return b'{"words": []}'


def noise(frames: int) -> AudioBuffer:
    """Samples that are all different, at two minutes into the stream."""
    samples = np.random.default_rng(1).uniform(-1, 1, frames).astype(np.float32)
    return AudioBuffer(samples, RATE, 120.0)


def recording(name: str) -> AudioBuffer:
    """A 16 kHz mono recording among the examples."""
    samples, rate = soundfile.read(AUDIO / name, dtype="float32")
    return AudioBuffer.of(samples, rate)


def transcribed(session: SphinxSession, audio: AudioBuffer, cuts: Sequence[int] = ()) -> list[TranscriptSegment]:
    """What the session says to `audio` when it comes in pieces cut at the frames `cuts`."""
    segments: list[TranscriptSegment] = []
    for start, end in pairwise([0, *sorted(cuts), audio.frames]):
        segments += session.feed(audio.cut(start, end))
    return [*segments, *session.finish()]


@given(lengths=st.lists(st.integers(0, 20_000), max_size=8), limit=st.integers(2, 8))
def test_results_do_not_depend_on_how_the_audio_was_cut(lengths: list[int], limit: int) -> None:
    """The same samples make the same segments, also where a long stretch is cut into utterances."""
    audio = noise(sum(lengths))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asr_sphinx, "_MAX_GRAINS", limit)
        whole = transcribed(SphinxSession(Echo()), audio)
        assert transcribed(SphinxSession(Echo()), audio, list(accumulate(lengths))[:-1]) == whole


def test_a_segment_spans_what_was_fed_in_seconds_of_the_stream() -> None:
    """Words are moved along with it and end inside it."""
    (segment,) = transcribed(SphinxSession(Echo()), noise(24_000))
    (word,) = segment.words
    assert (segment.start_s, segment.end_s) == (120.0, 121.5)
    assert (word.start_s, word.end_s, word.confidence) == (120.01, 121.5, 0.5)
    assert segment.text == word.word


def test_speech_without_end_is_cut_where_it_is_quietest() -> None:
    """Memory and time of an utterance have a limit; no sample is lost at the cut and the segments meet."""
    audio = noise(round(130 * RATE))
    audio.samples[110 * RATE : 110 * RATE + 3200] *= 0.01
    echo = Echo()
    first, second = transcribed(SphinxSession(echo), audio)
    assert (first.start_s, first.end_s, second.end_s) == (120.0, 120.0 + 110.2, 250.0)
    assert second.start_s == first.end_s
    assert sum(map(len, echo.heard)) == 2 * audio.frames


def test_the_noise_floor_is_faint_and_always_the_same() -> None:
    """It stands in for the room that digital silence lacks; loud samples do not wrap round."""
    echo = Echo()
    samples = np.zeros(8000, dtype=np.float32)
    samples[4000:] = 1.0
    for _ in range(2):
        transcribed(SphinxSession(echo), AudioBuffer(samples, RATE))
    first, second = (np.frombuffer(body, dtype="<i2") for body in echo.heard)
    assert np.array_equal(first, second)
    assert 0 < np.abs(first[:4000]).max() <= 5
    assert first[4000:].min() > 32_000


def test_speech_without_words_gives_no_segment() -> None:
    """An empty text would be a made-up result."""
    assert transcribed(SphinxSession(Deaf()), noise(RATE)) == []


def test_no_audio_asks_nobody() -> None:
    """Neither a session that was never fed nor one fed nothing starts a process."""
    echo = Echo()
    assert SphinxSession(echo).finish() == ()
    assert transcribed(SphinxSession(echo), noise(0)) == []
    assert echo.heard == []


@pytest.mark.parametrize(
    "audio",
    [AudioBuffer(np.zeros(10, np.float32), 8000), AudioBuffer(np.zeros((10, 1), np.float32), RATE)],
    ids=["8 kHz", "two dimensions"],
)
def test_audio_of_another_kind_is_refused(audio: AudioBuffer) -> None:
    """The text says what is taken and what came."""
    with pytest.raises(AudioError, match=r"takes 16000 Hz mono.*got"):
        SphinxSession(Echo()).feed(audio)


def test_a_cancelled_session_raises_and_takes_no_more() -> None:
    """Whether it is fed or finished."""
    session = SphinxSession(Echo())
    session.feed(noise(100))
    session.cancel()
    assert repr(session) == "<SphinxSession 0 grains, cancelled>"
    with pytest.raises(Cancelled):
        session.feed(noise(100))
    with pytest.raises(Cancelled):
        session.finish()


@pytest.fixture(scope="module")
def recogniser() -> Iterator[SphinxRecogniser]:
    """PocketSphinx itself, in at most two processes."""
    stage = SphinxRecogniser(max_processes=2)
    yield stage
    stage.close()


def test_a_recording_is_transcribed_with_word_times(recogniser: SphinxRecogniser) -> None:
    """Fillers are dropped, pronunciations are folded, times rise, confidences are probabilities."""
    audio = recording("welcome.wav")
    (segment,) = transcribed(recogniser.open(), audio)
    assert segment.text == "the microphone is on the table this is a test of speech recognition"
    assert (segment.start_s, segment.end_s) == (0.0, audio.end_s)
    assert [word.word for word in segment.words] == segment.text.split()
    assert all(a.end_s <= b.start_s for a, b in pairwise(segment.words))
    assert all(0.0 < word.confidence <= 1.0 for word in segment.words)
    assert segment.words[0].start_s < 0.2
    assert segment.words[6].start_s - segment.words[5].end_s > 0.4  # the pause between the sentences


def test_an_utterance_does_not_depend_on_what_was_decoded_before(recogniser: SphinxRecogniser) -> None:
    """Any process, fresh or used, gives the same words, times and confidences, in any order and however cut."""
    welcome, weather = recording("welcome.wav"), recording("weather.flac")
    fresh = SphinxRecogniser()
    first = transcribed(fresh.open(), weather)
    fresh.close()
    jobs = [(welcome, [5, 50_000]), (weather, []), (weather, [1, 2, 70_000]), (welcome, []), (weather, [33_333])]
    with ThreadPoolExecutor(2) as workers:
        results = list(workers.map(lambda job: transcribed(recogniser.open(), *job), jobs))
    assert results[1] == results[2] == results[4] == first
    assert results[0] == results[3]


@pytest.mark.parametrize("frames", [1, 409, 410, 411, 3_000, 48_000])
def test_silence_of_any_length_says_nothing(recogniser: SphinxRecogniser, frames: int) -> None:
    """Digital silence is no speech, and an utterance shorter than an analysis window is no error."""
    assert transcribed(recogniser.open(), AudioBuffer(np.zeros(frames, np.float32), RATE)) == []


def test_loud_noise_is_no_error(recogniser: SphinxRecogniser) -> None:
    """Whatever it is taken for, the words lie inside it."""
    for segment in transcribed(recogniser.open(), noise(RATE)):
        assert all(120.0 <= word.start_s <= word.end_s <= 121.0 for word in segment.words)


def test_a_model_that_is_missing_is_named(tmp_path: Path) -> None:
    """The error says what was looked for and what to do, at warm-up and at work."""
    stage = SphinxRecogniser(model_dir=tmp_path)
    with pytest.raises(ModelError, match=rf"{tmp_path}.*pip install pocketsphinx"):
        stage.warm_up()
    with pytest.raises(ModelError, match=str(tmp_path)):
        transcribed(stage.open(), noise(RATE))
    stage.close()


def test_a_warm_recogniser_has_a_process_ready(recogniser: SphinxRecogniser) -> None:
    """And says so."""
    recogniser.warm_up()
    assert "idle, at most 2" in repr(recogniser)
