"""The generator's end of the line to a side: a local socket, or HTTP with connections that are kept."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

from benchmarks.peers.wire import ANSWER, REQUEST

MAX_CONNECTIONS = 512
"""Of HTTP; further requests wait for one, and their time runs."""

OnAnswer = Callable[[int, float], None]
"""Told the number of the request, and what the model says."""


class Line(Protocol):
    """Requests out, answers in."""

    async def __aenter__(self) -> Self:
        """Connect. Raises `OSError` when nobody is there."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Hang up; what is not answered never will be."""
        ...

    def ask(self, number: int, stream: int, sound: bytes, due_s: float) -> None:
        """Send a request."""
        ...


class SocketLine(asyncio.Protocol):
    """One connection for all requests."""

    def __init__(self, address: str, on_answer: OnAnswer) -> None:
        """Connect to the socket at `address` on entering."""
        self._address = address
        self._on_answer = on_answer
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._is_over = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Connect."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.abort()
        await self._is_over.wait()

    def connection_lost(self, _: Exception | None) -> None:
        """The line is gone."""
        self._is_over.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, number: int, stream: int, sound: bytes, due_s: float) -> None:
        """Send a request."""
        assert self._transport is not None
        self._transport.write(REQUEST.pack(number, stream, len(sound), due_s) + sound)

    def data_received(self, data: bytes) -> None:
        """Some answers."""
        data = self._rest + data
        whole = len(data) // ANSWER.size * ANSWER.size
        self._rest = data[whole:]
        for number, said in ANSWER.iter_unpack(data[:whole]):
            self._on_answer(number, said)


class HttpLine:
    """As many connections as there are requests under way, each kept for the next."""

    def __init__(self, host: str, port: int, path: str, on_answer: OnAnswer, *, is_json: bool) -> None:
        """POST to `path`: the samples as they are, or as base64 in JSON."""
        self._address = (host, port)
        kind = "application/json" if is_json else "application/octet-stream"
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {kind}\r\nContent-Length: %d\r\n\r\n"
        )
        self._is_json = is_json
        self._on_answer = on_answer
        self._free: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Make the first connection."""
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in list(self._all):
            await connection.hang_up()

    def ask(self, number: int, stream: int, sound: bytes, due_s: float) -> None:  # noqa: ARG002 - a line's signature
        """Send a request on a connection that is free, or will be."""
        body = json.dumps({"sound": base64.b64encode(sound).decode()}).encode() if self._is_json else sound
        self._waiting.append((number, (self._head % len(body)).encode() + body))
        self._send()
        if self._waiting and len(self._all) + len(self._opening) < MAX_CONNECTIONS:
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _send(self) -> None:
        while self._free and self._waiting:
            self._free.pop().send(*self._waiting.popleft())

    async def _open(self) -> None:
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._answered, self._all.discard), *self._address
        )
        self._all.add(made)
        self._free.append(made)
        self._send()

    def _answered(self, connection: "_Connection", number: int, body: bytes) -> None:
        """An answer; an empty one is none."""
        if body:
            self._on_answer(number, float(json.loads(body)["embedding"]))
        self._free.append(connection)
        self._send()


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(
        self, on_answer: "Callable[[_Connection, int, bytes], None]", on_end: "Callable[[_Connection], None]"
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._number = 0
        self._got = b""
        self._transport: asyncio.Transport | None = None
        self._is_over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self._is_over.set()
        self._on_end(self)

    def send(self, number: int, request: bytes) -> None:
        assert self._transport is not None
        self._number, self._got = number, b""
        self._transport.write(request)

    async def hang_up(self) -> None:
        assert self._transport is not None
        self._transport.abort()
        await self._is_over.wait()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, rest = self._got.partition(b"\r\n\r\n")
        body = whole_body(head, rest) if end else None
        if body is not None:
            is_good = head.split(b" ", 2)[1] == b"200"
            self._on_answer(self, self._number, body if is_good else b"")


def whole_body(head: bytes, rest: bytes) -> bytes | None:
    """The body of an answer once all of it is there, by its length or in chunks.

    Raises `ValueError` where the head says of neither.
    """
    fields = dict(line.lower().replace(b" ", b"").split(b":", 1) for line in head.split(b"\r\n")[1:])
    if fields.get(b"transfer-encoding") == b"chunked":
        return _joined(rest)
    if b"content-length" not in fields:
        raise ValueError(f"an answer of a length that is not said: {head[:200]!r}")
    length = int(fields[b"content-length"])
    return rest[:length] if len(rest) >= length else None


def _joined(chunks: bytes) -> bytes | None:
    """The chunks of a body without their lengths, once the last, an empty one, is there."""
    body = b""
    while True:
        line, end, chunks = chunks.partition(b"\r\n")
        size = int(line, 16) if end else 0
        if not end or len(chunks) < size + 2:
            return None
        if size == 0:
            return body
        body, chunks = body + chunks[:size], chunks[size + 2 :]
