"""Answers in files: whole or not there, and never more of them than there is room for."""

import os
from pathlib import Path

import pytest

from modules.models.cache_folder import CacheFolder


def test_an_answer_comes_back(tmp_path: Path) -> None:
    """The same bytes, from a new object too; the folder is made when it is not there."""
    folder = tmp_path / "deep" / "cache"
    CacheFolder(folder, 1_000).put("one", b"answer")
    assert CacheFolder(folder, 1_000).get("one") == b"answer"
    assert CacheFolder(folder, 1_000).get("two") is None


def test_a_damaged_answer_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is removed, counted and logged."""
    folder = CacheFolder(tmp_path, 1_000)
    folder.put("one", b"answer")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert folder.get("one") is None
    assert list(tmp_path.iterdir()) == []
    assert folder.statistics() == (0, 1)
    assert "damaged" in caplog.text


def test_the_oldest_answers_make_room(tmp_path: Path) -> None:
    """Reading one keeps it; what lies in the folder never exceeds the limit."""
    folder = CacheFolder(tmp_path, 3 * (32 + 68))
    for name in ("a", "b", "c"):
        folder.put(name, bytes(68))
    folder.get("a")
    folder.put("d", bytes(68))
    assert [folder.get(name) is not None for name in ("a", "b", "c", "d")] == [True, False, True, True]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == 300 == folder.statistics()[0]


def test_a_smaller_limit_applies_to_what_is_there(tmp_path: Path) -> None:
    """The oldest go, by the time they were last asked for."""
    folder = CacheFolder(tmp_path, 1_000)
    for place, name in enumerate(("a", "b", "c")):
        folder.put(name, bytes(68))
        os.utime(tmp_path / f"{name}.answer", (place, place))
    smaller = CacheFolder(tmp_path, 150)
    assert smaller.statistics() == (100, 0)
    assert smaller.get("c") is not None


def test_what_does_not_fit_is_not_kept(tmp_path: Path) -> None:
    """Nothing is removed for it."""
    folder = CacheFolder(tmp_path, 100)
    folder.put("a", bytes(50))
    folder.put("b", bytes(100))
    assert (folder.get("a"), folder.get("b")) == (bytes(50), None)


def test_a_disk_that_fails_costs_the_answer_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted and logged; nothing half is left."""
    folder = CacheFolder(tmp_path / "gone", 1_000)
    (tmp_path / "gone").rmdir()
    folder.put("a", b"answer")
    assert folder.get("a") is None
    assert folder.statistics() == (0, 1)
    assert "could not be written" in caplog.text


def test_an_answer_removed_by_another_process_is_just_not_there(tmp_path: Path) -> None:
    """Its bytes are counted no more."""
    folder = CacheFolder(tmp_path, 1_000)
    folder.put("a", b"answer")
    (tmp_path / "a.answer").unlink()
    assert folder.get("a") is None
    assert folder.statistics() == (0, 0)


def test_a_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    """Then there should be no folder."""
    with pytest.raises(ValueError, match="max_bytes must be at least 1"):
        CacheFolder(tmp_path, 0)
