"""The door to the `ffmpeg` command, a process of last resort for what neither library opens. No thread, no file.

Sound comes back as Sun audio, a 24-byte header and big-endian floats: the header tells rate and channels, so that no
ffprobe is needed (format: https://en.wikipedia.org/wiki/Au_file_format).
"""

import io
import os
import selectors
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Self

import numpy as np

from modules.audio.decoded import Decoded, Piece
from modules.audio.guarded_file import GuardedFile
from modules.errors import DecodeError

MAX_SILENCE_S = 30.0
"""A process that neither takes nor gives a byte for so long is taken to hang."""
MAX_COMPLAINT_BYTES = 4_096

# Seeking needs the protocol "file", and with it a playlist (HLS, DASH) could name any other file on this disk.
_PLAYLIST_MARKS = (b"#EXTM3U", b"<MPD")
_HEAD_BYTES = 4_096
_PIPE_BYTES = 1 << 16
_AU_HEADER = np.dtype([(name, ">u4") for name in ("magic", "offset", "bytes", "encoding", "rate", "channels")])
_AU_MAGIC = int.from_bytes(b".snd", "big")
_AU_FLOAT32 = 6
_MAX_AU_OFFSET = 1 << 20
_TO_AU = ["-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]


@contextmanager
def open_with_ffmpeg(file: BinaryIO) -> Iterator[Decoded]:
    """The first audio stream as the ffmpeg command on the PATH decodes it. Raises `DecodeError`.

    The process is killed and reaped when the block is left.
    """
    command = shutil.which("ffmpeg")
    if command is None:
        raise DecodeError("not installed")
    _refuse_playlist(file)
    with _Process(command, file) as process:
        yield _decoded(process.output())


def _refuse_playlist(file: BinaryIO) -> None:
    guarded = GuardedFile(file)
    head = guarded.read(_HEAD_BYTES)
    guarded.check()
    guarded.seek(0)
    if any(mark in head for mark in _PLAYLIST_MARKS):
        raise DecodeError("a playlist, not a recording")


def _decoded(output: Iterator[bytes]) -> Decoded:
    held = _at_least(_AU_HEADER.itemsize, b"", output)
    if not held:
        raise DecodeError("no audio in it")
    header = np.frombuffer(held, dtype=_AU_HEADER, count=1)[0]
    offset, rate, channels = int(header["offset"]), int(header["rate"]), int(header["channels"])
    if header["magic"] != _AU_MAGIC or header["encoding"] != _AU_FLOAT32 or offset > _MAX_AU_OFFSET:
        raise DecodeError("its output is not what was asked for")
    return Decoded(rate, channels, _pieces(_at_least(offset, held, output)[offset:], output, channels))


def _at_least(size: int, held: bytes, output: Iterator[bytes]) -> bytes:
    """`held` and as much more as makes `size` bytes; nothing at all where the output is empty."""
    for data in output:
        held += data
        if len(held) >= size:
            return held
    if held and len(held) < size:
        raise DecodeError("its output broke off")
    return held


def _pieces(held: bytes, output: Iterator[bytes], channels: int) -> Iterator[Piece]:
    frame_bytes = 4 * channels
    while True:
        whole = len(held) // frame_bytes * frame_bytes
        if whole:
            yield np.frombuffer(held[:whole], dtype=">f4").astype(np.float32).reshape(-1, channels)
        data = next(output, None)
        if data is None:
            return
        held = held[whole:] + data


class _Process:
    """One ffmpeg, fed and emptied by turns in a `select` loop, so that neither side waits for the other for ever."""

    def __init__(self, command: str, file: BinaryIO) -> None:
        descriptor = _descriptor(file)
        self._feed = file if descriptor is None else None
        # Opening /dev/stdin anew lets ffmpeg seek, which M4A needs.
        source, protocol = ("pipe:0", "pipe") if descriptor is None else ("file:/dev/stdin", "file")
        how = ["-hide_banner", "-nostdin", "-loglevel", "error", "-protocol_whitelist", protocol, "-i", source]
        self._prefix = f"{source}: "
        self._complaint = b""
        self._unsent = memoryview(b"")
        self._process = subprocess.Popen(
            [command, *how, *_TO_AU],
            stdin=subprocess.PIPE if descriptor is None else descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0,  # an interrupt from the terminal is for us to handle
        )
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                writes = pipe is self._process.stdin
                self._selector.register(pipe, selectors.EVENT_WRITE if writes else selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def output(self) -> Iterator[bytes]:
        """What ffmpeg writes, until it has ended well. Raises `DecodeError` with its last complaint if it has not."""
        while self._selector.get_map():
            ready = self._selector.select(MAX_SILENCE_S)
            if not ready:
                raise DecodeError(f"gave no sign of life for {MAX_SILENCE_S:.0f} s")
            for key, _ in ready:
                if key.fileobj is self._process.stdout:
                    yield from self._read(self._process.stdout)
                elif key.fileobj is self._process.stderr:
                    self._complaint = b"".join([self._complaint, *self._read(self._process.stderr)])
                    self._complaint = self._complaint[-MAX_COMPLAINT_BYTES:]
                else:
                    self._write()
        if self._process.wait():
            raise DecodeError(self._said())

    def _read(self, pipe: IO[bytes]) -> Iterator[bytes]:
        if data := pipe.read(_PIPE_BYTES):
            yield data
        elif data is not None:
            self._selector.unregister(pipe)

    def _write(self) -> None:
        assert self._feed is not None
        assert self._process.stdin is not None
        try:
            self._unsent = self._unsent or memoryview(self._feed.read(_PIPE_BYTES))
            sent = self._process.stdin.write(self._unsent) if self._unsent else None
        except BrokenPipeError:  # it has seen enough
            self._unsent = memoryview(b"")
        except (OSError, ValueError) as error:
            raise DecodeError(f"reading failed: {error}") from error
        else:
            self._unsent = self._unsent[sent or 0 :]
            if sent is not None or self._unsent:
                return
        self._selector.unregister(self._process.stdin)
        self._process.stdin.close()

    def _said(self) -> str:
        if b"matches no streams" in self._complaint:
            return "no audio stream in it"
        lines = self._complaint.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix(self._prefix) if lines else f"ended with status {self._process.returncode}"


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of the regular file that this is, or None: a GzipFile too has one, but of other content."""
    if not isinstance(getattr(file, "raw", file), io.FileIO) or type(file) not in (io.BufferedReader, io.FileIO):
        return None
    descriptor = file.fileno()
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
