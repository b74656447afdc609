"""What can be counted about a session with given options: threads, nodes, bytes kept, refusals, CPU time."""

import gc
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.errors import ModelError
from modules.memory.heap import give_back_free_memory
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel
from modules.models.onnx_file import read_summary
from modules.models.onnx_options import GraphLevel, IoBinding, OnnxOptions

Stretch = tuple[int, int]
"""Addresses, from the first to the one after the last."""

MIB: Final = 2**20
WIDTH: Final = 1024

_PAUSE_S: Final = 0.02
_PAUSES: Final = 15
_ROUNDS: Final = 5
_FEW_ROWS: Final = 4
_CALLS: Final = 40


def _small() -> bytes:
    """From x to (x * 1 + 0) + 1, most of which a rewritten graph leaves out."""
    weights = {"one": np.ones(1, np.float32), "zero": np.zeros(1, np.float32)}
    nodes = [
        Node("Mul", ["x", "one"], ["same"]),
        Node("Identity", ["same"], ["still"]),
        Node("Add", ["still", "zero"], ["sum"]),
        Node("Add", ["sum", "one"], ["y"]),
    ]
    return model_bytes(nodes, [Port("x", ["rows", 2])], [Port("y", ["rows", 2])], weights)


def _deep() -> bytes:
    """Four products with a square matrix, so that there are arrays between them."""
    nodes, name = [], "x"
    for number in range(4):
        nodes += [Node("MatMul", [name, "w"], [f"p{number}"]), Node("Tanh", [f"p{number}"], [f"t{number}"])]
        name = f"t{number}"
    weights = {"w": np.full((WIDTH, WIDTH), 1 / WIDTH, np.float32)}
    return model_bytes(nodes, [Port("x", ["rows", WIDTH])], [Port(name, ["rows", WIDTH])], weights)


def _wide() -> bytes:
    """One column in, `WIDTH` columns out: the output alone is large."""
    nodes = [Node("MatMul", ["x", "w"], ["y"])]
    weights = {"w": np.ones((1, WIDTH), np.float32)}
    return model_bytes(nodes, [Port("x", ["rows", 1])], [Port("y", ["rows", WIDTH])], weights)


SMALL: Final = _small()


@dataclass(frozen=True, slots=True)
class KnobCounts:
    """Counts with sessions whose graphs are written into `folder`."""

    folder: Path

    def model(self, graph: bytes, options: OnnxOptions) -> OnnxModel:
        """The graph, loaded. Raises `ModelError` as `OnnxModel` does."""
        file = self.folder / f"{len(list(self.folder.iterdir()))}.onnx"
        file.write_bytes(graph)
        return OnnxModel(file, options)

    def threads(self, options: OnnxOptions) -> float | None:
        """Threads that a session adds to this process; `None` where the system does not list them."""
        self.model(SMALL, OnnxOptions())  # the first session of a process starts a thread of the library's own
        before = _threads()
        model = self.model(SMALL, options)
        now = _threads()
        del model
        gc.collect()
        return None if before is None or now is None else now - before

    def nodes(self, level: GraphLevel) -> float:
        """Operations that are left when a graph has been rewritten."""
        place = self.folder / f"level-{level}"
        self.model(SMALL, OnnxOptions(graph_level=level, graph_cache=place))
        (rewritten,) = place.glob("*.onnx")
        return float(read_summary(rewritten).nodes)

    def kept_mib(self, options: OnnxOptions, rows: Sequence[int]) -> float | None:
        """Memory a session holds after calls of so many rows beyond what one row needs; `None` where unknown."""
        model = self.model(_deep(), options)
        model.run({"x": np.ones((1, WIDTH), np.float32)})
        before = _held_mib()
        for count in rows:
            model.run({"x": np.ones((count, WIDTH), np.float32)})
        now = _held_mib()
        return None if before is None or now is None else round(now - before, 1)

    def reserved_mib(self, options: OnnxOptions, rows: int) -> float | None:
        """Address space a session takes in a call whose only large array is its output of so many rows of 4 KiB.

        It comes in one piece, larger than the stacks of threads and whatever else comes and goes meanwhile.
        """
        model = self.model(_wide(), options)
        model.run({"x": np.ones((1, 1), np.float32)})
        before = _mapped()
        model.run({"x": np.ones((rows, 1), np.float32)})
        now = _mapped()
        if before is None or now is None:
            return None
        sizes = [end - start for start, end in new_stretches(before, now)]
        return round(sum(size for size in sizes if size >= 4 * WIDTH * rows) / MIB, 1)

    def refusals(self, options: OnnxOptions, rows: int) -> float:
        """1 when loading the graph or a call of so many rows is refused, else 0."""
        try:
            self.model(_wide(), options).run({"x": np.ones((rows, 1), np.float32)})
        except ModelError:
            return 1.0
        return 0.0

    def idle_cpu_ms(self, options: OnnxOptions) -> float:
        """The most CPU time of this process in a pause after a call whose products are shared among threads.

        The most, because others who use the CPUs take time away from threads that spin, and cannot give them any.
        """
        model = self.model(_deep(), options)
        idle_ms = []
        for _ in range(_PAUSES):
            model.run({"x": np.ones((64, WIDTH), np.float32)})
            used_s = time.process_time()
            time.sleep(_PAUSE_S)
            idle_ms.append((time.process_time() - used_s) * 1e3)
        return round(max(idle_ms), 2)

    def call_cpu_ms(self, options: OnnxOptions) -> float:
        """CPU time of a call of few rows; the least of several rounds."""
        model = self.model(_deep(), options)
        feeds = {"x": np.ones((_FEW_ROWS, WIDTH), np.float32)}
        rounds = []
        for _ in range(_ROUNDS):
            used_s = time.process_time()
            for _ in range(_CALLS):
                model.run(feeds)
            rounds.append((time.process_time() - used_s) / _CALLS * 1e3)
        return round(min(rounds), 3)

    def written_by_library(self, binding: IoBinding) -> float:
        """1 when a call of `run_into` leaves the library's own way of making outputs unused, else 0."""
        file = self.folder / "bound.onnx"
        file.write_bytes(SMALL)
        model = _Counting(file, OnnxOptions(io_binding=binding))
        target = np.zeros((3, 2), np.float32)
        model.run_into({"x": np.ones((3, 2), np.float32)}, {"y": target})
        return float(bool(target.all()) and not model.calls)


class _Counting(OnnxModel):
    """A model that counts the calls which make arrays of their own for outputs."""

    calls = 0

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """One more."""
        self.calls += 1
        return super().run(feeds)


def _threads() -> float | None:
    try:
        return float(len(list(Path("/proc/self/task").iterdir())))
    except OSError:
        return None


def _held_mib() -> float | None:
    """Memory of this process that is no file's, in MiB; `None` where the system does not say."""
    _give_back()
    found = re.search(r"^RssAnon:\s*(\d+) kB$", _own("status"), re.MULTILINE)
    return None if found is None else int(found[1]) / 1024


def _mapped() -> list[Stretch] | None:
    """Addresses that this process may write to and that are no file's; `None` where the system does not say."""
    _give_back()
    lines = re.findall(r"^(\w+)-(\w+) rw.p \w+ \S+ 0 ", _own("maps"), re.MULTILINE)
    return [(int(start, 16), int(end, 16)) for start, end in lines] or None


def _give_back() -> None:
    """What earlier sessions left with the allocator goes: it would hand it out again, or let it go between counts."""
    gc.collect()
    give_back_free_memory()


def _own(name: str) -> str:
    """What the system says of this process; nothing where it does not."""
    try:
        return (Path("/proc/self") / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def new_stretches(before: Sequence[Stretch], now: Sequence[Stretch]) -> list[Stretch]:
    """What is in `now` and was not in `before`, both in order of addresses; neighbours may have been joined since."""
    new = []
    for start, end in now:
        at = start
        for old_start, old_end in before:
            if old_end > at and old_start < end:
                if old_start > at:
                    new.append((at, old_start))
                at = max(at, old_end)
        if at < end:
            new.append((at, end))
    return new
