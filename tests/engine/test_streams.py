"""Streams of a processor: what they share while they are open, and that nothing stays when they are over."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import cast

import pytest

from engine.dispatch import Dispatch
from engine.pipeline import Pipeline
from engine.stream_options import StreamOptions
from engine.streams import Streams, StreamWish
from engine.workers import WorkerThreads
from modules.batching.cost_model import CostModel
from modules.errors import Overloaded
from modules.models.array_model import ArrayModel, CallableModel
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_model import FallbackModel
from modules.monitoring.monitor import RealTimePerformanceMonitor
from modules.stages.asr_vosk import VoskRecogniser
from modules.stages.beside import Beside
from modules.stages.hop import AnyStage
from modules.stages.live import LiveVosk
from modules.tuning.plan import Plan
from tests.fakes import CountingRecogniser, EverySecond, parts_with
from tests.live_streams import RATE_HZ, Means, events_of, noise, values
from tests.modules.models.test_named_models import NoWatch

pytestmark = pytest.mark.anyio

OPTIONS = StreamOptions(RATE_HZ, chunk_s=0.1)


class LivePipeline:
    """In the place of a pipeline: its stages for live streams are made when they are first asked for."""

    def __init__(self, stages: Sequence[AnyStage]) -> None:
        """Give `stages`, and count how often they were made."""
        self.config = parts_with(WorkerThreads(1), CountingRecogniser()).pipeline.config
        self.max_sessions = 2
        self.made = 0
        self._stages = stages

    def live_stages(self) -> Sequence[AnyStage]:
        """The stages."""
        self.made += 1
        return self._stages


def streams_on(workers: WorkerThreads, stages: Sequence[AnyStage] = ()) -> Streams:
    """Streams of a pipeline with these stages of its own."""
    pipeline = cast("Pipeline", LivePipeline(stages))
    dispatch = Dispatch(workers, CostModel())
    workers.on_call = dispatch.called
    return Streams(pipeline, workers, dispatch, RealTimePerformanceMonitor())


@contextmanager
def leaves_nothing(streams: Streams) -> Iterator[None]:
    """After the block the streams share nothing and the dispatcher knows no hop."""
    yield
    assert (streams.open_now, streams._shared, streams._dispatch._kinds) == (0, {}, {})


async def test_streams_with_the_same_stages_share_their_hops_until_the_last_has_left() -> None:
    """Streams with other stages have hops of their own; afterwards no stage is kept alive."""
    stage, other = Means(), Means()
    async with WorkerThreads(2) as workers:
        streams = streams_on(workers)
        with leaves_nothing(streams):
            async with AsyncExitStack() as left:
                opened = [
                    await left.enter_async_context(await streams.open(OPTIONS, stages))
                    for stages in ([stage], [stage], [other])
                ]
                first, second, third = (stream._row.places[0].hop for stream in opened)
                assert first is second
                assert first is not third
                assert streams.open_now == 3
                for stream in opened:
                    await stream.push(noise(250))
                    stream.end_input()
                    assert len(values(await events_of(stream))) == 3


async def test_a_stream_that_cannot_be_opened_leaves_nothing() -> None:
    """Its stage failed to open a session; others with the same stages are not disturbed."""

    class Broken(EverySecond):
        is_broken = True

        def open(self) -> EverySecond:
            if self.is_broken:
                raise LookupError("no session")
            return super().open()

    async with WorkerThreads(1) as workers:
        streams, stage = streams_on(workers), Broken()
        with leaves_nothing(streams), pytest.raises(LookupError, match="no session"):
            await streams.open(OPTIONS, [stage])
        with leaves_nothing(streams):
            stage.is_broken = False
            async with await streams.open(OPTIONS, [stage]) as stream:
                stage.is_broken = True
                with pytest.raises(LookupError, match="no session"):
                    await streams.open(OPTIONS, [stage])
                assert (streams.open_now, len(streams._shared)) == (1, 1)
                stream.end_input()
                await events_of(stream)


async def test_sessions_are_spread_over_the_workers_and_shared_stages_are_at_home_with_none() -> None:
    """A session's memory stays with one core; a model call may be anywhere."""
    async with WorkerThreads(2) as workers, AsyncExitStack() as left:
        streams = streams_on(workers)
        homes = []
        for _ in range(4):
            stream = await left.enter_async_context(await streams.open(OPTIONS, [Means(), Means(), EverySecond()]))
            homes.append([place.home for place in stream._row.places])
        assert homes == [[None, None]] * 4
        homes = []
        for _ in range(4):
            stream = await left.enter_async_context(await streams.open(OPTIONS, [EverySecond()]))
            homes.append([place.home for place in stream._row.places])
        assert sorted(home for (home,) in homes if home is not None) == [0, 0, 1, 1]


async def test_a_worker_frees_what_a_stream_held_as_soon_as_it_is_over() -> None:
    """A recogniser takes tens of milliseconds for it: not on the event loop, nor when somebody forgets the stream."""
    freed = []

    class Heavy(EverySecond):
        def open(self) -> "Heavy":
            return Heavy()

        def __del__(self) -> None:
            freed.append(threading.current_thread().name)

    async with WorkerThreads(2) as workers:
        streams = streams_on(workers)
        opened = [await streams.open(OPTIONS, [Heavy()]) for _ in range(3)]
        for number, stream in enumerate(opened):
            async with stream:
                await stream.push(noise(250))
                if number:
                    stream.end_input()
                    await events_of(stream)
    assert len([name for name in freed if name.startswith("onbeat")]) >= 3
    assert [stream.statistics.pushed_frames > 0 for stream in opened] == [True] * 3


@pytest.mark.parametrize("stages_come_first", [True, False])
async def test_partials_are_switched_whenever_the_stages_are_made(stages_come_first: bool) -> None:  # noqa: FBT001
    """They are loaded with the first stream that needs them, which may be long after the plan was made."""
    live = LiveVosk(cast("VoskRecogniser", None))  # no session of it is opened here
    async with WorkerThreads(1) as workers:
        streams = streams_on(workers, [live])
        if stages_come_first:
            await streams._live_stages()
        streams.follow(Plan(0.2, 1, 10, partials=False))
        await streams._live_stages()
        assert live.says_partials is False
        streams.follow(Plan(0.2, 1, 10, partials=True))
        assert live.says_partials is True
        assert cast("LivePipeline", streams._pipeline).made == 1


async def test_a_stream_is_open_inside_the_room_there_is_for_it() -> None:
    """Taken when it is opened, given back when it is over, also where it could not be opened; else it is refused."""
    wishes: list[StreamWish] = []
    taken = 0

    @contextmanager
    def room(wish: StreamWish) -> Iterator[None]:
        nonlocal taken
        wishes.append(wish)
        if taken:
            raise Overloaded("one is enough", retry_after_s=1.0)
        taken += 1
        try:
            yield
        finally:
            taken -= 1

    class Broken(EverySecond):
        def open(self) -> EverySecond:
            raise LookupError("no session")

    async with WorkerThreads(1) as workers:
        streams = streams_on(workers)
        streams._room = room
        with leaves_nothing(streams):
            async with await streams.open(OPTIONS, [Means()]) as stream:
                with pytest.raises(Overloaded, match="one is enough"):
                    await streams.open(OPTIONS, [Means()])
                assert (taken, streams.open_now) == (1, 1)
                stream.end_input()
                await events_of(stream)
            assert taken == 0
            with pytest.raises(LookupError, match="no session"):
                await streams.open(OPTIONS, [Broken()])
            assert taken == 0
    assert wishes[0] == StreamWish(RATE_HZ, 0.1, has_own_stages=True)


async def test_a_stream_asks_for_chunks_as_the_plan_has_them() -> None:
    """Where its options leave their length to the engine."""
    wishes: list[StreamWish] = []

    @contextmanager
    def room(wish: StreamWish) -> Iterator[None]:
        wishes.append(wish)
        yield

    async with WorkerThreads(1) as workers:
        streams = streams_on(workers)
        streams._room = room
        streams.follow(Plan(0.8, 1, 10))
        async with await streams.open(StreamOptions(RATE_HZ), [Means()]):
            assert wishes == [StreamWish(RATE_HZ, 0.8, has_own_stages=True)]


async def test_the_roles_of_open_streams_are_known_so_that_they_can_be_recovered() -> None:
    """Also where stages lie beside each other; afterwards none is kept."""
    role: Fallback[ArrayModel] = Fallback("voice", [BackendChoice("a", lambda: CallableModel("a", abs))], NoWatch())
    stage = Means()
    stage.models = (FallbackModel(role),)  # type: ignore[attr-defined]
    async with WorkerThreads(1) as workers:
        streams = streams_on(workers)
        async with await streams.open(OPTIONS, [Beside([[stage]])]):
            assert streams.fallbacks == [role]
        assert streams.fallbacks == []
