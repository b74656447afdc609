"""`DigestMap`: many digests in little memory, so that a job over very many files stays small."""

from array import array

_START_PLACES = 1 << 10


class DigestMap:
    """A number under each digest, told apart by their first 64 bits, in 18 to 36 bytes each; a `dict` takes above 150.

    As long as all numbers are 0 it is a set, in 12 to 24 bytes each.

    Two digests that differ are taken for one with a probability of n^2 / 2^65: 3e-8 for a million. Use it where being
    wrong does no harm, or is found out.
    """

    __slots__ = ("_count", "_keys", "_numbers")

    def __init__(self) -> None:
        """Start with none."""
        self._keys = array("Q", bytes(8 * _START_PLACES))
        self._numbers: array[int] | None = None  # all are 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: bytes) -> bool:
        return self.get(digest) is not None

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        numbers = self._numbers
        return self._keys.itemsize * len(self._keys) + (numbers.itemsize * len(numbers) if numbers else 0)

    def get(self, digest: bytes) -> int | None:
        """The number under the digest, if there is one."""
        key, keys, numbers = _key(digest), self._keys, self._numbers
        place = _place(keys, key)
        if keys[place] != key:
            return None
        return numbers[place] if numbers else 0

    def add(self, digest: bytes, number: int = 0) -> bool:
        """Put the number, 0 to 2^32 - 1, under a digest of at least eight bytes; not if there is one already."""
        key = _key(digest)
        place = _place(self._keys, key)
        if self._keys[place] == key:
            return False
        if number and self._numbers is None:
            self._numbers = array("I", bytes(4 * len(self._keys)))
        if self._numbers is not None:
            self._numbers[place] = number  # before the key: another thread may look
        self._keys[place] = key
        self._count += 1
        if 3 * self._count > 2 * len(self._keys):
            self._grow()
        return True

    def _grow(self) -> None:
        keys = array("Q", bytes(16 * len(self._keys)))
        numbers = array("I", bytes(4 * len(keys))) if self._numbers else None
        for old_place, key in enumerate(self._keys):
            if key:
                place = _place(keys, key)
                keys[place] = key
                if numbers and self._numbers:
                    numbers[place] = self._numbers[old_place]
        self._keys, self._numbers = keys, numbers


def _key(digest: bytes) -> int:
    assert len(digest) >= 8, digest  # noqa: PLR2004 - 64 bits
    return int.from_bytes(digest[:8], "little") or 1  # 0 marks an empty place


def _place(keys: "array[int]", key: int) -> int:
    """Where the key is, or where it would go; there is always an empty place."""
    mask = len(keys) - 1
    at = key & mask
    while keys[at] not in (0, key):
        at = (at + 1) & mask
    return at
