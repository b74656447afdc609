"""Models that benchmarks measure, each with real input for a call of any number of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.material import SHARED, NoMaterial, digit_strings
from modules.models.free_axis import free_and_prove
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import FOR_STEPS, OnnxOptions
from modules.models.replay import MAX_CALLS, Replay

Feeds = dict[str, NDArray[Any]]

HIDDEN: Final = 3584
VOCABULARY: Final = 8448
"""The talker's interface: hidden states [batch, tokens, 3584] in, logits [batch, tokens, 8448] out."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under measurement: its file, a call of so many rows of real input, and the sizes of its free axes."""

    name: str
    path: Path
    feeds: Callable[[int], Feeds]
    sizes: Callable[[int], dict[str, int]] = lambda rows: {"batch": rows}
    row_axes: Mapping[str, int] = field(default_factory=dict)
    """Along which axis of an input or output the rows lie, where that is not the first."""

    options: OnnxOptions = field(default_factory=OnnxOptions)
    """What the product runs it with."""

    def model(self) -> OnnxModel:
        """It, loaded."""
        return OnnxModel(self.path, self.options)

    def replay(self, *, calls: int = 60, steps: tuple[str, ...] = ()) -> Replay:
        """Calls of one row; inputs in `steps` are memory and left out."""
        rows = self.feeds(min(calls, MAX_CALLS))
        whole = {name: array for name, array in rows.items() if name not in steps}
        return Replay(
            [
                {name: array[number : number + 1] if array.ndim else array for name, array in whole.items()}
                for number in range(calls)
            ]
        )


def subjects(made: Path) -> list[Subject]:
    """Silero VAD, YAMNet on a waveform, the spelling CNN on log-mel and both models of DTLN, on spoken digits.

    DTLN is published with a batch of one; its models with a free batch axis are written into `made`.
    """
    folder = SHARED / "models" / "onnx"
    if not folder.is_dir():
        raise NoMaterial(f"needs the models in {folder}")
    speech, rate = soundfile.read(digit_strings()[0], dtype="float32")
    assert rate == 16_000, rate
    grains = _windows(speech, 576, 512)
    seconds = _windows(speech, 15_600, 7_800)
    patches = log_mel_patches(speech)
    shifts = _windows(speech, 512, 128)

    def silero(rows: int) -> Feeds:
        memory = np.zeros((2, rows, 128), np.float32)
        return {"input": _some(grains, rows), "state": memory, "sr": np.array(16_000, np.int64)}

    return [
        Subject(
            "Silero VAD",
            folder / "silero_vad.onnx",
            silero,
            lambda rows: {"input.0": rows, "input.1": 576, "state.1": rows},
            {"state": 1, "stateN": 1},
            FOR_STEPS,
        ),
        Subject(
            "YAMNet",
            folder / "yamnet_wave.onnx",
            lambda rows: {"waveform": _some(seconds, rows)},
            lambda rows: {"N": rows},
        ),
        Subject(
            "spelling CNN",
            folder / "moonshine_spelling_cnn_mel.onnx",
            lambda rows: {"log_mel": _some(patches, rows)},
        ),
        _freed("DTLN 1", folder / "dtln_1.onnx", made, np.abs(np.fft.rfft(shifts)).astype(np.float32)),
        _freed("DTLN 2", folder / "dtln_2.onnx", made, shifts),
    ]


def _freed(name: str, path: Path, made: Path, signal: NDArray[np.float32]) -> Subject:
    """A model of DTLN with a free batch axis, whose rows are steps of `signal` with an empty memory."""
    file = made / free_and_prove(path, made).file
    heard, memory = OnnxModel(file).inputs

    def feeds(rows: int) -> Feeds:
        states = np.zeros((rows, *(size for size in memory.shape[1:] if isinstance(size, int))), np.float32)
        return {heard.name: _some(signal, rows)[:, np.newaxis], memory.name: states}

    axes = {str(spec.shape[0]) if isinstance(spec.shape[0], str) else f"{spec.name}.0" for spec in (heard, memory)}
    return Subject(name, file, feeds, lambda rows: dict.fromkeys(axes, rows), options=FOR_STEPS)


def encoder(folder: Path) -> Subject:
    """A generated encoder: two products over 32 frames of 256, with a non-linearity between."""
    generator = np.random.default_rng(1)
    weights = {
        "up": (generator.standard_normal((256, 1024)) / 16).astype(np.float32),
        "down": (generator.standard_normal((1024, 256)) / 32).astype(np.float32),
    }
    nodes = [
        Node("MatMul", ["x", "up"], ["wide"]),
        Node("Relu", ["wide"], ["bent"]),
        Node("MatMul", ["bent", "down"], ["narrow"]),
        Node("Add", ["narrow", "x"], ["y"]),
    ]
    shape: list[int | str] = ["batch", 32, 256]
    file = folder / "encoder.onnx"
    file.write_bytes(model_bytes(nodes, [Port("x", shape)], [Port("y", shape)], weights))
    return Subject("generated encoder", file, lambda rows: {"x": _noise(rows, 32, 256)})


def talker(folder: Path) -> Subject:
    """A generated talker's head: hidden states to logits, one product with 30 million weights and a bias."""
    generator = np.random.default_rng(2)
    weights: Mapping[str, NDArray[Any]] = {
        "head": (generator.standard_normal((HIDDEN, VOCABULARY), np.float32) / np.float32(np.sqrt(HIDDEN))),
        "bias": generator.standard_normal(VOCABULARY, np.float32),
    }
    nodes = [Node("MatMul", ["hidden", "head"], ["product"]), Node("Add", ["product", "bias"], ["logits"])]
    inputs = [Port("hidden", ["batch", "tokens", HIDDEN])]
    outputs = [Port("logits", ["batch", "tokens", VOCABULARY])]
    file = folder / "talker.onnx"
    file.write_bytes(model_bytes(nodes, inputs, outputs, weights))
    return Subject("talker", file, lambda rows: {"hidden": _noise(rows, 1, HIDDEN)})


def product_graph(folder: Path, size: int, *, of_bytes: bool) -> Subject:
    """One product of two square matrices, of floats or of bytes: what arithmetic a machine has."""
    generator = np.random.default_rng(4)
    square: list[int | str] = [size, size]
    if of_bytes:
        weights: Mapping[str, NDArray[Any]] = {"b": generator.integers(-127, 127, (size, size), np.int8)}
        nodes, port = [Node("MatMulInteger", ["a", "b"], ["y"])], Port("a", square, "uint8")
        given: NDArray[Any] = generator.integers(0, 255, (size, size), np.uint8)
    else:
        weights = {"b": generator.standard_normal((size, size), np.float32)}
        nodes, port = [Node("MatMul", ["a", "b"], ["y"])], Port("a", square)
        given = generator.standard_normal((size, size), np.float32)
    file = folder / f"product-{port.element}-{size}.onnx"
    file.write_bytes(model_bytes(nodes, [port], [Port("y", square, "int32" if of_bytes else "float32")], weights))
    return Subject(port.element, file, lambda _: {"a": given})


def tokens(count: int) -> Feeds:
    """A call of the talker for one row of so many tokens."""
    return {"hidden": _noise(1, count, HIDDEN)}


def log_mel_patches(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches [n, 1, 64, 128] of 64 log-mel bands over 128 frames of 25 ms every 10 ms."""
    frames = _windows(speech, 400, 160) * np.hanning(400).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, 512)))
    mels = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66) / 2595) - 1)
    bins = np.arange(257) * 16_000 / 512
    up = (bins - mels[:-2, None]) / (mels[1:-1] - mels[:-2])[:, None]
    down = (mels[2:, None] - bins) / (mels[2:] - mels[1:-1])[:, None]
    bands = np.log(power @ np.maximum(0, np.minimum(up, down)).T + 1e-6).T.astype(np.float32)
    starts = range(0, bands.shape[1] - 128, 32)
    return np.stack([bands[None, :, start : start + 128] for start in starts])


def _windows(samples: NDArray[np.float32], frames: int, hop: int) -> NDArray[np.float32]:
    return np.lib.stride_tricks.sliding_window_view(samples, frames)[::hop].copy()


def _some(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """So many rows, from the first again when there are too few."""
    return rows[np.arange(count) % len(rows)]


def _noise(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).standard_normal(shape, np.float32)
