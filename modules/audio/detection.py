"""What was heard and when: `Detection`. How windows become detections stands in `modules/batching/detections.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detection:
    """A sound from `start_s` to `end_s`, in seconds of the stream; `score` is the highest it got there, from 0 to 1."""

    label: str
    start_s: float
    end_s: float
    score: float

    def __post_init__(self) -> None:
        if not self.start_s <= self.end_s:
            raise ValueError(f"a detection ends before it starts: {self}")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must be 0 to 1, got {self.score}")
