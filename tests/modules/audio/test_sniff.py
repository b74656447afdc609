"""Recordings are told from other files by their first bytes and their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.sniff import AUDIO_SUFFIXES, HEAD_BYTES, container_of, has_audio_suffix

RECORDINGS = {
    "wav": [b"RIFF\x24\x00\x00\x00WAVEfmt ", b"RF64\xff\xff\xff\xffWAVEds64", b"RIFX\x00\x00\x00\x24WAVEfmt "],
    "avi": [b"RIFF\x24\x00\x00\x00AVI LIST"],
    "aiff": [b"FORM\x00\x00\x18\x00AIFFCOMM", b"FORM\x00\x00\x18\x00AIFCFVER"],
    "flac": [b"fLaC\x00\x00\x00\x22"],
    "ogg": [b"OggS\x00\x02\x00\x00"],
    "mp3": [b"ID3\x04\x00\x40\x00\x00\x00\x2d", b"\xff\xfb\x90\x64", b"\xff\xf3\x84\xc4", b"\xff\xe3\x18\xc4"],
    "aac": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80", b"ADIF"],
    "mp4": [b"\x00\x00\x00\x1cftypM4A ", b"\x00\x00\x00\x18ftypisom", b"\x00\x00\x00\x01moov\x00\x00"],
    "matroska": [b"\x1a\x45\xdf\xa3\x01\x00"],
    "caf": [b"caff\x00\x01\x00\x00"],
    "wavpack": [b"wvpk\xfc\x18\x00\x00"],
    "dsd": [b"DSD \x1c\x00\x00\x00\x00", b"FRM8\x00\x00\x00\x00\x00\x00\x00\x10DSD FVER"],
    "musepack": [b"MPCKSH", b"MP+\x07\x03\x00"],
    "ape": [b"MAC x\x0f\xd0\x07"],
    "au": [b".snd\x00\x00\x00\x18", b"dns.\x18\x00\x00\x00"],
    "amr": [b"#!AMR\n", b"#!AMR-WB\n"],
    "asf": [b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"],
    "mpeg-ts": [(b"G" + bytes(187)) * 3, bytes(4) + (b"G" + bytes(191)) * 3],
}
OTHERS = [
    b"",
    b"\x00",
    b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    b"FORM\x00\x00\xa3\xf2ILBMBMHD",
    b"\x00\x00\x00\x18ftypheic",
    b"\xff\xd8\xff\xe0\x00\x10JFIF",
    b"\x89PNG\r\n\x1a\n",
    b"%PDF-1.7",
    b"PK\x03\x04",
    b"{}",
    b"SQLite format 3\x00",
    b"ID3 is an algorithm",
    b"MAC addresses of all machines",
    b"FORM 27 is to be filled in",
    b"The wide river",
    b"MP+ and other old formats",
    "Götter".encode("utf-16"),
    "\ufeffh".encode("utf-16-le"),
]


@pytest.mark.parametrize(("container", "head"), [(name, head) for name, heads in RECORDINGS.items() for head in heads])
def test_a_recording_is_known_by_its_first_bytes(container: str, head: bytes) -> None:
    """The container is named from the first bytes alone, whatever follows."""
    assert container_of(head) == container
    assert container_of(head + b"\x00" * HEAD_BYTES) == container


@pytest.mark.parametrize("head", OTHERS)
def test_other_files_are_not_taken_for_recordings(head: bytes) -> None:
    """Pictures, documents and prose that begins like a magic number hold no sound."""
    assert container_of(head) is None


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z"])))
def test_plain_prose_is_no_recording_unless_it_spells_a_whole_magic_number(text: str) -> None:
    """Only a prefix that is unmistakable makes a text a recording."""
    unmistakable = (
        "fLaC",
        "wvpk",
        "ADIF",
        "MPCK",
        "APETAGEX",
        "#!AMR",
        "#!SILK",
        "tBaK",
        "ajkg",
        "RIFF",
        "FORM",
        "RF64",
    )
    assert (
        container_of(text.encode()) is None or text.startswith((*unmistakable, "RIFX", "BW64")) or text[188:189] == "G"
    )


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_get_an_answer(head: bytes) -> None:
    """No first bytes, however odd, raise."""
    assert container_of(head) != ""


@pytest.mark.parametrize("name", ["a.wav", "A.WAV", "b.tar.Mp3", "caf\udce9.flac", "x.webm", "call.opus"])
def test_an_audio_suffix_is_known_in_any_case(name: str) -> None:
    """Upper and lower case are the same, and names that are no UTF-8 are names."""
    assert has_audio_suffix(name)


@pytest.mark.parametrize("name", ["a.txt", "wav", ".wav", "a.wav.txt", "main.ts", "README", ""])
def test_other_suffixes_are_not_audio(name: str) -> None:
    """A name says audio only by its last suffix; TypeScript is no transport stream."""
    assert not has_audio_suffix(name)


def test_suffixes_are_lower_case_with_their_dot() -> None:
    """Each suffix in the list can be found."""
    assert all(has_audio_suffix(f"a{suffix}") for suffix in AUDIO_SUFFIXES)
