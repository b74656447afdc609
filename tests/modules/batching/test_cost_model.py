"""What calls cost is learnt from calls alone: shifts relearnt, neighbours only scaled by, kept for the next start."""

import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.batching.cost_model import VERSION, CostKey, CostLimits, CostModel

KEY = CostKey("asr", "0.2 s")
DIGESTS = {"asr": "abc"}


def taught(
    cost_s: Callable[[int], float],
    *,
    calls: int = 1200,
    noise: float = 0.05,
    seed: int = 0,
    model: CostModel | None = None,
) -> CostModel:
    """A model that was told of so many calls, each as large as it allowed, costing about as much as `cost_s` says."""
    model, chance = model or CostModel(CostLimits(max_service_s=10.0)), random.Random(seed)
    for _ in range(calls):
        batch = model.cap(KEY)
        own_s = cost_s(batch) * chance.lognormvariate(0, noise)
        model.observe(KEY, batch=batch, service_s=own_s, cpu_s=own_s)
    return model


def affine(fixed_s: float, each_s: float) -> Callable[[int], float]:
    """A call's cost: so much, and so much for each payload."""
    return lambda batch: fixed_s + each_s * batch


def test_calls_that_always_take_the_same_are_learnt_of_for_ever() -> None:
    """As with a virtual clock: that nothing scatters is no number to divide by, and a later drift is still seen."""
    model = CostModel()
    for number in range(40_000):
        own_s = 0.01 if number < 30_000 else 0.011
        model.observe(KEY, batch=1, service_s=own_s, cpu_s=own_s)
    assert model.share_s(KEY) == pytest.approx(0.011, rel=0.01)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0005, 0.02), st.floats(0.0005, 0.01), st.integers(0, 1000))
def test_calls_as_large_as_the_knee_are_nearly_the_best(fixed_s: float, each_s: float, seed: int) -> None:
    """Of affine costs: the knee's throughput is within 8 % of that of the largest call, and foreseen within 10 %."""
    model = taught(affine(fixed_s, each_s), seed=seed)
    knee = model.knee(KEY)
    per_s = knee / (fixed_s + each_s * knee)
    assert per_s >= 0.92 * 64 / (fixed_s + each_s * 64)
    assert model.share_s(KEY) == pytest.approx(1 / per_s, rel=0.1)


def test_nothing_is_known_before_a_call() -> None:
    """A batch of one is begun with, and no time is made up."""
    model = CostModel()
    assert (model.knee(KEY), model.cap(KEY), model.scale(KEY)) == (1, 1, 1.0)
    assert model.service_s(KEY, batch=1) is model.share_s(KEY) is None
    assert model.learnt(KEY) is None
    assert not model.is_settled(KEY)
    assert model.keys == ()


def test_a_noisy_neighbour_is_a_scale_and_no_refit() -> None:
    """Calls take 1.5 times the wall time at the same CPU time: knee and own cost stay, times scale."""
    cost = affine(0.004, 0.001)
    model = taught(cost)
    knee, share_s, shifts = model.knee(KEY), model.share_s(KEY), model._keys[KEY].costs.shifts
    assert share_s is not None
    chance = random.Random(1)
    for _ in range(300):
        cpu_s = cost(model.cap(KEY)) * chance.lognormvariate(0, 0.05)
        model.observe(KEY, batch=model.cap(KEY), service_s=1.5 * cpu_s, cpu_s=cpu_s)
    assert model.scale(KEY) == pytest.approx(1.5, rel=0.05)
    assert model.knee(KEY) == knee
    assert model._keys[KEY].costs.shifts == shifts
    assert model.share_s(KEY) == pytest.approx(share_s, rel=0.05)
    taught(cost, model=model)
    assert model.scale(KEY) == pytest.approx(1.0, abs=0.05)


def test_a_model_twice_as_slow_is_relearnt_and_so_is_its_recovery() -> None:
    """Within some dozens of calls; meanwhile calls are a class smaller, and the knee comes back after it."""
    cost = affine(0.004, 0.001)
    model = taught(cost)
    knee = model.knee(KEY)
    taught(lambda batch: 2 * cost(batch), calls=16, model=model)
    assert model.is_relearning(KEY)
    assert model.cap(KEY) <= knee
    taught(lambda batch: 2 * cost(batch), calls=300, model=model, seed=2)
    assert not model.is_relearning(KEY)
    assert model.service_s(KEY, batch=knee) == pytest.approx(2 * cost(knee), rel=0.15)
    taught(cost, calls=300, model=model, seed=3)
    assert model.service_s(KEY, batch=knee) == pytest.approx(cost(knee), rel=0.15)
    assert knee / 2 <= model.knee(KEY) <= 2 * knee


def test_one_call_that_took_very_long_changes_little() -> None:
    """A hiccup of a hundred times is no shift."""
    model = taught(affine(0.004, 0.001))
    knee, share_s = model.knee(KEY), model.share_s(KEY)
    model.observe(KEY, batch=knee, service_s=2.0)
    taught(affine(0.004, 0.001), calls=50, model=model)
    assert model.knee(KEY) == knee
    assert model.share_s(KEY) == pytest.approx(share_s, rel=0.1)


def test_no_call_is_allowed_to_take_longer_than_the_limit() -> None:
    """Where calls soon get too long, the knee stays below; a batch of one is always allowed."""
    limits = CostLimits(max_service_s=0.05)
    model = taught(affine(0.02, 0.004), model=CostModel(limits))
    assert 0.02 + 0.004 * model.cap(KEY) <= 1.15 * 0.05
    slow = taught(affine(1.0, 0.1), model=CostModel(limits))
    assert slow.cap(KEY) == slow.knee(KEY) == 1


def test_quantiles_are_those_of_the_calls() -> None:
    """The median is the middle, and 95 of 100 calls stay within the 95th."""
    model = taught(affine(0.01, 0.0), noise=0.2, calls=3000)
    p50_s, p95_s = (model.service_s(KEY, batch=model.knee(KEY), quantile=quantile) for quantile in (0.5, 0.95))
    assert p50_s == pytest.approx(0.01, rel=0.1)
    assert p95_s == pytest.approx(0.01 * 1.39, rel=0.15)


def test_what_was_learnt_is_there_at_the_next_start() -> None:
    """Through JSON: the same knee at once, and nearly the same times, without a single call."""
    model = taught(affine(0.004, 0.001))
    saved = json.loads(json.dumps(model.to_dict(machine="here", digests=DIGESTS)))
    again = CostModel.from_dict(saved, machine="here", digests=DIGESTS, limits=model.limits)
    assert again.knee(KEY) == model.knee(KEY)
    assert again.service_s(KEY, batch=4) == pytest.approx(model.service_s(KEY, batch=4), rel=0.05)
    assert again.share_s(KEY) == pytest.approx(model.share_s(KEY), rel=0.05)
    assert CostModel.from_dict(
        again.to_dict(machine="here", digests=DIGESTS), machine="here", digests=DIGESTS
    ).keys == (KEY,)


def test_what_belongs_to_a_changed_model_is_left_out() -> None:
    """Its digest says so; a model without a digest is not saved at all."""
    model = taught(affine(0.004, 0.001))
    saved = model.to_dict(machine="here", digests=DIGESTS)
    assert CostModel.from_dict(saved, machine="here", digests={"asr": "new"}).keys == ()
    assert model.to_dict(machine="here", digests={})["costs"] == []


def test_what_cannot_be_used_is_refused() -> None:
    """Another machine, another version, broken fields: each by name."""
    saved = taught(affine(0.004, 0.001)).to_dict(machine="here", digests=DIGESTS)
    with pytest.raises(ValueError, match="another machine: 'here', this is 'there'"):
        CostModel.from_dict(saved, machine="there", digests=DIGESTS)
    with pytest.raises(ValueError, match=f"version {VERSION}, got 99"):
        CostModel.from_dict(saved | {"version": 99}, machine="here", digests=DIGESTS)
    cost = saved["costs"][0]
    for broken in (
        {"costs": None},
        {"costs": [7]},
        {"costs": [{key: value for key, value in cost.items() if key != "knee"}]},
        {"costs": [cost | {"calls": [{"batch": 1, "times_s": []}]}]},
        {"costs": [cost | {"calls": [{"batch": 1, "times_s": [-1.0]}]}]},
        {"costs": [cost | {"calls": [{"batch": 5, "times_s": [1.0]}]}]},
    ):
        with pytest.raises(ValueError, match="learnt costs are broken"):
            CostModel.from_dict(saved | broken, machine="here", digests=DIGESTS)


def test_what_is_forgotten_begins_anew() -> None:
    """As if it had never been called."""
    model = taught(affine(0.004, 0.001))
    model.forget(KEY)
    assert model.keys == ()
    assert model.service_s(KEY, batch=1) is None


@pytest.mark.parametrize(("batch", "service_s"), [(0, 0.1), (5000, 0.1), (8, 0.0)])
def test_limits_out_of_range_are_refused(batch: int, service_s: float) -> None:
    """With the field's name."""
    with pytest.raises(ValueError, match=r"must be 1 to|above 0"):
        CostLimits(batch, service_s)


def test_the_limit_of_a_call_leaves_room_for_the_wait_before_it() -> None:
    """More workers free one sooner, so calls may be longer; never as long as the target."""
    limits = [CostLimits.of(0.3, workers=workers).max_service_s for workers in (1, 2, 8, 64)]
    assert limits == sorted(limits)
    assert 0 < limits[0] <= 0.15
    assert limits[-1] < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_shifts_do_not_add_up(seed: int) -> None:
    """A shape that was not called for long is expected at no more than five times what it ever cost, or a fifth of it.

    Costs of the others triple at times and recover slowly, so that the rise is noticed at once and the fall followed.
    Unbounded, what they say of today added up: on a real machine a shape not seen for long was given 1e8 seconds.
    """
    chance, model, factor = random.Random(seed), CostModel(), 1.0
    rare, *often = (CostKey("asr", shape) for shape in ("1.3 s", "0.2 s", "0.4 s", "0.8 s"))
    for _ in range(40):
        model.observe(rare, batch=1, service_s=0.015)
    active = often[0]
    for call in range(12_000):
        if call % 700 == 0:
            active = chance.choice(often)
        factor = min(4.0, max(1.0, (3 * factor if chance.random() < 0.01 else factor) * 0.98))
        batch = chance.randint(1, model.cap(active))
        cost_s = 0.002 + batch * 0.01 * float(active.shape.split()[0])
        model.observe(active, batch=batch, service_s=cost_s * factor * chance.lognormvariate(0, 0.5))
        expected_s = model.service_s(rare, batch=1)
        assert expected_s is not None
        assert 0.003 <= expected_s <= 0.075


@pytest.mark.parametrize("seed", range(4))
def test_costs_that_drift_are_followed_whatever_is_in_use(seed: int) -> None:
    """Costs rise by three tenths over 300 calls of all sizes: of a kind in use and of one that was left that is known.

    Within a tenth, and of the one that was left within an eighth; the same when they fall again.
    """
    chance, model = random.Random(seed), CostModel(CostLimits(max_service_s=10.0))
    left, used = (CostKey("asr", f"{chunk_s} s") for chunk_s in (0.2, 0.4))

    def call(key: CostKey, factor: float) -> None:
        batch = chance.randint(1, model.cap(key))
        own_s = factor * _chunks_s(key, batch) * chance.lognormvariate(0, 0.1)
        model.observe(key, batch=batch, service_s=own_s, cpu_s=own_s)

    for key in (left, used):
        for _ in range(150):
            call(key, 1.0)
    for way in (1, -1):
        for step in range(300):
            call(used, 1.3 ** (step / 300 if way > 0 else 1 - step / 300))
        for key, off in ((used, 0.10), (left, 0.125)):
            true_s = _chunks_s(key, model.knee(key)) / model.knee(key) * (1.3 if way > 0 else 1.0)
            assert model.share_s(key) == pytest.approx(true_s, rel=off)


@pytest.mark.parametrize("seed", range(4))
def test_the_level_of_a_model_does_not_wander(seed: int) -> None:
    """Nothing but noise: over 4,000 calls of others, a kind seen at first only is known within a twelfth."""
    chance, model = random.Random(seed), CostModel(CostLimits(max_service_s=10.0))
    left, used = (CostKey("asr", f"{chunk_s} s") for chunk_s in (0.2, 0.4))
    for call in range(4400):
        key = left if call < 400 and call % 2 else used
        model.observe(key, batch=1, service_s=_chunks_s(key, 1) * chance.lognormvariate(0, 0.1))
        if call >= 400:
            assert model.share_s(left) == pytest.approx(_chunks_s(left, 1), rel=0.08)


@pytest.mark.parametrize("often", [30, 100, 1000])
def test_odd_calls_move_the_level_hardly_at_all(often: int) -> None:
    """One call in so many takes ten times as long: what is not in use is known as well as ever."""
    chance, model = random.Random(often), CostModel(CostLimits(max_service_s=10.0))
    left, used = (CostKey("asr", f"{chunk_s} s") for chunk_s in (0.2, 0.4))
    for call in range(4400):
        key = left if call < 400 and call % 2 else used
        is_odd = call >= 400 and call % often == often - 1
        model.observe(
            key, batch=1, service_s=_chunks_s(key, 1) * chance.lognormvariate(0, 0.05) * (10 if is_odd else 1)
        )
        if call >= 400:
            assert model.share_s(left) == pytest.approx(_chunks_s(left, 1), rel=0.15)


def _chunks_s(key: CostKey, batch: int) -> float:
    return 0.004 + batch * 0.01 * float(key.shape.split()[0])


def test_no_larger_batches_than_allowed_are_tried() -> None:
    """Of that key alone; it is then settled that no more pays, until it is taken back."""
    bounded, free = CostKey("a"), CostKey("b")
    model = CostModel()
    model.bound(bounded, 1)
    for key in (bounded, free):
        for _ in range(100):
            model.observe(key, batch=1, service_s=0.01, cpu_s=0.01)
    assert (model.cap(bounded), model.is_settled(bounded)) == (1, True)
    assert (model.cap(free) > 1, model.is_settled(free)) == (True, False)
    model.bound(bounded, None)
    for _ in range(100):
        model.observe(bounded, batch=1, service_s=0.01, cpu_s=0.01)
    assert model.cap(bounded) > 1


def test_where_calls_go_one_by_one_it_is_settled_however_much_they_differ() -> None:
    """A recogniser that decodes at every third chunk seems to become slower and quicker all the time."""
    key = CostKey("a", period_s=0.2)
    model = CostModel()
    model.bound(key, 1)
    assert not model.is_settled(key), "nothing is known"
    for number in range(300):
        service_s = 0.001 if number % 3 else 0.08
        model.observe(key, batch=1, service_s=service_s, cpu_s=service_s)
        assert model.is_settled(key)
