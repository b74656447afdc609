"""Digests of model folders and files."""

from pathlib import Path

from modules.models.digest import tree_digest


def make(folder: Path, **contents: str) -> Path:
    """A folder with these files."""
    folder.mkdir()
    for name, text in contents.items():
        (folder / name).write_text(text)
    return folder


def test_equal_contents_have_equal_digests_wherever_they_lie(tmp_path: Path) -> None:
    """The folder's own name does not count."""
    assert tree_digest(make(tmp_path / "a", x="1", y="2")) == tree_digest(make(tmp_path / "b", x="1", y="2"))


def test_a_changed_byte_or_name_changes_the_digest(tmp_path: Path) -> None:
    """A model that is changed is another model."""
    folders = [make(tmp_path / "a", x="1"), make(tmp_path / "b", x="2"), make(tmp_path / "c", z="1")]
    assert len({tree_digest(folder) for folder in folders}) == 3


def test_a_single_file_has_a_digest(tmp_path: Path) -> None:
    """An ONNX model is one file."""
    (tmp_path / "m.onnx").write_bytes(b"x")
    assert len(tree_digest(tmp_path / "m.onnx")) == 64
