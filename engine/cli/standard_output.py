"""A job's output without a folder: to stdout, for a program or for a person."""

import sys
from pathlib import PurePath

from modules.results import Status
from modules.results_json import file_from_json


class StandardOutput:
    """A job's output without a folder: JSON lines for programs, text for people, or one transcript format."""

    def __init__(self, *, as_text: bool) -> None:
        """Write JSON lines, or the text of each recording when `as_text`."""
        self._as_text = as_text

    def write(self, relative: PurePath, text: str) -> None:
        """Print a transcript."""
        del relative
        sys.stdout.write(text)
        sys.stdout.flush()

    def append(self, line: str) -> None:
        """Print a line of results."""
        if not self._as_text:
            sys.stdout.write(f"{line}\n")
        elif line.startswith('{"type":"file"'):
            result = file_from_json(line)
            if result.status is Status.OK:
                sys.stdout.write(f"{result.path}\n  {result.text or '(nothing was said)'}\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Stdout stays open."""


class OneFormat(StandardOutput):
    """Only the transcripts go to stdout."""

    def append(self, line: str) -> None:
        """No JSON between subtitles."""
