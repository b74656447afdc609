"""`DecodeChildren`: processes that decode for this one, so that a file that crashes or hangs a decoder harms only them.

A process serves one recording at a time, is kept when that went well, and killed when it did not. Its program is
`decode_child.py`; it ends its own hangs by an alarm, and itself when the process that started it is gone.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self, cast

import numpy as np

from modules.audio import decode_child
from modules.audio.buffer import AudioBuffer
from modules.audio.decode_child import Order
from modules.audio.decode_wire import Kind, receive, send
from modules.audio.source import printable
from modules.errors import ConfigError, DecodeError, DecoderLost

MAX_PROCESSES = 256
_ROOT = Path(decode_child.__file__).parents[2]
_PIPE_BYTES = 1 << 20
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What a decoding process may use: memory, and seconds for the next piece of a recording."""

    memory_mb: int = 1024
    timeout_s: float = 60.0
    max_audio_s: float = 86_400.0

    def __post_init__(self) -> None:
        if self.memory_mb < 1 or self.timeout_s <= 0 or self.max_audio_s <= 0:
            raise ConfigError(f"memory_mb, timeout_s and max_audio_s must be above 0, got {self}")


class DecodeChildren:
    """Processes as they are needed, one for each recording that is open at once; `close` ends them all."""

    def __init__(self, limits: ChildLimits = ChildLimits()) -> None:
        """None is started yet."""
        self.limits = limits
        self._idle: list[_Child] = []  # a list's own operations are atomic: any thread may take and give back
        self._alive: set[_Child] = set()
        self._end_all = weakref.finalize(self, _end_each, self._alive)  # also runs when the interpreter exits

    def __repr__(self) -> str:
        return f"<DecodeChildren {len(self._alive) - len(self._idle)} busy, {len(self._idle)} idle>"

    def open(self, path: str, block_s: float) -> "IsolatedAudio":
        """The recording at `path`, decoded in a process; use it as a context manager."""
        limits = self.limits
        return IsolatedAudio(self, Order(path, block_s, limits.timeout_s, limits.max_audio_s))

    def take(self) -> "_Child":
        """A process that nobody uses. Raises `DecodeError` when none can be started."""
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was quicker
                child = self._idle.pop()
                if not child.has_ended():
                    return child
                self.give_up(child)
        if len(self._alive) >= MAX_PROCESSES:
            raise DecodeError(f"more than {MAX_PROCESSES} recordings are open in decoding processes")
        try:
            child = _Child(self.limits.memory_mb * _MB)
        except OSError as error:
            raise DecodeError(f"a decoding process could not be started: {error}") from error
        self._alive.add(child)
        return child

    def give_back(self, child: "_Child") -> None:
        """The process has said all it had to say and may be used again."""
        self._idle.append(child)

    def give_up(self, child: "_Child") -> str:
        """End the process; in words, how it ended if it did so by itself."""
        self._alive.discard(child)
        return child.end()

    def close(self) -> None:
        """End all processes. Recordings that are open break off."""
        self._idle.clear()
        self._end_all()


class IsolatedAudio:
    """A recording that a process decodes: its `sample_rate` in Hz, its `channels`, its `decoder`, and its blocks, once.

    What it gives is to the sample what `open_audio` gives. Raises `DecodeError` with the same words, and `DecoderLost`
    when the process crashed, hung or ran out of memory.
    """

    def __init__(self, children: DecodeChildren, order: Order) -> None:
        """Nothing is opened before it is entered."""
        self.sample_rate = 0
        self.channels = 0
        self.decoder = ""
        self._children = children
        self._order = order
        self._name = printable(order.path)
        self._child: _Child | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        """Open the recording."""
        self._child = self._children.take()
        self._child.tell(self._order)
        try:
            opened = json.loads(self._next(Kind.OPENED) or b"{}")
            self.sample_rate, self.channels = opened["sample_rate"], opened["channels"]
            self.decoder = opened["decoder"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give the process back if the recording was read to its end, else end it."""
        child, self._child = self._child, None
        if child is not None and self._is_over:
            self._children.give_back(child)
        elif child is not None:
            self._children.give_up(child)

    def blocks(self) -> Iterator[AudioBuffer]:
        """Its sound, in the blocks that were ordered."""
        frames = 0
        while (body := self._next(Kind.BLOCK)) is not None:
            samples = np.frombuffer(body, np.float32)
            shaped = samples if self.channels == 1 else samples.reshape(-1, self.channels)
            yield AudioBuffer(shaped, self.sample_rate, frames / self.sample_rate)
            frames += len(shaped)

    def cancel(self) -> None:
        """Break off: whoever waits for a block gets `DecoderLost`. Any thread may call it."""
        if child := self._child:
            child.kill()

    def _next(self, wanted: Kind) -> bytearray | None:
        """The body of the next frame; nothing when the recording has ended."""
        assert self._child is not None
        frame = self._child.hear()
        if frame is None:
            child, self._child = self._child, None
            raise DecoderLost(f"cannot decode {self._name}: {self._loss(self._children.give_up(child))}")
        kind, body = frame
        if kind is Kind.FAILED:
            self._is_over = True
            raise self._error(**json.loads(body))
        if kind is Kind.ENDED:
            self._is_over = True
            self.decoder = json.loads(body)["decoder"]
            return None
        assert kind is wanted, (kind, wanted)
        return body

    def _error(self, error: str, message: str) -> DecodeError:
        if error != MemoryError.__name__:
            return DecodeError(message)
        self._is_over = False  # nobody knows what it still holds
        limit = f"its decoder needs more than {self._children.limits.memory_mb} MB (decode_memory_mb)"
        return DecoderLost(f"cannot decode {self._name}: {limit}")

    def _loss(self, how: str) -> str:
        if how == signal.strsignal(signal.SIGALRM):
            return f"its decoder gave nothing for {self._order.timeout_s:g} s and was ended (decode_timeout_s)"
        return f"its decoder ended: {how}"


class _Child:
    """One process: used by one thread at a time, killed by any."""

    __slots__ = ("__weakref__", "_process")

    def __init__(self, memory_bytes: int) -> None:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", decode_child.__name__, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # a signal for our process group is ours to pass on
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        with contextlib.suppress(OSError):  # a smaller pipe is only slower
            fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def _stdout(self) -> BinaryIO:
        return cast("BinaryIO", self._process.stdout)

    @property
    def _stdin(self) -> BinaryIO:
        return cast("BinaryIO", self._process.stdin)

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def tell(self, order: Order) -> None:
        """Have it begin; a process that is gone is found out by hearing it."""
        with contextlib.suppress(BrokenPipeError):
            send(self._stdin, Kind.ORDER, json.dumps(asdict(order)).encode())

    def hear(self) -> tuple[Kind, bytearray] | None:
        """What it says next; nothing when it is gone, or says what makes no sense."""
        try:
            return receive(self._stdout)
        except (OSError, ValueError):
            return None

    def kill(self) -> None:
        """End it at once: it has nothing to save."""
        self._process.kill()

    def end(self) -> str:
        """Kill it, wait until it is gone and close its pipes; in words, how it ended if it did so by itself."""
        code = self._process.poll()
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
        if code is None:
            code = self._process.returncode
        return (signal.strsignal(-code) or f"signal {-code}") if code < 0 else f"exit code {code}"


def _end_each(children: set[_Child]) -> None:
    while children:
        children.pop().end()
