"""`onbeat run` as a program whose recogniser is a fake that writes down every segment it has finished.

`python tests/logged_run.py LOG PAUSE_S run PATH... -o DIR ...`: each second of audio is a segment, takes `PAUSE_S` to
recognise, and its text says what it held, so that no two segments of random samples have the same. While a file beside
the log holds the run (`tests/killed_runs.py`), nothing is recognised beyond the number of segments in that file.
"""

import os
import sys
import time
from pathlib import Path

import engine.pipeline
from engine.__main__ import main
from modules.audio.buffer import AudioBuffer
from modules.audio.transcript import TranscriptSegment
from modules.stages import recognisers
from tests.fakes import CountingRecogniser, CountingSession, EverySecond
from tests.killed_runs import hold_of

_LOOK_S = 0.005


class LoggedRecogniser(CountingRecogniser):
    """Counts, and appends a line to the log with each segment."""

    def __init__(self, log: Path, pause_s: float) -> None:
        super().__init__(lambda _: self._pause(pause_s))
        self._path, self._hold = log, hold_of(log)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def open(self) -> "LoggedSession":
        self.open_now += 1
        return LoggedSession(self, self.log)

    def _pause(self, pause_s: float) -> None:
        time.sleep(pause_s)
        while (held := _content(self._hold)) and _content(self._path).count(b"\n") >= int(held):
            time.sleep(_LOOK_S)


class LoggedSession(CountingSession):
    """One segment of the logged recogniser."""

    def __init__(self, stage: LoggedRecogniser, log: int) -> None:
        super().__init__(stage)
        self._log = log

    def feed(self, payload: AudioBuffer) -> list[TranscriptSegment]:
        return super().feed(payload)

    def finish(self) -> list[TranscriptSegment]:
        found = super().finish()
        os.write(self._log, f"{found[0].text}\n".encode())
        return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


if __name__ == "__main__":
    log, pause_s = Path(sys.argv[1]), float(sys.argv[2])
    sys.argv[1:] = sys.argv[3:]
    recognisers.load = lambda _choice, _wish: LoggedRecogniser(log, pause_s)  # type: ignore[assignment]
    engine.pipeline._segmenter = lambda _config, _rate: EverySecond()  # type: ignore[assignment] # the seam this program is made for
    main()
