"""A neighbour that takes half of one core, in turns of 5 ms: `python -m benchmarks.neighbour_process`."""

import time
from collections.abc import Callable
from subprocess import DEVNULL, Popen
from sys import executable

TURN_S = 0.005


class Neighbour:
    """Starts one and ends it; both are events of a trial."""

    def __init__(self) -> None:
        """There is none yet."""
        self._process: Popen[bytes] | None = None

    def begin(self) -> None:
        """It works from now on."""
        self._process = Popen([executable, "-I", "-S", __file__], stdout=DEVNULL)

    def end(self) -> None:
        """It is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def be_busy(clock: Callable[[], float] = time.perf_counter) -> None:
    """Work and rest for ever."""
    while True:
        until_s = clock() + TURN_S
        while clock() < until_s:
            pass
        time.sleep(TURN_S)


if __name__ == "__main__":
    be_busy()
