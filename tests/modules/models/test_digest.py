"""Digests of model folders and files."""

import hashlib
from pathlib import Path

import onnx

from modules.models.digest import file_digest, onnx_digest, tree_digest
from tests.small_models import power_bands


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


def test_an_onnx_digest_is_that_of_the_file(tmp_path: Path) -> None:
    """As `sha256sum` prints it."""
    path = power_bands(tmp_path / "m.onnx", frames=8, classes=2)
    assert onnx_digest(path) == file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_in_another_file_count(tmp_path: Path) -> None:
    """The file that names them is the same, the model is not."""
    graph = onnx.load(str(power_bands(tmp_path / "m.onnx", frames=8, classes=2)))
    onnx.save(graph, str(tmp_path / "e.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    before = onnx_digest(tmp_path / "e.onnx")
    content = bytearray((tmp_path / "w.bin").read_bytes())
    content[0] ^= 1
    (tmp_path / "w.bin").write_bytes(content)
    assert onnx_digest(tmp_path / "e.onnx") != before
