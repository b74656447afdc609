"""How large models are."""

from pathlib import Path

from modules.memory.model_files import acoustic_bytes, files_bytes


def test_a_model_is_as_large_as_its_files(tmp_path: Path) -> None:
    """A file, a folder with folders in it, nothing."""
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"x" * 1_000)
    (tmp_path / "README").write_bytes(b"x" * 10)
    assert files_bytes(tmp_path) == 1_010
    assert files_bytes(tmp_path / "README") == 10
    assert files_bytes(tmp_path / "missing") == 0


def test_the_acoustic_model_is_found_in_both_layouts(tmp_path: Path) -> None:
    """Of the present one and of old models; a folder without one has none."""
    assert acoustic_bytes(tmp_path) == 0
    (tmp_path / "final.mdl").write_bytes(bytes(7))
    assert acoustic_bytes(tmp_path) == 7
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(bytes(9))
    assert acoustic_bytes(tmp_path) == 9
