"""`Planner`: each input that is found gets its place, its names and what is to be done about it.

It blocks, on a worker: one call at a time, in the order of inputs. What is decided, `resume.py` decides.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from engine.jobs.content import SMALL_BYTES, Content, read_small
from engine.jobs.discover import Found
from engine.jobs.journal_rows import KnownFile, read_names, state_of
from engine.jobs.outputs import OutputNames
from engine.jobs.parts import Books
from engine.jobs.planned import Done, Kept, Planned
from engine.jobs.resume import Action, decide, still_holds
from engine.jobs.seen import Seen
from engine.jobs.settling import Settling


class Planner:
    """Numbers inputs and looks them up; `seen` are the journal's ids of all that were found in this run."""

    def __init__(self, names: OutputNames, books: Books | None, settling: Settling | None) -> None:
        """Plan by what the journal in `books` knows; with `settling`, leave out what is still being written."""
        self._names = names
        self._books = books
        self._journal = books.place.journal if books else None
        self._settling = settling
        self._next_number = 0
        self._under_way: set[str] = set()
        self.seen = Seen()

    def plan(self, batch: Sequence[Found]) -> list[Planned]:
        """What to do about each of these inputs; those that were seen in this run and have not changed are left out."""
        keys = [_absolute(found.path) for found in batch]
        known = self._journal.known(keys) if self._journal else {}
        planned = (self._one(found, key, known.get(key)) for found, key in zip(batch, keys, strict=True))
        return [one for one in planned if one]

    def settled(self, entries: Iterable[Done | Kept]) -> None:
        """These are on record: when they are found again, they are looked at again."""
        self._under_way.difference_update(entry.planned.key for entry in entries)

    def _one(self, found: Found, key: str, known: KnownFile | None) -> Planned | None:
        again = known is not None and known.id in self.seen
        if key in self._under_way or (again and not _has_changed(found, known)) or self._is_growing(found, key, known):
            return None
        action, content = self._action(found, known)
        number, self._next_number = self._next_number, self._next_number + 1
        names = self._names.claim(found) if found.is_recording and not again else ()
        if again and known:
            names = tuple(map(PurePath, read_names(known.outputs)))
        file = known.id if known else self._journal.new_id() if self._journal else number
        self.seen.add(file)
        self._under_way.add(key)
        is_suspect = self._books is not None and key in self._books.place.in_hand.left
        return Planned(number, found, key, names, file, known, action, content, is_suspect)

    def _is_growing(self, found: Found, key: str, known: KnownFile | None) -> bool:
        if self._settling is None or found.facts is None or (known and not _has_changed(found, known)):
            return False
        return not self._settling.is_complete(key, found.facts, now_s=time.monotonic(), clock_s=time.time())

    def _action(self, found: Found, known: KnownFile | None) -> tuple[Action, Content | None]:
        if found.verdict is not None:
            is_same = known is not None and (known.state, known.error) == (state_of(found.verdict), found.verdict.error)
            return (Action.KEEP if is_same else Action.DO), None
        if self._books is None or found.facts is None:
            return Action.DO, None
        action = decide(known, found.facts, self._books.wish)
        if action is Action.KEEP or found.facts.size_bytes > SMALL_BYTES:
            return action, None
        content = read_small(str(found.path))
        if action is Action.COMPARE and content:
            action = Action.KEEP if still_holds(known, content, self._books.wish) else Action.DO
        return action, content


def _absolute(path: Path) -> str:
    text = str(path)
    return text if text[0] == "/" and "/.." not in text else os.path.abspath(text)  # noqa: PTH100 - it reads no links


def _has_changed(found: Found, known: KnownFile | None) -> bool:
    facts = found.facts
    if known is None or facts is None:
        return False
    return (known.size_bytes, known.mtime_ns) != (facts.size_bytes, facts.mtime_ns)
