import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.kernel_files import Counters, Counts, is_count, read_text


def numbers(text: str) -> Counts | None:
    """The numbers in the text, `None` when it holds anything else."""
    fields = text.split()
    return tuple(int(field) for field in fields) if fields and all(map(is_count, fields)) else None


def written(path: Path, text: str) -> str:
    """The path of the file that now holds the text."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def descriptors_on(folder: Path) -> int:
    """How many files below the folder this process holds open."""
    opened = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]  # noqa: PTH208 - names alone
    return sum(link.is_symlink() and Path(os.readlink(link)).is_relative_to(folder) for link in opened)  # noqa: PTH115


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """A file that is missing, and a folder in its place."""
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
    counters = Counters()
    assert counters.gained(str(tmp_path / "missing"), numbers) is None
    assert counters.gained(str(tmp_path), numbers) is None


def test_any_bytes_can_be_read(tmp_path: Path) -> None:
    """Those that are no text stay as they are, for whoever parses them to refuse."""
    (tmp_path / "odd").write_bytes(b"\xff 1\n")
    assert read_text(tmp_path / "odd") == "\udcff 1\n"
    assert Counters().gained(str(tmp_path / "odd"), numbers) is None


@pytest.mark.parametrize("text", ["0", "18446744073709551615", "007"])
def test_a_count_is_decimal_digits(text: str) -> None:
    """As many as 64 bits take."""
    assert is_count(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e5", "²", "٣", "1_0", " 1", "9" * 21])
def test_what_is_no_count_is_refused(text: str) -> None:
    """Also what Python would take for a number."""
    assert not is_count(text)


def test_the_first_reading_gains_nothing_that_is_known(tmp_path: Path) -> None:
    """There is nothing yet to count from; the second one has it."""
    counters = Counters()
    path = written(tmp_path / "stat", "100 7")
    assert counters.gained(path, numbers) is None
    counters.next_period()
    written(tmp_path / "stat", "130 7")
    assert counters.gained(path, numbers) == (30, 0)


def test_a_count_that_goes_back_is_unknown_for_that_period_alone(tmp_path: Path) -> None:
    """Another thing is counted since then, and from there it goes on."""
    counters = Counters()
    gains = []
    for text in ("100 7", "130 3", "150 4"):
        gains.append(counters.gained(written(tmp_path / "stat", text), numbers))
        counters.next_period()
    assert gains == [None, None, (20, 1)]


@pytest.mark.parametrize("gap", ["", "?", "1", "1 2 3"])
def test_a_period_without_a_reading_leaves_two_unknown(tmp_path: Path, gap: str) -> None:
    """The one that could not be understood, or had other counts, and the one after it."""
    counters = Counters()
    gains = []
    for text in ("100 7", gap, "150 9", "160 9"):
        gains.append(counters.gained(written(tmp_path / "stat", text), numbers))
        counters.next_period()
    assert gains == [None, None, None, (10, 0)]


def test_a_file_that_was_not_read_for_a_period_is_forgotten(tmp_path: Path) -> None:
    """What it gained would belong to a longer time than the others' gains."""
    counters = Counters()
    path = written(tmp_path / "stat", "1")
    counters.gained(path, numbers)
    counters.next_period()
    counters.next_period()
    assert counters.gained(path, numbers) is None


def test_a_file_that_comes_back_is_read_again(tmp_path: Path) -> None:
    """Reopened, its name leads to the new one; the counts before it are kept."""
    counters = Counters()
    path = written(tmp_path / "stat", "5")
    counters.gained(path, numbers)
    counters.next_period()
    (tmp_path / "stat").unlink()
    counters.reopen()
    assert counters.gained(path, numbers) is None
    written(tmp_path / "stat", "8")
    assert counters.gained(path, numbers) == (3,)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
def test_files_stay_open_while_they_are_read_and_no_longer(tmp_path: Path) -> None:
    """One descriptor each; none for a file that was left out, and none when the counters are gone."""
    counters = Counters()
    paths = [written(tmp_path / name, "1") for name in "ab"]
    for kept in (paths, paths, paths[:1]):
        for path in kept:
            counters.gained(path, numbers)
        counters.next_period()
        assert descriptors_on(tmp_path) == len(kept)
    del counters
    gc.collect()
    assert descriptors_on(tmp_path) == 0


@given(st.lists(st.one_of(st.none(), st.integers(0, 1 << 64)), min_size=2, max_size=8))
def test_a_gain_is_the_difference_of_two_readings_in_a_row(
    tmp_path_factory: pytest.TempPathFactory, readings: list[int | None]
) -> None:
    """Never negative, and unknown unless both are known."""
    counters = Counters()
    file = tmp_path_factory.getbasetemp() / "any-counter"
    before = None
    for now in readings:
        path = written(file, "?" if now is None else str(now))
        expected = None
        if now is not None and before is not None and now >= before:
            expected = (now - before,)
        assert counters.gained(path, numbers) == expected
        counters.next_period()
        before = now
