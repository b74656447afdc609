"""Digests of models, so that a changed model is a different model whatever its name."""

import hashlib
from pathlib import Path

from modules.models.onnx_file import read_summary


def tree_digest(path: Path) -> str:
    """SHA-256 over the names and contents of all files of a folder, or of one file, in hexadecimal."""
    total = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        total.update(str(file.relative_to(path)).encode(errors="surrogateescape") + b"\0" + _content(file))
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of the file's content alone, in hexadecimal, as `sha256sum` prints it."""
    return _content(path).hex()


def onnx_digest(path: Path) -> str:
    """SHA-256 of an ONNX file, with the weights that lie in files beside it when it has any, in hexadecimal.

    Without such files it is what `sha256sum` prints. Raises `ModelError` when the file is no ONNX file, and `OSError`
    when one beside it is missing.
    """
    external = read_summary(path).external
    if not external:
        return file_digest(path)
    total = hashlib.sha256(_content(path))
    for name in external:
        total.update(name.encode() + b"\0" + _content(path.parent / name))
    return total.hexdigest()


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
