"""The settings: `BatchProcessingConfig` holds them, `load_config` reads them and knows where each came from.

Nothing here acts on a setting. A field's bounds and meaning stand once, in its `Field`; messages are made from them.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from modules.errors import ConfigError

FILE_NAME, FILE_VARIABLE, PREFIX = "onbeat.toml", "ONBEAT_CONFIG", "ONBEAT_"
LEGACY_VARIABLES = MappingProxyType(
    {
        "ENABLE_BATCH_PROCESSING": "batching",
        "AUDIO_BATCH_SIZE": "max_batch",
        "PARALLEL_MAX_WORKERS": "workers",
        "CHUNK_SIZE_SECONDS": "chunk_s",
        "VOSK_LOG_LEVEL": "vosk_log_level",
    }
)
"""Variables of the system this one follows, and the setting each one gives."""

_SWITCH_WORDS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
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
                raise ConfigError(f"unknown setting {name!r}; {_nearest(name, type(self).model_fields)}")
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
    max_streams: int = Field(default=1000, ge=1, le=100_000, description="Most live streams at once.")
    max_memory_mb: int = Field(default=512, ge=64, le=1_048_576, description="Most memory beside the models, in MB.")
    p99_chunk_latency_ms: float = Field(
        default=300, ge=1, le=60_000, description="Promised for 99 of 100 chunks, in ms."
    )

    @field_validator("vosk_model", "channel", "workers", "chunk_s", mode="before")
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from; `str(origin)` says it in words."""

    kind: Literal["argument", "environment", "file", "default"]
    name: str = ""

    def __str__(self) -> str:
        if self.kind == "file":
            return f"{Path(self.name).name} ({self.name})"
        return f"{self.kind} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The settings in force, the origin of each one, and the file that was read, if there was one."""

    config: BatchProcessingConfig
    origins: Mapping[str, Origin]
    file: Path | None


_Given = dict[str, tuple[object, Origin]]


def load_config(
    arguments: Mapping[str, object] | None = None,
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """The settings by precedence: `arguments`, then `environ` (`os.environ`), then `onbeat.toml`, then the defaults.

    An argument that is `None` was not given. The file is `config_file`, else the one `ONBEAT_CONFIG` names, else
    `onbeat.toml` in the current directory, where it is no error to have none. Raises `ConfigError` for an unknown key
    anywhere and for a value in force that is not allowed; a value that is overridden is not looked at.
    """
    variables = os.environ if environ is None else environ
    file = _find_file(config_file, variables)
    from_file = {} if file is None else _from_file(file)
    given = from_file | _from_environment(variables) | _from_arguments(arguments or {})
    origins = {name: given[name][1] if name in given else Origin("default") for name in known_settings()}
    try:
        config = BatchProcessingConfig(**{name: value for name, (value, _) in given.items()})  # type: ignore[arg-type] # checked there
    except SettingRefused as refused:
        sources = ", ".join(dict.fromkeys(str(origins[name]) for name in refused.settings))
        raise ConfigError(f"{sources}: {refused}") from refused
    return LoadedConfig(config, MappingProxyType(origins), file)


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
    words = _WORDS[_kind(name)]
    bounds = {limit: getattr(mark, limit) for mark in field.metadata for limit in ("ge", "le") if hasattr(mark, limit)}
    between = f" from {bounds['ge']} to {bounds['le']}" if bounds else ""
    return f"{words}{between}{', or auto' if NoneType in options else ''}"


def _find_file(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    if named is not None:
        return named.absolute()
    if FILE_VARIABLE in environ:
        if not environ[FILE_VARIABLE]:
            raise ConfigError(f"environment {FILE_VARIABLE} is empty; it takes the path of a settings file")
        return Path(environ[FILE_VARIABLE]).absolute()
    usual = Path(FILE_NAME)
    return usual.absolute() if usual.exists() or usual.is_symlink() else None


def _from_file(file: Path) -> _Given:
    origin = Origin("file", str(file))
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{origin} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigError(f"{origin} is not valid TOML: {error}") from error
    for key in _dotted_keys(table):
        if key not in known_settings():
            nearest = _nearest(key.rpartition(".")[2], known_settings())
            inside = " (settings stand outside any table)" if "." in key else ""
            raise ConfigError(f"{origin}: unknown key {key!r}; {nearest}{inside}")
    return {key: (_placed(key, value, file.parent), origin) for key, value in table.items()}


def _placed(key: str, value: object, folder: Path) -> object:
    """A path in a file is relative to the folder of that file."""
    if _kind(key) is not Path or not isinstance(value, str) or value in ("", "auto"):
        return value
    return folder / os.path.expanduser(value)  # noqa: PTH111 - Path.expanduser raises where there is no home


def _dotted_keys(table: Mapping[str, object], prefix: str = "") -> Iterable[str]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _dotted_keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _from_environment(environ: Mapping[str, str]) -> _Given:
    own = {f"{PREFIX}{name.upper()}": name for name in known_settings()}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable != FILE_VARIABLE and variable not in own:
            raise ConfigError(f"unknown environment variable {variable}; {_nearest(variable, own)}")
    read = {variable: name for variable, name in (LEGACY_VARIABLES | own).items() if variable in environ}
    # Our own names come later, so they win.
    return {name: (_from_text(name, environ[key]), Origin("environment", key)) for key, name in read.items()}


def _from_text(name: str, text: str) -> object:
    """The value that `text` spells, or `text` itself where it spells none: the record then refuses it."""
    kind = _kind(name)
    if kind is bool or name == "segmenting":
        return _SWITCH_WORDS.get(text.lower(), text)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _from_arguments(arguments: Mapping[str, object]) -> _Given:
    for name in arguments:
        if name not in known_settings():
            raise ConfigError(f"unknown argument {name!r}; {_nearest(name, known_settings())}")
    given = {name: value for name, value in arguments.items() if value is not None}
    return {name: (value, Origin("argument", f"--{name.replace('_', '-')}")) for name, value in given.items()}


def _kind(name: str) -> Any:  # noqa: ANN401 - the annotation of a field is a type, which nothing narrower expresses
    annotation = BatchProcessingConfig.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return str
    return next((option for option in get_args(annotation) if option is not NoneType), annotation)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, however far that is."""
    by_case = {candidate.lower(): candidate for candidate in known}
    (closest,) = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0)
    return f"the nearest known one is {by_case[closest]!r}"


def _short(value: object) -> str:
    shown = repr(str(value) if isinstance(value, Path) else value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."  # noqa: PLR2004 - what fits a line beside the rest
