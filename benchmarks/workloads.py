"""What live trials run: a generated encoder over 10 ms frames, and sound to run it on.

It is made from a seed, so that every machine measures the same graph; its first layers are not trained to anything.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bench.carriers import Sounds
from modules.audio.buffer import AudioBuffer
from modules.measuring.made_up import speech_like
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import OnnxOptions
from modules.simulation.arrivals import PIECE_S

RATE_HZ = 16_000
FRAME = 160
WIDTH, INNER = 256, 1024
LIVE_LAYERS, LARGE_LAYERS = 4, 10
"""Of about half a million weights each: an encoder of two million, and one of five."""

TARGET_S = 0.3
LIBRARY_DEFAULTS = OnnxOptions(intra_op_threads=os.cpu_count() or 1, spinning=True)
"""What ONNX Runtime does when nobody says anything: all cores for one call, and spinning."""


def encoder_file(folder: Path, *, layers: int = LIVE_LAYERS) -> Path:
    """The graph: [batch, frames, 160] to [batch, 256] through so many blocks of 256 to 1024 and back."""
    chance = np.random.default_rng(5)
    weights: dict[str, NDArray[np.float32]] = {"in": _some(chance, FRAME, WIDTH)}
    nodes = [Node("MatMul", ["sound", "in"], ["x0"])]
    for layer in range(layers):
        weights[f"up{layer}"], weights[f"down{layer}"] = _some(chance, WIDTH, INNER), _some(chance, INNER, WIDTH)
        nodes += [
            Node("MatMul", [f"x{layer}", f"up{layer}"], [f"wide{layer}"]),
            Node("Relu", [f"wide{layer}"], [f"bent{layer}"]),
            Node("MatMul", [f"bent{layer}", f"down{layer}"], [f"narrow{layer}"]),
            Node("Add", [f"narrow{layer}", f"x{layer}"], [f"x{layer + 1}"]),
        ]
    nodes.append(Node("ReduceMean", [f"x{layers}"], ["embedding"], {"axes": [1], "keepdims": 0}))
    file = folder / f"encoder-{layers}.onnx"
    file.write_bytes(
        model_bytes(nodes, [Port("sound", ["batch", "frames", FRAME])], [Port("embedding", ["batch", WIDTH])], weights)
    )
    return file


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call of the model: when it began, by `time.perf_counter`, frames in all, and the CPU seconds of its thread."""

    began_s: float
    frames: int
    cpu_s: float


class Encoder:
    """A `BatchStage`: mono chunks at 16 kHz in, of each how large its embedding is. Chunks of one length share a call.

    `times` makes each call that many times as dear while a benchmark wants it so.
    """

    def __init__(self, model: OnnxModel) -> None:
        """Use a graph as `encoder_file` writes it."""
        self.model = model
        self.times = 1
        self._noted: list[CallMade] | None = None

    @contextmanager
    def noting(self) -> Iterator[list[CallMade]]:
        """The calls that are made meanwhile, by whichever thread."""
        noted: list[CallMade] = []
        self._noted = noted
        try:
            yield noted
        finally:
            self._noted = None

    def process(self, batch: Sequence[AudioBuffer]) -> list[float]:
        """One number for each."""
        found: dict[int, float] = {}
        for frames in {payload.frames // FRAME for payload in batch}:
            places = [place for place, payload in enumerate(batch) if payload.frames // FRAME == frames]
            if frames:
                rows = np.stack([batch[place].samples[: frames * FRAME].reshape(frames, FRAME) for place in places])
                for _ in range(self.times):
                    embeddings = self._run(rows)
                found |= zip(places, np.linalg.norm(embeddings, axis=1).tolist(), strict=True)
        return [found.get(place, 0.0) for place in range(len(batch))]

    def _run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if (noted := self._noted) is None:
            (embeddings,) = self.model.run({"sound": rows})
        else:
            began_s, before_s = time.perf_counter(), time.thread_time()
            (embeddings,) = self.model.run({"sound": rows})
            noted.append(CallMade(began_s, rows.shape[0] * rows.shape[1], time.thread_time() - before_s))
        return embeddings


def pieces_of_sound(piece_s: float = PIECE_S) -> Sounds:
    """Pieces by stream and number, made beforehand: measuring must not pay for making them."""
    frames = round(piece_s * RATE_HZ)
    sound = AudioBuffer(speech_like(64 * piece_s, seed=1).samples, RATE_HZ)
    pieces = [sound.cut(start, start + frames) for start in range(0, 64 * frames, frames)]
    return lambda stream, number: pieces[(7 * stream + number) % 64]


def chunks_per_s(stage: Encoder, *, chunk_s: float, batch: int, workers: int, seconds: float) -> float:
    """What bare calls of so many chunks give when as many threads as workers do nothing else."""
    sounds = pieces_of_sound(chunk_s)
    given = [sounds(row, 0) for row in range(batch)]
    stage.process(given)
    return calls_per_s(lambda: stage.process(given), workers=workers, seconds=seconds) * batch


def calls_per_s(call: Callable[[], object], *, workers: int, seconds: float) -> float:
    """How often a second so many threads together can do that and nothing else."""
    counts = [0] * workers
    until_s = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < until_s:
            call()
            counts[number] += 1

    started_s = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started_s)


def _some(chance: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = (chance.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)
    return weights
