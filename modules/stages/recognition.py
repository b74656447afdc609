"""`Recognition`: one segment in a recogniser, so that opening, feeding and finishing can share a thread hop."""

from collections.abc import Sequence

from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.errors import Cancelled
from modules.stages.protocols import Session, SessionStage


class Recognition:
    """A session that is opened with the first audio; one worker at a time advances it, any thread may cancel it."""

    def __init__(self, recogniser: SessionStage[AudioBuffer, TranscriptSegment]) -> None:
        """Nothing is opened yet."""
        self._recogniser = recogniser
        self._session: Session[AudioBuffer, TranscriptSegment] | None = None
        self._is_cancelled = False

    def advance(self, pieces: Sequence[AudioBuffer], *, is_over: bool) -> list[TranscriptSegment]:
        """What the recogniser says to these pieces and, when the segment `is_over`, what it still owes."""
        if self._session is None:
            self._session = self._recogniser.open()
        if self._is_cancelled:
            self._session.cancel()
            raise Cancelled("the segment was given up before it was recognised")
        found = [segment for piece in pieces for segment in self._session.feed(piece)]
        if is_over:
            found += self._session.finish()
        return found

    def cancel(self) -> None:
        """Stop soon: an `advance` in progress then raises `Cancelled`."""
        self._is_cancelled = True
        if session := self._session:
            session.cancel()
