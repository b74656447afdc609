"""Labels keep the order of the classes, or the file is refused."""

from pathlib import Path

import pytest

from modules.errors import ModelError
from modules.stages.labels import read_labels


def written(folder: Path, name: str, text: str) -> Path:
    """A file of labels."""
    path = folder / name
    path.write_text(text)
    return path


def test_one_label_a_line(tmp_path: Path) -> None:
    """White space around them and empty lines at the end do not count."""
    assert read_labels(written(tmp_path, "a.txt", "Speech\n Dog bark \r\nBell\n\n")) == ("Speech", "Dog bark", "Bell")


@pytest.mark.parametrize("column", ["display_name", "name", "label"])
def test_a_table_has_a_column_of_names(tmp_path: Path, column: str) -> None:
    """Its column index says which is which."""
    path = written(tmp_path, "a.csv", f'index,mid,{column}\n1,/m/2,"Dog, barking"\n0,/m/1,Speech\n')
    assert read_labels(path) == ("Speech", "Dog, barking")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "Speech\n\nDog\n", "line 2 is empty"),
        ("a.txt", "", "0 labels"),
        ("a.csv", "mid,text\n1,2\n", "names no column display_name"),
        ("a.csv", "index,name\n0,Speech\n2,Dog\n", "does not count from 0 without gaps"),
        ("a.csv", "index,name\nx,Speech\n", "no labels can be read"),
    ],
)
def test_a_file_that_could_name_classes_wrongly_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """Better no label than a wrong one."""
    with pytest.raises(ModelError, match=words):
        read_labels(written(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says where nothing was."""
    with pytest.raises(ModelError, match=r"absent\.txt"):
        read_labels(tmp_path / "absent.txt")


def test_the_map_of_yamnet_is_read(shared: Path) -> None:
    """521 classes."""
    labels = read_labels(shared / "models" / "onnx" / "yamnet_class_map.csv")
    assert (len(labels), labels[0], labels[69]) == (521, "Speech", "Dog")
