"""A run finds every recording once, in a stable order, and says why it leaves the rest."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.discover import Found, check_paths, discover
from engine.jobs.name_pattern import NamePattern
from modules.errors import ConfigError
from modules.results import Status

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def make(folder: Path, *names: str, content: bytes = WAV) -> Path:
    """Files of these names, with the folders they need."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def below(found: Iterator[Found], root: Path) -> list[str]:
    """What is to be attempted, as paths below `root`."""
    return [str(item.path.relative_to(root)) for item in found if item.is_recording]


def verdicts(found: Iterator[Found]) -> dict[str, tuple[Status, str]]:
    """What is not to be attempted, and why, by name."""
    return {
        item.path.name: (item.verdict.status, item.verdict.error.message)
        for item in found
        if item.verdict and item.verdict.error
    }


def test_files_come_before_folders_each_by_name(tmp_path: Path) -> None:
    """The order is that of the names, whatever order the file system has."""
    make(tmp_path, "b/z.wav", "b/a.wav", "a/c/d.wav", "a/x.wav", "z.wav", "B.wav")
    assert below(discover([tmp_path]), tmp_path) == ["B.wav", "z.wav", "a/x.wav", "a/c/d.wav", "b/a.wav", "b/z.wav"]


def test_recordings_are_known_by_content_where_their_name_says_nothing(tmp_path: Path) -> None:
    """A recording without a suffix is attempted; so is a broken file with one: decoding says what is wrong."""
    make(tmp_path, "noname", "odd.bin")
    make(tmp_path, "broken.WAV", "empty.mp3", content=b"")
    assert below(discover([tmp_path]), tmp_path) == ["broken.WAV", "empty.mp3", "noname", "odd.bin"]


def test_other_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    """What is not audio is counted and named, not passed over in silence."""
    make(tmp_path, "notes.txt", content=b"hello")
    make(tmp_path, "empty", content=b"")
    assert verdicts(discover([tmp_path])) == {
        "empty": (Status.SKIPPED, "not audio: the file is empty"),
        "notes.txt": (
            Status.SKIPPED,
            "not audio: neither its name nor its first bytes are those of a recording",
        ),
    }


def test_a_file_given_by_name_is_always_attempted(tmp_path: Path) -> None:
    """The user knows better than a suffix; patterns and dots do not matter either."""
    make(tmp_path, "notes.txt", ".hidden", content=b"hello")
    found = list(discover([tmp_path / "notes.txt", tmp_path / ".hidden"], glob="*.wav"))
    assert found == [Found(tmp_path / name, tmp_path, explicit=True) for name in ("notes.txt", ".hidden")]


def test_names_that_begin_with_a_dot_are_passed_over(tmp_path: Path) -> None:
    """Neither hidden files nor what is in hidden folders is found."""
    make(tmp_path, ".a.wav", ".git/b.wav", "._c.mp3", "d.wav")
    assert [item.path.name for item in discover([tmp_path])] == ["d.wav"]


def test_folders_in_folders_are_left_where_that_is_asked_for(tmp_path: Path) -> None:
    """Without recursion only the folder itself is looked at."""
    make(tmp_path, "a.wav", "sub/b.wav")
    assert below(discover([tmp_path], recursive=False), tmp_path) == ["a.wav"]


def test_the_output_folder_is_never_entered(tmp_path: Path) -> None:
    """Results of an earlier run are no input, however the folder is spelled; named as an input it is one."""
    make(tmp_path, "a.wav", "out/b.wav")
    assert below(discover([tmp_path], exclude=tmp_path / "x" / ".." / "out"), tmp_path) == ["a.wav", "out/b.wav"]
    assert below(discover([tmp_path], exclude=tmp_path / "out"), tmp_path) == ["a.wav"]
    assert below(discover([tmp_path], exclude=tmp_path), tmp_path) == ["a.wav", "out/b.wav"]


def test_an_output_folder_that_is_not_there_yet_excludes_nothing(tmp_path: Path) -> None:
    """Nothing is compared with a folder that does not exist."""
    make(tmp_path, "sub/a.wav")
    assert below(discover([tmp_path], exclude=tmp_path / "missing"), tmp_path) == ["sub/a.wav"]


def test_links_that_lead_round_in_a_circle_are_harmless(tmp_path: Path) -> None:
    """Each folder is entered once, under its own name where a folder holds both it and a link to it."""
    make(tmp_path, "sub/a.wav")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "sub")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert below(discover([tmp_path]), tmp_path) == ["sub/a.wav"]


def test_a_link_to_a_recording_is_a_recording(tmp_path: Path) -> None:
    """Data sets are often folders of links."""
    make(tmp_path, "store/blob")
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "a.wav").symlink_to(tmp_path / "store" / "blob")
    assert below(discover([calls]), calls) == ["a.wav"]


def test_a_link_to_nothing_fails_if_it_is_named_like_a_recording(tmp_path: Path) -> None:
    """A recording that is missed is not passed over in silence; another dead link is."""
    for name in ("a.wav", "notes"):
        (tmp_path / name).symlink_to(tmp_path / "missing")
    found = verdicts(discover([tmp_path]))
    assert {name: status for name, (status, _) in found.items()} == {"a.wav": Status.FAILED, "notes": Status.SKIPPED}
    assert "a link to something that is not there" in found["a.wav"][1]


def test_pipes_sockets_and_devices_are_skipped_whatever_their_name(tmp_path: Path) -> None:
    """Nothing waits for a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "null.wav").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "s.wav"))
        assert verdicts(discover([tmp_path])) == {
            "null.wav": (Status.SKIPPED, "not audio: a device"),
            "pipe.wav": (Status.SKIPPED, "not audio: a pipe"),
            "s.wav": (Status.SKIPPED, "not audio: a socket"),
        }


def test_a_pipe_given_by_name_fails_with_a_reason(tmp_path: Path) -> None:
    """It is not opened, for that could wait without end."""
    os.mkfifo(tmp_path / "pipe.wav")
    assert verdicts(discover([tmp_path / "pipe.wav"])) == {
        "pipe.wav": (Status.FAILED, "a pipe cannot be read as a recording; give a file")
    }


def test_a_folder_that_goes_away_fails_and_the_rest_is_found(tmp_path: Path) -> None:
    """One folder that cannot be listed costs only what is in it."""
    make(tmp_path, "a.wav", "b/c.wav", "d/e.wav")
    found = discover([tmp_path])
    assert next(found).path.name == "a.wav"
    (tmp_path / "b" / "c.wav").unlink()
    (tmp_path / "b").rmdir()
    gone, kept = found
    assert kept.path.name == "e.wav"
    assert gone.path == tmp_path / "b"
    assert gone.verdict is not None
    assert gone.verdict.status is Status.FAILED
    assert gone.verdict.error is not None
    assert gone.verdict.error.message.startswith("cannot list this folder: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_fails(tmp_path: Path) -> None:
    """The reason is the system's."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    assert verdicts(discover([tmp_path])) == {"locked": (Status.FAILED, "cannot list this folder: Permission denied")}
    folder.chmod(0o700)


def test_names_that_are_no_utf8_are_found(tmp_path: Path) -> None:
    """A name is bytes, and those bytes open the file."""
    name = os.fsdecode(b"caf\xe9.wav")
    make(tmp_path, name)
    (found,) = discover([tmp_path])
    assert found.path.name == name
    assert found.path.read_bytes() == WAV


def test_an_input_named_twice_is_found_once(tmp_path: Path) -> None:
    """Folders in folders, files in folders, other spellings and links all lead to one input."""
    make(tmp_path, "a.wav", "sub/b.wav")
    paths = [tmp_path, tmp_path / "sub", tmp_path / "a.wav", tmp_path / "sub" / ".." / "a.wav"]
    assert [(str(item.path.relative_to(tmp_path)), item.explicit) for item in discover(paths)] == [
        ("sub/b.wav", False),
        ("a.wav", True),
    ]


def test_the_walk_looks_only_as_far_as_it_is_pulled(tmp_path: Path) -> None:
    """What is put into a folder not yet reached is found."""
    make(tmp_path, "a.wav", "b/c.wav")
    found = discover([tmp_path])
    next(found)
    make(tmp_path, "b/d.wav")
    assert below(found, tmp_path) == ["b/c.wav", "b/d.wav"]


def test_a_pattern_chooses_names(tmp_path: Path) -> None:
    """What it does not match is not even counted."""
    make(tmp_path, "a.wav", "b.mp3", "sub/c.wav", "notes.txt")
    assert [item.path.name for item in discover([tmp_path], glob="*.wav")] == ["a.wav", "c.wav"]
    assert [item.path.name for item in discover([tmp_path], glob="sub/*")] == ["c.wav"]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.wav", "a/b/c.wav", True),
        ("*.wav", "a.WAV", False),
        ("a/*.wav", "a/b.wav", True),
        ("a/*.wav", "a/b/c.wav", False),
        ("./a/*.wav", "a/b.wav", True),
        ("a/**/c.wav", "a/c.wav", True),
        ("a/**/c.wav", "a/b/b/c.wav", True),
        ("**/c.wav", "c.wav", True),
        ("call-[0-9]?.wav", "x/call-12.wav", True),
    ],
)
def test_a_pattern_with_a_slash_is_a_path(pattern: str, path: str, *, matches: bool) -> None:
    """A star stops at a slash; two stars do not."""
    assert NamePattern(pattern).matches(Path(path)) is matches


@pytest.mark.parametrize("pattern", ["", ".", "/", "/a/*.wav", "../*.wav"])
def test_a_pattern_that_can_match_nothing_is_refused_at_once(pattern: str) -> None:
    """The error comes before the walk, not at its first step."""
    with pytest.raises(ConfigError, match="glob must be"):
        discover(["."], glob=pattern)


@given(
    st.lists(st.text(st.characters(exclude_characters="/\0[]*?", exclude_categories=["Cs"]), min_size=1), min_size=1)
)
def test_a_path_without_special_characters_matches_itself(parts: list[str]) -> None:
    """Names match themselves, however odd."""
    if not {".", ".."} & set(parts):
        assert NamePattern("./" + "/".join(parts)).matches(Path(*parts))


def test_paths_that_are_there_are_fine(tmp_path: Path) -> None:
    """Files and folders may be given."""
    make(tmp_path, "a.wav")
    check_paths([tmp_path, tmp_path / "a.wav", str(tmp_path)])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """The message says what was looked for, and says so of a link to nothing."""
    make(tmp_path, "a.wav")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"no such file or folder: .*missing$"):
        check_paths([tmp_path, tmp_path / "missing"])
    with pytest.raises(ConfigError, match=r"no such file or folder: .*a\.wav/b$"):
        check_paths([tmp_path / "a.wav" / "b"])
    with pytest.raises(ConfigError, match=r"link \(a link to something that is not there\)$"):
        check_paths([tmp_path / "link"])
    with pytest.raises(ConfigError, match="cannot read"):
        check_paths(["a\0b"])


def test_no_path_at_all_is_an_error() -> None:
    """A run needs an input."""
    with pytest.raises(ConfigError, match="no input"):
        check_paths([])
