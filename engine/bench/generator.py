"""The open-loop generator: a program of its own that says when each piece is due, whether or not anybody keeps up.

It runs apart, so that an engine that stalls cannot make it late, and knows nothing but the standard library, so that it
starts in no time. On stdin it gets `HEAD` and then a `SEND` for each piece, in order of time. On stdout it gives the
instant of the start as a `SAID`, a `SAID` for each piece when it is due, and at the end what it says of itself: a
`SAID` of stream `OVER` whose number is the length of the JSON that follows. Instants are those of
`time.perf_counter`, which all processes of a machine share.
"""

import contextlib
import json
import os
import struct
import sys
import time

HEAD = struct.Struct("<dI")
"""Seconds from reading the schedule to its start, and how many pieces there are."""
SEND = struct.Struct("<dII")
"""Seconds from the start, stream and number."""
SAID = struct.Struct("<IId")
"""Stream, number and the instant at which it was due."""
OVER = 0xFFFFFFFF
"""The stream that is none: the end."""

TICK_S = 0.001
"""The shortest sleep: what falls due meanwhile goes out together, and costs one wake-up."""

PIPE_BYTES = 1 << 20
"""Room for what an engine that stalls has not read: half a minute of four hundred streams."""

_F_SETPIPE_SZ = 1031  # of fcntl.h; Python 3.10 names it on Linux alone


def main() -> None:
    """Do as the schedule on stdin says."""
    with contextlib.suppress(OSError, AttributeError):  # may be forbidden, or unknown here: it then tries as it is
        os.nice(-10)
    _widen(sys.stdout.fileno())
    lead_s, count = HEAD.unpack(sys.stdin.buffer.read(HEAD.size))
    sends = list(SEND.iter_unpack(sys.stdin.buffer.read(count * SEND.size)))
    started_s = time.perf_counter() + lead_s
    _write(SAID.pack(0, count, started_s))
    late_s = send_all(sends, started_s)
    said = json.dumps({"late_s": quantiles(late_s), "cpu_s": time.process_time()}).encode()
    _write(SAID.pack(OVER, len(said), 0.0) + said)


def send_all(sends: list[tuple[float, int, int]], started_s: float) -> list[float]:
    """Say each piece when it is due; by how much each was late, in seconds, its writing included."""
    late_s: list[float] = []
    place = 0
    while place < len(sends):
        now_s = time.perf_counter()
        due = place
        while due < len(sends) and started_s + sends[due][0] <= now_s:
            due += 1
        if due == place:
            time.sleep(max(TICK_S, started_s + sends[place][0] - now_s))
            continue
        batch = sends[place:due]
        _write(b"".join(SAID.pack(stream, number, started_s + at_s) for at_s, stream, number in batch))
        now_s = time.perf_counter()
        late_s += [now_s - started_s - at_s for at_s, _, _ in batch]
        place = due
    return late_s


def quantiles(late_s: list[float]) -> dict[str, float]:
    """The median, the p99 and the most; 0 of nothing."""
    ordered = sorted(late_s) or [0.0]
    return {name: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for name, q in _QUANTILES.items()}


_QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def _write(what: bytes) -> None:
    view = memoryview(what)
    while view:
        view = view[os.write(1, view) :]


def _widen(pipe: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(pipe, _F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, OSError):
        return  # it stays as wide as it is: a long stall of the engine then makes the generator late, which is seen


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C goes to the engine as well, which says what there is to say
        main()
