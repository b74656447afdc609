"""`Relay`: one recording from several decoders, the next taking over where one fails. It knows no library."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from itertools import chain
from typing import BinaryIO, Self

from modules.audio.decoded import Decoded, Opener, Piece
from modules.audio.source import printable
from modules.errors import DecodeError

MAX_SAYING_CHARACTERS = 200


class Relay:
    """The pieces of one recording, from the first decoder that gives any and, where it breaks off, from the next.

    The next decoder must give the same rate and channels; it starts from the beginning and what was delivered already
    is left out. `decoder` is the name of the one at work.
    """

    def __init__(self, name: str, file: BinaryIO, openers: Mapping[str, Opener]) -> None:
        self._name = printable(name)
        self._file = file
        self._untried = iter(openers.items())
        self._sayings: list[str] = []
        self._opened = ExitStack()
        self._pieces: Iterator[Piece] = iter(())
        self._frames = 0
        self.decoder = ""
        self.sample_rate = 0
        self.channels = 0

    def __repr__(self) -> str:
        return f"<Relay {self._name}: {self._frames} frames, now {self.decoder}, {len(self._sayings)} gave up>"

    def __enter__(self) -> Self:
        """Open with the first decoder that gives sound. Raises `DecodeError` that says what each of them said."""
        self._open_next()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def pieces(self) -> Iterator[Piece]:
        """What is left of the recording. Raises `DecodeError` when it breaks off and no decoder can go on."""
        while (piece := self._next_piece()) is not None:
            self._frames += len(piece)
            yield piece

    def _next_piece(self) -> Piece | None:
        while True:
            try:
                return next(self._pieces, None)
            except DecodeError as error:
                self._gave_up(error)
                self._open_next(error)

    def _open_next(self, cause: DecodeError | None = None) -> None:
        for decoder, opener in self._untried:
            self._opened.close()
            self.decoder = decoder
            try:
                self._take(self._opened.enter_context(self._from_start(opener)))
            except DecodeError as error:
                self._gave_up(error)
                cause = error
            else:
                return
        self._opened.close()
        raise DecodeError(self._verdict()) from cause

    def _from_start(self, opener: Opener) -> AbstractContextManager[Decoded]:
        try:
            self._file.seek(0)
        except (OSError, ValueError) as error:
            raise DecodeError(f"reading failed: {error}") from error
        return opener(self._file)

    def _take(self, decoded: Decoded) -> None:
        first = next(decoded.pieces, None)
        if first is None:
            raise DecodeError("no audio in it")
        found = (decoded.sample_rate, decoded.channels)
        if self._frames and found != (self.sample_rate, self.channels):
            raise DecodeError(f"gives {found[0]} Hz and {found[1]} channels instead")
        self.sample_rate, self.channels = found
        self._pieces = self._beyond(chain([first], decoded.pieces), self._frames)

    def _beyond(self, pieces: Iterator[Piece], frames: int) -> Iterator[Piece]:
        """The pieces without their first `frames`, of which there must be as many."""
        left = frames
        for piece in pieces:
            if left < len(piece):
                yield piece[left:]
            left = max(0, left - len(piece))
        if left:
            raise DecodeError(f"ends after {(frames - left) / self.sample_rate:.3f} s")

    def _gave_up(self, error: DecodeError) -> None:
        saying = " ".join(str(error).split())[:MAX_SAYING_CHARACTERS]
        self._sayings.append(f"{self.decoder}: {saying}")

    def _verdict(self) -> str:
        beyond = f" beyond {self._frames / self.sample_rate:.3f} s" if self._frames else ""
        return f"cannot decode {self._name}{beyond}: {'; '.join(self._sayings)}"
