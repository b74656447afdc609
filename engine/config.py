"""The settings: `BatchProcessingConfig` holds them; `config_sources.py` reads them from where users put them.

Nothing here acts on a setting. A field's bounds and meaning stand once, in its `Field`; messages are made from them.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from modules.errors import ConfigError

_WORDS = {
    bool: "true or false (in the environment also 1 or 0, yes or no, on or off)",
    int: "a whole number",
    float: "a number",
    str: "a language code such as en-us",
    Path: "the path of a folder",
}


class SettingRefused(ConfigError):
    """A value is not allowed; `settings` names the settings it concerns."""

    def __init__(self, message: str, *, settings: tuple[str, ...]) -> None:
        super().__init__(message)
        self.settings = settings


class _Settings(BaseModel):
    """A frozen record that is strict about types and refuses with `ConfigError`."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - whatever a caller gives is what is checked
        for name in settings:
            if name not in type(self).model_fields:
                raise ConfigError(f"unknown setting {name!r}; {nearest(name, type(self).model_fields)}")
        try:
            super().__init__(**settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if not first["loc"]:  # our own check of one setting against another
                raise first["ctx"]["error"] from error
            name = str(first["loc"][0])
            raise SettingRefused(
                f"{name} = {_short(settings[name])} is not allowed; it takes {allowed(name)}", settings=(name,)
            ) from error


class BatchProcessingConfig(_Settings):
    """How Onbeat runs. Made directly it is its arguments and the defaults, nothing else; `load_config` reads the rest.

    Where `None` is allowed it means Onbeat's own choice, and so does the word "auto". Raises `ConfigError`.
    """

    asr: Literal["auto", "vosk", "sphinx", "none"] = Field(
        default="auto", description="Recogniser; auto takes vosk where a model is found, else sphinx."
    )
    vosk_model: Path | None = Field(
        default=None, strict=False, description="Folder of the Vosk model; auto looks in the usual places."
    )
    vosk_download: bool = Field(default=False, description="Whether a missing Vosk model may be downloaded.")
    language: str = Field(default="en-us", pattern=r"^[a-z]{2,3}(-[a-z0-9]+)*$", description="Language of the model.")
    segmenting: Literal["on", "off"] = Field(
        default="on", description="Whether recordings are cut at silences; off feeds a file to one recogniser whole."
    )
    channel: int | None = Field(
        default=None, ge=0, le=63, description="Channel to use, counted from 0; auto mixes all channels down."
    )
    resample_quality: Literal["QQ", "LQ", "MQ", "HQ", "VHQ"] = Field(
        default="HQ", description="Quality of resampling, from quick (QQ) to very high (VHQ)."
    )
    workers: int | None = Field(default=None, ge=1, le=1024, description="Worker threads; auto takes effective CPUs.")
    chunk_s: float | None = Field(
        default=None, ge=0.02, le=60, description="Chunk length in seconds; auto lets the engine choose and change it."
    )
    batching: bool = Field(default=True, description="Whether chunks of several streams share a model call.")
    max_batch: int = Field(default=64, ge=1, le=4096, description="Most chunks in one model call.")
    vosk_log_level: int = Field(default=-1, ge=-10, le=10, description="Log level for Vosk; -1 keeps it silent.")
    min_segment_s: float = Field(
        default=10, ge=0.1, le=3600, description="Seconds of speech before an ordinary silence may end a segment."
    )
    max_segment_s: float = Field(
        default=30, ge=0.1, le=3600, description="Seconds of speech from which the shortest silence ends a segment."
    )
    min_silence_s: float = Field(default=0.2, ge=0.01, le=10, description="Shortest silence that ends a segment.")
    segment_padding_s: float = Field(default=0.3, ge=0, le=5, description="Seconds kept before and after a segment.")
    speech_threshold: float = Field(default=0.5, ge=0.01, le=0.99, description="Probability at which speech begins.")
    isolate: Literal["auto", "always", "never"] = Field(
        default="auto", description="Which recordings of a folder get a decoding process of their own; auto: odd ones."
    )
    max_attempts: int = Field(default=2, ge=1, le=100, description="Most attempts at a recording whose decoder dies.")
    max_file_s: float = Field(default=86_400, ge=1, le=1e9, description="Most seconds of work on one recording.")
    max_audio_s: float = Field(default=86_400, ge=1, le=1e9, description="Longest recording that is taken, in seconds.")
    decode_timeout_s: float = Field(
        default=60, ge=1, le=86_400, description="Most seconds a decoding process may take for its next piece."
    )
    decode_memory_mb: int = Field(
        default=1024, ge=64, le=1_048_576, description="Most memory of a decoding process, in MB."
    )
    max_streams: int = Field(default=1000, ge=1, le=100_000, description="Most live streams at once.")
    max_memory_mb: int = Field(default=512, ge=64, le=1_048_576, description="Most memory beside the models, in MB.")
    freeze_garbage: bool = Field(
        default=False, description="Whether garbage collection passes over what was there when work began."
    )
    stages: str = Field(
        default="", description="Stages described in onbeat.toml that also run, by name, with commas between them."
    )
    result_cache_mb: int = Field(
        default=0, ge=0, le=65_536, description="Memory for results of audio seen before, in MB; 0 keeps none."
    )
    result_cache_dir: Path | None = Field(
        default=None, strict=False, description="Folder in which such results also stay; auto keeps none."
    )
    learn: bool = Field(default=True, description="Whether measured costs are kept for the next start.")
    p99_chunk_latency_ms: float = Field(
        default=300, ge=1, le=60_000, description="Promised for 99 of 100 chunks, in ms."
    )

    @field_validator("vosk_model", "result_cache_dir", "channel", "workers", "chunk_s", mode="before")
    @classmethod
    def _auto(cls, value: object) -> object:
        if value == "":
            raise ValueError("an empty path would mean the current directory")
        return None if value == "auto" else value

    @field_validator("segmenting", mode="before")
    @classmethod
    def _on_or_off(cls, value: object) -> object:
        return ("on" if value else "off") if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _segments_can_be_cut(self) -> Self:
        if self.min_segment_s > self.max_segment_s:
            raise SettingRefused(
                f"min_segment_s = {self.min_segment_s:g} must be at most max_segment_s = {self.max_segment_s:g}",
                settings=("min_segment_s", "max_segment_s"),
            )
        return self


def known_settings() -> tuple[str, ...]:
    """The names of all settings, in the order in which they are shown."""
    return tuple(BatchProcessingConfig.model_fields)


def meaning(name: str) -> str:
    """One sentence that says what the setting does."""
    return BatchProcessingConfig.model_fields[name].description or ""


def allowed(name: str) -> str:
    """The values the setting takes, in words."""
    field = BatchProcessingConfig.model_fields[name]
    options = get_args(field.annotation)
    if get_origin(field.annotation) is Literal:
        return f"{', '.join(options[:-1])} or {options[-1]}"
    words = _WORDS[kind_of(name)]
    bounds = {limit: getattr(mark, limit) for mark in field.metadata for limit in ("ge", "le") if hasattr(mark, limit)}
    between = f" from {bounds['ge']} to {bounds['le']}" if bounds else ""
    return f"{words}{between}{', or auto' if NoneType in options else ''}"


def kind_of(name: str) -> Any:  # noqa: ANN401 - the annotation of a field is a type, which nothing narrower expresses
    """The type of the setting's values, `None` aside; a choice of words is `str`."""
    annotation = BatchProcessingConfig.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return str
    return next((option for option in get_args(annotation) if option is not NoneType), annotation)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, however far that is."""
    by_case = {candidate.lower(): candidate for candidate in known}
    (closest,) = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0)
    return f"the nearest known one is {by_case[closest]!r}"


def _short(value: object) -> str:
    shown = repr(str(value) if isinstance(value, Path) else value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."  # noqa: PLR2004 - what fits a line beside the rest
