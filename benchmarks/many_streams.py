"""Many live streams for long within a memory limit: `python -m benchmarks.many_streams --seconds 600 --hard`.

Each stream is sent one chunk a second. With `--hard` the limit is set as `RLIMIT_DATA`, the kernel's own (man 2
getrlimit). That counts what is reserved, not what is used: a Vosk recogniser reserves nearly 1 MB and uses half of it.
With `--group` a control group sets it, over which the kernel ends the process; `--take-away 0.6` takes so much of that
away in the middle.
"""

import argparse
import logging
import re
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.material import NoMaterial, digit_strings, model
from benchmarks.own_group import OwnGroup
from engine import AsyncAudioProcessor, BatchProcessingConfig, LiveStream, Overloaded
from modules.memory.model_files import files_bytes
from modules.monitoring.resources import unique_set_bytes

RATE_HZ = 16_000
LOOK_S = 5.0
MAX_GROWTH = 1.05
"""The mean unique set of the last third of the time over that of the third before it."""

_MB = 2**20


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be carried, and under which limit beside the models."""

    asr: str = "none"
    streams: int = 500
    seconds: float = 600.0
    chunk_s: float = 0.2
    limit_mb: int = 512
    hard: bool = False
    group: bool = False
    take_away: float = 0.0

    @property
    def limit_bytes(self) -> int:
        """The limit with the models."""
        return self.limit_mb * _MB + (files_bytes(model("digits-en")) if self.asr == "vosk" else 0)


@dataclass(slots=True)
class Seen:
    """What was seen meanwhile: unique sets in bytes, look by look, and events by type."""

    unique_set_bytes: list[int] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    refused: str = ""
    """What the last stream was told that was not let in."""

    @property
    def growth(self) -> float:
        """How much the last third has more than the one before it."""
        third = len(self.unique_set_bytes) // 3
        before, after = self.unique_set_bytes[-2 * third : -third], self.unique_set_bytes[-third:]
        return statistics.mean(after) / statistics.mean(before)


def main() -> int:
    """Run; 1 when memory grew or something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Load()
    parser.add_argument("--asr", choices=["none", "vosk"], default=usual.asr)
    parser.add_argument("--streams", type=int, default=usual.streams)
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--chunk-s", type=float, default=usual.chunk_s, help="seconds of audio in a chunk")
    parser.add_argument("--limit-mb", type=int, default=usual.limit_mb, help="beside the models")
    parser.add_argument("--hard", action="store_true", help="have the kernel refuse what is beyond the limit")
    parser.add_argument("--group", action="store_true", help="have the kernel end the process beyond the limit")
    parser.add_argument("--take-away", type=float, default=0.0, help="share of the group's limit that goes midway")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return 0 if report(Load(**vars(parser.parse_args()))) else 1
    except NoMaterial as reason:
        print(f"skipped: {reason}")
        return 0


def report(load: Load) -> bool:
    """Print what was seen; whether memory stayed and every chunk was answered."""
    with OwnGroup(load.limit_bytes) if load.group else nullcontext() as group:
        seen, pushed, answered = anyio.run(_run, load, group)
        if group:
            print(f"the group was at its limit {group.refusals} times")
    highest = max(seen.unique_set_bytes)
    is_complete = answered == pushed and not seen.events["error"] and not seen.events["dropped"]
    print(
        f"{load.streams} streams ({load.asr}) at a chunk of {load.chunk_s:g} s a second for {load.seconds:g} s: "
        f"unique set "
        f"at most {highest / _MB:.0f} MB (limit {load.limit_bytes / _MB:.0f}), last third {seen.growth:.3f} of the one "
        f"before (limit {MAX_GROWTH}); {answered} of {pushed} chunks answered; events {dict(seen.events)}"
    )
    if load.take_away:
        print(f"a stream more, afterwards: {seen.refused or 'let in'}")
        return is_complete and bool(seen.refused)
    return is_complete and seen.growth <= MAX_GROWTH and highest <= load.limit_bytes


async def _run(load: Load, group: OwnGroup | None) -> tuple[Seen, int, int]:
    folder = model("digits-en") if load.asr == "vosk" else None
    config = BatchProcessingConfig(
        asr="vosk" if folder else "none",
        vosk_model=folder,
        max_streams=load.streams + 1,
        max_memory_mb=load.limit_mb,
        workers=2,
    )
    seen, sounds = Seen(), _sounds()
    counts = Counter[str]()
    async with AsyncAudioProcessor(config) as processor:
        if load.hard:
            resource.setrlimit(resource.RLIMIT_DATA, (load.limit_bytes, load.limit_bytes))
        print(f"idle: unique set {unique_set_bytes() / _MB:.0f} MB, private memory {_data_bytes() / _MB:.0f} MB")
        started_s = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for number in range(load.streams):
                tasks.start_soon(_stream, processor, load, number, sounds[number % len(sounds)], seen, counts)
            while (passed_s := time.perf_counter() - started_s) < load.seconds:
                await anyio.sleep(min(LOOK_S, load.seconds - passed_s))
                seen.unique_set_bytes.append(unique_set_bytes())
                if group and load.take_away and passed_s < load.seconds / 2 <= time.perf_counter() - started_s:
                    group.limit(round(load.limit_bytes * (1 - load.take_away)))
                    print(f"{load.take_away:.0%} of the limit of {load.limit_bytes / _MB:.0f} MB are gone", flush=True)
                elif load.take_away and passed_s > load.seconds / 2 and not seen.refused:
                    seen.refused = await _one_more(processor)
                print(
                    f"{time.perf_counter() - started_s:5.0f} s: unique set {seen.unique_set_bytes[-1] / _MB:.0f} MB, "
                    f"private memory {_data_bytes() / _MB:.0f} MB",
                    flush=True,
                )
    return seen, counts["pushed"], counts["answered"]


async def _stream(  # noqa: PLR0917 - anyio passes arguments by place
    processor: AsyncAudioProcessor,
    load: Load,
    number: int,
    sound: NDArray[np.int16],
    seen: Seen,
    counts: Counter[str],
) -> None:
    frames = round(load.chunk_s * RATE_HZ)
    begun_s = anyio.current_time() + number / load.streams
    at = number * 997 % len(sound)
    async with (
        processor.open_stream(RATE_HZ, chunk_s=load.chunk_s, deadline_s=1.0) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_read, stream, seen.events)
        for turn in range(round(load.seconds) - 1):
            await anyio.sleep_until(begun_s + turn)
            at = (at + frames) % (len(sound) - frames)
            await stream.push(sound[at : at + frames])
            counts["pushed"] += 1
        stream.end_input()
    counts["answered"] += stream.statistics.answered_chunks


async def _one_more(processor: AsyncAudioProcessor) -> str:
    """What a stream is told that is not let in; empty for one that is."""
    try:
        async with processor.open_stream(RATE_HZ):
            return ""
    except Overloaded as why:
        return str(why)


async def _read(stream: LiveStream, events: Counter[str]) -> None:
    async for event in stream:
        events[event.type.value] += 1


def _sounds() -> Sequence[NDArray[np.int16]]:
    found = []
    for path in digit_strings()[:10]:
        samples, rate = soundfile.read(path, dtype="int16")
        found.append(soxr.resample(samples, rate, RATE_HZ))
    return found


def _data_bytes() -> int:
    """What counts against the limit: `VmData` of /proc/self/status."""
    size_kb = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert size_kb
    return 1024 * int(size_kb[1])


if __name__ == "__main__":
    sys.exit(main())
