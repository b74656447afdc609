"""Records go to JSON and back without loss; whatever is not exactly such a record is refused by name."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.batching.live_chunks import LengthCost
from modules.tuning.json_records import from_fields, to_fields
from modules.tuning.plan import Decision, Knob, Limits, LoadSeen, Move, Observation, Plan, ResourcesSeen

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(1e-6, 1e6)
shares = st.floats(0, 1)
lengths = st.builds(LengthCost, positive, positive, positive, positive, st.booleans())
loads = st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 9999), st.integers(0, 9999)).map(
    lambda drawn: LoadSeen(
        streams=max(drawn[:2]), admitted=min(drawn[:2]), chunks=max(drawn[2:]), on_time=min(drawn[2:]), audio_s=1.5
    )
)
resources = st.builds(ResourcesSeen, st.none() | positive, st.none() | shares, st.none() | shares, st.none() | shares)
observations = st.builds(Observation, finite, loads, resources, st.lists(lengths, max_size=3).map(tuple), st.booleans())
plans = st.builds(Plan, positive, st.integers(1, 64), st.integers(0, 999), shares, st.booleans())
moves = st.builds(Move, st.sampled_from(Knob), st.floats(0, 1), st.floats(2, 3), st.text())
decisions = st.builds(
    Decision, finite, plans, st.lists(moves, max_size=3).map(tuple), st.lists(st.text(), max_size=2).map(tuple)
)


@given(observations)
def test_an_observation_comes_back_as_it_was(seen: Observation) -> None:
    """Through the text of JSON, down to the last bit of every number; `None` stays `None`."""
    assert from_fields(Observation, json.loads(json.dumps(to_fields(seen)))) == seen


@given(decisions)
def test_a_decision_comes_back_as_it_was(decision: Decision) -> None:
    """Knobs are knobs again, and lists are tuples."""
    again = from_fields(Decision, json.loads(json.dumps(to_fields(decision))))
    assert again == decision
    assert all(isinstance(move.knob, Knob) for move in again.moves)


def test_what_is_left_out_has_its_default() -> None:
    """A log written before a field was there can still be read."""
    assert from_fields(Limits, {}) == Limits()
    assert from_fields(Observation, {"now_s": 3}) == Observation(3.0)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"chunk_s": 0.2, "workers": 1, "max_streams": 9, "speed": 1}, "no field 'speed'"),
        ({"chunk_s": 0.2, "workers": 1}, "needs a field 'max_streams'"),
        ({"chunk_s": "0.2", "workers": 1, "max_streams": 9}, "chunk_s must be of type float"),
        ({"chunk_s": True, "workers": 1, "max_streams": 9}, "chunk_s must be of type float"),
        ({"chunk_s": 0.2, "workers": 1.5, "max_streams": 9}, "workers must be of type int"),
        ({"chunk_s": 0.2, "workers": 0, "max_streams": 9}, "workers must be at least 1"),
        ({"chunk_s": 0.2, "workers": 1, "max_streams": 9, "partials": 1}, "partials must be of type bool"),
        ([0.2, 1, 9], "must be an object"),
        (None, "must be an object"),
    ],
)
def test_anything_else_is_refused(fields: Any, what: str) -> None:  # noqa: ANN401 - any JSON value
    """With the name of what is wrong."""
    with pytest.raises(ValueError, match=what):
        from_fields(Plan, fields)


def test_an_unknown_knob_and_a_list_that_is_none_are_refused() -> None:
    """Inside other records too."""
    with pytest.raises(ValueError, match="volume"):
        from_fields(Move, {"knob": "volume", "before": 0, "after": 1, "sentence": ""})
    with pytest.raises(ValueError, match="lengths_s must be a list"):
        from_fields(Limits, {"lengths_s": 0.2})


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_json_has_no_word_for_what_is_not_finite(value: float) -> None:
    """It is refused when it is written, not when it is read."""
    with pytest.raises(ValueError, match="busy is"):
        to_fields(ResourcesSeen(busy=value))
