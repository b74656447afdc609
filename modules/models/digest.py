"""Digests of models, so that a changed model is a different model whatever its name."""

import hashlib
from pathlib import Path


def tree_digest(path: Path) -> str:
    """SHA-256 over the names and contents of all files of a folder, or of one file, in hexadecimal."""
    total = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        total.update(str(file.relative_to(path)).encode(errors="surrogateescape") + b"\0" + content)
    return total.hexdigest()
