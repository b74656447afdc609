"""`AskingPace`: when a recogniser is asked what is being said. Pure: it is told what feeding and asking took.

Vosk answers by walking back through all of the utterance, so asking grows dearer the longer somebody speaks without a
pause: with a small model, from a twentieth of recognising after 2 s to six tenths after 16 s, beside many other streams
(`python run_benchmarks.py --scenario streams` prints it). Asked at every chunk, it would cost streams; so it gets a
share of the time that recognising takes, and nobody waits for a partial longer than `MAX_WAIT_S`. On a machine with
little else to do the answer is still in its caches and cheap, and most chunks are followed by a question.
"""

ASKING_SHARE = 0.05
"""Asking takes at most this share of the time that recognising does."""

MAX_WAIT_S = 1.0
"""Seconds of audio after which it is asked whatever it costs."""


class AskingPace:
    """Told of every feed and every answer, in seconds of the thread that did it."""

    __slots__ = ("_asked_s", "_fed_s", "_heard_s")

    def __init__(self) -> None:
        """Begin with an answer that costs nothing: the first feed is followed by the first question."""
        self._asked_s = 0.0  # what the last answer took
        self._fed_s = 0.0  # what feeding has taken since
        self._heard_s = 0.0  # and the audio that was fed

    def fed(self, took_s: float, *, audio_s: float) -> None:
        """Feeding `audio_s` seconds of audio took `took_s` seconds."""
        self._fed_s += took_s
        self._heard_s += audio_s

    @property
    def is_due(self) -> bool:
        """Whether asking is within its share, or has been put off for long enough."""
        return self._asked_s <= ASKING_SHARE * self._fed_s or self._heard_s >= MAX_WAIT_S

    def asked(self, took_s: float) -> None:
        """The answer took `took_s` seconds; the next is expected to take about as long."""
        self._asked_s = took_s
        self._fed_s = self._heard_s = 0.0

    def ended(self) -> None:
        """The utterance is over: of the next one there is little to walk back through."""
        self._asked_s = 0.0
