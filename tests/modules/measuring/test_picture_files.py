from pathlib import Path

import pytest

from modules.errors import OutputError
from modules.measuring.picture_files import write_pictures
from tests.made_report import PLOTS, REPORT


def test_each_picture_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    """Named after its scenario and what it shows, in a folder that is made."""
    files = write_pictures(REPORT, tmp_path / "new" / "folder")
    assert len(files) == len(PLOTS) == len(set(files))
    assert files[0].name == "multi_stream-1-latency_cdf.png"
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """It is a file, say."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        write_pictures(REPORT, tmp_path / "taken")
