"""`LiveStream`: one input that arrives while it is processed. Samples are pushed in, events come out, in order.

Each stream is its own small task group with one task, the pump. What a chunk costs on the event loop is one hop a row
of stages; everything heavy happens on workers, shared with the other streams.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self

import anyio
from anyio.abc import TaskGroup

from engine.changes import Changes
from engine.failures import first_error
from engine.stream_options import StreamOptions, StreamRow, StreamStatistics
from modules.audio.buffer import AudioBuffer
from modules.batching.intake import Chunk, Dropped, Intake
from modules.batching.ready_queue import Urgency
from modules.errors import AudioError, Overloaded, StreamClosed
from modules.events import EventType, StreamEvent, event_of
from modules.results import Failure
from modules.stages.hop import END, Failed, HopCall

MAX_UNREAD_EVENTS = 10_000
"""Events nobody has read; beyond these the stream waits for its reader before it goes on."""


class LiveStream:
    """A stream inside its `async with` block; leaving the block cancels what runs, and frees what it held."""

    def __init__(self, options: StreamOptions, row: StreamRow, *, on_left: Callable[[], None] = lambda: None) -> None:
        """Process by `row`; `on_left` is called once when the stream is over."""
        self.options = options
        self._row = row
        self._on_left = on_left
        self._intake = Intake()
        self._events: deque[StreamEvent] = deque()
        self._arrived = Changes()  # the pump waits here for samples, and for its reader
        self._taken = Changes()  # who pushes waits here for room
        self._told = Changes()  # who reads waits here for events, and who closes for the end
        self._pushed_frames = 0
        self._dropped_frames = 0
        self._answered_chunks = 0
        self._failed_chunks = 0
        self._flush_until = 0  # frames pushed before the last flush
        self._state: Literal["new", "open", "ended", "over", "closed"] = "new"
        self._tasks: TaskGroup | None = None
        self._scope = anyio.CancelScope()  # around the pump alone, so that closing leaves the owner's task as it is
        self._sample_shape: tuple[int, ...] | None = None  # of one frame, from the first push

    def __repr__(self) -> str:
        waiting_s = self._intake.frames / self.options.sample_rate
        return f"<LiveStream {self._state}, {waiting_s:.2f} s waiting, {len(self._events)} events unread>"

    async def __aenter__(self) -> Self:
        """Begin."""
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._state = "open"
        self._tasks.start_soon(self._pump)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Cancel what still runs and wait until it has stopped."""
        assert self._tasks is not None
        self._close()
        with first_error():
            return await self._tasks.__aexit__(kind, error, trace)

    @property
    def statistics(self) -> StreamStatistics:
        """What became of the samples so far."""
        return StreamStatistics(
            pushed_frames=self._pushed_frames,
            waiting_frames=self._intake.frames,
            dropped_frames=self._dropped_frames,
            answered_chunks=self._answered_chunks,
            failed_chunks=self._failed_chunks,
        )

    async def push(self, samples: Any, *, available_s: float | None = None) -> None:  # noqa: ANN401 - any array
        """Take samples of any length; with the policy `wait`, return when they have been taken in.

        An `AudioBuffer`, or float, int16 or int32 samples of shape (frames,) or (frames, channels). `available_s` is
        when the last of them was there, an instant of `time.perf_counter()`; now, when it is not given. Raises
        `AudioError` for what is no audio of this stream, `StreamClosed` after its end, and `Overloaded` with the policy
        `reject`.
        """
        audio = self._checked(samples)
        since_s = self._row.clock() if available_s is None else available_s
        while self.options.overload == "wait" and audio.frames > (room := self._room):
            self._take_in(audio.cut(0, room), since_s)
            audio = audio.cut(room)
            await self._taken.wait()
            self._require_open()
        self._take_or_drop(audio, since_s)

    def push_nowait(self, samples: Any, *, available_s: float | None = None) -> None:  # noqa: ANN401 - as above
        """Take samples at once, or raise `Overloaded` where `push` would wait; nothing is then taken."""
        audio = self._checked(samples)
        if self.options.overload == "wait" and audio.frames > self._room:
            raise self._overloaded()
        self._take_or_drop(audio, self._row.clock() if available_s is None else available_s)

    def flush(self) -> None:
        """Process what has been pushed without waiting for a chunk to fill."""
        self._require_open()
        self._flush_until = self._pushed_frames
        self._arrived.tell()

    def end_input(self) -> None:
        """No more samples come: what is there is processed, the last words are said, then the event `end` follows."""
        if self._state == "open":
            self._state = "ended"
            self._arrived.tell()

    async def aclose(self) -> None:
        """Stop now: what was not processed is given up, and iterating ends."""
        self._close()
        while self._state in ("open", "ended"):
            await self._told.wait()

    def __aiter__(self) -> Self:
        """Iterate over the events."""
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event; after `end`, and after the stream was closed, there is none."""
        while not self._events:
            if self._state == "new":
                self._require_open()
            if self._state in ("over", "closed"):
                raise StopAsyncIteration
            await self._told.wait()
        was_full = len(self._events) >= MAX_UNREAD_EVENTS
        event = self._events.popleft()
        if was_full:
            self._arrived.tell()
        return event

    # What follows runs in the pump's task, or is called by the above.

    async def _pump(self) -> None:
        """Answer chunk after chunk until the input has ended, then say what is still owed."""
        try:
            with self._scope:
                while (chunk := await self._next_chunk()) is not None:
                    await self._answer(chunk)
                await self._finish()
                self._state = "over"
        finally:
            if self._state != "over":
                self._state = "closed"
                for _, __, session in self._row.hops:
                    session.cancel()
            self._on_left()
            self._taken.tell()
            self._told.tell()

    async def _next_chunk(self) -> Chunk | None:
        while True:
            while len(self._events) >= MAX_UNREAD_EVENTS:
                await self._arrived.wait()
            taken = self._pushed_frames - self._intake.frames
            all_there_is = self._state == "ended" or taken < self._flush_until
            if chunk := self._intake.take(self.options.chunk_frames, all_there_is=all_there_is):
                self._taken.tell()
                return chunk
            if self._state == "ended":
                return None
            await self._arrived.wait()

    async def _answer(self, chunk: Chunk) -> None:
        urgency = Urgency(chunk.available_s + self.options.deadline_s, self.options.priority)
        outputs = await self._walk([chunk.audio], urgency, first=0)
        if isinstance(outputs, Failed):
            self._failed(outputs, chunk.audio)
            return
        latency_s = self._row.clock() - chunk.available_s
        self._row.monitor.answered(latency_s, target_s=self.options.deadline_s)
        self._answered_chunks += 1
        for output in outputs:
            self._emit(event_of(output, chunk.audio, latency_s))

    async def _walk(self, payloads: list[Any], urgency: Urgency, *, first: int) -> list[Any] | Failed:
        """What comes out of the row when these payloads enter it before hop number `first`."""
        for hop, workers, session in self._row.hops[first:]:
            outputs: list[Any] = []
            for payload in payloads:
                answer = await workers.share(hop.run, HopCall(session, payload), urgency=urgency, cancel=session.cancel)
                self._row.served(hop, answer)
                if isinstance(answer.result, Failed):
                    return answer.result
                outputs += answer.result
            payloads = outputs
        return payloads

    async def _finish(self) -> None:
        """End the hops front to back; what one owes still passes those after it."""
        urgency = Urgency(self._row.clock() + self.options.deadline_s, self.options.priority)
        end_s = self._pushed_frames / self.options.sample_rate
        nothing = AudioBuffer.silence(0, self.options.sample_rate, start_s=end_s)
        for number, (hop, workers, session) in enumerate(self._row.hops):
            answer = await workers.share(hop.run, HopCall(session, END), urgency=urgency, cancel=session.cancel)
            owed = answer.result
            if not isinstance(owed, Failed):
                owed = await self._walk(owed, urgency, first=number + 1)
            if isinstance(owed, Failed):
                self._failed(owed, nothing)
                continue
            for output in owed:
                self._emit(event_of(output, nothing, 0.0))
        self._emit(StreamEvent(EventType.END, end_s, end_s))

    def _failed(self, failed: Failed, audio: AudioBuffer) -> None:
        failure = Failure(type(failed.error).__name__, str(failed.error))
        self._row.monitor.failed()
        self._failed_chunks += 1
        self._emit(StreamEvent(EventType.ERROR, audio.start_s, audio.end_s, samples=audio.frames, error=failure))

    def _take_or_drop(self, audio: AudioBuffer, available_s: float) -> None:
        """Take audio in, and do what the policy says where there is no room."""
        if self.options.overload == "reject" and audio.frames > self._room:
            raise self._overloaded()
        for piece in audio.blocks(self.options.max_buffered_frames / self.options.sample_rate):
            over = piece.frames - self._room
            if over > 0 and self.options.overload == "drop_newest":
                self._drop(Dropped(self._pushed_frames / piece.sample_rate, piece.frames))
                self._pushed_frames += piece.frames
                continue
            if over > 0:
                self._drop(self._intake.drop(over))
            self._take_in(piece, available_s)

    def _take_in(self, piece: AudioBuffer, available_s: float) -> None:
        self._intake.push(piece.placed(self._pushed_frames / piece.sample_rate), available_s)
        self._pushed_frames += piece.frames
        self._arrived.tell()

    def _drop(self, dropped: Dropped) -> None:
        self._row.monitor.dropped()
        self._dropped_frames += dropped.frames
        end_s = dropped.start_s + dropped.frames / self.options.sample_rate
        self._emit(StreamEvent(EventType.DROPPED, dropped.start_s, end_s, samples=dropped.frames))

    def _checked(self, samples: Any) -> AudioBuffer:  # noqa: ANN401 - as in `push`
        """The samples as a buffer of this stream that nobody else holds."""
        self._require_open()
        if isinstance(samples, AudioBuffer):
            if samples.sample_rate != self.options.sample_rate:
                raise AudioError(f"the stream has {self.options.sample_rate} Hz, the samples {samples.sample_rate} Hz")
            samples = samples.samples if samples.pcm16 is None else samples.pcm16
        audio = AudioBuffer.copied(samples, self.options.sample_rate)
        shape = audio.shape[1:]
        if self._sample_shape not in (None, shape):
            raise AudioError(f"the stream began with frames of shape {self._sample_shape}, these have shape {shape}")
        self._sample_shape = shape
        return audio

    @property
    def _room(self) -> int:
        """How many frames may still be taken in."""
        return self.options.max_buffered_frames - self._intake.frames

    def _emit(self, event: StreamEvent) -> None:
        """Add an event; a partial, or a drop right after a drop, takes the place of one that nobody has read."""
        last = self._events[-1] if self._events else None
        if last and event.type is last.type is EventType.PARTIAL:
            self._events.pop()
        elif last and event.type is last.type is EventType.DROPPED and not round(event.start_s - last.end_s, 6):
            self._events.pop()
            event = replace(event, start_s=last.start_s, samples=last.samples + event.samples)
        self._events.append(event)
        self._told.tell()

    def _close(self) -> None:
        if self._state in ("open", "ended"):
            self._scope.cancel()

    def _require_open(self) -> None:
        if self._state != "open":
            state = {"new": "not entered: use it in `async with`", "ended": "at its end: end_input() was called"}
            raise StreamClosed(f"the stream is {state.get(self._state, 'closed')}")

    def _overloaded(self) -> Overloaded:
        waiting_s = self._intake.frames / self.options.sample_rate
        return Overloaded(f"{waiting_s:.1f} s of this stream wait already", retry_after_s=self.options.chunk_s)
