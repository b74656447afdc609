"""`load_config` reads the settings from arguments, environment and file, and knows where each came from."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from engine.config import BatchProcessingConfig, SettingRefused, kind_of, known_settings, nearest
from modules.errors import ConfigError

OTHER_TABLES: Final = ("stage", "composite")
"""The tables of `onbeat.toml` that are no settings: `engine.stage_config` reads them."""

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
    table = {key: value for key, value in table.items() if key not in OTHER_TABLES}
    for key in _dotted_keys(table):
        if key not in known_settings():
            hint = nearest(key.rpartition(".")[2], known_settings())
            inside = " (settings stand outside any table)" if "." in key else ""
            raise ConfigError(f"{origin}: unknown key {key!r}; {hint}{inside}")
    return {key: (_placed(key, value, file.parent), origin) for key, value in table.items()}


def _placed(key: str, value: object, folder: Path) -> object:
    """A path in a file is relative to the folder of that file."""
    if kind_of(key) is not Path or not isinstance(value, str) or value in ("", "auto"):
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
            raise ConfigError(f"unknown environment variable {variable}; {nearest(variable, own)}")
    read = {variable: name for variable, name in (LEGACY_VARIABLES | own).items() if variable in environ}
    # Our own names come later, so they win.
    return {name: (_from_text(name, environ[key]), Origin("environment", key)) for key, name in read.items()}


def _from_text(name: str, text: str) -> object:
    """The value that `text` spells, or `text` itself where it spells none: the record then refuses it."""
    kind = kind_of(name)
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
            raise ConfigError(f"unknown argument {name!r}; {nearest(name, known_settings())}")
    given = {name: value for name, value in arguments.items() if value is not None}
    return {name: (value, Origin("argument", f"--{name.replace('_', '-')}")) for name, value in given.items()}
