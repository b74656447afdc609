"""Recognition with Vosk: the one door to the `vosk` package.

A recogniser is fed in a fixed grain, because Vosk looks for endpoints only when a feed returns: results must not depend
on how audio arrived. One recogniser belongs to one stream; the model behind it is shared by all.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.grains import GrainCutter, to_int16
from modules.audio.resample import Resampler
from modules.audio.transcript import TranscriptSegment, Word
from modules.errors import Cancelled, ModelError

GRAIN_S: Final = 0.2
_DEFAULT_RATE_HZ: Final = 16_000


class VoskRecogniser:
    """A `SessionStage`: mono audio in, best at the model's `sample_rate`, transcripts with word times out.

    With `endpoints` a segment ends where Vosk hears one, as its own programs do; without, only where the stream ends:
    right for audio already cut at silences, since Vosk's own limit of 20 s would split words.
    """

    def __init__(self, model_folder: Path, *, endpoints: bool, log_level: int = -1) -> None:
        """Load the model in `model_folder`. Raises `ModelError` when there is none or Vosk refuses it."""
        self.sample_rate = _sample_rate(model_folder)
        self.endpoints = endpoints
        self._vosk: Any = _load_vosk(log_level)
        try:
            self._model: Any = self._vosk.Model(str(model_folder))
        except Exception as error:  # vosk raises bare Exception
            raise ModelError(f"Vosk cannot load the model in {model_folder}: {error}") from error

    def open(self, *, endpoints: bool | None = None, renew_after_s: float = math.inf) -> "VoskSession":
        """A recogniser for one stream; `endpoints` counts instead of the stage's own when it is given.

        A recogniser keeps what it computed of all it has heard, about 20 kB a second, for ten minutes. With
        `renew_after_s` it lets go of that at the first endpoint after so many seconds, and of what it has learnt about
        the channel too, as at the start of every segment of a recording.
        """
        try:
            recogniser = self._vosk.KaldiRecognizer(self._model, float(self.sample_rate))
        except Exception as error:  # as above
            raise ModelError(f"Vosk cannot make a recogniser: {error}") from error
        recogniser.SetWords(True)  # noqa: FBT003 - the library's own signature
        hears = self.endpoints if endpoints is None else endpoints
        return VoskSession(recogniser, sample_rate=self.sample_rate, endpoints=hears, renew_after_s=renew_after_s)

    def close(self) -> None:
        """Nothing is held outside this process."""


class VoskSession:
    """One stream's recogniser; word times are seconds of the stream, counted from the first buffer's `start_s`.

    Audio at another rate than the model's, such as what the voice detector found at 16 kHz, is resampled.
    """

    def __init__(
        self,
        recogniser: Any,  # noqa: ANN401 - untyped library
        *,
        sample_rate: int,
        endpoints: bool,
        renew_after_s: float = math.inf,
    ) -> None:
        """Own `recogniser`, which has heard nothing yet."""
        self._recogniser = recogniser
        self._renew_after_frames = renew_after_s * sample_rate
        self._heard_frames = 0  # since it was renewed
        self._sample_rate = sample_rate
        self._resampler: Resampler | None = None
        self._grains = GrainCutter(round(GRAIN_S * sample_rate), np.int16)
        self._endpoints = endpoints
        self._places: list[tuple[float, float]] = []  # from this second of the recogniser on, add so many
        self._fed_s = 0.0
        self._end_s = 0.0
        self._cancelled = False
        self._answer, self._partial = "", ""  # the last one, and what it says

    def feed(self, payload: AudioBuffer) -> list[TranscriptSegment]:
        """The segments that ended inside this buffer, which is none without endpoints."""
        if not self._places or payload.start_s - self._end_s > 0.5 / payload.sample_rate:  # at a gap, times jump
            self._places.append((self._fed_s, payload.start_s - self._fed_s))
        self._fed_s += payload.duration_s
        self._end_s = payload.end_s
        if payload.sample_rate == self._sample_rate:
            return self._take(payload)
        self._resampler = self._resampler or Resampler(payload.sample_rate, self._sample_rate)
        return [segment for audio in self._resampler.feed(payload) for segment in self._take(audio)]

    def finish(self) -> list[TranscriptSegment]:
        """The last words."""
        held = self._resampler.finish() if self._resampler else ()
        found = [segment for audio in held for segment in self._take(audio)]
        rest = self._grains.rest()
        return [*found, *(self._hear(rest) if len(rest) else []), *self._segments(self._recogniser.FinalResult())]

    def partial(self) -> str:
        """What is being said: words that may still change."""
        answer = self._recogniser.PartialResult()
        if answer != self._answer:  # it is the same more often than not
            self._answer, self._partial = answer, str(json.loads(answer).get("partial", ""))  # absent before a grain
        return self._partial

    def cancel(self) -> None:
        """Stop before the next grain."""
        self._cancelled = True

    def _take(self, audio: AudioBuffer) -> list[TranscriptSegment]:
        """The segments that end inside this audio, which is at the recogniser's own rate."""
        pcm = audio.pcm16 if audio.pcm16 is not None else to_int16(audio.samples)
        return [segment for grain in self._grains.push(pcm) for segment in self._hear(grain)]

    def _hear(self, grain: NDArray[np.int16]) -> list[TranscriptSegment]:
        """The segment that ends with this grain, where endpoints are wanted and Vosk hears one."""
        if self._cancelled:
            raise Cancelled("the recogniser was told to stop")
        try:
            is_endpoint = self._recogniser.AcceptWaveform(grain.tobytes())
        except Exception as error:  # vosk raises bare Exception
            raise ModelError(f"Vosk failed on {len(grain)} samples: {error}") from error
        self._heard_frames += len(grain)
        if not (is_endpoint and self._endpoints):
            return []
        if self._heard_frames < self._renew_after_frames:
            return self._segments(self._recogniser.Result())
        self._heard_frames = 0
        return self._segments(self._recogniser.FinalResult())  # after which Vosk begins anew, its times going on

    def _segments(self, answer: str) -> list[TranscriptSegment]:
        words = tuple(
            Word(item["word"], self._placed(item["start"]), self._placed(item["end"]), min(1.0, item["conf"]))
            for item in json.loads(answer).get("result", ())
        )
        if not words:
            return []
        start_s, end_s = (words[0].start_s, words[-1].end_s) if self._endpoints else (self._placed(0.0), self._end_s)
        text = " ".join(word.word for word in words)
        return [TranscriptSegment(min(start_s, words[0].start_s), max(end_s, words[-1].end_s), text, words)]

    def _placed(self, fed_s: float) -> float:
        """Where in the stream the recogniser's second `fed_s` is."""
        return fed_s + next(add_s for from_s, add_s in reversed(self._places) if fed_s >= from_s)


def is_model(folder: Path) -> bool:
    """Whether `folder` looks like a Vosk model, in the present layout or the flat one of old models."""
    return (folder / "am" / "final.mdl").is_file() or (folder / "final.mdl").is_file()


def download_model(language: str) -> Path:
    """Let Vosk download its small model for `language` into its cache, unless it is there already.

    Raises `ModelError` when there is no network or no such model; Vosk itself would end the process.
    """
    vosk = _load_vosk(log_level=-1)
    try:
        return Path(vosk.Model.get_model_by_lang(vosk.Model, language))
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"no Vosk model for {language!r} could be downloaded ({type(error).__name__}: {error}); "
            "download one by hand and name its folder with --vosk-model"
        ) from error


def _load_vosk(log_level: int) -> Any:  # noqa: ANN401 - untyped library
    import vosk  # noqa: PLC0415 - 0.1 s with its HTTP client, paid only by those who use it

    vosk.SetLogLevel(log_level)  # before any model; VOSK_LOG_LEVEL is read by our settings, never by Vosk
    return vosk


def _sample_rate(model_folder: Path) -> int:
    """The rate in Hz the model was trained at, from its `mfcc.conf`; 16 kHz where it does not say."""
    if not is_model(model_folder):
        raise ModelError(f"no Vosk model in {model_folder}: it has no am/final.mdl")
    for name in ("conf/mfcc.conf", "mfcc.conf"):
        path = model_folder / name
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            key, _, value = line.partition("=")
            if key.strip() == "--sample-frequency":
                return _rate(value, path)
    return _DEFAULT_RATE_HZ


def _rate(value: str, path: Path) -> int:
    try:
        return int(float(value.partition("#")[0]))
    except ValueError as error:
        raise ModelError(f"{path} has a sample frequency that is no number: {value!r}") from error


def cached_models(language: str, folders: Sequence[Path]) -> list[Path]:
    """The models for `language` in `folders`, named as Vosk names them, in the order of folders and names."""
    names = (f"vosk-model-small-{language}", f"vosk-model-{language}")
    return [
        model for folder in folders for model in _entries(folder) if model.name.startswith(names) and is_model(model)
    ]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; nothing where it is not there or not to be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
