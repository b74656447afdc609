"""`Twins`: of inputs with the same content, the first in order is recognised and the others wait for its result."""

from collections import defaultdict
from dataclasses import dataclass

from engine.changes import Changes
from modules.results import FileResult, Status


@dataclass(slots=True)
class _Owner:
    number: int
    result: FileResult | None = None
    is_over: bool = False


class Twins:
    """The inputs of a run that are under way, by size and content. What is finished, the journal knows.

    Who is first goes by number alone, so a result never depends on which worker was quicker.
    """

    def __init__(self) -> None:
        """Nothing is under way."""
        self._unread: dict[int, set[int]] = defaultdict(set)  # by size, those whose content is not known yet
        self._owners: dict[bytes, _Owner] = {}
        self._changes = Changes()

    def expect(self, number: int, size_bytes: int) -> None:
        """An input of this size is under way; tell of inputs in their order."""
        self._unread[size_bytes].add(number)

    def read(self, number: int, size_bytes: int) -> None:
        """Its content is known now, or it will not be."""
        waiting = self._unread.get(size_bytes)
        if waiting is not None:
            waiting.discard(number)
            if not waiting:
                del self._unread[size_bytes]
            self._changes.tell()

    def must_wait(self, number: int, size_bytes: int, digest: bytes) -> bool:
        """Whether an earlier input has this content, or may have it."""
        return digest in self._owners or any(other < number for other in self._unread.get(size_bytes, ()))

    async def result(self, number: int, size_bytes: int, digest: bytes) -> FileResult | None:
        """The result of the first input with this content; nothing for the first itself, which then is its owner."""
        while self.must_wait(number, size_bytes, digest):
            owner = self._owners.get(digest)
            await self._changes.wait()
            if owner and owner.is_over and owner.result:
                return owner.result
        self._owners[digest] = _Owner(number)
        return None

    def settle(self, number: int, digest: bytes, result: FileResult | None) -> None:
        """The owner is over: those who wait share its result if it went well, else the next one tries."""
        owner = self._owners.get(digest)
        if owner and owner.number == number:
            owner.result = result if result and result.status is Status.OK else None
            owner.is_over = True
            del self._owners[digest]
            self._changes.tell()
