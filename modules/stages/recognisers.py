"""Which recogniser a run uses and why: the order of preference, and where models are looked for."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.errors import ModelError
from modules.stages import asr_vosk
from modules.stages.asr_sphinx import SphinxRecogniser
from modules.stages.protocols import SessionStage

Backend = Literal["vosk", "sphinx", "none"]


@dataclass(frozen=True, slots=True)
class RecogniserWish:
    """What was asked for: `asr` is the backend or `auto`; `endpoints` for audio that is not cut at silences."""

    asr: Literal["auto", "vosk", "sphinx", "none"] = "auto"
    vosk_model: Path | None = None
    vosk_download: bool = False
    language: str = "en-us"
    vosk_log_level: int = -1
    endpoints: bool = False
    max_sessions: int = 1


@dataclass(frozen=True, slots=True)
class RecogniserChoice:
    """The backend chosen, a sentence that says why, and the Vosk model's folder where there is one."""

    backend: Backend
    why: str
    model: Path | None = None


class Recogniser(SessionStage[AudioBuffer, TranscriptSegment], Protocol):
    """A session stage that hears mono audio at `sample_rate` Hz and can be closed."""

    @property
    def sample_rate(self) -> int:
        """The rate it hears, in Hz."""
        ...

    def close(self) -> None:
        """Give back what is held outside this process; sessions are over by then."""
        ...


def choose(wish: RecogniserWish, environ: Mapping[str, str] = os.environ) -> RecogniserChoice:
    """The recogniser for `wish`; looks at folders, loads nothing. Raises `ModelError` when it cannot be had."""
    if wish.asr == "none":
        return RecogniserChoice("none", "asked for: speech is found, not recognised")
    if wish.asr == "sphinx":
        return RecogniserChoice("sphinx", "asked for")
    if wish.vosk_model is not None:
        return RecogniserChoice("vosk", f"a model was named: {wish.vosk_model}", wish.vosk_model)
    folders = vosk_folders(environ)
    if found := asr_vosk.cached_models(wish.language, folders):
        return RecogniserChoice("vosk", f"a model was found: {found[0]}", found[0])
    if wish.vosk_download:
        model = asr_vosk.download_model(wish.language)
        return RecogniserChoice("vosk", f"a model was downloaded: {model}", model)
    looked = f"no Vosk model for {wish.language} in " + ", ".join(map(str, folders))
    if wish.asr == "vosk":
        raise ModelError(f"{looked}; name one with --vosk-model DIR or allow --vosk-download")
    return RecogniserChoice("sphinx", f"{looked}; PocketSphinx comes with its own English model")


def spare(choice: RecogniserChoice, wish: RecogniserWish) -> RecogniserChoice | None:
    """Who goes on when the recogniser fails that was chosen, if anyone may.

    One that was asked for by name is not replaced, nor one that hears whole files at a rate of its own, nor one that
    hears another language than PocketSphinx's own model does.
    """
    if choice.backend != "vosk" or wish.asr != "auto" or wish.vosk_model is not None or wish.endpoints:
        return None
    if not wish.language.lower().startswith("en"):
        return None
    return RecogniserChoice("sphinx", "the Vosk model that was found failed")


def load(choice: RecogniserChoice, wish: RecogniserWish) -> Recogniser | None:
    """Load what was chosen; `None` for the backend `none`. Raises `ModelError`."""
    loaders: dict[Backend, Callable[[], Recogniser | None]] = {
        "none": lambda: None,
        "sphinx": lambda: SphinxRecogniser(max_processes=wish.max_sessions),
        "vosk": lambda: _load_vosk(choice, wish),
    }
    return loaders[choice.backend]()


def vosk_folders(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The folders in which Vosk keeps models, in its own order."""
    named = environ.get("VOSK_MODEL_PATH")
    usual = (Path("/usr/share/vosk"), Path.home() / "AppData/Local/vosk", Path.home() / ".cache/vosk")
    return (Path(named), *usual) if named else usual


def _load_vosk(choice: RecogniserChoice, wish: RecogniserWish) -> Recogniser:
    assert choice.model is not None
    return asr_vosk.VoskRecogniser(choice.model, endpoints=wish.endpoints, log_level=wish.vosk_log_level)
