"""`results.jsonl` of a run that goes on from an earlier one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.results_file import ResultsFile

HEADER, SUMMARY = b'{"type":"header"}\n', b'{"type":"summary","files":2}\n'


def line(number: int) -> bytes:
    """The line of an input."""
    return f'{{"type":"file","path":"{number}.wav"}}\n'.encode()


def written(path: Path, *lines: bytes, resume: bool = True) -> bytes:
    """What a run that gives these lines leaves."""
    results = ResultsFile(path, resume=resume)
    for one in lines:
        results.append(one)
    results.close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the results are."""
    return tmp_path / "results.jsonl"


def test_a_run_that_was_killed_is_gone_on_from_in_place(path: Path) -> None:
    """What is equal is not written again; a line that was torn gives way."""
    path.write_bytes(HEADER + line(1) + line(2)[:10])
    inode = path.stat().st_ino
    assert written(path, HEADER, line(1), line(2), line(3), SUMMARY) == HEADER + line(1) + line(2) + line(3) + SUMMARY
    assert path.stat().st_ino == inode


def test_a_summary_of_an_interrupted_run_gives_way(path: Path) -> None:
    """In place as well: no result is lost by that."""
    path.write_bytes(HEADER + line(1) + b'{"type":"summary","interrupted":true}\n')
    inode = path.stat().st_ino
    assert written(path, HEADER, line(1), line(2), SUMMARY) == HEADER + line(1) + line(2) + SUMMARY
    assert path.stat().st_ino == inode


def test_results_that_differ_are_written_beside_and_replace_the_old_ones_whole(path: Path) -> None:
    """Until then the old ones stay as they were."""
    old = HEADER + line(1) + line(2) + SUMMARY
    path.write_bytes(old)
    results = ResultsFile(path, resume=True)
    for one in (HEADER, line(0), line(1)):
        results.append(one)
        assert path.read_bytes() == old
    results.append(SUMMARY)
    results.close()
    assert path.read_bytes() == HEADER + line(0) + line(1) + SUMMARY
    assert [other.name for other in path.parent.iterdir()] == ["results.jsonl"]


def test_a_run_with_nothing_to_do_leaves_everything_as_it_is(path: Path) -> None:
    """It can look at the summary, and keep it."""
    old = HEADER + line(1) + SUMMARY
    path.write_bytes(old)
    results = ResultsFile(path, resume=True)
    for one in (HEADER, line(1)):
        results.append(one)
        assert path.read_bytes() == old
    assert json.loads(results.rest_of_old()) == {"type": "summary", "files": 2}
    results.keep_old()
    results.close()
    results.close()
    assert path.read_bytes() == old


def test_a_run_that_breaks_off_before_anything_new_leaves_the_old_results(path: Path) -> None:
    """Nothing was said that is not true any more."""
    old = HEADER + line(1) + SUMMARY
    path.write_bytes(old)
    assert written(path, HEADER) == old


def test_the_rest_of_long_results_is_not_looked_at(path: Path) -> None:
    """A summary is short; more than that is no summary."""
    path.write_bytes(HEADER + line(1) * 10_000)
    results = ResultsFile(path, resume=True)
    results.append(HEADER)
    assert results.rest_of_old() == b""
    results.close()


lines = st.lists(st.integers(0, 3).map(line), max_size=6)


@given(old=lines, torn=st.integers(0, 30), new=lines, chunk=st.booleans())
def test_whatever_was_there_the_new_results_are_those_given(
    tmp_path_factory: pytest.TempPathFactory, *, old: list[bytes], torn: int, new: list[bytes], chunk: bool
) -> None:
    """With a torn end, with more or fewer lines, with other ones."""
    path = tmp_path_factory.mktemp("results") / "results.jsonl"
    before = HEADER + b"".join(old)
    path.write_bytes(before[: max(0, len(before) - torn)] + (SUMMARY if chunk else b""))
    assert written(path, HEADER, *new, SUMMARY) == HEADER + b"".join(new) + SUMMARY
