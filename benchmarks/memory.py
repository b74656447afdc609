"""Memory: what leased blocks gain over fresh ones and where they do not, and what a mapped file takes."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.sides import in_turn
from modules.audio.buffer import AudioBuffer
from modules.audio.mapped_file import MemoryMappedAudioFile
from modules.memory.pool import BufferPool
from modules.memory.size_classes import class_bytes
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.monitoring.resources import unique_set_bytes
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, SileroDetector, packaged_model

STEREO_HZ = 44_100
ALIVE = 8
"""Blocks in hand at once."""

BLOCKS_S = (1, 10, 60)
LIMITED_S, MIN_GAIN = 10, 1.5
HIDDEN, VOCABULARY = 512, 8_448
MIN_HIT_RATE = 0.95
MAX_MAPPED_MB = 32.0

_MB = 2**20

Samples = NDArray[np.float32]


def report(*, rounds: int) -> bool:
    """Print the gains; whether what has a limit is within it."""
    within = [blocks_alive(seconds, rounds=rounds) for seconds in BLOCKS_S]
    good = mapped_windows() and all(within)
    decoded_blocks(rounds=rounds)
    for streams in (1, 64):
        detector_inputs(streams, rounds=rounds)
    for rows in (1, 64):
        onnx_outputs(rows, rounds=rounds)
    return good


def blocks_alive(seconds: int, *, rounds: int) -> bool:
    """Stereo blocks, eight at a time, written and let go: leased ones against fresh ones."""
    shape = (seconds * STEREO_HZ, 2)
    pool = BufferPool(ALIVE * class_bytes(4 * 2 * seconds * STEREO_HZ))
    turns = max(4, 100 // seconds)
    gain, hit_rate = _gain(lambda: _fresh(shape, turns), lambda: _leased(pool, shape, turns), pool, rounds=rounds)
    has_limit = seconds == LIMITED_S
    print(
        f"{ALIVE} stereo blocks of {seconds} s: leased {gain:.2f} times as fast as fresh"
        f"{f' (limit {MIN_GAIN})' if has_limit else ''}; hits {hit_rate:.1%} (limit {MIN_HIT_RATE:.0%})"
    )
    return hit_rate >= MIN_HIT_RATE and not (has_limit and gain < MIN_GAIN)


def mapped_windows() -> bool:
    """What a process has in use more after it has seen all of a long recording, window by window."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.wav"
        with soundfile.SoundFile(path, "w", STEREO_HZ, 2, "PCM_24") as file:
            for _ in range(60):
                file.write(np.full((10 * STEREO_HZ, 2), 0.1, np.float32))
        before = unique_set_bytes()
        with MemoryMappedAudioFile(path) as mapped:
            started_s = time.perf_counter()
            peak = max(float(window.samples.max()) for window in mapped.blocks(10.0))
            seconds = time.perf_counter() - started_s
            taken = (unique_set_bytes() - before) / _MB
    assert peak > 0
    print(
        f"10 min of 24-bit stereo (152 MB) seen in windows of 10 s: {seconds:.2f} s, {taken:.1f} MB more in use "
        f"at the end (limit {MAX_MAPPED_MB:g})"
    )
    return taken <= MAX_MAPPED_MB


def decoded_blocks(*, rounds: int) -> None:
    """What decoding does with a block, one at a time: filled from pieces, checked, mixed down."""
    pieces = [np.full((65_536, 2), 0.1, np.float32) for _ in range(4)]
    block = np.empty((5 * STEREO_HZ, 2), np.float32)
    sides: dict[str, Callable[[], object]] = {
        "fresh": lambda: _filled(pieces, None),
        "the same": lambda: _filled(pieces, block),
        "joined": lambda: _mixed(np.concatenate(pieces)[: 5 * STEREO_HZ]),
    }
    many = {name: (lambda side=side: [side() for _ in range(200)]) for name, side in sides.items()}
    compared = in_turn(many, rounds=rounds)
    print(
        f"decoded blocks of 5 s: always the same one takes {compared.ratio('the same', 'fresh'):.2f} of a fresh one's "
        f"time, one joined from its pieces {compared.ratio('joined', 'fresh'):.2f}"
    )


def detector_inputs(streams: int, *, rounds: int) -> None:
    """What of a call of the voice detector is making its input."""
    detector, batch = SileroDetector(OnnxModel(packaged_model())), _chunks(streams)
    pool, shape = BufferPool(1 << 26), (streams, 64 + 7 * GRAIN_FRAMES)
    whole_s = _seconds(lambda: _detected(detector, batch, 20), rounds=rounds) / 20
    fresh_s = _seconds(lambda: _fresh_inputs(batch, shape, 200), rounds=rounds) / 200
    leased_s = _seconds(lambda: _leased_inputs(batch, pool, shape, 200), rounds=rounds) / 200
    print(
        f"a call of the voice detector with {streams} streams takes {whole_s * 1e6:.0f} us, of which its input takes "
        f"{fresh_s * 1e6:.1f} us if fresh and {leased_s * 1e6:.1f} us if leased"
    )


def onnx_outputs(rows: int, *, rounds: int) -> None:
    """A layer as wide as a large vocabulary, into an array the library makes and into leased ones, bound and copied."""
    nodes = [Node("MatMul", ["x", "w"], ["y"])]
    inputs, outputs = [Port("x", ["rows", HIDDEN])], [Port("y", ["rows", VOCABULARY])]
    weights = {"w": np.random.default_rng(1).normal(0, 0.1, (HIDDEN, VOCABULARY)).astype(np.float32)}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "wide.onnx"
        path.write_bytes(model_bytes(nodes, inputs, outputs, weights))
        graph = OnnxModel(path)
    feeds = {"x": np.full((rows, HIDDEN), 0.5, np.float32)}
    pool = BufferPool(1 << 26)
    times = 20

    def own() -> None:
        for _ in range(times):
            graph.run(feeds)

    def leased(*, bound: bool) -> None:
        for _ in range(times):
            with pool.lease((rows, VOCABULARY)) as lease:
                graph.run_into(feeds, {"y": lease.samples}, bound=bound)

    sides: dict[str, Callable[[], object]] = {
        "own": own,
        "bound": lambda: leased(bound=True),
        "copied": lambda: leased(bound=False),
    }
    in_turn(sides, rounds=1)
    compared = in_turn(sides, rounds=rounds)
    print(
        f"ONNX outputs of {rows} x {VOCABULARY} floats: bound to leased ones {compared.ratio('bound', 'own'):.2f} of "
        f"the time, copied into leased ones {compared.ratio('copied', 'own'):.2f}"
    )


def _gain(
    fresh: Callable[[], object], leased: Callable[[], object], pool: BufferPool, *, rounds: int
) -> tuple[float, float]:
    """How many times as fast the second is, and the share of its leases that found a block, both once warm."""
    for side in (fresh, leased):
        side()
    before = pool.statistics
    gain = in_turn({"leased": leased, "fresh": fresh}, rounds=rounds).ratio("fresh", "leased")
    after = pool.statistics
    hits, misses = after.hits - before.hits, after.misses - before.misses
    return gain, hits / (hits + misses)


def _seconds(work: Callable[[], object], *, rounds: int) -> float:
    work()
    return min(in_turn({"work": work}, rounds=rounds).seconds["work"])


def _fresh(shape: tuple[int, int], turns: int) -> None:
    for _ in range(turns):
        alive = [np.empty(shape, np.float32) for _ in range(ALIVE)]
        for samples in alive:
            samples[:] = 0.5


def _leased(pool: BufferPool, shape: tuple[int, int], turns: int) -> None:
    for _ in range(turns):
        with ExitStack() as leases:
            alive = [leases.enter_context(pool.lease(shape)).samples for _ in range(ALIVE)]
            for samples in alive:
                samples[:] = 0.5


def _filled(pieces: Sequence[Samples], same: Samples | None) -> None:
    block = np.empty((5 * STEREO_HZ, 2), np.float32) if same is None else same
    filled = 0
    for piece in pieces:
        taken = min(len(piece), len(block) - filled)
        block[filled : filled + taken] = piece[:taken]
        filled += taken
    _mixed(block)


def _mixed(block: Samples) -> None:
    np.isfinite(block).all()
    AudioBuffer(block, STEREO_HZ).mono()


def _chunks(streams: int) -> list[AudioBuffer]:
    rng = np.random.default_rng(1)
    return [AudioBuffer(rng.normal(0, 0.1, 7 * GRAIN_FRAMES).astype(np.float32), RATE_HZ) for _ in range(streams)]


def _detected(detector: SileroDetector, batch: Sequence[AudioBuffer], times: int) -> None:
    states = [detector.initial_state() for _ in batch]
    for _ in range(times):
        states, _outputs = detector.process(states, batch)


def _padded(batch: Sequence[AudioBuffer], padded: Samples) -> None:
    for line, audio in zip(padded, batch, strict=True):
        line[64:] = audio.samples


def _fresh_inputs(batch: Sequence[AudioBuffer], shape: tuple[int, int], times: int) -> None:
    for _ in range(times):
        _padded(batch, np.zeros(shape, np.float32))


def _leased_inputs(batch: Sequence[AudioBuffer], pool: BufferPool, shape: tuple[int, int], times: int) -> None:
    for _ in range(times):
        with pool.lease(shape) as lease:
            _padded(batch, lease.samples)
