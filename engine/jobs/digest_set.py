"""`DigestSet`: many digests in little memory, so that a job over very many files stays small."""

from array import array

_START_PLACES = 1 << 10


class DigestSet:
    """A set of digests by their first 64 bits, in 12 to 24 bytes each, where a set of `bytes` takes above 100.

    Two digests that differ are taken for one with a probability of n^2 / 2^65: 3e-8 for a million. Ask it only where
    being wrong does no harm.
    """

    __slots__ = ("_count", "_places")

    def __init__(self) -> None:
        """Start with none."""
        self._places = array("Q", bytes(8 * _START_PLACES))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: bytes) -> bool:
        key = _key(digest)
        return self._places[_place(self._places, key)] == key

    def add(self, digest: bytes) -> bool:
        """Take the digest in, at least eight bytes; whether it is new."""
        key = _key(digest)
        place = _place(self._places, key)
        if self._places[place] == key:
            return False
        self._places[place] = key
        self._count += 1
        if 3 * self._count > 2 * len(self._places):
            self._grow()
        return True

    def _grow(self) -> None:
        larger = array("Q", bytes(16 * len(self._places)))
        for key in self._places:
            if key:
                larger[_place(larger, key)] = key
        self._places = larger


def _key(digest: bytes) -> int:
    assert len(digest) >= 8, digest  # noqa: PLR2004 - 64 bits
    return int.from_bytes(digest[:8], "little") or 1  # 0 marks an empty place


def _place(places: "array[int]", key: int) -> int:
    """Where the key is, or where it would go; there is always an empty place."""
    mask = len(places) - 1
    at = key & mask
    while places[at] not in (0, key):
        at = (at + 1) & mask
    return at
