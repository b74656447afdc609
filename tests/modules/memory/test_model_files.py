"""How large models are."""

from pathlib import Path

from modules.memory.model_files import files_bytes


def test_a_model_is_as_large_as_its_files(tmp_path: Path) -> None:
    """A file, a folder with folders in it, nothing."""
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"x" * 1_000)
    (tmp_path / "README").write_bytes(b"x" * 10)
    assert files_bytes(tmp_path) == 1_010
    assert files_bytes(tmp_path / "README") == 10
    assert files_bytes(tmp_path / "missing") == 0
