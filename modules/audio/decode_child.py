"""The program of a decoding process: it decodes one recording after the other until stdin ends.

What a broken file can do to a decoder, it does here: a crash or a hang costs this process and nothing else. Started by
`decode_children.py` with `python -m`; the frames it speaks are in `decode_wire.py`.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modules.audio.decode import open_audio
from modules.audio.decode_wire import Kind, Sink, receive, send
from modules.audio.sound_limits import SoundLimits
from modules.errors import OnbeatError


@dataclass(frozen=True, slots=True)
class Order:
    """What to decode, in blocks of how many seconds, and how many seconds the next of them may take."""

    path: str
    block_s: float
    timeout_s: float
    max_audio_s: float


def main() -> None:
    """Serve standard input until it ends; the only argument is the memory allowed, in bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    wire = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what native code prints must not land between two frames
    _limit(int(sys.argv[1]))
    with open(0, "rb", buffering=0, closefd=False) as orders:
        while frame := receive(orders):
            _answer(Order(**json.loads(frame[1])), wire)


def _answer(order: Order, wire: Sink) -> None:
    try:
        limits = SoundLimits(max_audio_s=order.max_audio_s)
        with _alarm(order), open_audio(order.path, limits=limits) as reader:
            blocks = reader.blocks(order.block_s)
            block = next(blocks, None)
            signal.setitimer(signal.ITIMER_REAL, 0)
            _say(wire, Kind.OPENED, sample_rate=reader.sample_rate, channels=reader.channels, decoder=reader.decoder)
            while block is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)  # whoever reads takes the time it takes
                send(wire, Kind.BLOCK, block.samples.data)
                signal.setitimer(signal.ITIMER_REAL, order.timeout_s)
                block = next(blocks, None)
            _say(wire, Kind.ENDED, decoder=reader.decoder)
    except (OnbeatError, MemoryError) as error:
        _say(wire, Kind.FAILED, error=type(error).__name__, message=str(error))


@contextmanager
def _alarm(order: Order) -> Iterator[None]:
    """Inside the block the process is ended by the kernel, whatever hangs in it, when its time is over."""
    signal.setitimer(signal.ITIMER_REAL, order.timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit(memory_bytes: int) -> None:
    """Bound what this process may use from here on; leave no core files behind."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no path of a user's
        now_bytes = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now_bytes + memory_bytes, now_bytes + memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(wire: Sink, kind: Kind, **fields: str | int) -> None:
    send(wire, kind, json.dumps(fields).encode())


if __name__ == "__main__":
    main()
