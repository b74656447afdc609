"""`FolderHops`: the hops of one recording. They have no deadline, and rest after each as the governor wants it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from engine.awaited_work import awaited
from engine.flow_parts import FlowCounts, FlowParts
from engine.shared_calls import FOLDER_WORK, Work, untold, value
from engine.speech_calls import Searched
from modules.stages.hop import Failed, HopCall

Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class Served(Generic[Output]):
    """What a worker gave, the seconds from asking for it to having it, and those the worker took."""

    output: Output
    latency_s: float
    service_s: float


class FolderHops:
    """Of one recording, whose `counts` and monitor are told of each."""

    def __init__(self, parts: FlowParts, counts: FlowCounts) -> None:
        """Use the workers of `parts`."""
        self._parts = parts
        self._counts = counts

    async def run(
        self, stage: str, call: Callable[[], Output], cancel: Callable[[], None], *, audio_s: float = 0.0
    ) -> Served[Output]:
        """What `call` gives on a worker, or what it raises; `stage` is what the monitor knows it by."""
        asked_s = time.perf_counter()
        output, service_s = await self._parts.workers.run(lambda: timed(call), cancel=cancel, is_folder=True)
        served = Served(output, time.perf_counter() - asked_s, service_s)
        self._observe(stage, served.latency_s - service_s, service_s, audio_s=audio_s)
        await self._rest(service_s)
        return served

    def here(self, stage: str, call: Callable[[], Output], *, audio_s: float = 0.0) -> Served[Output]:
        """The same on the spot, for a call that takes less time than the way to a worker."""
        output, service_s = timed(call)
        self._observe(stage, 0.0, service_s, audio_s=audio_s)
        return Served(output, service_s, service_s)

    async def search(self, call: HopCall) -> Searched:
        """What comes of audio in a call of the segmenter that other recordings share, or what it raises."""
        speech = self._parts.speech
        work = Work(speech, call, untold, FOLDER_WORK, speech)
        searched = value((await awaited(self._parts.workers, work, call.session.cancel)).result)
        if isinstance(searched, Failed):
            raise searched.error
        assert isinstance(searched, Searched)
        self._observe("segmenting", work.queue_s, searched.service_s)
        await self._rest(work.service_s)
        return searched

    def _observe(self, stage: str, queue_s: float, service_s: float, *, audio_s: float = 0.0) -> None:
        waited_s = max(0.0, queue_s)
        self._counts.queue_s += waited_s
        self._parts.monitor.recorded(stage, queue_s=waited_s, service_s=service_s, audio_s=audio_s)

    async def _rest(self, service_s: float) -> None:
        if rest_share := self._parts.rest_share():
            await anyio.sleep(rest_share * service_s)


def timed(work: Callable[[], Output]) -> tuple[Output, float]:
    """What `work` gives, and the seconds it takes."""
    started_s = time.perf_counter()
    output = work()
    return output, time.perf_counter() - started_s
