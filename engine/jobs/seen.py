"""`Seen`: which of a journal's inputs were found, a bit each, so that very many take little memory."""


class Seen:
    """Which of the journal's inputs were found, a bit each."""

    def __init__(self) -> None:
        """None was."""
        self._bits = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, file: int) -> bool:
        return file >> 3 < len(self._bits) and bool(self._bits[file >> 3] >> (file & 7) & 1)

    def add(self, file: int) -> None:
        """This one was found."""
        if file >> 3 >= len(self._bits):
            self._bits.extend(bytes((file >> 3) - len(self._bits) + 1024))
        self._count += file not in self
        self._bits[file >> 3] |= 1 << (file & 7)
