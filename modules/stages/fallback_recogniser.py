"""The recogniser as a role with backends: when the one that was found fails, the next one goes on."""

from modules.models.fallback import Fallback
from modules.stages.fallback_session import FallbackSession
from modules.stages.recognisers import Recogniser


class FallbackRecogniser:
    """A `Recogniser` that is the best of its backends that works; all of them hear segments at 16 kHz."""

    def __init__(self, fallback: Fallback[Recogniser]) -> None:
        """Load the best backend that can be loaded. Raises `ModelError` when none can."""
        fallback.load()
        self.fallback = fallback

    def __repr__(self) -> str:
        return f"<FallbackRecogniser {self.fallback!r}>"

    @property
    def sample_rate(self) -> int:
        """The rate that the backend hears from which the answers come, in Hz."""
        return self.fallback.load().sample_rate

    def open(self) -> FallbackSession:
        """A session for one segment."""
        return FallbackSession(self.fallback)

    def close(self) -> None:
        """Give back what the backends hold outside this process; sessions are over by then."""
        for recogniser in self.fallback.loaded():
            recogniser.close()
