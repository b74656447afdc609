"""Graphs as the library has rewritten them, kept on disk by content, so that loading one again needs no rewriting.

What is kept depends on the model, the library's version, the level and this machine's instructions, all of which are in
its name. A file that is not what was written is not used.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modules.errors import ModelError
from modules.models.digest import file_digest
from modules.models.machine import machine_key
from modules.models.onnx_options import OnnxOptions


@dataclass(frozen=True, slots=True)
class GraphKey:
    """What a rewritten graph depends on."""

    model_digest: str
    library: str
    level: str
    provider: str
    machine: str

    @property
    def file_name(self) -> str:
        """A name that changes with any of it."""
        parts = [self.model_digest, self.library, self.level, self.provider, self.machine]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32] + ".onnx"


def graph_key(model_digest: str, library: str, options: OnnxOptions) -> GraphKey:
    """The key on this machine."""
    return GraphKey(model_digest, library, options.graph_level, options.provider, machine_key())


def kept(folder: Path, key: GraphKey) -> Path | None:
    """The rewritten graph, if it is there and is what was written."""
    graph = folder / key.file_name
    try:
        is_whole = file_digest(graph) == graph.with_suffix(".sha256").read_text().strip()
    except OSError:
        return None
    return graph if is_whole else None


def keep(folder: Path, key: GraphKey, write: Callable[[Path], None]) -> Path:
    """The rewritten graph after `write` has written it: beside its place first, then renamed. Raises `ModelError`."""
    graph = folder / key.file_name
    beside = graph.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write(beside)
            digest = beside.with_suffix(".digest")
            digest.write_text(file_digest(beside))
            digest.replace(graph.with_suffix(".sha256"))
            beside.replace(graph)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"the rewritten graph cannot be kept in {folder}: {error}") from error
    return graph
