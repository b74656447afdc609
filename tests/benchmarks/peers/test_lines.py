"""The generator speaks HTTP as a browser does: connections are kept, answers come in any number of parts."""

import asyncio
import base64
import json
from collections.abc import Callable

import pytest

from benchmarks.peers.lines import HttpLine, whole_body

JSON = b'{"embedding": 2.5}'


async def served(
    answer: Callable[[bytes], bytes], *sounds: bytes, is_json: bool = False, wanted: int | None = None
) -> tuple[dict[int, float], int]:
    """What a server that answers a body with those bytes makes of the sounds; and on how many connections.

    One is asked after the other, or all at once where not all are `wanted`.
    """
    connections = 0
    said: dict[int, float] = {}
    answered, served_all = asyncio.Event(), asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = answer(await reader.readexactly(length))
                for byte in (body[:7], body[7:]):
                    writer.write(byte)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            served_all.release()

    def on_answer(number: int, value: float) -> None:
        said[number] = value
        answered.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with (
        server,
        HttpLine("127.0.0.1", server.sockets[0].getsockname()[1], "/ask", on_answer, is_json=is_json) as line,
    ):
        for number, sound in enumerate(sounds):
            line.ask(number, 0, sound, 0.0)
            if wanted is None or number + 1 == len(sounds):
                answered.clear()
                await asyncio.wait_for(answered.wait(), 20)
    for _ in range(connections):
        await asyncio.wait_for(served_all.acquire(), 20)
    return said, connections


def whole(body: bytes) -> bytes:
    """An answer with its length."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_samples_are_sent_as_they_are() -> None:
    """The body of a request is the sound."""
    said, connections = asyncio.run(served(lambda body: whole(b'{"embedding": %d}' % len(body)), bytes(8)))
    assert said == {0: 8.0}
    assert connections == 1


def test_samples_are_sent_in_base64() -> None:
    """For a server whose requests are JSON."""
    sound = bytes(range(9))
    said, _ = asyncio.run(
        served(
            lambda body: whole(b'{"embedding": %d}' % (base64.b64decode(json.loads(body)["sound"]) == sound)),
            sound,
            is_json=True,
        )
    )
    assert said == {0: 1.0}


def test_connections_are_kept() -> None:
    """Requests one after the other need no more than those that were opened ahead of the first answer."""
    said, connections = asyncio.run(served(lambda _: whole(JSON), *[bytes(8)] * 20))
    assert said == dict.fromkeys(range(20), 2.5)
    assert connections <= 2


def test_a_body_in_chunks_is_joined() -> None:
    """Once the last one is there."""
    head, chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b'5\r\n{"emb\r\nd\r\nedding": 2.5}\r\n0\r\n\r\n'
    assert whole_body(head, chunks) == JSON
    for end in range(len(chunks)):
        assert whole_body(head, chunks[:end]) is None


def test_a_body_has_the_length_that_its_head_says() -> None:
    """Not less."""
    head = b"HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 18"
    assert whole_body(head, JSON) == JSON
    assert whole_body(head, JSON[:-1]) is None


def test_a_head_that_says_nothing_of_the_body_is_an_error() -> None:
    """Nobody could tell where the next answer begins."""
    with pytest.raises(ValueError, match="a length that is not said"):
        whole_body(b"HTTP/1.1 200 OK", JSON)


def test_what_a_server_refuses_is_no_answer() -> None:
    """And the next request is another matter."""
    answers = iter([b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", whole(JSON)])
    said, _ = asyncio.run(served(lambda _: next(answers), bytes(8), bytes(8), wanted=1))
    assert len(said) == 1
