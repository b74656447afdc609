"""What a file holds and what the file system says of it, taken together."""

import hashlib
import os
from pathlib import Path

import pytest

from engine.jobs.content import HEAD_BYTES, READ_AT_ONCE_BYTES, ContentReading, FileFacts, check_unchanged, read_small
from modules.errors import SourceChanged


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """The head is the beginning, the facts are those of the file."""
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 100)
    content = read_small(path)
    assert content is not None
    assert content.digest == hashlib.sha256(path.read_bytes()).digest()
    assert content.head == path.read_bytes()[:HEAD_BYTES]
    assert content.facts == FileFacts.of(path.stat())


def test_an_empty_file_has_a_content_too(tmp_path: Path) -> None:
    """The digest of nothing."""
    (tmp_path / "a").touch()
    content = read_small(tmp_path / "a")
    assert content is not None
    assert content.digest == hashlib.sha256().digest()


def test_a_large_file_is_read_in_steps(tmp_path: Path) -> None:
    """No step reads more than its share."""
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(2 * READ_AT_ONCE_BYTES + 1)
    reading = ContentReading(path)
    assert reading.advance() is None
    assert reading.advance() is None
    content = reading.advance()
    reading.close()
    reading.close()
    assert content is not None
    assert content.digest == hashlib.sha256(bytes(2 * READ_AT_ONCE_BYTES + 1)).digest()


def test_what_cannot_be_read_has_no_content(tmp_path: Path) -> None:
    """A folder, a pipe and nothing at all: whoever decodes it says what is wrong."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "pipe"):
        assert read_small(path) is None


def test_a_file_that_stays_is_unchanged(tmp_path: Path) -> None:
    """Reading it changes nothing, and neither does a link to it."""
    path = tmp_path / "a"
    path.write_bytes(b"one")
    facts = FileFacts.of(path.stat())
    path.read_bytes()
    os.link(path, tmp_path / "b")
    check_unchanged(path, facts)


def test_a_file_that_is_replaced_written_to_cut_short_or_deleted_has_changed(tmp_path: Path) -> None:
    """Each is told apart, also where the size or the time is the same."""
    path = tmp_path / "a"
    path.write_bytes(b"one")
    facts = FileFacts.of(path.stat())
    other = tmp_path / "b"
    other.write_bytes(b"two")
    os.utime(other, ns=(facts.mtime_ns, facts.mtime_ns))
    other.replace(path)
    with pytest.raises(SourceChanged, match="was replaced while it was read"):
        check_unchanged(path, facts)
    facts = FileFacts.of(path.stat())
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceChanged, match="was written to"):
        check_unchanged(path, facts)
    os.truncate(path, 1)
    with pytest.raises(SourceChanged, match="was written to"):
        check_unchanged(path, facts)
    path.unlink()
    with pytest.raises(SourceChanged, match="was taken away"):
        check_unchanged(path, facts)
