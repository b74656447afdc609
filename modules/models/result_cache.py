"""`ResultCache`: answers that were given before, by what was asked: which audio, which model, with which options.

Bytes in, bytes out, under a limit in bytes: what has not been asked for longest goes first. With a folder, answers
outlive the process; how they lie there stands in `cache_folder.py`.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self

ENTRY_BYTES: Final = 400
"""What an entry costs in memory beside its answer: its name, its place in the order, the objects themselves."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What an answer belongs to: digests of the audio and of the model, and every option that affects the answer."""

    audio: str
    model: str
    options: str

    @classmethod
    def of(cls, audio: str, model: str, options: Mapping[str, object]) -> Self:
        """The key for `options`, whose order does not matter. Raises `TypeError` for one that JSON cannot hold."""
        return cls(audio, model, json.dumps(options, sort_keys=True, separators=(",", ":")))

    @property
    def name(self) -> str:
        """SHA-256 of all three, in hexadecimal."""
        return hashlib.sha256(json.dumps([self.audio, self.model, self.options]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What the cache did so far and what it holds; `hits` include the `disk_hits`.

    `refused` answers were larger than all the cache may hold; `disk_errors` count what the folder could not do.
    """

    hits: int = 0
    disk_hits: int = 0
    misses: int = 0
    evicted: int = 0
    refused: int = 0
    entries: int = 0
    bytes_held: int = 0
    disk_bytes: int = 0
    disk_errors: int = 0


class DiskTier(Protocol):
    """Where answers outlive the process."""

    def get(self, name: str) -> bytes | None:
        """The answer of that name, if it is there and whole."""
        ...

    def put(self, name: str, answer: bytes) -> None:
        """Keep an answer."""
        ...

    def statistics(self) -> tuple[int, int]:
        """Bytes held, and how often the disk could not do what it was asked."""
        ...


class ResultCache:
    """Answers under `max_bytes` of memory; may be used by several threads at once."""

    def __init__(self, max_bytes: int, disk: DiskTier | None = None) -> None:
        """Hold nothing yet but what `disk` holds. With `max_bytes` of 0 only the disk is used."""
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, got {max_bytes}")
        self.max_bytes = max_bytes
        self._disk = disk
        self._answers: OrderedDict[str, bytes] = OrderedDict()  # the one asked for last at the end
        self._bytes = 0
        self._hits = self._disk_hits = self._misses = self._evicted = self._refused = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ResultCache {len(self._answers)} answers, {self._bytes} of {self.max_bytes} bytes>"

    def get(self, key: CacheKey) -> bytes | None:
        """The answer to exactly this, if it is known."""
        name = key.name
        with self._lock:
            if (answer := self._answers.get(name)) is not None:
                self._answers.move_to_end(name)
                self._hits += 1
                return answer
        answer = self._disk.get(name) if self._disk else None
        with self._lock:
            self._hits += answer is not None
            self._disk_hits += answer is not None
            self._misses += answer is None
            if answer is not None:
                self._hold(name, answer)
        return answer

    def put(self, key: CacheKey, answer: bytes) -> None:
        """Keep the answer, and forget older ones for which there is no more room."""
        name = key.name
        with self._lock:
            self._hold(name, answer)
        if self._disk:
            self._disk.put(name, answer)

    def clear(self) -> None:
        """Forget what is in memory."""
        with self._lock:
            self._answers.clear()
            self._bytes = 0

    def statistics(self) -> CacheStatistics:
        """The counts so far."""
        disk_bytes, disk_errors = self._disk.statistics() if self._disk else (0, 0)
        with self._lock:
            return CacheStatistics(
                hits=self._hits,
                disk_hits=self._disk_hits,
                misses=self._misses,
                evicted=self._evicted,
                refused=self._refused,
                entries=len(self._answers),
                bytes_held=self._bytes,
                disk_bytes=disk_bytes,
                disk_errors=disk_errors,
            )

    def _hold(self, name: str, answer: bytes) -> None:
        """With the lock held: keep an answer in memory, within the limit at every moment."""
        size = len(answer) + ENTRY_BYTES
        if (old := self._answers.pop(name, None)) is not None:
            self._bytes -= len(old) + ENTRY_BYTES
        if size > self.max_bytes:
            self._refused += self.max_bytes > 0
            return
        while self._bytes + size > self.max_bytes:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= len(oldest) + ENTRY_BYTES
            self._evicted += 1
        self._answers[name] = answer
        self._bytes += size
