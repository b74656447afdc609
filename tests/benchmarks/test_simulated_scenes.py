"""What the figures of simulated scenes are made from."""

from benchmarks.simulated_scenes import returned
from modules.simulation.outcome import KneeSeen, Outcome


def ending(chunk_s: float, knee: int) -> Outcome:
    """A run whose last seconds have that chunk length and knee."""
    return Outcome(0.3, 36.0, [], knees=[KneeSeen(10.0, 16, 0.8), KneeSeen(34.5, knee, chunk_s)])


def test_a_run_is_back_when_it_ends_as_any_does_in_which_nothing_happened() -> None:
    """At a load between two lengths either is right; the knee may be half as large or twice."""
    calm = [ending(0.2, 8), ending(0.4, 4)]
    assert returned([ending(0.2, 8), ending(0.2, 16), ending(0.4, 2)], calm) == 3
    assert returned([ending(0.8, 8), ending(0.2, 17), ending(0.4, 1)], calm) == 0
