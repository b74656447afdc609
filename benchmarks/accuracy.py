"""Word error rates through the whole engine, beside each whole file fed to Vosk directly."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import anyio
import jiwer
import soundfile
import soxr
import vosk

from benchmarks.material import SHARED, digit_strings, model, spoken_words
from engine import AsyncAudioProcessor, BatchProcessingConfig
from modules.audio.decode import open_audio

RATE_HZ = 16_000
GRAIN_BYTES = 6_400
LIMITS = {"digits-en": 0.005, "english-small": 0.01}


def report() -> bool:
    """Print the word error rates of both models; whether the engine's are within their limits, and `off` is equal."""
    good = True
    vosk.SetLogLevel(-1)
    for name, words in (("digits-en", _digit_words()), ("english-small", _readable(spoken_words()))):
        loaded = vosk.Model(str(model(name)))
        whole = {path: vosk_whole(loaded, path) for path in words}
        cut = anyio.run(onbeat, name, "on", list(words))
        fed = anyio.run(onbeat, name, "off", list(words))
        rates = {side: wer(words, said) for side, said in (("whole", whole), ("on", cut), ("off", fed))}
        same = sum(fed[path] == vosk_in_grains(loaded, path) for path in words)
        good = good and rates["on"] - rates["whole"] <= LIMITS[name] and same == len(words)
        print(
            f"{name}: {len(words)} recordings; word error rate {rates['whole']:.2%} by Vosk fed whole, "
            f"{rates['on']:.2%} by onbeat (limit +{LIMITS[name]:.1%}), {rates['off']:.2%} with --segmenting off; "
            f"text equal to Vosk fed in the same grain in {same} of {len(words)}"
        )
    return good


async def onbeat(name: str, segmenting: Literal["on", "off"], paths: Sequence[Path]) -> dict[Path, str]:
    """What the engine says."""
    config = BatchProcessingConfig(asr="vosk", vosk_model=model(name), segmenting=segmenting)
    async with AsyncAudioProcessor(config) as processor:
        return {Path(result.path): result.text async for result in processor.process_files(paths)}


def vosk_whole(loaded: vosk.Model, path: Path) -> str:
    """The text of one call with all samples."""
    recogniser = vosk.KaldiRecognizer(loaded, RATE_HZ)
    recogniser.AcceptWaveform(pcm16(path))
    return str(json.loads(recogniser.FinalResult())["text"])


def vosk_in_grains(loaded: vosk.Model, path: Path) -> str:
    """The text of calls of 200 ms, results fetched whenever Vosk hears an endpoint."""
    recogniser, pcm, texts = vosk.KaldiRecognizer(loaded, RATE_HZ), pcm16(path), []
    recogniser.SetWords(True)  # noqa: FBT003 - the library's own signature
    for start in range(0, len(pcm), GRAIN_BYTES):
        if recogniser.AcceptWaveform(pcm[start : start + GRAIN_BYTES]):
            texts.append(json.loads(recogniser.Result())["text"])  # noqa: PERF401 - a recogniser is fed, not mapped
    texts.append(json.loads(recogniser.FinalResult())["text"])
    return " ".join(text for text in texts if text)


def pcm16(path: Path) -> bytes:
    """16 kHz mono samples, read and resampled at once where the library can, else by our own decoder."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1, dtype="float32")
    except soundfile.LibsndfileError:
        with open_audio(path) as reader:
            (whole,) = reader.blocks(1e6)
            mono, rate = whole.mono().samples, reader.sample_rate
    if rate != RATE_HZ:
        mono = soxr.resample(mono, rate, RATE_HZ)
    return bytes((mono * 32_768).round().clip(-32_768, 32_767).astype("<i2").tobytes())


def wer(truth: Mapping[Path, str], said: Mapping[Path, str]) -> float:
    """Word error rate over all recordings together."""
    return float(jiwer.wer([plain(truth[path]) for path in truth], [plain(said[path]) for path in truth]))


def plain(text: str) -> str:
    """Lower-case words without punctuation."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def _digit_words() -> dict[Path, str]:
    digit_strings()
    with (SHARED / "strings" / "truth.tsv").open() as rows:
        return {SHARED / "strings" / row["file"]: row["text"] for row in csv.DictReader(rows, delimiter="\t")}


def _readable(words: Mapping[str, str]) -> dict[Path, str]:
    """Without the headerless files, of which nothing says what they are."""
    return {SHARED / path: text for path, text in words.items() if not path.endswith((".raw", ".pcm"))}
