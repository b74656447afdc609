"""A payload's way through a row of hops: in order, level by level, and the end behind all that is owed."""

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from modules.stages.hop import END
from modules.stages.walk import Walk

Answer = Callable[[int, object], list[object] | None]
"""What a hop gives for a payload; nothing where it fails."""


def walked(walk: Walk, payload: object, answer: Answer) -> Iterator[tuple[int, object]]:
    """Take a payload through the row; what every hop was given, in order."""
    walk.begin(payload)
    while (step := walk.next()) is not None:
        yield step
        outputs = answer(*step)
        if outputs is None:
            walk.failed()
        else:
            walk.answered(outputs)
    assert walk.is_over


def outputs_of(walk: Walk, payload: object, answer: Answer) -> list[object]:
    """What leaves the last hop."""
    for _ in walked(walk, payload, answer):
        pass
    return walk.outputs


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 100))
def test_every_output_passes_all_hops_behind_in_order(gives: list[int], payload: int) -> None:
    """Hop number n gives so many outputs for each input, numbered in the order they should leave in."""
    walk = Walk(len(gives))
    made = [0] * len(gives)

    def answer(hop: int, _: object) -> list[object]:
        outputs = list(range(made[hop], made[hop] + gives[hop]))
        made[hop] += gives[hop]
        return list(outputs)

    total = 1
    seen: list[list[object]] = [[] for _ in gives]
    for hop, given_payload in walked(walk, payload, answer):
        seen[hop].append(given_payload)
    for hop, number in enumerate(gives):
        assert seen[hop] == ([payload] if hop == 0 else list(range(total)))
        total *= number
    assert walk.outputs == list(range(total))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_the_end_reaches_every_hop_once_and_behind_all_that_is_owed(owes: list[int]) -> None:
    """Each hop is ended after it was given what those before it owed, and what it owes itself goes the same way."""
    walk = Walk(len(owes))

    def answer(hop: int, payload: object) -> list[object]:
        return [f"owed by {hop}"] * owes[hop] if payload is END else [payload]

    steps = list(walked(walk, END, answer))
    for hop in range(len(owes)):
        here = [payload for number, payload in steps if number == hop]
        assert here == [f"owed by {before}" for before in range(hop) for _ in range(owes[before])] + [END]
    assert walk.outputs == [f"owed by {hop}" for hop in range(len(owes)) for _ in range(owes[hop])]


@given(st.integers(1, 4), st.integers(0, 3))
def test_a_failure_gives_up_what_came_of_the_payload(hops: int, fails: int) -> None:
    """Its siblings too: a payload is answered whole or not at all. The next payload finds the row empty."""
    walk = Walk(hops)

    def answer(hop: int, payload: object) -> list[object] | None:
        if hop == min(fails, hops - 1) and payload in ("whole", "second"):
            return None
        return ["first", "second"] if payload == "whole" else [payload]

    steps = list(walked(walk, "whole", answer))
    assert steps[-1][0] == min(fails, hops - 1)
    assert walk.is_over
    assert outputs_of(walk, "fine", answer) == ["fine"]


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_the_end_reaches_the_hops_behind_one_that_fails_on_it(fail: list[bool]) -> None:
    """What the others owe is kept, in order."""
    walk = Walk(len(fail))

    def answer(hop: int, payload: object) -> list[object] | None:
        if payload is not END:
            return [payload]
        return None if fail[hop] else [hop]

    ended = [hop for hop, payload in walked(walk, END, answer) if payload is END]
    assert ended == list(range(len(fail)))
    assert walk.outputs == [hop for hop, fails in enumerate(fail) if not fails]


def test_what_had_left_the_row_before_a_failure_at_the_end_is_kept() -> None:
    """Two are owed; the last hop fails on the second, and is ended all the same."""
    walk = Walk(2)

    def answer(hop: int, payload: object) -> list[object] | None:
        if payload is END:
            return ["good", "bad"] if hop == 0 else ["last"]
        return None if payload == "bad" else [payload]

    assert list(walked(walk, END, answer)) == [(0, END), (1, "good"), (1, "bad"), (1, END)]
    assert walk.outputs == ["good", "last"]


def test_a_row_of_one_hop_is_the_shortest_way() -> None:
    """One step, and where `next` was is known while it runs; then there is nothing more to do."""
    walk = Walk(1)
    assert walk.is_over
    assert walk.next() is None
    walk.begin(5)
    assert not walk.is_over
    assert walk.next() == (0, 5)
    assert walk.hop == 0
    walk.answered([25])
    assert (walk.next(), walk.is_over, walk.outputs) == (None, True, [25])


def test_outputs_are_those_of_the_last_payload() -> None:
    """Nothing is said twice."""
    walk = Walk(2)
    assert outputs_of(walk, 1, lambda _, payload: [payload]) == [1]
    assert outputs_of(walk, 2, lambda _, payload: [payload]) == [2]
    assert outputs_of(walk, 3, lambda _, __: []) == []
