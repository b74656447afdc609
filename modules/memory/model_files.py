"""How large models are: their files, which is about what they take in memory too."""

from pathlib import Path


def files_bytes(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; 0 for what is not there."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def acoustic_bytes(folder: Path) -> int:
    """The size of the acoustic model in a Vosk model's folder, of the present layout or the old; 0 without one."""
    for path in (folder / "am" / "final.mdl", folder / "final.mdl"):
        if path.is_file():
            return path.stat().st_size
    return 0
