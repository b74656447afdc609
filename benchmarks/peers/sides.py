"""Peers by name, and how one is started in its environment, reached, tried and ended."""

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.peers.lines import HttpLine, Line, OnAnswer, SocketLine
from benchmarks.peers.wire import end, family
from engine.bench.carriers import Sounds
from engine.bench.trial import Trial, try_out
from modules.measuring.pieces import PieceBook
from modules.measuring.schedules import Schedule

VARIABLE = "BENCHMARK_PEERS"
"""Names the folder with an environment for each peer, called as in `Peer.environment`."""

START_S = 90.0
"""For a side to come up and answer a first request."""

_ROOT = Path(__file__).parents[2]
_PAUSE_S = 0.1
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LAST_WORDS = 2_000


class NoPeer(Exception):
    """The peer cannot be measured here; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A side: its name, the folder of its environment, none for our own, and the module that is its program."""

    name: str
    environment: str
    module: str

    @property
    def python(self) -> Path:
        """The interpreter of its environment, which may be missing."""
        if not self.environment:
            return Path(sys.executable)
        return Path(os.environ.get(VARIABLE, "")) / self.environment / "bin" / "python"

    @property
    def missing(self) -> str:
        """Why it cannot be started; empty where it can."""
        if self.environment and not os.environ.get(VARIABLE):
            return f"{VARIABLE} names no folder of environments: see docs/benchmarks.md"
        return (
            "" if self.python.exists() else f"{VARIABLE} has no environment {self.environment}: see docs/benchmarks.md"
        )


PEERS = (
    Peer("BentoML's dispatcher", "bentoml", "benchmarks.peers.bentoml_side"),
    Peer("LitServe", "litserve", "benchmarks.peers.litserve_side"),
    Peer("Ray Serve", "ray", "benchmarks.peers.ray_side"),
)
OURS = Peer("onbeat", "", "benchmarks.peers.onbeat_side")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a side says of itself: where it is reached, its version and settings."""

    wire: str
    address: str
    version: str
    settings: str
    path: str = ""


class Started:
    """A side that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", facts: Facts) -> None:
        """It has said where it is to be reached."""
        self.facts = facts
        self._process = process

    def line(self, on_answer: OnAnswer) -> Line:
        """A line to it."""
        if self.facts.wire == "socket":
            return SocketLine(self.facts.address, on_answer)
        host, _, port = self.facts.address.partition(":")
        return HttpLine(host, int(port), self.facts.path, on_answer, is_json=self.facts.path == "/predict")

    def processes(self) -> list[int]:
        """Those of the side, its own first."""
        return list(family(self._process.pid))

    def cpu_s(self) -> float:
        """CPU seconds of all but its first process, which is a child of this one."""
        return sum(map(_cpu_s, self.processes()[1:]))

    async def check(self, sound: bytes, expected: float) -> None:
        """Have it answer one request. Raises `NoPeer` if it does not in time, or answers something else."""
        ends_s, said = time.monotonic() + START_S, None
        while said is None:
            if time.monotonic() > ends_s or self._process.poll() is not None:
                raise NoPeer(f"it gave no answer within {START_S:g} s")
            with suppress(OSError, TimeoutError):
                said = await self._asked(sound)
            await asyncio.sleep(_PAUSE_S)
        if not np.isclose(said, expected, rtol=1e-3):
            raise NoPeer(f"it answers {said} where the model says {expected}")

    async def _asked(self, sound: bytes) -> float | None:
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        async with self.line(lambda _, said: answer.set_result(said)) as line:
            line.ask(0, 0, sound, time.perf_counter())
            return await asyncio.wait_for(answer, 5.0)


@contextmanager
def started(peer: Peer, model: Path) -> Iterator[Started]:
    """The peer, serving the model, in processes of its own that end with the block. Raises `NoPeer`."""
    if peer.missing:
        raise NoPeer(peer.missing)
    with tempfile.TemporaryDirectory(prefix="onbeat-") as folder, (Path(folder) / "said").open("w+b") as said:
        where = str(_free_port()) if peer in PEERS[1:] else str(Path(folder) / "socket")
        process = subprocess.Popen(
            [peer.python, "-m", peer.module, str(model), where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=folder,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(_ROOT), "RAY_USAGE_STATS_ENABLED": "0", "BENTOML_DO_NOT_TRACK": "True"},
        )
        try:
            yield Started(process, _facts(process, said.fileno()))
        finally:
            end(process.pid)
            process.communicate()


def _facts(process: "subprocess.Popen[bytes]", said: int) -> Facts:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if ready else b""
    if not line:
        words = os.pread(said, os.fstat(said).st_size, 0)[-_LAST_WORDS:].decode(errors="replace").split("\n")
        raise NoPeer(f"it did not start: {next((word for word in reversed(words) if word.strip()), 'it says nothing')}")
    return Facts(**json.loads(line))


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass(slots=True)
class PeerStreams:
    """A `Carrier`: each piece of each stream is a request to a side."""

    line: Line
    sounds: Sounds
    pieces: dict[int, tuple[int, int]] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.line.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.line.__aexit__()

    async def open(self, stream: int) -> None:
        """Nothing to do: a side takes streams as they come."""

    async def close(self, stream: int) -> None:
        """Nothing to do."""

    def push(self, stream: int, number: int, due_s: float) -> None:
        """Ask for the piece."""
        request = len(self.pieces)
        self.pieces[request] = (stream, number)
        self.line.ask(request, stream, self.sounds(stream, number).samples.tobytes(), due_s)


async def tried(side: Started, schedule: Schedule, sounds: Sounds, *, warm_up_s: float, target_s: float) -> Trial:
    """The schedule sent to the side, timed here."""
    book = PieceBook(target_s=target_s)
    pieces: dict[int, tuple[int, int]] = {}

    def answered(request: int, _: float) -> None:
        book.answered(*pieces[request], time.perf_counter())

    async with PeerStreams(side.line(answered), sounds, pieces) as carrier:
        return await try_out(carrier, schedule, book, warm_up_s=warm_up_s, target_s=target_s, beside_cpu_s=side.cpu_s)
