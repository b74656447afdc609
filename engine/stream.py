"""`LiveStream`: one input that arrives while it is processed. Samples are pushed in, events come out, in order.

A stream has one chunk on its way at most. Whatever may let the next one begin - samples, an answer, a reader - calls
`_advance`: there is no task a stream and no future a chunk, which would cost more than all the rest of it on the event
loop (docs/decisions/0008). Everything heavy happens on workers, shared with the other streams.
"""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Literal, Self

import anyio

from engine.changes import Changes
from engine.inlet import Inlet
from engine.outbox import Outbox
from engine.shared_calls import Expired, Work, value
from engine.stream_options import StreamCounts, StreamOptions, StreamStatistics
from engine.stream_row import StreamRow
from engine.stream_tally import Tally
from modules import events
from modules.audio.buffer import AudioBuffer
from modules.batching.intake import Chunk, Dropped
from modules.batching.live_chunks import ChunkPlace
from modules.batching.waiting import Urgency
from modules.errors import StreamClosed
from modules.events import EventType, StreamEvent
from modules.stages.hop import END, Failed
from modules.stages.walk import Walk

_AT_ITS_END = "at its end: end_input() was called"
_WHY_NOT_OPEN = {"new": "not entered: use it in `async with`", "ended": _AT_ITS_END, "ending": _AT_ITS_END}


class LiveStream:
    """A stream inside its `async with` block; leaving the block cancels what runs, and frees what it held."""

    def __init__(self, options: StreamOptions, row: StreamRow, *, on_left: Callable[[], None] = lambda: None) -> None:
        """Process by `row`; `on_left` is called once when the stream is over."""
        self.options = options
        self._row = row
        self._on_left = on_left
        self._inlet = Inlet(options)
        self._outbox = Outbox()
        self._taken = Changes()  # who pushes waits here for room
        self._left = anyio.Event()  # who closes waits here for the end
        self._walk = Walk(len(row.places))
        self._under_way: Work | None = None  # with a worker
        self._chunk: Chunk | None = None  # on its way through the hops; none while the end is
        self._urgency = Urgency()
        self._tally = Tally(row.monitor, target_s=options.deadline_s)
        self._state: Literal["new", "open", "ended", "ending", "over", "closed"] = "new"
        self._broken: BaseException | None = None  # a defect of ours, or of workers: not a stage's failure

    def __repr__(self) -> str:
        return f"<LiveStream {self._state}, {self._inlet.waiting_s:.2f} s waiting, {len(self._outbox)} events unread>"

    async def __aenter__(self) -> Self:
        """Begin."""
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what still runs and wait until it has stopped."""
        self._close()
        with anyio.CancelScope(shield=True):
            await self._left.wait()
        if self._broken is not None and error is None:
            raise self._broken

    @property
    def statistics(self) -> StreamStatistics:
        """What became of the samples so far."""
        frames = (self._inlet.pushed_frames, self._inlet.waiting_frames, self._inlet.dropped_frames)
        return StreamStatistics(*frames, self._tally.answered_chunks, self._tally.failed_chunks)

    @property
    def counts(self) -> StreamCounts:
        """How much it was sent, and how many of its chunks were answered in time, failed or were dropped."""
        return StreamCounts(self._inlet.pushed_s, self._tally.chunks, self._tally.on_time, self._inlet.is_behind)

    def use_chunks_of(self, chunk_s: float, *, number: int) -> None:
        """Cut chunks of `chunk_s` seconds from now on, unless the options fix it; `number` is the stream's own."""
        self._inlet.use_chunks_of(chunk_s, ChunkPlace(number, self._row.clock() - self._inlet.waiting_s))
        self._taken.tell()  # there may be room for more now
        self._advance()

    def accept_input(self, accepts: bool, *, little: bool = False) -> None:  # noqa: FBT001 - it says what is accepted
        """Take samples in from now on, `little` if memory is short, or treat them as if there were no room."""
        self._inlet.is_shut = not accepts
        self._inlet.keep_little(little)
        self._taken.tell()

    def suspend(self) -> None:
        """Begin no chunk until `resume`: others need the machine more. What waits, waits, or is dropped by policy."""
        waited = self._inlet.suspend()
        if self._under_way and self._chunk and self._urgency.if_late == "drop" and self._is_taken_back():
            self._walk.failed()  # the chunks of many would make the streams late that are served
            self._dropped([self._inlet.gave_up(self._chunk)])
        self._dropped(waited)

    def resume(self) -> None:
        """Go on after `suspend`."""
        self._inlet.is_suspended = False
        self._outbox.wake()  # what was dropped since its reader was told last
        self._advance()

    async def push(self, samples: Any, *, available_s: float | None = None) -> None:  # noqa: ANN401 - any array
        """Take samples of any length; with the policy `wait`, return when they have been taken in.

        An `AudioBuffer`, or float, int16 or int32 samples of shape (frames,) or (frames, channels). `available_s` is
        when the last of them was there, an instant of `time.perf_counter()`; now, when it is not given. Raises
        `AudioError` for what is no audio of this stream, `StreamClosed` after its end, and `Overloaded` with the policy
        `reject`.
        """
        audio = self._checked(samples)
        since_s = self._row.clock() if available_s is None else available_s
        while self.options.overload == "wait" and audio.frames > (room := self._inlet.room):
            if room:
                self._take_in(audio.cut(0, room), since_s)
                audio = audio.cut(room)
            else:
                await self._taken.wait()
                self._require_open()
        self._take_in(audio, since_s)

    def push_nowait(self, samples: Any, *, available_s: float | None = None) -> None:  # noqa: ANN401 - as above
        """Take samples at once, or raise `Overloaded` where `push` would wait; nothing is then taken."""
        audio = self._checked(samples)
        if self.options.overload == "wait" and audio.frames > self._inlet.room:
            raise self._inlet.overloaded()
        self._take_in(audio, self._row.clock() if available_s is None else available_s)

    def flush(self) -> None:
        """Process what has been pushed without waiting for a chunk to fill."""
        self._require_open()
        self._inlet.flush()
        self._advance()

    def end_input(self) -> None:
        """No more samples come: what is there is processed, the last words are said, then the event `end` follows."""
        if self._state == "open":
            self._state = "ended"
            self._advance()

    async def aclose(self) -> None:
        """Stop now: what was not processed is given up, and iterating ends."""
        self._close()
        await self._left.wait()

    def __aiter__(self) -> Self:
        """Iterate over the events."""
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event; after `end`, and after the stream was closed, there is none."""
        while not self._outbox:
            if self._state == "new" or self._broken is not None:
                self._require_open()
            if self._state in ("over", "closed"):
                raise StopAsyncIteration
            await self._outbox.changed()
        was_full = self._outbox.is_full
        event = self._outbox.take()
        if was_full:
            self._advance()
        return event

    # What follows is called by the above, and by workers' answers.

    def _advance(self) -> None:
        """Give a worker what comes next, unless it has something, the reader is far behind, or nothing is there."""
        while self._under_way is None and self._state in ("open", "ended", "ending"):
            if (step := self._walk.next()) is None:
                if self._outbox.is_full or not self._begin():
                    return
                continue
            number, payload = step
            place = self._row.places[number]
            self._under_way = place.work(payload, self._inlet.cut_s, self._urgency, self._answered)
            place.workers.submit(self._under_way)

    def _begin(self) -> bool:
        """Let the next chunk enter the hops, or the end of the input; whether there was one."""
        if chunk := self._inlet.next_chunk(is_ended=self._state == "ended"):
            self._urgency = self.options.urgency(chunk.available_s, number=self._inlet.number)
            self._tally.begun(waited_s=self._row.clock() - chunk.available_s)
            self._walk.begin(chunk.audio)
            self._taken.tell()
        elif self._state == "ended":
            self._state = "ending"
            self._urgency = self.options.urgency(self._row.clock(), is_end=True)
            self._walk.begin(END)
        else:
            return False
        self._chunk = chunk
        return True

    def _answered(self, work: Work) -> None:
        """A worker has done its part; what it was, and what comes of it, is said, and the next begins."""
        self._under_way = None
        if self._state == "closed":
            self._leave()
            return
        try:
            self._take_answer(work)
            self._advance()
        except BaseException as error:  # noqa: BLE001 - nobody awaits this call: it is raised where the stream is used
            self._broken = error
            self._close()

    def _take_answer(self, work: Work) -> None:
        if isinstance(work.result, Expired):
            assert self._chunk is not None
            self._walk.failed()
            self._dropped([self._inlet.gave_up(self._chunk)])
            return
        self._row.served(self._row.places[self._walk.hop].hop, work)
        outputs = value(work.result)
        if isinstance(outputs, Failed):
            self._walk.failed()
            self._failed(outputs)
            if self._chunk is not None:
                return  # it is over; at the end the hops behind are still to be ended
        else:
            self._walk.answered(outputs)
        if self._walk.is_over:
            self._arrived()

    def _arrived(self) -> None:
        """What entered the hops has passed them all: say what came of it."""
        audio, latency_s = self._audio, 0.0
        if self._chunk is not None:
            latency_s = self._row.clock() - self._chunk.available_s
            self._tally.answered(latency_s)
        for output in self._walk.outputs:
            self._outbox.put(events.event_of(output, audio, latency_s))
        if self._chunk is None:
            self._outbox.put(StreamEvent(EventType.END, audio.start_s, audio.end_s))
            self._state = "over"
            self._leave()

    def _failed(self, failed: Failed) -> None:
        """Say that a stage raised, and count it; at the end of the input that is no chunk's failure."""
        if self._chunk is not None:
            self._tally.failed()
        self._outbox.put(events.failed(failed.error, self._audio))

    @property
    def _audio(self) -> AudioBuffer:
        """What is on its way; at the end of the input that is nothing."""
        if self._chunk is not None:
            return self._chunk.audio
        return AudioBuffer.silence(0, self.options.sample_rate, start_s=self._inlet.pushed_s)

    def _take_in(self, audio: AudioBuffer, available_s: float) -> None:
        self._dropped(self._inlet.take(audio, available_s))
        self._advance()

    def _dropped(self, stretches: Iterable[Dropped]) -> None:
        for dropped in stretches:
            self._tally.dropped(is_served=not self._inlet.is_suspended)
            event = events.dropped(dropped.start_s, dropped.frames, self.options.sample_rate)
            self._outbox.put(event, seldom_at_s=self._row.clock() if self._inlet.is_suspended else None)

    def _checked(self, samples: Any) -> AudioBuffer:  # noqa: ANN401 - as in `push`
        self._require_open()
        return self._inlet.checked(samples)

    def _close(self) -> None:
        """Stop what is under way, or take it back."""
        if self._state in ("over", "closed"):
            return
        self._state = "closed"
        self._row.cancel()
        if self._is_taken_back():
            self._leave()

    def _is_taken_back(self) -> bool:
        """Whether nothing is under way any more: what no worker has begun is taken back."""
        if self._under_way and self._row.places[self._walk.hop].workers.withdraw(self._under_way):
            self._under_way = None
        return self._under_way is None

    def _leave(self) -> None:
        """Nothing of the stream is under way any more."""
        if not self._left.is_set():
            self._left.set()
            self._row.let_go()
            self._on_left()
        self._taken.tell()
        self._outbox.wake()

    def _require_open(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._state != "open":
            raise StreamClosed(f"the stream is {_WHY_NOT_OPEN.get(self._state, 'closed')}")
