"""Classification: streams share calls and get what they would get alone; sounds have the times they have."""

import csv
from pathlib import Path

import numpy as np
import pytest

from modules.audio.buffer import AudioBuffer
from modules.audio.decode import open_audio
from modules.audio.detection import Detection
from modules.audio.log_mel import LogMel, LogMelOptions
from modules.batching.detections import DetectionRules, joined
from modules.errors import ConfigError, ModelError
from modules.models.array_model import CallableModel
from modules.models.onnx import OnnxModel
from modules.models.tensors import Array, TensorSpec
from modules.stages.alone import alone
from modules.stages.classify_onnx import Activation, Detections, OnnxClassifier, classification
from modules.stages.front_ends import LogMelPatches, Waveform
from modules.stages.labels import read_labels
from modules.stages.windows import WindowRun, Windows, WindowShape
from tests.small_models import power_bands

SHAPE = WindowShape(8_000, 800, 400)
LABELS = ("low", "high", "loud", "soft", "odd")
YAMNET = WindowShape.of_seconds(16_000, window_s=0.975, hop_s=0.48)


def noise(frames: int, seed: int, rate: int = 8_000) -> AudioBuffer:
    """The same for the same seed."""
    return AudioBuffer((np.random.default_rng(seed).standard_normal(frames) * 0.1).astype(np.float32), rate)


def runs(shape: WindowShape, *streams: AudioBuffer) -> list[WindowRun]:
    """The first run of each stream."""
    return [Windows(shape).open().feed(stream)[0] for stream in streams]


def loud(threshold: float) -> CallableModel:
    """A model with one class: 1 for windows whose mean square is above, 0 for others."""

    def score(rows: Array) -> Array:
        return np.asarray(np.square(rows).mean(axis=1, keepdims=True) > threshold, np.float32)

    inputs, outputs = [TensorSpec("samples", "float32", ("N", 800))], [TensorSpec("scores", "float32", ("N", 1))]
    return CallableModel("loud", score, inputs=inputs, outputs=outputs)


@pytest.mark.parametrize("batch", ["N", 1])
def test_streams_that_share_calls_get_what_they_would_get_alone(tmp_path: Path, batch: int | str) -> None:
    """Within 1e-5, whatever their lengths; a model whose batch is fixed at 1 says that it is not batched."""
    model = OnnxModel(power_bands(tmp_path / "bands.onnx", frames=800, classes=5, batch=batch))
    classifier = OnnxClassifier(model, LABELS, Waveform(SHAPE, model.inputs[0].shape))
    assert classifier.is_batched == (batch == "N")
    batched = runs(SHAPE, noise(800, 1), noise(40_000, 2), noise(1_600, 3))
    together = classifier.process(batched)
    for run, scored in zip(batched, together, strict=True):
        (single,) = classifier.process([run])
        assert scored.run is run
        assert scored.scores.shape == (run.count, 5)
        np.testing.assert_allclose(scored.scores, single.scores, atol=1e-5)


def test_a_sound_is_heard_where_it_is() -> None:
    """From the middle of a hop before to the middle of a hop after, however the audio arrives."""
    samples = np.zeros(8_000 * 10, np.float32)
    samples[24_000:40_000] = 0.5
    stages = classification(OnnxClassifier(loud(0.1), ["loud"], Waveform(SHAPE)), SHAPE)
    for size in (80_000, 1_600, 777):
        session = alone(stages)
        found = [d for piece in AudioBuffer(samples, 8_000).blocks(size / 8_000) for d in session.feed(piece)]
        (sound,) = found + session.finish()
        assert sound.label == "loud"
        assert sound.start_s == pytest.approx(3.0, abs=0.05)
        assert sound.end_s == pytest.approx(5.0, abs=0.05)


def test_stereo_at_another_rate_is_heard_too() -> None:
    """A stream need not be what the model wants."""
    samples = np.zeros((44_100 * 4, 2), np.float32)
    samples[44_100 : 2 * 44_100] = 0.5
    session = alone(classification(OnnxClassifier(loud(0.1), ["loud"], Waveform(SHAPE)), SHAPE))
    (sound,) = [*session.feed(AudioBuffer(samples, 44_100, 100.0)), *session.finish()]
    assert (sound.start_s, sound.end_s) == (pytest.approx(101.0, abs=0.05), pytest.approx(102.0, abs=0.05))


@pytest.mark.parametrize("activation", ["none", "softmax", "sigmoid"])
def test_raw_scores_become_shares(activation: Activation) -> None:
    """By the function that is named."""
    raw = np.array([[-2.0, 1.0]], np.float32)
    model = CallableModel("raw", lambda rows: np.repeat(raw, len(rows), axis=0))
    classifier = OnnxClassifier(model, ["a", "b"], Waveform(SHAPE), activation=activation)
    (scored,) = classifier.process(runs(SHAPE, noise(800, 1)))
    by_hand = {"none": raw, "softmax": np.exp(raw) / np.exp(raw).sum(), "sigmoid": 1 / (1 + np.exp(-raw))}
    np.testing.assert_allclose(scored.scores, by_hand[activation], rtol=1e-6)


def test_scores_of_frames_are_averaged_over_the_window() -> None:
    """A model that scores each of its frames is a classifier too."""
    frames = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    model = CallableModel("frames", lambda rows: np.repeat(frames, len(rows), axis=0))
    (scored,) = OnnxClassifier(model, "abc", Waveform(SHAPE)).process(runs(SHAPE, noise(800, 1)))
    np.testing.assert_array_equal(scored.scores, [[4.5, 5.5, 6.5]])


def test_too_few_labels_are_refused_at_load_and_at_run_time(tmp_path: Path) -> None:
    """As soon as the number of classes is known."""
    model = OnnxModel(power_bands(tmp_path / "bands.onnx", frames=800, classes=5))
    with pytest.raises(ModelError, match="has 5 classes, but there are 4 labels"):
        OnnxClassifier(model, LABELS[:4], Waveform(SHAPE))
    says_nothing = CallableModel("bands", lambda rows: model.run({"samples": rows}))
    with pytest.raises(ModelError, match="has 5 classes, but there are 4 labels"):
        OnnxClassifier(says_nothing, LABELS[:4], Waveform(SHAPE)).process(runs(SHAPE, noise(800, 1)))


def test_a_model_with_several_inputs_is_no_classifier() -> None:
    """The error says where such models are described."""
    two = CallableModel("two", lambda a, b: a + b, inputs=[TensorSpec("a", "float32"), TensorSpec("b", "float32")])
    with pytest.raises(ModelError, match="takes 2 inputs; a classifier takes one: see generic stages"):
        OnnxClassifier(two, LABELS, Waveform(SHAPE))


def test_labels_that_are_asked_for_must_be_there() -> None:
    """Before any stream is opened."""
    with pytest.raises(ConfigError, match="no label 'Dog'"):
        Detections(LABELS, DetectionRules(only=("Dog",)))


def test_a_classifier_breaks_off_its_model() -> None:
    """If that can be stopped."""

    class Stoppable:
        stops = 0

        def __call__(self, rows: Array) -> Array:
            return rows

        def stop(self) -> None:
            self.stops += 1

    model = Stoppable()
    OnnxClassifier(CallableModel("m", model), LABELS, Waveform(SHAPE)).cancel()
    OnnxClassifier(CallableModel("m", lambda rows: rows), LABELS, Waveform(SHAPE)).cancel()
    assert model.stops == 1


# Real models.


@pytest.fixture(scope="module")
def yamnet(shared: Path) -> OnnxClassifier:
    """YAMNet on samples."""
    model = OnnxModel(shared / "models" / "onnx" / "yamnet_wave.onnx")
    labels = read_labels(shared / "models" / "onnx" / "yamnet_class_map.csv")
    return OnnxClassifier(model, labels, Waveform(YAMNET, model.inputs[0].shape))


def sounds(classifier: OnnxClassifier, path: Path) -> tuple[Detection, ...]:
    """What is heard in a recording."""
    session = alone(classification(classifier, YAMNET, DetectionRules(threshold=0.3)))
    with open_audio(path) as reader:
        found = [sound for block in reader.blocks(5.0) for sound in session.feed(block)]
    return joined(found + session.finish())


def test_yamnet_batched_equals_single(yamnet: OnnxClassifier) -> None:
    """Within 1e-5 on streams of different lengths."""
    batched = runs(YAMNET, noise(15_600, 1, 16_000), noise(80_000, 2, 16_000), noise(31_000, 3, 16_000))
    for run, scored in zip(batched, yamnet.process(batched), strict=True):
        np.testing.assert_allclose(scored.scores, yamnet.process([run])[0].scores, atol=1e-5)


def test_yamnet_hears_the_same_in_samples_and_in_our_log_mel(yamnet: OnnxClassifier, shared: Path) -> None:
    """The model on features, fed by kaldi-native-fbank, agrees with the model that makes its own."""
    pytest.importorskip("kaldi_native_fbank", reason="needs the extra onbeat[mel]")
    model = OnnxModel(shared / "models" / "onnx" / "yamnet_patches.onnx")
    mel = LogMelPatches(LogMel(LogMelOptions(), 16_000), YAMNET, model.inputs[0].shape)
    by_features = OnnxClassifier(model, yamnet.labels, mel)
    with open_audio(shared / "audio" / "env_emergency" / "environment__ambient__police_siren.ogg") as reader:
        (siren,) = alone(classification(yamnet, YAMNET)[:2]).feed(next(iter(reader.blocks(5.0))))
    (samples,), (features,) = yamnet.process([siren]), by_features.process([siren])
    np.testing.assert_allclose(features.scores, samples.scores, atol=1e-3)


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("environment__ambient__police_siren.ogg", "Siren"),
        ("environment__weather__thunder_far.ogg", "Thunder"),
        ("environment__ambient__church_bells.ogg", "Bell"),
        ("fire_gun__rifles__automatic_rifle__outdoor_gunfire__556_auto_rifle_shot_01.ogg", "Gunshot, gunfire"),
    ],
)
def test_real_sounds_have_their_names(yamnet: OnnxClassifier, shared: Path, file: str, label: str) -> None:
    """Each is heard within its recording."""
    found = sounds(yamnet, shared / "audio" / "env_emergency" / file)
    assert label in {sound.label for sound in found}
    assert all(0 <= sound.start_s <= sound.end_s for sound in found)


def test_spoken_digits_are_speech_while_they_are_spoken(yamnet: OnnxClassifier, shared: Path) -> None:
    """Nine words of ten lie in a stretch of speech."""
    name = "digits_00_george.flac"
    speech = [d for d in sounds(yamnet, shared / "strings" / name) if d.label == "Speech"]
    with (shared / "strings" / "times.tsv").open() as rows:
        words = [row for row in csv.DictReader(rows, delimiter="\t") if row["file"] == name]
    middles = [(float(word["start"]) + float(word["end"])) / 2 for word in words]
    heard = [any(sound.start_s <= middle <= sound.end_s for sound in speech) for middle in middles]
    assert np.mean(heard) > 0.9
