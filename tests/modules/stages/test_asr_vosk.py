"""Recognition with Vosk, with the real package and the small model of spoken digits."""

import csv
import json
import math
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import vosk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.errors import Cancelled, ModelError
from modules.stages import asr_vosk
from modules.stages.asr_vosk import GRAIN_S, VoskRecogniser, VoskSession

NAME = "digits_01_jackson.flac"
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def digits(shared: Path) -> VoskRecogniser:
    """The digits model, endpoints heard."""
    return VoskRecogniser(shared / "models" / "vosk-digits-en", endpoints=True)


@pytest.fixture(scope="module")
def speech(shared: Path) -> NDArray[np.float32]:
    """Nineteen seconds of digits at 16 kHz."""
    samples, _ = soundfile.read(shared / "strings" / NAME, dtype="float32")
    return np.asarray(samples)


def hear(recogniser: VoskRecogniser, buffers: list[AudioBuffer]) -> list[TranscriptSegment]:
    """What a new session says to these buffers."""
    session = recogniser.open()
    return [segment for buffer in buffers for segment in session.feed(buffer)] + session.finish()


def vosk_itself(model: Path, pcm: bytes) -> str:
    """The text of Vosk fed directly in the same grain, results fetched whenever it says so."""
    recogniser: Any = vosk.KaldiRecognizer(vosk.Model(str(model)), 16_000)
    step, texts = round(GRAIN_S * 16_000) * 2, []
    for start in range(0, len(pcm), step):
        if recogniser.AcceptWaveform(pcm[start : start + step]):
            texts.append(json.loads(recogniser.Result())["text"])  # noqa: PERF401 - a recogniser is fed, not mapped
    texts.append(json.loads(recogniser.FinalResult())["text"])
    return " ".join(text for text in texts if text)


def test_the_text_is_that_of_vosk_fed_in_the_same_grain(shared: Path, digits: VoskRecogniser) -> None:
    """Word for word, over several recordings."""
    for path in sorted((shared / "strings").glob("*.flac"))[:6]:
        pcm, _ = soundfile.read(path, dtype="int16")
        found = hear(digits, [AudioBuffer.of(pcm, 16_000)])
        assert " ".join(segment.text for segment in found) == vosk_itself(
            shared / "models" / "vosk-digits-en", pcm.tobytes()
        )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 19 * 16_000), max_size=40))
def test_results_do_not_depend_on_how_the_audio_was_cut(
    digits: VoskRecogniser, speech: NDArray[np.float32], cuts: list[int]
) -> None:
    """Words, times and segments are the same for any pushes, from none to all samples at once."""
    edges = [0, *sorted(cuts), len(speech)]
    whole = AudioBuffer(speech, 16_000)
    parts = [whole.cut(start, end) for start, end in pairwise(edges)]
    assert hear(digits, parts) == hear(digits, [whole])


def test_words_have_their_times_in_the_stream(
    shared: Path, digits: VoskRecogniser, speech: NDArray[np.float32]
) -> None:
    """Shifted by the first buffer's start, each word within a quarter of a second of the truth."""
    found = hear(digits, [AudioBuffer(speech, 16_000, start_s=100.0)])
    words = [word for segment in found for word in segment.words]
    with (shared / "strings" / "times.tsv").open() as rows:
        truth = [row for row in csv.DictReader(rows, delimiter="\t") if row["file"] == NAME]
    assert [word.word for word in words] == [row["word"] for row in truth]
    assert all(abs(w.start_s - 100 - float(row["start"])) < 0.25 for w, row in zip(words, truth, strict=True))
    assert all(0 < word.confidence <= 1 for word in words)


def test_without_endpoints_a_stream_is_one_segment(shared: Path, speech: NDArray[np.float32]) -> None:
    """It spans all that was fed."""
    recogniser = VoskRecogniser(shared / "models" / "vosk-digits-en", endpoints=False)
    (segment,) = hear(recogniser, [AudioBuffer(speech, 16_000, start_s=2.0)])
    assert segment.start_s == 2.0
    assert segment.end_s == pytest.approx(2.0 + len(speech) / 16_000)


class EndpointEverySecond:
    """In a recogniser's place: hears an endpoint each second, and notes how it was asked for its result."""

    def __init__(self) -> None:
        self.heard_bytes = 0
        self.asked: list[str] = []

    def AcceptWaveform(self, pcm: bytes) -> bool:  # noqa: N802 - the library's own name
        self.heard_bytes += len(pcm)
        return self.heard_bytes % (2 * RATE_HZ) == 0

    def Result(self) -> str:  # noqa: N802 - as above
        self.asked.append("result")
        return "{}"

    def FinalResult(self) -> str:  # noqa: N802 - as above
        self.asked.append("final result")
        return "{}"


def test_a_recogniser_is_renewed_at_the_first_endpoint_after_its_time() -> None:
    """After its final result Vosk begins anew; without a time it is asked for that at the end alone."""
    for renew_after_s, asked in (
        (2.5, ["result", "result", "final result"] * 2),
        (0.0, ["final result"] * 6),
        (math.inf, ["result"] * 6),
    ):
        recogniser = EndpointEverySecond()
        session = VoskSession(recogniser, sample_rate=RATE_HZ, endpoints=True, renew_after_s=renew_after_s)
        session.feed(AudioBuffer.silence(6 * RATE_HZ, RATE_HZ))
        assert recogniser.asked == asked
        session.finish()
        assert recogniser.asked == [*asked, "final result"]


def test_times_go_on_in_a_renewed_recogniser(digits: VoskRecogniser, speech: NDArray[np.float32]) -> None:
    """Three times the same digits with pauses between them are heard three times, each at its place in the stream."""
    once_s = math.ceil(len(speech) / RATE_HZ) + 1
    padded = np.concatenate([speech, np.zeros(once_s * RATE_HZ - len(speech), np.float32)])
    session = digits.open(renew_after_s=1.0)
    found = [*session.feed(AudioBuffer(np.tile(padded, 3), RATE_HZ)), *session.finish()]
    words = [word for segment in found for word in segment.words]
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    said = [[word.word for word in words if turn * once_s <= word.start_s < (turn + 1) * once_s] for turn in range(3)]
    assert said[0] == said[1] == said[2]
    assert len(said[0]) > 10


def test_a_cancelled_session_stops_at_the_next_grain(digits: VoskRecogniser, speech: NDArray[np.float32]) -> None:
    """Feeding on is refused."""
    session = digits.open()
    session.feed(AudioBuffer(speech, 16_000))
    session.cancel()
    with pytest.raises(Cancelled):
        session.feed(AudioBuffer(speech, 16_000))


def test_nothing_fed_gives_nothing(digits: VoskRecogniser) -> None:
    """A stream may be empty."""
    assert hear(digits, []) == []


def test_a_folder_without_a_model_is_refused_before_vosk_sees_it(tmp_path: Path) -> None:
    """The message says what is missing."""
    with pytest.raises(ModelError, match=r"has no am/final\.mdl"):
        VoskRecogniser(tmp_path, endpoints=True)


def test_a_broken_model_is_a_model_error(tmp_path: Path) -> None:
    """Vosk's bare exception is translated."""
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot load"):
        VoskRecogniser(tmp_path, endpoints=True)


def test_the_rate_is_read_from_the_model(tmp_path: Path, shared: Path) -> None:
    """A model of telephone speech is fed at 8 kHz."""
    assert VoskRecogniser(shared / "models" / "vosk-digits-en", endpoints=True).sample_rate == 16_000
    (tmp_path / "am").mkdir()
    (tmp_path / "conf").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"no model")
    (tmp_path / "conf" / "mfcc.conf").write_text("--use-energy=false\n--sample-frequency=8000 # phone\n")
    assert asr_vosk._sample_rate(tmp_path) == 8_000
    (tmp_path / "conf" / "mfcc.conf").write_text("--sample-frequency=often\n")
    with pytest.raises(ModelError, match="no number"):
        asr_vosk._sample_rate(tmp_path)


def test_models_in_a_cache_are_found_by_language(tmp_path: Path) -> None:
    """Names as Vosk gives them, in order; folders that hold no model are passed over."""
    for name in ("vosk-model-small-en-us-0.15", "vosk-model-en-us-0.22", "vosk-model-small-de-0.15"):
        (tmp_path / name / "am").mkdir(parents=True)
        (tmp_path / name / "am" / "final.mdl").touch()
    (tmp_path / "vosk-model-en-us-empty").mkdir()
    found = asr_vosk.cached_models("en-us", [tmp_path / "absent", tmp_path])
    assert [path.name for path in found] == ["vosk-model-en-us-0.22", "vosk-model-small-en-us-0.15"]


def test_word_times_jump_where_samples_were_dropped(digits: VoskRecogniser, speech: NDArray[np.float32]) -> None:
    """The same speech twice, ten seconds apart in the stream and without a gap in what was fed."""
    whole = hear(digits, [AudioBuffer(speech, 16_000), AudioBuffer(speech, 16_000, start_s=len(speech) / 16_000 + 10)])
    words = [word for segment in whole for word in segment.words]
    half = len(words) // 2
    assert all(
        late.start_s - early.start_s == pytest.approx(len(speech) / 16_000 + 10, abs=0.2)
        for early, late in zip(words[:half], words[half:], strict=True)
    )


def test_a_model_of_telephone_speech_hears_what_was_found_at_16_khz(
    tmp_path: Path, shared: Path, speech: NDArray[np.float32]
) -> None:
    """The voice detector works at 16 kHz whatever the recogniser's rate is; the digits model needs less than 4 kHz."""
    model = shutil.copytree(shared / "models" / "vosk-digits-en", tmp_path / "model", copy_function=shutil.copyfile)
    settings_file = model / "conf" / "mfcc.conf"
    settings_file.write_text(settings_file.read_text().replace("=16000", "=8000"))
    recogniser = VoskRecogniser(model, endpoints=False)
    assert recogniser.sample_rate == 8_000
    found = hear(recogniser, list(AudioBuffer(speech, 16_000, start_s=5.0).blocks(0.7)))
    with (shared / "strings" / "times.tsv").open() as rows:
        truth = [row for row in csv.DictReader(rows, delimiter="\t") if row["file"] == NAME]
    words = [word for segment in found for word in segment.words]
    assert [word.word for word in words] == [row["word"] for row in truth]
    assert all(abs(w.start_s - 5 - float(row["start"])) < 0.25 for w, row in zip(words, truth, strict=True))
