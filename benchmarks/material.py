"""What benchmarks run on: recordings made from `../shared/data`, or none, with the reason."""

import csv
import wave
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import soundfile
import soxr

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
RATE_HZ = 16_000


class NoMaterial(Exception):
    """The recordings a benchmark needs are not there; the text says which."""


def model(name: str) -> Path:
    """The folder of a Vosk model: `digits-en` or `english-small`."""
    path = SHARED / "models" / f"vosk-{name}"
    if not path.is_dir():
        raise NoMaterial(f"needs {path}")
    return path


def digit_strings() -> list[Path]:
    """Forty FLAC files of 10 to 60 spoken digits, about 29 s each."""
    return _needed(sorted((SHARED / "strings").glob("*.flac")), SHARED / "strings")


def read_speech() -> list[Path]:
    """Twenty WAV files of read English sentences at 44.1 kHz, about 7 s each."""
    return _needed(sorted((SHARED / "audio" / "speech_ljspeech").glob("*.wav")), SHARED / "audio" / "speech_ljspeech")


def spoken_words() -> dict[str, str]:
    """Path below the test material -> the words spoken, for the English read-speech rows of the manifest."""
    with (SHARED / "manifest.tsv").open(newline="") as rows:
        table = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["path"]: row["text"]
            for row in table
            if row["text"] and row["lang"] == "en" and row["path"].split("/")[1] in _READ_SPEECH
        }


_READ_SPEECH = {
    "speech_jfk",
    "speech_librispeech_samples",
    "speech_ljspeech",
    "speech_moonshine",
    "speech_pocketsphinx",
    "speech_silero",
    "speech_vosk",
}


def long_file(folder: Path, *, seconds: float, pause_s: float = 0.3) -> Path:
    """One WAV of read sentences at 16 kHz with short pauses between them, `seconds` long."""
    target = folder / f"read-{seconds:.0f}s.wav"
    left = round(seconds * RATE_HZ)
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        for pcm in _sentences():
            out.writeframes((pcm + bytes(2 * round(pause_s * RATE_HZ)))[: 2 * left])
            left -= len(pcm) // 2 + round(pause_s * RATE_HZ)
            if left <= 0:
                return target
    raise AssertionError("the sentences never end")


def folder_of(paths: list[Path], folder: Path, *, count: int) -> Path:
    """A folder of `count` links to the recordings, over and over."""
    folder.mkdir(parents=True)
    for number, path in enumerate(islice(cycle(paths), count)):
        (folder / f"{number:04d}{path.suffix}").symlink_to(path)
    return folder


def _sentences() -> Iterator[bytes]:
    whole = [soxr.resample(soundfile.read(path, dtype="int16")[0], 44_100, RATE_HZ).tobytes() for path in read_speech()]
    return cycle(whole)


def _needed(paths: list[Path], place: Path) -> list[Path]:
    if not paths:
        raise NoMaterial(f"needs the recordings in {place}")
    return paths
