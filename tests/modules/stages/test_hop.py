"""Stages in one thread hop: streams share the model's calls, and share nothing else."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import Cancelled, StageFailed
from modules.stages.fused import MAX_TRIES
from modules.stages.hop import END, Failed, Hop, HopCall, HopSession, hops_of

BAD = -1


class Squares:
    """A batch stage that remembers how many payloads each call had, and refuses one it knows is bad."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def process(self, batch: Sequence[int]) -> Sequence[int]:
        self.calls.append(len(batch))
        if BAD in batch:
            raise ZeroDivisionError("a bad payload")
        return [number * number for number in batch]


class Sums:
    """A recurrent stage whose state is the sum so far, and its output too."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def initial_state(self) -> int:
        return 0

    def process(self, states: Sequence[int], batch: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        self.calls.append(len(batch))
        if BAD in batch:
            raise ZeroDivisionError("a bad payload")
        sums = [state + number for state, number in zip(states, batch, strict=True)]
        return sums, sums


class Twice:
    """A session stage, and its own session: each payload twice, and 100 more than it was fed at its end."""

    def __init__(self, name: str = "", refuses: int | None = None) -> None:
        self.name = name
        self.refuses = refuses
        self.fed = 0
        self.is_cancelled = False

    def open(self) -> "Twice":
        return Twice(self.name, self.refuses)

    def feed(self, payload: int) -> list[int]:
        if payload == self.refuses:
            raise KeyError("refused")
        self.fed += 1
        return [payload, payload]

    def finish(self) -> list[int]:
        return [100 + self.fed]

    def cancel(self) -> None:
        self.is_cancelled = True


class Remote(Twice):
    """A session stage that waits for another process."""

    is_remote = True


class Stoppable:
    """A batch stage that does `during` in each call, and is broken off when it was told to stop meanwhile."""

    def __init__(self, during: Callable[[Sequence[str]], None]) -> None:
        self.during = during
        self.calls: list[list[str]] = []
        self.is_told = False
        self.stops = 0

    def process(self, batch: Sequence[str]) -> Sequence[str]:
        self.calls.append(list(batch))
        self.is_told = False
        self.during(batch)
        if self.is_told:
            raise Cancelled("broken off")
        return [text.upper() for text in batch]

    def cancel(self) -> None:
        self.is_told = True
        self.stops += 1


def errors(results: Sequence[object]) -> list[type[Exception] | None]:
    """What each call failed with."""
    return [type(result.error) if isinstance(result, Failed) else None for result in results]


def run(hop: Hop, sessions: Sequence[HopSession], payloads: Sequence[object]) -> list[list[object] | Failed]:
    """One call for each session, taken together."""
    return hop.run([HopCall(session, payload) for session, payload in zip(sessions, payloads, strict=True)])


def test_the_batch_reaches_the_stage() -> None:
    """Calls taken together are one call of the model."""
    stage = Squares()
    hop = Hop([], stage, [])
    sessions = [hop.open() for _ in range(5)]
    assert run(hop, sessions, [1, 2, 3, 4, 5]) == [[1], [4], [9], [16], [25]]
    assert stage.calls == [5]


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=6))
def test_streams_that_share_calls_get_what_each_would_get_alone(streams: list[list[int]]) -> None:
    """Sessions before and after, a recurrent stage between, and the end of each stream."""
    hop = Hop([Twice("before")], Sums(), [Twice("after")])
    sessions = [hop.open() for _ in streams]
    rounds = [run(hop, sessions, payloads) for payloads in [*zip(*streams, strict=True), [END] * len(streams)]]
    for number, stream in enumerate(streams):
        alone = hop.open()
        assert [results[number] for results in rounds] == [run(hop, [alone], [p])[0] for p in [*stream, END]]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_a_payload_that_is_the_last_gives_what_it_and_the_end_would_give(payloads: list[int]) -> None:
    """In one call instead of two, with a shared stage and without."""
    for hop in (Hop([Twice()], Sums(), [Twice()]), Hop([Twice()], None, [])):
        one, two = [hop.open() for _ in payloads], [hop.open() for _ in payloads]
        in_one = hop.run(
            [HopCall(session, payload, is_last=True) for session, payload in zip(one, payloads, strict=True)]
        )
        first, then = run(hop, two, payloads), run(hop, two, [END] * len(payloads))
        assert in_one == [[*as_list(a), *as_list(b)] for a, b in zip(first, then, strict=True)]


def as_list(answer: list[object] | Failed) -> list[object]:
    """What was given."""
    assert not isinstance(answer, Failed)
    return answer


def test_rows_of_different_length_leave_the_shared_stage_one_by_one() -> None:
    """The longest row goes on alone; nobody waits for another's outputs to be equally many."""
    stage = Squares()
    hop = Hop([Twice()], stage, [])
    ending, going = hop.open(), hop.open()
    assert run(hop, [ending, going], [END, 3]) == [[100 * 100], [9, 9]]
    assert stage.calls == [2, 1]


def test_a_bad_payload_fails_alone() -> None:
    """Its neighbours succeed, each tried by itself, and its error is its own."""
    stage = Squares()
    hop = Hop([], stage, [])
    results = run(hop, [hop.open() for _ in range(3)], [2, BAD, 4])
    assert errors(results) == [None, ZeroDivisionError, None]
    assert (results[0], results[2]) == ([4], [16])
    assert stage.calls == [3, 1, 1, 1]


@pytest.mark.parametrize(
    "hop",
    [
        Hop([Twice(refuses=7)], Squares(), []),
        Hop([], Squares(), [Twice(refuses=49)]),
        Hop([Twice(refuses=7)], None, []),
        Hop([], None, [Twice(refuses=7)]),
    ],
)
def test_a_session_that_refuses_a_payload_fails_alone(hop: Hop) -> None:
    """Before or behind the shared stage, and where there is none."""
    results = run(hop, [hop.open(), hop.open()], [7, 1])
    assert errors(results) == [KeyError, None]
    assert set(results[1]) == {1}  # type: ignore[arg-type]  # a list, since it did not fail


def test_the_state_is_carried_from_call_to_call_as_a_value() -> None:
    """Each stream has its own."""
    hop = Hop([], Sums(), [])
    sessions = [hop.open(), hop.open()]
    assert run(hop, sessions, [1, 10]) == [[1], [10]]
    assert run(hop, sessions, [2, 20]) == [[3], [30]]
    assert [session.state for session in sessions] == [3, 30]


def test_a_failing_batch_leaves_every_state_as_if_each_had_been_alone() -> None:
    """The bad payload's stream goes on from the state before it, the neighbours' states moved on once."""
    hop = Hop([], Sums(), [])
    sessions = [hop.open(), hop.open()]
    assert errors(run(hop, sessions, [1, BAD])) == [None, ZeroDivisionError]
    assert [session.state for session in sessions] == [1, 0]
    assert run(hop, sessions, [1, 5]) == [[2], [5]]


class Stingy(Sums):
    """Owes one output, or one state, when there are several."""

    def __init__(self, *, states: bool) -> None:
        super().__init__()
        self.states = states

    def process(self, states: Sequence[int], batch: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        after, outputs = super().process(states, batch)
        if len(batch) == 1:
            return after, outputs
        return (after[:-1], outputs) if self.states else (after, outputs[:-1])


@pytest.mark.parametrize("states", [True, False])
def test_a_batch_that_is_not_whole_moves_no_state(states: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Tried alone, each stream starts from where it was."""
    hop = Hop([], Stingy(states=states), [])
    sessions = [hop.open(), hop.open()]
    assert run(hop, sessions, [1, 10]) == [[1], [10]]
    assert [session.state for session in sessions] == [1, 10]


def test_a_stage_that_owes_outputs_is_said_to_have_failed() -> None:
    """The text counts them."""

    class Silent:
        def process(self, batch: Sequence[int]) -> Sequence[int]:
            return batch[:0]

    hop = Hop([], Silent(), [])
    (result,) = run(hop, [hop.open()], [1])
    assert isinstance(result, Failed)
    assert isinstance(result.error, StageFailed)
    assert str(result.error) == "a stage gave 0 outputs for 1 payloads; it owes one for each"


def test_sessions_before_and_after_the_shared_stage_belong_to_one_stream() -> None:
    """What one stream fed is not counted in the other's end."""
    hop = Hop([Twice()], Squares(), [Twice()])
    first, second = hop.open(), hop.open()
    run(hop, [first], [1])
    assert run(hop, [first, second], [END, END]) == [[101**2, 101**2, 100 + 3], [100**2, 100**2, 100 + 1]]


def test_sessions_of_the_streams_own_come_first() -> None:
    """Its resampler is part of the same hop."""
    hop = Hop([], Squares(), [])
    assert run(hop, [hop.open([Twice()])], [3]) == [[9, 9]]


def test_the_end_is_told_front_to_back() -> None:
    """What the first session owes passes all that come after it before they end."""
    hop = Hop([Twice()], None, [Twice()])
    assert run(hop, [hop.open()], [END]) == [[100, 100, 101]]


def test_an_end_that_failed_before_the_shared_stage_ends_nothing_behind_it() -> None:
    """One answer a call: the error."""
    hop = Hop([Twice()], Squares(), [Twice(refuses=10_000)])
    assert errors(run(hop, [hop.open()], [END])) == [KeyError]


def names(hops: Sequence[Hop]) -> list[str]:
    """What each hop is called."""
    return [hop.name for hop in hops]


def test_stages_are_cut_into_as_few_hops_as_possible() -> None:
    """A second stage that batches begins a new hop, and so does one that waits for another process."""
    assert names(hops_of([Twice(), Twice()])) == ["Twice + Twice"]
    assert names(hops_of([Twice(), Squares(), Twice()])) == ["Twice + Squares + Twice"]
    assert names(hops_of([Twice(), Squares(), Twice(), Sums(), Twice()])) == ["Twice + Squares + Twice", "Sums + Twice"]
    assert names(hops_of([Squares(), Twice(), Remote()])) == ["Squares + Twice", "Remote"]
    assert names(hops_of([Remote(), Twice()])) == ["Remote + Twice"]


def test_a_hop_knows_whether_it_is_shared_and_whether_it_waits_elsewhere() -> None:
    """Workers are chosen by the one, batches allowed by the other."""
    shared, remote = hops_of([Twice(), Squares(), Remote()])
    assert (shared.is_shared, shared.is_remote) == (True, False)
    assert (remote.is_shared, remote.is_remote) == (False, True)
    assert repr(remote) == "<Hop Remote>"


def test_a_hop_of_no_stages_passes_everything() -> None:
    """A stream may have nothing to pass."""
    (hop,) = hops_of([])
    assert run(hop, [hop.open()], [5]) == [[5]]


def test_a_cancelled_streams_lone_call_is_broken_off() -> None:
    """Nobody else waits for it."""
    stage = Stoppable(lambda _: session.cancel())
    hop = Hop([], stage, [])
    session = hop.open()
    assert errors(run(hop, [session], ["a"])) == [Cancelled]
    assert stage.calls == [["a"]]


def test_a_call_that_a_living_stream_shares_is_not_broken_off() -> None:
    """The survivor has its answer from the same call."""
    stage = Stoppable(lambda _: gone.cancel())
    hop = Hop([], stage, [])
    gone, stays = hop.open(), hop.open()
    assert run(hop, [gone, stays], ["a", "b"])[1] == ["B"]
    assert stage.stops == 0
    assert stage.calls == [["a", "b"]]


def test_streams_that_survive_a_broken_off_call_are_served_alone() -> None:
    """A stage stops all its calls at once; whoever was not meant is tried again."""

    def during(batch: Sequence[str]) -> None:
        if len(batch) > 1:
            gone.is_cancelled = True
            stage.cancel()

    stage = Stoppable(during)
    hop = Hop([], stage, [])
    gone, stays, too = hop.open(), hop.open(), hop.open()
    results = run(hop, [gone, stays, too], ["a", "b", "c"])
    assert errors(results) == [Cancelled, None, None]
    assert results[1:] == [["B"], ["C"]]
    assert stage.calls == [["a", "b", "c"], ["b"], ["c"]]


def test_a_stream_whose_lone_call_was_broken_off_for_another_is_served_again() -> None:
    """The model stops every call that runs, also one on another worker."""
    stage = Stoppable(lambda _: stage.cancel() if len(stage.calls) < 4 else None)
    hop = Hop([], stage, [])
    assert run(hop, [hop.open()], ["a"]) == [["A"]]
    assert stage.calls == [["a"]] * 4


def test_a_stage_that_is_always_broken_off_fails_in_the_end() -> None:
    """Everything has a limit."""
    stage = Stoppable(lambda _: stage.cancel())
    hop = Hop([], stage, [])
    assert errors(run(hop, [hop.open()], ["a"])) == [Cancelled]
    assert len(stage.calls) == 1 + MAX_TRIES


def test_a_stream_cancelled_meanwhile_gives_up_what_it_had_left() -> None:
    """Its further inputs do not reach the model, although the call it shared went on."""
    stage = Stoppable(lambda _: gone.cancel())
    hop = Hop([], stage, [])
    gone, stays = hop.open([Spelled()]), hop.open([Spelled()])
    results = run(hop, [gone, stays], ["abc", "xy"])
    assert errors(results) == [Cancelled, None]
    assert results[1] == ["X", "Y"]
    assert stage.calls == [["a", "x"], ["y"]]


class Spelled:
    """A session that gives a text letter by letter."""

    def feed(self, payload: str) -> list[str]:
        return list(payload)

    def finish(self) -> list[str]:
        return []

    def cancel(self) -> None:
        pass


def test_cancelling_a_stream_cancels_its_sessions() -> None:
    """Before and behind the shared stage; a stage that cannot be broken off is left to end."""
    hop = Hop([], Squares(), [])
    own = Twice()
    session = hop.open([own])
    session.cancel()
    assert own.is_cancelled
