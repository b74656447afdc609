from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from engine import AsyncAudioProcessor
from engine.bench import capacity
from engine.bench.capacity import CapacityWish, is_carried, measure_capacity, trial_seconds
from engine.bench.sending import Generated
from engine.bench.trial import Trial
from engine.config import BatchProcessingConfig
from modules.measuring.pieces import Outcome
from modules.monitoring.histogram import LatencyHistogram
from modules.monitoring.pressure import ResourceSample


def trial(*, sent: int, on_time: int) -> Trial:
    """What came of so many pieces."""
    histogram = LatencyHistogram()
    for number in range(sent):
        histogram.record(0.1 if number < on_time else 0.9)
    latency = histogram.snapshot()
    return Trial(
        Outcome(sent, on_time, 0, 0, 0, 1, 1, latency, latency),
        (),
        Generated(0, 0, 0, 0, 0),
        ResourceSample(cpus=2.0),
        (),
    )


@pytest.mark.parametrize(
    ("sent", "on_time", "carried"),
    [(459, 459, True), (459, 458, False), (662, 661, True), (100, 99, True), (100, 98, False)],
)
def test_carried_is_what_shows_a_p99(sent: int, on_time: int, carried: bool) -> None:  # noqa: FBT001 - as pytest gives it
    """With too few pieces to show one, 99 of 100 on time."""
    assert is_carried(trial(sent=sent, on_time=on_time)) is carried


def test_a_trial_is_as_long_as_a_claim_needs_within_reason() -> None:
    """Few streams send little."""
    lengths = [trial_seconds(streams) for streams in (1, 8, 20, 1_000)]
    assert lengths == sorted(lengths, reverse=True)
    assert (lengths[0], lengths[-1]) == (12.0, 3.0)


def test_the_search_ends_at_what_is_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the trials say; the result tells the streams and how they were found."""

    async def pretend(self: object, streams: int, *, seconds: float) -> Trial:  # noqa: ARG001 - a trial's signature
        await anyio.lowlevel.checkpoint()
        found = trial(sent=1_000, on_time=1_000 if streams <= 50 else 500)
        self.tried.append((streams, found))  # type: ignore[attr-defined] # the search's own
        return found

    monkeypatch.setattr(capacity._Search, "trial", pretend)
    said: list[str] = []
    result = anyio.run(measure_capacity, BatchProcessingConfig(asr="none"), CapacityWish(seconds=60.0), said.append)
    streams = result.sides[0].figures[0]
    assert 47 <= streams.value <= 50
    assert said
    assert result.plots[0].name == "p99_over_streams"
    assert result.plots[0].marks
    assert all(mark.x > 50 and mark.text == "50.0% late or lost" for mark in result.plots[0].marks)
    assert any("made-up speech" in note for note in result.notes)


def test_a_search_begins_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial is needed to guess that."""
    asked: list[int] = []

    async def pretend(self: object, streams: int, *, seconds: float) -> Trial:  # noqa: ARG001 - a trial's signature
        await anyio.lowlevel.checkpoint()
        asked.append(streams)
        found = trial(sent=1_000, on_time=1_000 if streams <= 50 else 500)
        self.tried.append((streams, found))  # type: ignore[attr-defined] # the search's own
        return found

    monkeypatch.setattr(capacity._Search, "trial", pretend)
    anyio.run(measure_capacity, BatchProcessingConfig(asr="none"), CapacityWish(seconds=60.0, first=40))
    assert asked[:2] == [40, 80]
    with pytest.raises(ValueError, match="first must be at least 1"):
        CapacityWish(first=0)


@pytest.mark.parametrize(("leases", "hits"), [(0, None), (20, 95.0)])
def test_what_the_pool_had_is_told_of_the_walks_that_lease(
    monkeypatch: pytest.MonkeyPatch, leases: int, hits: float | None
) -> None:
    """Reading recordings is one; live streams are one only where something was leased, and else it is said."""
    made: list[AsyncAudioProcessor] = []

    def processor(*arguments: Any, **options: Any) -> AsyncAudioProcessor:  # noqa: ANN401 - a processor's own
        made.append(AsyncAudioProcessor(*arguments, **options))
        return made[-1]

    async def pretend(*_: object, **__: object) -> Trial:
        await anyio.lowlevel.checkpoint()
        for _lease in range(leases):
            with made[-1].pool.lease(1_000):
                pass
        return trial(sent=1_000, on_time=0)

    monkeypatch.setattr(capacity, "AsyncAudioProcessor", processor)
    monkeypatch.setattr(capacity, "try_out", pretend)
    result = anyio.run(measure_capacity, BatchProcessingConfig(asr="none"), CapacityWish(seconds=0.01))
    side = result.sides[0]
    live, reading = side.figure("pool hits, live"), side.figure("pool hits")
    assert (live.value if live else None) == hits
    assert any(note.startswith("no pooled blocks on the live walk") for note in result.notes) is (hits is None)
    assert reading is not None
    assert (reading.value, reading.least) == (100.0, 95.0)
    assert reading.note == "400 leases after the warm-up, recordings in blocks of 10 s, 8 in hand"


def test_what_is_leased_while_the_pool_warms_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lease of a size has to make its block."""
    made: list[AsyncAudioProcessor] = []

    def processor(*arguments: Any, **options: Any) -> AsyncAudioProcessor:  # noqa: ANN401 - a processor's own
        made.append(AsyncAudioProcessor(*arguments, **options))
        return made[-1]

    async def pretend(*_: object, on_start: Callable[[float], None], **__: object) -> Trial:
        with made[-1].pool.lease(1_000):
            on_start(0.0)
        for _turn in range(2):  # of the event loop: the warm-up, of no time, is then over
            await anyio.lowlevel.checkpoint()
        with made[-1].pool.lease(1_000):
            return trial(sent=1_000, on_time=0)

    monkeypatch.setattr(capacity, "_WARM_UP_S", 0.0)
    monkeypatch.setattr(capacity, "AsyncAudioProcessor", processor)
    monkeypatch.setattr(capacity, "try_out", pretend)
    result = anyio.run(measure_capacity, BatchProcessingConfig(asr="none"), CapacityWish(seconds=0.01))
    live = result.sides[0].figure("pool hits, live")
    assert live is not None
    assert live.value == 100.0


def test_a_machine_that_was_disturbed_says_so_even_where_nothing_was_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    """None may well be the fault of who disturbed it."""

    async def pretend(self: object, streams: int, *, seconds: float) -> Trial:  # noqa: ARG001 - a trial's signature
        await anyio.lowlevel.checkpoint()
        found = replace(trial(sent=1_000, on_time=0), doubts=("others were busy",))
        self.tried.append((streams, found))  # type: ignore[attr-defined] # the search's own
        return found

    monkeypatch.setattr(capacity._Search, "trial", pretend)
    result = anyio.run(measure_capacity, BatchProcessingConfig(asr="none"), CapacityWish(seconds=0.01))
    assert result.sides[0].figures[0].value == 0
    assert result.invalid == ("others were busy",)
