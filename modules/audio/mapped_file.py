"""`MemoryMappedAudioFile`: an uncompressed recording seen where it lies on disk, any part of it at any time.

Nothing is read before it is asked for, and no file is written. Compressed recordings cannot be seen so: `open_audio`
decodes them from front to back in the memory of one block.
"""

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.audio.layout_aiff import aiff_layout
from modules.audio.layout_caf import caf_layout
from modules.audio.layout_wav import wav_layout
from modules.audio.pcm_layout import Claim, PcmLayout, SampleForm
from modules.audio.pcm_samples import as_floats, as_pcm16, fill
from modules.audio.source import name_of, open_source, printable
from modules.errors import AudioError, CannotMap, DecodeError, SourceChanged

MAX_TOUCHED_BYTES = 1 << 24
"""After so many bytes of windows the pages they brought in are unmapped; the disk's cache has them, views stay good."""

_LAYOUTS = (wav_layout, aiff_layout, caf_layout)


class MemoryMappedAudioFile:
    """Integer and float samples of WAV, RF64, W64, AIFF, AIFF-C, CAF and raw files; `window` gives any part of them.

    What a header claims falsely is in `lies`, and what is really there is used. Windows stay good after closing. Any
    thread may ask for windows. The file must not be cut short meanwhile: that is noticed when a window is asked for,
    but touching a window whose samples are gone ends the process, as the kernel has it.
    """

    def __init__(self, path: str | os.PathLike[str], *, raw: SampleForm | None = None, raw_start_byte: int = 0) -> None:
        """Open `path`; with `raw`, samples of that form from `raw_start_byte` on, whatever the file seems to be.

        Raises `CannotMap` for what holds no plain samples, and `DecodeError` for what cannot be read.
        """
        self.name = printable(name_of(path))
        self._touched_bytes = 0
        with ExitStack() as opened:
            self._descriptor = opened.enter_context(open_source(_regular(path, self.name))).fileno()
            self._map, self.layout = _mapped(self._descriptor, self.name, raw, raw_start_byte)
            self._bytes: NDArray[np.uint8] | None = np.frombuffer(self._map, np.uint8)
            self._opened = opened.pop_all()

    def __repr__(self) -> str:
        state = "" if self._bytes is not None else ", closed"
        form = self.layout.form
        return (
            f"<MemoryMappedAudioFile {self.name}: {self.frames} frames, {form.channels} channels, "
            f"{form.sample_rate} Hz, {form.encoding} {self.layout.container}{state}>"
        )

    def __enter__(self) -> Self:
        """Use it in a `with` block to close it at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.layout.form.sample_rate

    @property
    def channels(self) -> int:
        """1 for mono."""
        return self.layout.form.channels

    @property
    def frames(self) -> int:
        """Samples per channel that are really there."""
        return self.layout.frames

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def lies(self) -> tuple[str, ...]:
        """What the header claims falsely, a sentence each; none for an honest one."""
        return self.layout.lies

    def window(self, start_frame: int, frames: int) -> AudioBuffer:
        """At most `frames` frames from `start_frame` on, fewer at the end, none beyond it.

        16-bit samples (as `pcm16`) and float32 samples are views of the file; others are converted. Raises `AudioError`
        for a negative place or length, `DecodeError` for NaN or infinite samples and after closing, and `SourceChanged`
        when the file has been cut short.
        """
        raw, form = self._raw(start_frame, frames), self.layout.form
        start_s = min(start_frame, self.frames) / self.sample_rate
        if (pcm16 := as_pcm16(raw, form)) is not None:
            return AudioBuffer.of_pcm16(pcm16, self.sample_rate, start_s)
        return AudioBuffer(self._finite(as_floats(raw, form), start_s), self.sample_rate, start_s)

    def read_into(self, samples: NDArray[np.float32], start_frame: int) -> int:
        """Fill float32 `samples`, of shape (frames,) or (frames, channels), from `start_frame` on; the frames filled.

        For memory that is there already, such as a lease's. Raises as `window` does, and for another shape.
        """
        if samples.shape[1:] != (() if self.channels == 1 else (self.channels,)) or samples.dtype != np.float32:
            raise AudioError(
                f"{self.name} has {self.channels} channels, which do not fit into {samples.dtype} of {samples.shape}"
            )
        raw, form = self._raw(start_frame, len(samples)), self.layout.form
        found = samples[: len(raw) // form.frame_bytes]
        fill(found, raw, form)
        self._finite(found, start_frame / self.sample_rate)
        return len(found)

    def blocks(self, block_s: float) -> Iterator[AudioBuffer]:
        """Consecutive windows of `block_s` seconds, the last one shorter."""
        step = max(1, round(block_s * self.sample_rate))
        for start in range(0, self.frames, step):
            yield self.window(start, step)

    def close(self) -> None:
        """Let the file go; where windows are still in use, it goes with the last of them."""
        if self._bytes is None:
            return
        self._bytes = None
        self._opened.close()
        try:
            self._map.close()
        except BufferError:  # windows look at it
            del self._map

    def _raw(self, start_frame: int, frames: int) -> NDArray[np.uint8]:
        """The bytes of the frames."""
        if start_frame < 0 or frames < 0:
            raise AudioError(f"start_frame and frames must be 0 or more, got {start_frame} and {frames}")
        if self._bytes is None:
            raise DecodeError(f"cannot read {self.name}: it was closed")
        form = self.layout.form
        first = min(start_frame, self.frames)
        count = min(frames, self.frames - first)
        start = self.layout.start + first * form.frame_bytes
        end = start + count * form.frame_bytes
        if (size := os.fstat(self._descriptor).st_size) < end:
            raise SourceChanged(f"cannot read {self.name}: it was cut short to {size} bytes after it was opened")
        self._let_go(end - start)
        return self._bytes[start:end]

    def _let_go(self, wanted_bytes: int) -> None:
        """Now and then unmap the pages that windows have brought in, so that they do not count as this process's."""
        self._touched_bytes += wanted_bytes
        if self._touched_bytes > MAX_TOUCHED_BYTES:
            self._touched_bytes = wanted_bytes
            self._map.madvise(mmap.MADV_DONTNEED)

    def _finite(self, samples: NDArray[np.float32], start_s: float) -> NDArray[np.float32]:
        if self.layout.form.encoding.is_float and not np.isfinite(samples).all():
            raise DecodeError(f"cannot read {self.name}: NaN or infinite samples at {start_s:.3f} s or soon after")
        return samples


def _mapped(descriptor: int, name: str, raw: SampleForm | None, raw_start_byte: int) -> tuple[mmap.mmap, PcmLayout]:
    """The file in memory, and where its samples are."""
    if not os.fstat(descriptor).st_size:
        raise CannotMap(f"cannot map {name}: it is empty")
    try:
        content = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        if raw is not None:
            return content, PcmLayout.found("raw", raw, Claim(raw_start_byte, None, len(content)))
        return content, _layout(content)
    except CannotMap as error:
        raise CannotMap(f"cannot map {name}: {error}") from error
    except (OSError, ValueError) as error:
        raise DecodeError(f"cannot map {name}: {error}") from error


def _layout(content: mmap.mmap) -> PcmLayout:
    for layout_of in _LAYOUTS:
        if layout := layout_of(content):
            return layout
    raise CannotMap("it is no WAV, RF64, W64, AIFF or CAF; open_audio() may decode it")


def _regular(path: str | os.PathLike[str], name: str) -> str | os.PathLike[str]:
    """The path of what is a file or cannot be looked at: opening a pipe would wait for ever."""
    try:
        is_other = not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - Path() would turn "" into "."
    except (OSError, ValueError):
        return path  # opening it says why
    if is_other:
        raise CannotMap(f"cannot map {name}: it is no file on a disk")
    return path
