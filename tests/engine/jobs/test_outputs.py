"""Every input gets its own files; each is whole or absent, and so is each line of the results."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.discover import Found
from engine.jobs.outputs import MAX_NAME_BYTES, RESULTS_NAME, OutputFolder, OutputNames
from modules.errors import OutputError


@contextmanager
def disk_full_after(limit_bytes: int) -> Iterator[None]:
    """No file can grow beyond the limit, as if the disk were full: what does not fit is refused, what fits is kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def in_folder(root: str, path: str) -> Found:
    """A file found in a folder."""
    return Found(Path(root) / path, Path(root))


def by_name(path: str) -> Found:
    """A file given by name."""
    return Found(Path(path), Path(path).parent, explicit=True)


def claimed(names: OutputNames, *found: Found) -> list[str]:
    """The paths of all, one format each."""
    return [str(path) for item in found for path in names.claim(item)]


def everything_in(folder: Path) -> list[str]:
    """The paths of all files, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- names ---


def test_a_file_keeps_its_path_and_its_whole_name() -> None:
    """One stem with two suffixes, or in two folders, never meets."""
    found = [in_folder("calls", path) for path in ("a.wav", "a.mp3", "sub/a.wav")]
    assert claimed(OutputNames(["srt"]), *found) == ["a.wav.srt", "a.mp3.srt", "sub/a.wav.srt"]


def test_each_format_has_its_own_file() -> None:
    """The paths are in the order of the formats."""
    assert OutputNames(["txt", "json"]).claim(by_name("x/a.wav")) == (PurePath("a.wav.txt"), PurePath("a.wav.json"))
    assert OutputNames([]).claim(by_name("x/a.wav")) == ()


def test_with_several_inputs_each_folder_keeps_its_name() -> None:
    """Two folders of one name are told apart, and files given by name stand at the top."""
    found = [
        in_folder("x/calls", "a.wav"),
        in_folder("y/calls", "a.wav"),
        by_name("z/b.wav"),
        in_folder("x/calls", "c.wav"),
    ]
    names = OutputNames(["txt"], several_inputs=True)
    assert claimed(names, *found) == ["calls/a.wav.txt", "calls~2/a.wav.txt", "b.wav.txt", "calls/c.wav.txt"]


def test_a_folder_without_a_name_of_its_own_gets_one() -> None:
    """The working folder and its parents have names, the root of the file system is called root."""
    here = Path.cwd()
    names = OutputNames(["txt"], several_inputs=True)
    found = [in_folder(".", "a.wav"), in_folder("..", "a.wav"), in_folder("/", "a.wav")]
    assert claimed(names, *found) == [
        f"{here.name}/a.wav.txt",
        f"{here.parent.name or 'root'}/a.wav.txt",
        "root/a.wav.txt",
    ]


def test_names_that_would_meet_are_numbered() -> None:
    """Files of one name given by name, and names that differ only in case, stay apart on every file system."""
    found = [by_name("x/a.wav"), by_name("y/a.wav"), by_name("z/A.WAV"), by_name("a.wav~2")]
    assert claimed(OutputNames(["txt"]), *found) == ["a.wav.txt", "a.wav~2.txt", "A.WAV~3.txt", "a.wav~2~2.txt"]


def test_a_file_and_a_folder_of_one_name_stay_apart() -> None:
    """Neither the results nor a transcript can stand where a folder must."""
    found = [in_folder("c", path) for path in ("a", "a.txt/b.wav", "a.txt/c.wav", "results.jsonl/d.wav")]
    assert claimed(OutputNames(["txt"]), *found) == [
        "a.txt", "a.txt~2/b.wav.txt", "a.txt~2/c.wav.txt", "results.jsonl~2/d.wav.txt",
    ]  # fmt: skip
    assert claimed(OutputNames(["txt"]), *reversed(found[:2])) == ["a.txt/b.wav.txt", "a~2.txt"]


def test_a_name_too_long_for_the_disk_loses_its_end(tmp_path: Path) -> None:
    """The longest name there can be has a transcript, and two that begin alike have two."""
    long = [in_folder("c", "é" * 124 + end) for end in (".wav", ".mp3")]
    first, second = claimed(OutputNames(["json"]), *long)
    assert first != second
    assert max(len(os.fsencode(name)) for name in (first, second)) <= MAX_NAME_BYTES
    folder = OutputFolder(tmp_path)
    folder.prepare()
    folder.write(PurePath(first), "{}")


parts = st.sampled_from(
    ["a", "A", "b.wav", "a.txt", "a.txt.txt", "a~2", "results.jsonl", "é", "e\u0301", "ß", "SS", "x" * 260]
)
inputs = st.lists(st.tuples(st.booleans(), st.lists(parts, min_size=1, max_size=3).map("/".join)), max_size=12)


@given(given_inputs=inputs, several=st.booleans())
def test_no_two_outputs_meet_and_none_is_in_the_place_of_a_folder(
    given_inputs: list[tuple[bool, str]], *, several: bool
) -> None:
    """Whatever the inputs are called, on a file system that does not tell upper from lower case."""
    found = [by_name(path) if explicit else in_folder("root", path) for explicit, path in given_inputs]
    paths = claimed(OutputNames(["txt", "srt"], several_inputs=several), *found)
    keys = [path.casefold() for path in paths]
    assert len(set(keys)) == len(keys) == 2 * len(found)
    assert not {str(parent).casefold() for path in paths for parent in PurePath(path).parents} & {*keys, RESULTS_NAME}
    assert paths == claimed(OutputNames(["txt", "srt"], several_inputs=several), *found)


# --- folder ---


def test_preparing_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    """Folders above it are made, too."""
    OutputFolder(tmp_path / "a" / "b").prepare()
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path, name: str) -> None:
    """The message names the folder and the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write to the output folder .*file"):
        OutputFolder(tmp_path / name).prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_an_output_error(tmp_path: Path) -> None:
    """It is tried before the work, not after."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        OutputFolder(tmp_path).prepare()


def test_earlier_results_are_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """The message says how to ask; the old results stay until there are new ones."""
    (tmp_path / RESULTS_NAME).write_text("old\n")
    with pytest.raises(OutputError, match="--overwrite"):
        OutputFolder(tmp_path).prepare()
    folder = OutputFolder(tmp_path, overwrite=True)
    folder.prepare()
    assert (tmp_path / RESULTS_NAME).read_text() == "old\n"
    folder.append("new")
    folder.close()
    assert (tmp_path / RESULTS_NAME).read_text() == "new\n"


def test_a_file_is_written_whole_with_its_folders(tmp_path: Path) -> None:
    """The text is UTF-8 with the line ends it has, and nothing else is left."""
    folder = OutputFolder(tmp_path)
    assert folder.write(PurePath("a/b.wav.srt"), "grüße\r\n\n") == tmp_path / "a" / "b.wav.srt"
    assert (tmp_path / "a" / "b.wav.srt").read_bytes() == "grüße\r\n\n".encode()
    assert everything_in(tmp_path) == ["a/b.wav.srt"]


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """A transcript that somebody typed is not lost to one that was recognised."""
    OutputFolder(tmp_path).write(PurePath("a.txt"), "old")
    with pytest.raises(OutputError, match=r"a\.txt is there already.*--overwrite"):
        OutputFolder(tmp_path).write(PurePath("a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    OutputFolder(tmp_path, overwrite=True).write(PurePath("a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_what_a_killed_run_left_half_written_is_written_over(tmp_path: Path) -> None:
    """No stray file outlives the next run."""
    (tmp_path / ".a.txt.partial").write_text("ha")
    OutputFolder(tmp_path).write(PurePath("a.txt"), "whole")
    assert everything_in(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    """The error names the file and the system's reason; a file that was there stays as it was."""
    folder = OutputFolder(tmp_path, overwrite=True)
    folder.write(PurePath("a.txt"), "old")
    with disk_full_after(1000), pytest.raises(OutputError, match=r"cannot write .*a\.txt: File too large"):
        folder.write(PurePath("a.txt"), "x" * 2000)
    assert everything_in(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_file_in_the_place_of_a_folder_is_an_output_error(tmp_path: Path) -> None:
    """What cannot be written is said in the same way, whatever the reason."""
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        OutputFolder(tmp_path).write(PurePath("a/b.txt"), "")


def test_results_can_be_read_while_they_grow(tmp_path: Path) -> None:
    """Each line is there as soon as it is appended."""
    folder = OutputFolder(tmp_path)
    for line, so_far in (("one", "one\n"), ("zwölf", "one\nzwölf\n")):
        folder.append(line)
        assert (tmp_path / RESULTS_NAME).read_text(encoding="utf-8") == so_far
    assert repr(folder) == f"<OutputFolder {str(tmp_path)!r}, 11 bytes of results>"
    folder.close()
    folder.close()
    assert everything_in(tmp_path) == [RESULTS_NAME]


def test_a_full_disk_never_tears_a_line(tmp_path: Path) -> None:
    """What was there stays, the line that does not fit leaves nothing, and a later one that fits is taken."""
    folder = OutputFolder(tmp_path)
    folder.append("x" * 900)
    with disk_full_after(1000):
        with pytest.raises(OutputError, match=r"cannot write .*results\.jsonl: File too large"):
            folder.append("y" * 900)
        folder.append("z")
    folder.close()
    assert (tmp_path / RESULTS_NAME).read_text() == "x" * 900 + "\nz\n"


def test_results_without_a_line_leave_no_file(tmp_path: Path) -> None:
    """A run whose first line did not fit leaves nothing behind; one that never began does not, either."""
    folder = OutputFolder(tmp_path)
    folder.close()
    with disk_full_after(10), pytest.raises(OutputError):
        folder.append("x" * 100)
    folder.close()
    assert everything_in(tmp_path) == []


def test_of_two_runs_into_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    """Their lines never mix, even when both looked before either wrote."""
    first, second = OutputFolder(tmp_path), OutputFolder(tmp_path)
    first.prepare()
    second.prepare()
    first.append("first")
    with pytest.raises(OutputError, match="File exists"):
        second.append("second")
    first.close()
    second.close()
    assert (tmp_path / RESULTS_NAME).read_text() == "first\n"
