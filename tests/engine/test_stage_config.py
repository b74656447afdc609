"""Stages from `onbeat.toml`: what is described is made, and what is wrong is refused by its place in the file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from engine.stage_config import StageSet, known_keys, load_stages
from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
from modules.errors import ConfigError, ModelError
from modules.events import StreamEvent
from modules.models.fallback_order import FallbackEvent
from modules.models.identities import fallbacks, fallbacks_of
from modules.models.onnx import OnnxModel
from modules.stages.alone import alone
from modules.stages.classify_onnx import OnnxClassifier
from modules.stages.described import fingerprint
from modules.stages.generic_onnx import GenericModel
from modules.stages.windows import Windows, WindowShape
from tests.small_models import matmul, power_bands, running_sum

CLASSIFY = """
[stage.sounds]
kind = "classify"
model = "bands.onnx"
labels = "labels.txt"
rate_hz = 8000
"""


def described(folder: Path, text: str, told: list[FallbackEvent] | None = None) -> StageSet:
    """The stages of a file in that folder, which also holds some models and labels."""
    power_bands(folder / "bands.onnx", frames=800, classes=3)
    running_sum(folder / "sum.onnx", frames=4)
    matmul(folder / "encoder.onnx", "audio", "hidden", sizes=(16, 8))
    matmul(folder / "vocoder.onnx", "hidden", "samples", sizes=(8, 4))
    matmul(folder / "whole.onnx", "sound", "out", sizes=(16, 4))
    (folder / "labels.txt").write_text("low\nmiddle\nhigh\n")
    file = folder / "onbeat.toml"
    file.write_text(text)
    return load_stages(file, (told if told is not None else []).append)


def noise(frames: int, rate: int) -> AudioBuffer:
    """The same every time."""
    return AudioBuffer((np.random.default_rng(1).standard_normal(frames) * 0.1).astype(np.float32), rate)


def test_a_classifier_takes_its_window_from_the_model(tmp_path: Path) -> None:
    """800 samples, and half of that is the hop; settings beside the tables are nobody's business here."""
    stages = described(tmp_path, f'asr = "none"\n{CLASSIFY}threshold = 0.6\nonly = ["high"]\n')
    row = stages.build("sounds")
    windows, classifier = row[1], row[2]
    assert isinstance(windows, Windows)
    assert isinstance(classifier, OnnxClassifier)
    assert windows.shape == WindowShape(8_000, 800, 400)
    assert classifier.labels == ("low", "middle", "high")
    session = alone(row)
    found = [*session.feed(noise(80_000, 8_000)), *session.finish()]
    assert found
    assert {(type(sound), sound.label) for sound in found} == {(Detection, "high")}


def test_a_model_may_be_a_role_with_fallbacks_and_session_options(tmp_path: Path) -> None:
    """Best first; the one that cannot be loaded is told of."""
    told: list[FallbackEvent] = []
    text = CLASSIFY.replace('"bands.onnx"', '["absent.onnx", "bands.onnx"]')
    text += "[stage.sounds.fallback]\nrest_s = 3\nmax_call_s = 0.5\n[stage.sounds.session]\nwarm_up_passes = 2\n"
    stages = described(tmp_path, text, told)
    (fallback,) = fallbacks_of(*stages.build("sounds"))
    assert [(event.role, Path(event.backend).name) for event in told] == [("sounds", "bands.onnx")]
    assert (fallback._rules.rest_s, fallback._rules.max_call_s) == (3.0, 0.5)
    model = fallback.load()
    assert isinstance(model, OnnxModel)
    assert model.options.warm_up_passes == 2


def test_models_with_a_memory_run_without_an_arena_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    """Two workers that share one hand each other what lies in their caches."""
    running_sum(tmp_path / "sum.onnx", frames=4)
    text = (
        "[stage.sums]\nkind = 'generic'\nmodel = 'sum.onnx'\nrate_hz = 1000\nwindow_s = 0.004\n"
        "inputs = { samples = 'audio', state = 'state:state_out', rate = 'rate' }\noutputs = { sum = 'values' }\n"
    )
    for more, arena in (("", False), ("[stage.sums.session]\nwarm_up_passes = 4\n", True)):
        (stage,) = (one for one in described(tmp_path, text + more).build("sums") if isinstance(one, GenericModel))
        (model,) = stage.models
        assert isinstance(model, OnnxModel)
        assert model.options.arena is arena


def test_a_denoiser_names_its_two_models(tmp_path: Path, shared: Path) -> None:
    """In order."""
    folder = shared / "models" / "onnx"
    text = "[stage.clean]\nkind = 'denoise'\nfirst_model = '{0}/dtln_1.onnx'\nsecond_model = '{0}/dtln_2.onnx'\n"
    extra = described(tmp_path, text.format(folder)).chosen(["clean"])
    assert extra.listeners == ()
    session = alone(extra.clean)
    out = [*session.feed(noise(16_000, 16_000)), *session.finish()]
    assert sum(part.frames for part in out) == 16_000


def test_a_described_classifier_may_hear_log_mel(tmp_path: Path, shared: Path) -> None:
    """YAMNet on our features, all from a description."""
    pytest.importorskip("kaldi_native_fbank", reason="needs the extra onbeat[mel]")
    folder = shared / "models" / "onnx"
    text = (
        f"[stage.sounds]\nkind = 'classify'\nmodel = '{folder}/yamnet_patches.onnx'\n"
        f"labels = '{folder}/yamnet_class_map.csv'\nfront_end = 'log-mel'\nwindow_s = 0.975\nhop_s = 0.48\n"
        "[stage.sounds.log_mel]\nbins = 64\n"
    )
    session = alone(described(tmp_path, text).build("sounds"))
    silence = AudioBuffer.silence(48_000, 16_000)
    assert [sound.label for sound in [*session.feed(silence), *session.finish()]] == ["Silence"]
    with pytest.raises(ModelError, match="window_s is needed"):
        described(tmp_path, text.replace("window_s = 0.975\n", "")).build("sounds")


GENERIC = """
[stage.sum]
kind = "generic"
model = "sum.onnx"
rate_hz = 1000
window_s = 0.004
hop_s = 0.004
inputs = { samples = "audio", state = "state:state_out", rate = "rate" }
outputs = { sum = "values" }
"""


def test_a_stage_may_be_described_wholly(tmp_path: Path) -> None:
    """Its state, its rate, its windows: an event for each."""
    session = alone(described(tmp_path, GENERIC).build("sum"))
    events = session.feed(AudioBuffer(np.ones(12, np.float32), 1_000))
    assert all(isinstance(event, StreamEvent) for event in events)
    assert [(event.start_s, float(event.value["sum"][0])) for event in events] == [
        (0.0, 1_004.0),
        (0.004, 1_008.0),
        (0.008, 1_012.0),
    ]


def test_a_described_stage_with_labels_detects(tmp_path: Path) -> None:
    """As a classifier does."""
    text = GENERIC.replace('sum = "values"', 'sum = "scores"') + 'labels = "one.txt"\nactivation = "sigmoid"\n'
    (tmp_path / "one.txt").write_text("loud\n")
    session = alone(described(tmp_path, text).build("sum"))
    (sound,) = [*session.feed(AudioBuffer(np.ones(12, np.float32), 1_000)), *session.finish()]
    assert sound == Detection("loud", 0.0, 0.012, 1.0)


VOICE = """
[stage.speak]
kind = "generic"
model = "composite:voice"
rate_hz = 1000
window_s = 0.016
inputs = { audio = "audio" }
outputs = { samples = "audio" }

[composite.voice]
monolith = "whole.onnx"
[composite.voice.steps]
encoder = "encoder.onnx"
vocoder = "vocoder.onnx"
[composite.voice.fallback]
rest_s = 2
"""


def test_a_composite_is_described_with_its_steps_in_order(tmp_path: Path) -> None:
    """And the monolith that stands behind it."""
    stages = described(tmp_path, VOICE)
    assert list(stages.composites["voice"].steps) == ["encoder", "vocoder"]
    model = stages.models.load("composite:voice", "speak")
    assert model.run({"audio": np.ones((1, 2, 16), np.float32)})[0].shape == (1, 2, 4)
    (fallback,) = fallbacks(model)
    assert (fallback.answers, fallback._rules.rest_s) == ("voice", 2.0)


def test_what_a_pipeline_does_beside_recognising_is_chosen_by_name(tmp_path: Path) -> None:
    """Its fingerprint changes with the description and with the models' contents."""
    stages = described(tmp_path, CLASSIFY)
    extra = stages.chosen(["sounds"])
    assert (extra.clean, len(extra.listeners)) == ((), 1)
    assert described(tmp_path, CLASSIFY).chosen(["sounds"]).fingerprint == extra.fingerprint
    assert described(tmp_path, CLASSIFY + "threshold = 0.7\n").chosen(["sounds"]).fingerprint != extra.fingerprint
    stages = described(tmp_path, CLASSIFY)
    power_bands(tmp_path / "bands.onnx", frames=800, classes=3, batch=1)
    assert stages.chosen(["sounds"]).fingerprint != extra.fingerprint


def test_the_fingerprint_of_a_composite_is_that_of_its_models(tmp_path: Path) -> None:
    """A changed step is another stage; a step that is missing is told from one that is there."""
    stages = described(tmp_path, VOICE)
    description = stages.stages["speak"]
    prints = [fingerprint(description, stages.composites)]
    matmul(tmp_path / "vocoder.onnx", "hidden", "samples", sizes=(8, 4), seed=1)
    prints.append(fingerprint(description, stages.composites))
    (tmp_path / "vocoder.onnx").unlink()
    prints.append(fingerprint(description, stages.composites))
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("text", "names", "words"),
    [
        (CLASSIFY, ["sound"], r"no \[stage.sound\]; the nearest known one is 'sounds'"),
        ("", ["sounds"], r"no \[stage.sounds\]; no stage is described"),
        (GENERIC, ["sum"], r"\[stage.sum\] has no labels"),
    ],
)
def test_a_stage_that_cannot_stand_beside_a_recogniser_is_refused(
    tmp_path: Path, text: str, names: list[str], words: str
) -> None:
    """With what to do."""
    with pytest.raises(ConfigError, match=words):
        described(tmp_path, text).chosen(names)


def test_audio_is_cleaned_once(tmp_path: Path) -> None:
    """Two denoisers in a row would be a mistake."""
    table = "[stage.{}]\nkind = 'denoise'\nfirst_model = 'a'\nsecond_model = 'b'\n"
    with pytest.raises(ConfigError, match="cleaned once, but x and y are asked for"):
        described(tmp_path, table.format("x") + table.format("y")).chosen(["x", "y"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[stage.a]\nkind = 'sing'\n", r"\[stage.a\]: kind must be classify, denoise, generic, got 'sing'"),
        ("[stage.a]\nmodel = 'x'\n", r"\[stage.a\]: kind must be"),
        ("[stage.a]\nkind = 'classify'\nmodel = 'x'\n", r"\[stage.a\]: labels is missing"),
        (
            CLASSIFY + "treshold = 1\n",
            r"\[stage.sounds\]: unknown key 'treshold'; the nearest known one is 'threshold'",
        ),
        (CLASSIFY + "window = 1\n", r"\[stage.sounds\]: unknown key 'window'"),
        (CLASSIFY + "threshold = 1.5\n", r"\[stage.sounds\]: 0 < release <= threshold <= 1"),
        (CLASSIFY + "threshold = 'high'\n", r"\[stage.sounds.threshold\]: takes a number, got 'high'"),
        (CLASSIFY.replace("8000", "8000.5"), "takes a whole number, got 8000.5"),
        (CLASSIFY + "front_end = 'mfcc'\n", r"\[stage.sounds.front_end\]: takes waveform or log-mel, got 'mfcc'"),
        (CLASSIFY + "only = 'high'\n", "takes a list, got 'high'"),
        (CLASSIFY + "only = [3]\n", "takes text, got 3"),
        (CLASSIFY + "fallback = 3\n", r"\[stage.sounds.fallback\]: must be a table"),
        (CLASSIFY + "[stage.sounds.fallback]\nrest = 3\n", r"\[stage.sounds.fallback\]: unknown key 'rest'"),
        (CLASSIFY + "[stage.sounds.fallback]\nrest_s = 0\n", r"\[stage.sounds.fallback\]: 0 < rest_s"),
        (
            CLASSIFY + "[stage.sounds.session]\nuse_arena = true\n",
            r"\[stage.sounds.session\]: .*'use_arena' is refused",
        ),
        (CLASSIFY + "[stage.sounds.log_mel]\nbins = 0\n", r"\[stage.sounds.log_mel\]: bins must be"),
        (CLASSIFY.replace('"bands.onnx"', "[]"), r"\[stage.sounds.model\]: takes the path of a model"),
        (GENERIC.replace('"values"', '"words"'), r"\[stage.sum.outputs\]: takes scores, values or audio, got 'words'"),
        (GENERIC.replace('"values"', '"scores"'), "labels go with exactly one output that is scores"),
        (GENERIC.replace("inputs = {", "inputs = 3 # {"), r"\[stage.sum.inputs\]: takes a table, got 3"),
        ("[composite.voice]\nmonolith = 'x'\n", r"\[composite.voice\]: steps is missing"),
        ("[composite.voice]\nsteps = {}\n", "steps must name at least one model"),
        ("stage = 3\n", r"\[stage\]: must be tables \[stage.NAME\]"),
        ("[stage]\na = 3\n", r"\[stage.a\]: must be a table"),
        ("[composite]\na = 3\n", r"\[composite.a\]: must be a table"),
        ("[stage.a\n", "is not valid TOML"),
    ],
)
def test_a_wrong_description_is_refused_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    """With the file, the table, and what is allowed."""
    with pytest.raises(ConfigError, match=words) as caught:
        described(tmp_path, text)
    assert str(tmp_path / "onbeat.toml") in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read: No such file"):
        load_stages(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CLASSIFY.replace("bands", "absent"), "no ONNX model at"),
        (CLASSIFY.replace("labels.txt", "absent.txt"), "no labels can be read"),
        (CLASSIFY + "window_s = 0.2\n", "do not fit a model"),
        (CLASSIFY.replace("bands.onnx", "whole.onnx") + "window_s = 0.016\n", "do not fit a model"),
        (
            CLASSIFY.replace("bands.onnx", f"python:{__name__}:listen") + "window_s = 0.2\n",
            "sounds: not even silence could be processed: .* has 1600 classes, but there are 3 labels",
        ),
        (CLASSIFY + "hop_s = 5.0\n", "the windows do not fit: hop must be 1 to the window's 800"),
        (GENERIC.replace("window_s = 0.004\n", "").replace("hop_s", "window_s = 0.01\nhop_s"), "do not fit a model"),
        (
            VOICE.replace('model = "composite:voice"', 'model = "composite:choir"'),
            "no composite 'choir'; there are voice",
        ),
        (VOICE.replace("window_s = 0.016\n", ""), "do not fit a model"),
    ],
)
def test_what_does_not_fit_the_models_is_refused_when_they_are_loaded(tmp_path: Path, text: str, words: str) -> None:
    """Before any audio is heard."""
    stages = described(tmp_path, text)
    (name,) = stages.stages
    with pytest.raises(ModelError, match=words):
        stages.build(name)


def test_a_model_that_does_not_say_how_long_its_windows_are_needs_to_be_told(tmp_path: Path) -> None:
    """There is no length to guess."""
    text = CLASSIFY.replace("bands.onnx", "python:tests.engine.test_stage_config:listen")
    with pytest.raises(ModelError, match="window_s is needed"):
        described(tmp_path, text.replace("tests.engine.test_stage_config", __name__)).build("sounds")


def listen(rows: object) -> object:
    """A model in Python."""
    return rows


def test_the_descriptions_in_the_guide_are_read(tmp_path: Path) -> None:
    """Copied from the page, each block describes what it says."""
    page = (Path(__file__).parents[2] / "docs" / "stages.md").read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    described_here = {name for block in blocks for name in described(tmp_path, block).stages}
    assert described_here == {"sounds", "clean", "speech", "speak"}


def test_every_key_that_is_read_is_known() -> None:
    """For those who check documents."""
    keys = known_keys()
    assert {"kind", "model", "threshold", "rate_hz", "steps", "monolith", "rest_s", "bins", "intra_op_threads"} <= keys
    assert json.dumps(sorted(keys))
