"""What an earlier run means for this one: pure decisions over the journal's rows and the facts of files.

Nothing here reads a file, a clock or the journal: `books.py` brings what is known and carries out what is decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from engine.jobs.content import Content, FileFacts
from engine.jobs.journal_rows import KnownFile, State

RACY_NS = 2_000_000_000
"""A file written so shortly before it was read may be written again without its time showing it: file systems have
clocks of up to 2 s (FAT)."""

CRASHED = "Crashed"
"""The kind of failure of a recording that was in hand when native code crashed and took the run along."""

_WORTH_ANOTHER_ATTEMPT = frozenset({"DecoderLost", "SourceChanged", "ModelError"})
"""Failures that may be chance: a process that died, a file that was being written. What a decoder refuses stays so."""

_BEFORE_ANY_MODEL = frozenset({"DecodeError", "DecoderLost"})
"""Failures that no setting of a model changes."""


class Action(Enum):
    """What to do about an input."""

    KEEP = auto()
    """It is done, and nothing has changed."""
    COMPARE = auto()
    """It is done; whether its content is still the same, its digest will say."""
    DO = auto()
    """It is to be processed."""
    GIVE_UP = auto()
    """It was in hand each time the run crashed, as often as it may be tried."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What this run is to have: results with this `fingerprint`, and patience for so many attempts at a recording."""

    fingerprint: str
    retry_failed: bool = False
    max_attempts: int = 2

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {self.max_attempts}")


def decide(known: KnownFile | None, facts: FileFacts | None, wish: Wish) -> Action:
    """What to do about a recording, going by what the journal has of it and what the file system says now."""
    if known is None or facts is None or known.size_bytes != facts.size_bytes:
        return Action.DO
    if is_blamed(known) and known.attempts >= wish.max_attempts and not wish.retry_failed:
        return Action.GIVE_UP if known.mtime_ns == facts.mtime_ns else Action.DO
    if not _stands(known, wish):
        return Action.DO
    return Action.COMPARE if known.mtime_ns != facts.mtime_ns or _is_racy(known) else Action.KEEP


def still_holds(known: KnownFile | None, content: Content, wish: Wish) -> bool:
    """Whether what the journal has of a recording is the result of this very content."""
    return known is not None and known.digest == content.digest and _stands(known, wish)


def may_go_on(known: KnownFile | None, content: Content, wish: Wish) -> bool:
    """Whether the finished segments of an unfinished recording are of this content and of these settings."""
    return (
        known is not None
        and known.state is State.BEGUN
        and known.digest == content.digest
        and known.fingerprint == wish.fingerprint
    )


def attempts_before(known: KnownFile | None, content: Content) -> int:
    """How often this content was tried without coming to an end."""
    if known is None or known.state is not State.BEGUN:
        return 0
    is_same = (known.size_bytes, known.mtime_ns) == (content.facts.size_bytes, content.facts.mtime_ns)
    return known.attempts if is_same or known.digest == content.digest else 0


def is_blamed(known: KnownFile | None) -> bool:
    """Whether it was in hand when the run crashed, and has not been done since: it is then worked on alone."""
    return known is not None and known.state is State.BEGUN and known.error is not None and known.error.kind == CRASHED


def is_worth_another(kind: str, attempts: int, wish: Wish) -> bool:
    """Whether a recording that failed in this way, after so many attempts, is tried once more."""
    return kind in _WORTH_ANOTHER_ATTEMPT and attempts < wish.max_attempts


def changes(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """In words, what differs between two sets of things that affect results: `min_segment_s 10 -> 5`."""
    names = [name for name in {**before, **now} if _given(before, name) != _given(now, name)]
    return [f"{name} {_said(before.get(name))} -> {_said(now.get(name))}" for name in names]


def _given(things: Mapping[str, object], name: str) -> object:
    """What is given under that name; nothing and an empty text are the same."""
    return None if things.get(name) == "" else things.get(name)


def _stands(known: KnownFile, wish: Wish) -> bool:
    """Whether its outcome would stand if its content were the same."""
    if known.state is State.OK:
        return known.fingerprint == wish.fingerprint
    if known.state is not State.FAILED or wish.retry_failed or known.error is None:
        return False
    return known.fingerprint == wish.fingerprint or known.error.kind in _BEFORE_ANY_MODEL


def _is_racy(known: KnownFile) -> bool:
    return known.mtime_ns > known.checked_ns - RACY_NS


def _said(value: object) -> str:
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= 16 else f"{text[:12]}..."  # noqa: PLR2004 - a digest is told by its beginning
