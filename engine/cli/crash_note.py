"""`CrashNote`: why a run ended that could not say so itself, in a file that the next one reads."""

import faulthandler
import os
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from engine.cli.attendant import HUNG


class CrashNote:
    """Inside the block the interpreter writes into the file if native code crashes; leaving it takes the file away."""

    def __init__(self, path: Path) -> None:
        """Nothing is written yet."""
        self._path = path
        self._file: TextIO

    def __enter__(self) -> Self:
        """Begin to look out for crashes."""
        self._file = self._path.open("w", encoding="utf-8")
        faulthandler.enable(self._file, all_threads=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The run could say itself how it ended."""
        faulthandler.disable()
        self._file.close()
        self._path.unlink(missing_ok=True)

    def hung(self, path: Path, seconds: float) -> None:
        """End this process: a decoder hangs in it, which nothing else can stop. The attendant has another one go on."""
        self._file.write(f"Decoding {path} gave nothing for {seconds:.0f} s\n")
        self._file.flush()
        os._exit(HUNG)
