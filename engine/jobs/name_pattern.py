"""Choosing files by name: the pattern of `--glob`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath

from modules.errors import ConfigError


class NamePattern:
    """`*.wav` is a file's name anywhere; with a slash, `2024/*/a*.wav`, the path below the folder given.

    `*`, `?` and `[...]` stand for characters but never for a slash, `**` for any number of folders. Upper and lower
    case differ. Raises `ConfigError` for a pattern that can match nothing: empty, absolute or with `..`.
    """

    def __init__(self, pattern: str) -> None:
        parts = PurePath(pattern).parts
        if not parts or PurePath(pattern).is_absolute() or ".." in parts:
            raise ConfigError(
                f"glob must be a file name or a path below the folders given, such as '*.wav' or 'calls/*.mp3', "
                f"got {pattern!r}"
            )
        self._parts = parts if "/" in pattern else ("**", *parts)

    def matches(self, path: PurePath) -> bool:
        """Whether `path`, relative to the folder given by the user, is one of those meant."""
        return _match(self._parts, path.parts)


def _match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_match(rest, parts[at:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], first) and _match(rest, parts[1:])
