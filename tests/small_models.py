"""Small ONNX models with known behaviour, written where a test wants them."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from modules.models.graph_bytes import Node, Port, model_bytes


def write(path: Path, content: bytes) -> Path:
    """The bytes of a model in a file."""
    path.write_bytes(content)
    return path


def matmul(path: Path, name_in: str, name_out: str, *, sizes: tuple[int, int], seed: int = 0) -> Path:
    """[B, T, sizes[0]] -> [B, T, sizes[1]]: one matrix of small numbers that `seed` chooses."""
    weights = np.random.default_rng(seed).standard_normal(sizes).astype(np.float32) / np.float32(np.sqrt(sizes[0]))
    return write(
        path,
        model_bytes(
            [Node("MatMul", [name_in, "w"], [name_out])],
            [Port(name_in, ["B", "T", sizes[0]])],
            [Port(name_out, ["B", "T", sizes[1]])],
            {"w": weights},
        ),
    )


def power_bands(path: Path, *, frames: int, classes: int, batch: int | str = "N") -> Path:
    """(batch, frames) samples -> (batch, classes) scores from 0 to 1: a matrix and a sigmoid."""
    weights = np.random.default_rng(1).standard_normal((frames, classes)).astype(np.float32)
    return write(
        path,
        model_bytes(
            [Node("MatMul", ["samples", "w"], ["raw"]), Node("Sigmoid", ["raw"], ["scores"])],
            [Port("samples", [batch, frames])],
            [Port("scores", [batch, classes])],
            {"w": weights},
        ),
    )


def running_sum(path: Path, *, frames: int, batch: int | str = "N") -> Path:
    """(batch, frames) samples and a state (2, batch, 1) -> the sum of all samples so far (batch, 1), and the new state.

    `rate` is added to the sum, so that a test sees that it was fed; both halves of the state hold the sum.
    """
    return write(
        path,
        model_bytes(
            [
                Node("ReduceSum", ["samples", "axes"], ["here"]),
                Node("Gather", ["state", "first"], ["before"], {"axis": 0}),
                Node("Add", ["here", "before"], ["total"]),
                Node("Unsqueeze", ["total", "front"], ["half"]),
                Node("Concat", ["half", "half"], ["state_out"], {"axis": 0}),
                Node("Cast", ["rate"], ["rate_float"], {"to": 1}),
                Node("Add", ["total", "rate_float"], ["sum"]),
            ],
            [Port("samples", [batch, frames]), Port("state", [2, batch, 1]), Port("rate", [], "int64")],
            [Port("sum", [batch, 1]), Port("state_out", [2, batch, 1])],
            {"axes": np.array([1], np.int64), "first": np.array(0, np.int64), "front": np.array([0], np.int64)},
        ),
    )


def slow(path: Path, *, nodes: int = 1_500, width: int = 256) -> Path:
    """(width, width) -> the same, after so many matrix products: seconds, unless it is stopped between two of them."""
    names = ["x", *(f"x{number}" for number in range(nodes - 1)), "y"]
    chain = [Node("MatMul", [a, "w"], [b]) for a, b in pairwise(names)]
    weights = np.eye(width, dtype=np.float32)
    return write(path, model_bytes(chain, [Port("x", [width, width])], [Port("y", [width, width])], {"w": weights}))
