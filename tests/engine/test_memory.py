"""Streams and recordings within a memory budget: let in, refused, or made to wait, and nothing accepted is lost."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from engine.flow import Flow
from engine.inline_workers import InlineWorkers
from engine.memory import LOOKS_BETWEEN_FOLDER_TRIMS, LOOKS_BETWEEN_TRIMS, MemoryKeeper, unlimited
from engine.workers import WorkerThreads
from modules.errors import Overloaded
from modules.memory.budget import RECORDING_BYTES, MemoryBudget, StreamNeed
from modules.memory.pool import BufferPool
from modules.memory.relief import Relief
from tests.fakes import CountingRecogniser, EverySecond, expected, parts_with, ramp

pytestmark = pytest.mark.anyio

MB = 2**20
NEED = StreamNeed(MB, 7 * MB)


def keeper_of(room_bytes: int, *, pool_bytes: int = 0, told: list[Relief] | None = None) -> MemoryKeeper:
    """A keeper with so much to give, and an allocator that is not asked."""
    keeper = MemoryKeeper(MemoryBudget(room_bytes + pool_bytes, pool_bytes=pool_bytes), give_back=lambda: None)
    keeper.on_relief = lambda relief, _: None if told is None else told.append(relief)
    return keeper


async def turns() -> None:
    """Let the other tasks go as far as they can."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_streams_are_let_in_as_long_as_there_is_room() -> None:
    """Then they are refused, with what there is and what to do; whoever leaves makes room."""
    keeper = keeper_of(35 * MB)
    with ExitStack() as streams:
        for _ in range(3):
            streams.enter_context(keeper.stream(NEED))
        with pytest.raises(
            Overloaded, match=r"needs 10.0 MB and 30.0 of 35.0 MB are given; raise max_memory_mb"
        ) as why:
            keeper.stream(NEED).__enter__()
        assert why.value.retry_after_s > 0
        assert repr(keeper) == "<MemoryKeeper 30 of 35 MB given, 0 recordings, relief: none>"
    assert keeper.given_bytes == 0
    with keeper.stream(NEED):
        assert keeper.given_bytes == 10 * MB


async def test_a_recording_waits_until_there_is_room() -> None:
    """In the order in which they came; the first is always let in."""
    keeper = keeper_of(RECORDING_BYTES // 2)
    begun: list[int] = []
    ends = [anyio.Event() for _ in range(3)]

    async def one(number: int) -> None:
        async with keeper.recording():
            begun.append(number)
            await ends[number].wait()

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(one, number)
        for number in range(3):
            await turns()
            assert begun == list(range(number + 1))
            ends[number].set()
    assert keeper.given_bytes == 0


async def test_what_streams_may_need_is_not_spared_for_a_recording_more() -> None:
    """A quarter of the room; who was let in is let in all the same."""
    keeper = keeper_of(4 * RECORDING_BYTES)
    async with keeper.recording(), keeper.recording():
        assert keeper.can_spare_a_recording
        async with keeper.recording():
            assert not keeper.can_spare_a_recording
            with keeper.stream(NEED):
                assert not keeper.can_spare_a_recording


async def test_a_recording_that_gives_up_waiting_leaves_nothing_behind() -> None:
    """Cancelled in line, it is as if it had not come."""
    keeper = keeper_of(RECORDING_BYTES)
    async with keeper.recording():
        with anyio.move_on_after(0):
            async with keeper.recording():
                raise AssertionError("there was no room")
        assert keeper.given_bytes == RECORDING_BYTES
    assert keeper.given_bytes == 0


async def test_while_memory_is_short_one_recording_goes_on() -> None:
    """The one that began first; when it has ended the next, and all when memory is free again."""
    keeper = keeper_of(1_000 * MB)
    steps: list[str] = []
    gates = {name: anyio.Semaphore(0) for name in "abc"}

    async def one(name: str) -> None:
        async with keeper.recording() as turn:
            for _ in range(3):
                await gates[name].acquire()
                await turn.may_go_on()
                steps.append(name)

    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(one, name)
        await turns()
        assert (await keeper.look(own_bytes=900 * MB)).pause_folder
        for _ in range(3):
            for name in "cba":
                gates[name].release()
            await turns()
        assert "".join(steps) == "aaabbbccc"
        assert (await keeper.look(own_bytes=100 * MB)) == Relief()


async def test_nothing_new_begins_while_it_is_refused() -> None:
    """Streams are told so, recordings wait beside the one in hand."""
    keeper = keeper_of(1_000 * MB)
    begun = anyio.Event()

    async def late() -> None:
        async with keeper.recording():
            begun.set()

    async with anyio.create_task_group() as tasks, keeper.recording():
        await keeper.look(own_bytes=950 * MB)
        with pytest.raises(Overloaded, match=r"memory is short: 16\.0 of 1000.0 MB are given"):
            keeper.stream(NEED).__enter__()
        tasks.start_soon(late)
        await turns()
        assert not begun.is_set()
        await keeper.look(own_bytes=100 * MB)
        await turns()
        assert begun.is_set()


async def test_when_nothing_is_in_hand_a_stream_is_let_in_however_short_memory_is() -> None:
    """There is nothing that could end and give memory back: an engine that refuses everybody is of no use."""
    keeper = keeper_of(1_000 * MB)
    await keeper.look(own_bytes=2_000 * MB)
    with keeper.stream(NEED), pytest.raises(Overloaded, match="memory is short"):
        keeper.stream(NEED).__enter__()


async def test_what_belongs_to_an_application_is_not_counted() -> None:
    """Neither as used, nor as room where the system has a limit."""
    keeper = MemoryKeeper(MemoryBudget(100 * MB), not_ours_bytes=700 * MB, give_back=lambda: None)
    assert await keeper.look(own_bytes=770 * MB) == Relief()
    await keeper.look(own_bytes=770 * MB, system_used_bytes=770 * MB, system_limit_bytes=760 * MB)
    assert keeper.budget.max_memory_bytes == 60 * MB
    assert keeper.relief.refuse


async def test_recordings_that_wait_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the setting that would let them go on."""
    keeper = keeper_of(RECORDING_BYTES)

    async def one() -> None:
        async with keeper.recording():
            await turns()

    with caplog.at_level(logging.INFO, "engine.memory"):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(one)
    assert caplog.messages == [
        "recordings wait for memory: 16.0 of 16.0 MB are given; raise max_memory_mb to have more at once"
    ]


async def test_pools_are_trimmed_at_once_and_the_allocator_now_and_then() -> None:
    """It takes time to ask, so not at every look."""
    asked: list[int] = []
    keeper = MemoryKeeper(MemoryBudget(1_000, pool_bytes=0), BufferPool(8_192), give_back=lambda: asked.append(look))
    for look in range(2 * LOOKS_BETWEEN_TRIMS + 2):
        keeper.pool.max_bytes = 8_192
        with keeper.pool.lease(10):
            pass
        await keeper.look(own_bytes=800 if look else 0)
        assert keeper.pool.statistics.idle_bytes == 0
    assert asked == [1, 1 + LOOKS_BETWEEN_TRIMS, 1 + 2 * LOOKS_BETWEEN_TRIMS]


async def test_beside_recordings_alone_the_allocator_is_asked_now_and_then() -> None:
    """A job of a hundred thousand files takes no more than one of a thousand; live streams are not made to wait."""
    asked: list[str] = []
    keeper = MemoryKeeper(MemoryBudget(1_000 * MB), give_back=lambda: asked.append("now"))

    async def look(times: int) -> None:
        for _ in range(times):
            await keeper.look(own_bytes=MB)

    await look(LOOKS_BETWEEN_FOLDER_TRIMS)
    assert not asked
    async with keeper.recording():
        with keeper.stream(StreamNeed(1, 1)):
            await look(LOOKS_BETWEEN_FOLDER_TRIMS)
        assert not asked
        await look(2 * LOOKS_BETWEEN_FOLDER_TRIMS)
    assert asked == ["now", "now"]


async def test_a_look_at_what_is_unknown_changes_nothing() -> None:
    """Unknown is neither nothing nor all."""
    keeper = keeper_of(1_000 * MB)
    await keeper.look(own_bytes=900 * MB)
    was = keeper.relief
    assert await keeper.look(own_bytes=None) == was


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged as a warning."""
    with caplog.at_level(logging.WARNING):
        yield caplog


async def test_with_most_of_the_limit_taken_away_nothing_accepted_is_lost(warned: pytest.LogCaptureFixture) -> None:
    """60 % go midway: the pool shrinks, new streams are refused, recordings take turns; it is said; all is answered."""
    told: list[Relief] = []
    keeper = keeper_of(500 * MB, pool_bytes=50 * MB, told=told)
    heard: list[float] = []
    recogniser = CountingRecogniser(lambda chunk: heard.append(chunk.end_s))
    buffers = [ramp(seconds) for seconds in (12.0, 9.0, 10.0)]
    results: dict[int, list[str]] = {}
    async with WorkerThreads(2) as workers, anyio.create_task_group() as tasks:
        tasks.cancel_scope.deadline = anyio.current_time() + 60  # rather than to hang
        parts = replace(parts_with(workers, recogniser, segmenter=EverySecond(), sessions=2), memory=keeper)

        async def one(number: int) -> None:
            segments = await Flow(parts, buffers[number].blocks(0.7)).run()
            results[number] = [segment.text for segment in segments]

        with keeper.stream(NEED):  # accepted before; it stays
            for number in range(3):
                tasks.start_soon(one, number)
            while len(heard) < 5:
                await turns()
            now = await keeper.look(own_bytes=210 * MB, system_used_bytes=210 * MB, system_limit_bytes=220 * MB)
            assert now == Relief(trim_pools=True, short_buffers=True, pause_folder=True, refuse=True)
            assert keeper.pool.max_bytes == 20 * MB
            with pytest.raises(Overloaded, match="memory is short"):
                keeper.stream(NEED).__enter__()
            while len(results) < 3:
                await turns()
    assert told == [now]
    assert "relief is now trim pools, short buffers, pause folder, refuse: 95 % of the memory is used" in warned.text
    assert keeper.given_bytes == 0
    for number, buffer in enumerate(buffers):
        assert results[number] == [expected(second) for second in buffer.blocks(1.0)]


async def test_a_pause_in_the_middle_of_segments_does_not_lock_up() -> None:
    """Recordings that hold the recognisers go on to the end of their segment, so the first one gets one."""
    keeper = keeper_of(1_000 * MB)
    results: dict[int, int] = {}
    parts = replace(parts_with(InlineWorkers(), CountingRecogniser(), sessions=1), memory=keeper)

    async def one(number: int) -> None:
        results[number] = len(await Flow(parts, ramp(5.0 + number).blocks(0.1)).run())

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(one, number)
                await turns()
            await keeper.look(own_bytes=900 * MB)
    assert results == {0: 1, 1: 1, 2: 1}


async def test_an_unlimited_keeper_lets_everybody_in() -> None:
    """Whatever is used."""
    keeper = unlimited()
    await keeper.look(own_bytes=1 << 50)
    with keeper.stream(StreamNeed(1 << 40, 1 << 40)):
        assert keeper.relief == Relief()
