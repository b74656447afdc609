"""What a pipeline does beside recognising: it listens for sounds, and cleans its audio first."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
import pytest

from engine import AsyncAudioProcessor, BatchProcessingConfig, EventType, LiveStream, StreamEvent
from engine.flow_parts import FlowParts
from engine.inline_workers import InlineWorkers
from engine.pipeline import build_pipeline
from engine.recording import RecordingInMemory, StoredRecording, transcribe
from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
from modules.audio.formats import TranscriptFormat
from modules.errors import ConfigError, ModelError
from modules.models.array_model import CallableModel
from modules.models.digest import onnx_digest, tree_digest
from modules.models.onnx import OnnxModel
from modules.models.run_records import ModelIdentity
from modules.models.tensors import Array
from modules.results import FileResult
from modules.results_json import file_from_json, file_json
from modules.stages import recognisers
from modules.stages.beside import Beside
from modules.stages.classify_onnx import OnnxClassifier, classification
from modules.stages.extra_stages import ExtraStages
from modules.stages.front_ends import Waveform
from modules.stages.hop import AnyStage
from modules.stages.live import LiveVosk
from modules.stages.recognisers import RecogniserChoice, RecogniserWish
from modules.stages.vad_silero import packaged_model
from modules.stages.windows import WindowShape
from modules.transcripts import render
from tests.fakes import CountingRecogniser, EverySecond, parts_with, write_wav
from tests.small_models import power_bands

SHAPE = WindowShape(8_000, 800, 400)


class Loud:
    """A model: 1 for windows that are loud, and how many windows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, rows: Array) -> Array:
        self.calls.append(len(rows))
        return np.asarray(np.square(rows).mean(axis=1, keepdims=True) > 0.01, np.float32)


def listening(model: Loud | None = None) -> tuple[AnyStage, ...]:
    """Stages that hear when it is loud."""
    return classification(OnnxClassifier(CallableModel("loud", model or Loud()), ["Bang"], Waveform(SHAPE)), SHAPE)


def bang() -> AudioBuffer:
    """Ten seconds at 16 kHz, loud from 3 to 5."""
    samples = np.zeros(160_000, np.float32)
    samples[48_000:80_000] = 0.5
    return AudioBuffer(samples, 16_000)


def parts(extra: ExtraStages) -> FlowParts:
    """A pipeline with a recogniser that counts, and these beside it."""
    made = parts_with(InlineWorkers(), CountingRecogniser(), segmenter=EverySecond())
    return replace(made, pipeline=replace(made.pipeline, extra=extra))


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_sounds_stand_in_the_result_with_their_times(tmp_path: Path, kind: str) -> None:
    """Beside what was recognised, in JSON and as subtitles."""
    recording = StoredRecording(write_wav(tmp_path / "a.wav", bang())) if kind == "file" else RecordingInMemory(bang())
    result = await transcribe("a", recording, parts(ExtraStages(listeners=(listening(),))))
    assert result.detections is not None
    (sound,) = result.detections
    assert (sound.label, sound.score) == ("Bang", 1.0)
    np.testing.assert_allclose((sound.start_s, sound.end_s), (3.0, 5.0), atol=0.05)
    assert len(result.segments) == 10
    read = file_from_json(file_json(result)).detections
    assert read == (Detection("Bang", round(sound.start_s, 3), round(sound.end_s, 3), 1.0),)
    alone = replace(result, segments=())
    assert render(alone, TranscriptFormat.SRT).splitlines()[2] == "[Bang]"


@pytest.mark.anyio
async def test_where_nobody_listens_the_result_says_nothing_of_sounds() -> None:
    """Not even that there were none."""
    result = await transcribe("a", RecordingInMemory(bang()), parts(ExtraStages()))
    assert result.detections is None
    assert "detections" not in file_json(result)


class Halving:
    """A cleaning stage: half of every sample."""

    def process(self, batch: Sequence[AudioBuffer]) -> list[AudioBuffer]:
        return [AudioBuffer(audio.samples * np.float32(0.5), audio.sample_rate, audio.start_s) for audio in batch]


@pytest.mark.anyio
async def test_the_recogniser_hears_cleaned_audio_and_listeners_the_recording_itself() -> None:
    """One hears better without noise, the other listens for it."""
    heard: list[float] = []
    made = parts(ExtraStages(clean=(Halving(),), listeners=(listening(),)))
    made.pipeline.recogniser.on_feed = lambda audio: heard.append(float(audio.samples.max()))  # type: ignore[attr-defined]
    result = await transcribe("a", RecordingInMemory(bang()), made)
    assert max(heard) == 0.25
    assert result.detections


def test_what_is_done_beside_is_in_the_fingerprint() -> None:
    """Another classifier is another run."""
    config = BatchProcessingConfig(asr="none")
    plain = build_pipeline(config, workers=1, version="1")
    extra = ExtraStages(clean=(Halving(),), listeners=(listening(),), fingerprint="sounds")
    with_sounds = build_pipeline(config, workers=1, version="1", extra=extra)
    assert plain.fingerprint == build_pipeline(config, workers=2, version="1").fingerprint
    assert plain.fingerprint != with_sounds.fingerprint


@pytest.mark.anyio
async def test_a_result_names_the_models_that_were_asked(tmp_path: Path, shared: Path) -> None:
    """By their content, the listeners first."""
    bands = power_bands(tmp_path / "bands.onnx", frames=800, classes=1)
    stages = classification(OnnxClassifier(OnnxModel(bands), ["Bang"], Waveform(SHAPE)), SHAPE)
    vosk = shared / "models" / "vosk-digits-en"
    config = BatchProcessingConfig(asr="vosk", vosk_model=vosk)
    pipeline = build_pipeline(config, workers=1, version="1", extra=ExtraStages(listeners=(stages,)))
    sounds, speech, words = pipeline.models
    assert (sounds.name, sounds.digest, sounds.format) == ("bands", onnx_digest(bands), "onnx-fp32")
    assert (speech.digest, speech.provider) == (onnx_digest(packaged_model()), "CPUExecutionProvider")
    assert words == ModelIdentity("vosk-digits-en", tree_digest(vosk), "vosk", "cpu")
    made = parts(ExtraStages())
    result = await transcribe("a", RecordingInMemory(bang()), made)
    assert result.models == made.pipeline.models
    assert result.timing.queue_s >= 0


def test_live_listeners_stand_beside_the_recogniser(shared: Path) -> None:
    """They hear the audio as it is; without a recogniser one stands alone, and its streams share calls."""
    extra = ExtraStages(clean=(Halving(),), listeners=(listening(), listening()))
    one = replace(extra, listeners=extra.listeners[:1])
    words = BatchProcessingConfig(asr="vosk", vosk_model=shared / "models" / "vosk-digits-en")
    no_words = BatchProcessingConfig(asr="none")
    (beside,) = build_pipeline(words, workers=1, version="1", extra=extra).live_stages()
    assert isinstance(beside, Beside)
    assert [type(stage) for stage in beside.rows[0]] == [Halving, LiveVosk]
    assert beside.rows[1:] == extra.listeners
    (beside,) = build_pipeline(no_words, workers=1, version="1", extra=extra).live_stages()
    assert isinstance(beside, Beside)
    assert beside.rows == extra.listeners
    assert build_pipeline(no_words, workers=1, version="1", extra=one).live_stages() == one.listeners[0]


def test_audio_is_cleaned_before_vosk_hears_it_live(shared: Path) -> None:
    """The cleaning stages come first."""
    config = BatchProcessingConfig(asr="vosk", vosk_model=shared / "models" / "vosk-digits-en")
    pipeline = build_pipeline(config, workers=1, version="1", extra=ExtraStages(clean=(Halving(),)))
    first, second = pipeline.live_stages()
    assert isinstance(first, Halving)
    assert isinstance(second, LiveVosk)


def test_audio_is_not_cleaned_for_a_recogniser_at_another_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """With whole files it hears its own rate; in segments all hear 16 kHz."""
    phone = CountingRecogniser()
    phone.sample_rate = 8_000
    monkeypatch.setattr(recognisers, "load", lambda *_: phone)
    extra = ExtraStages(clean=(Halving(),))
    build_pipeline(BatchProcessingConfig(asr="sphinx"), workers=1, version="1", extra=extra)
    with pytest.raises(ConfigError, match=r"cleaned audio has 16000 Hz, but with segmenting off .* 8000 Hz"):
        build_pipeline(BatchProcessingConfig(asr="sphinx", segmenting="off"), workers=1, version="1", extra=extra)


class Role:
    """Two recognisers under the names of real ones; the model of the first was found, not named."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, cannot_load: bool = False) -> None:
        self.fails_at: int | None = None
        self.segments = 0
        first = CountingRecogniser(self._heard)
        self.second = CountingRecogniser()

        def load(choice: RecogniserChoice, _: RecogniserWish) -> CountingRecogniser:
            if choice.backend == "vosk" and cannot_load:
                raise ModelError("the model is damaged")
            return first if choice.backend == "vosk" else self.second

        monkeypatch.setattr(recognisers, "load", load)
        monkeypatch.setattr(recognisers, "choose", lambda _: RecogniserChoice("vosk", "a model was found"))

    def _heard(self, _: AudioBuffer) -> None:
        self.segments += 1
        if self.fails_at is not None and self.segments >= self.fails_at:
            raise ModelError("it broke")

    async def hear(self) -> FileResult:
        """What is said of ten seconds, each a segment of its own."""
        pipeline = replace(build_pipeline(BatchProcessingConfig(), workers=1, version="1"), segmenter=EverySecond())
        made = parts(ExtraStages())
        return await transcribe("a", RecordingInMemory(bang()), replace(made, pipeline=pipeline))


@pytest.mark.anyio
async def test_a_recogniser_that_was_found_and_cannot_be_loaded_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result says by what, and why."""
    result = await Role(monkeypatch, cannot_load=True).hear()
    assert result.backend == "sphinx"
    assert result.why == "the Vosk model that was found failed: vosk cannot be loaded: the model is damaged"
    assert len(result.segments) == 10


@pytest.mark.anyio
async def test_a_recogniser_that_fails_midway_is_replaced_and_no_segment_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The segments are those of a recording in which nothing failed."""
    role = Role(monkeypatch)
    whole = await role.hear()
    assert whole.backend == "vosk"
    role.fails_at = role.segments + 4
    result = await role.hear()
    assert result.backend == "sphinx"
    assert result.segments == whole.segments
    assert role.second.chunks
    assert "recogniser: sphinx answers in the place of vosk: it broke" in caplog.text


@pytest.mark.parametrize(
    ("choice", "wish"),
    [
        (RecogniserChoice("vosk", "asked for"), RecogniserWish(asr="vosk")),
        (RecogniserChoice("vosk", "named"), RecogniserWish(vosk_model=Path("model"))),
        (RecogniserChoice("vosk", "found"), RecogniserWish(endpoints=True)),
        (RecogniserChoice("vosk", "found"), RecogniserWish(language="de")),
        (RecogniserChoice("sphinx", "nothing else"), RecogniserWish()),
        (RecogniserChoice("none", "asked for"), RecogniserWish(asr="none")),
    ],
)
def test_a_recogniser_that_was_asked_for_is_not_replaced(choice: RecogniserChoice, wish: RecogniserWish) -> None:
    """Who names one wants that one, or an error; and the spare one knows English only."""
    assert recognisers.spare(choice, wish) is None


async def said(stream: LiveStream, audio: AudioBuffer) -> list[StreamEvent]:
    """The finals of a stream that is pushed this audio."""
    await stream.push(audio)
    stream.end_input()
    return [event async for event in stream if event.type is EventType.FINAL]


@pytest.mark.anyio
async def test_live_streams_hear_sounds_as_events_and_share_the_models_calls() -> None:
    """Each its own, with the times of its own stream."""
    model, found = Loud(), dict[int, list[StreamEvent]]()
    stages = listening(model)

    async def listen(processor: AsyncAudioProcessor, number: int) -> None:
        async with processor.open_stream(16_000, stages=stages, max_buffered_s=20.0) as stream:
            found[number] = await said(stream, bang())

    async with (
        AsyncAudioProcessor(BatchProcessingConfig(asr="none", workers=1)) as processor,
        anyio.create_task_group() as tasks,
    ):
        for number in range(4):
            tasks.start_soon(listen, processor, number)
    for events in found.values():
        (event,) = events
        assert event.text == "[Bang]"
        assert isinstance(event.value, Detection)
        np.testing.assert_allclose((event.start_s, event.end_s), (3.0, 5.0), atol=0.05)
    assert len(found) == 4
    assert max(model.calls) > 5  # a chunk of one stream has four windows, or five
