"""A connection to Redis: answers in pieces, answers of another kind, TLS, and how little of a library it takes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tradewarden.feed.redis_wire import NotRedisError, RedisWire, RefusedError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wire_to(serve: Serve) -> AsyncIterator[RedisWire]:
    """A wire to a server that does this."""
    ended = asyncio.Event()

    async def serves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_server(serves, "127.0.0.1", 0)
    wire = await RedisWire.dial("127.0.0.1", server.sockets[0].getsockname()[1], tls=False)
    try:
        yield wire
    finally:
        wire.hang_up()
        await asyncio.wait_for(ended.wait(), 5)
        server.close()


def saying(*pieces: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return serve


async def test_commands_leave_as_redis_wants_them_and_answers_may_come_in_any_pieces() -> None:
    sent = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n*2\r\n$3\r\nGET\r\n$3\r\n\xff\r\n\r\n*1\r\n$4\r\nTIME\r\n"
    came = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came = await reader.readexactly(len(sent))
        for byte in b"+OK\r\n$-1\r\n*2\r\n$1\r\nk\r\n:7\r\n":
            writer.write(bytes([byte]))
            await writer.drain()

    async with wire_to(serve) as wire:
        answers = await wire.ask([("SET", "k", 5), ("GET", b"\xff\r\n"), ("TIME",)])
    assert (
        came
        == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n*2\r\n$3\r\nGET\r\n$3\r\n\xff\r\n\r\n*1\r\n$4\r\nTIME\r\n"[:63]
    )
    assert answers == [b"OK", None, [b"k", 7]]


async def test_a_refusal_is_an_answer_like_the_others_and_the_wire_stays() -> None:
    async with wire_to(saying(b"-WRONGTYPE of another kind\r\n+OK\r\n")) as wire:
        refusal, well = await wire.ask([("XADD", "k"), ("PING",)])
        assert isinstance(refusal, RefusedError)
        assert (refusal.code, refusal.words) == ("WRONGTYPE", "of another kind")
        assert well == b"OK"
        assert wire.is_open


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n",), NotRedisError),
        ((), ConnectionResetError),
        ((b"$5\r\nab",), ConnectionResetError),
    ],
    ids=["another protocol", "nothing", "half an answer"],
)
async def test_what_goes_wrong_ends_the_wire(said: tuple[bytes, ...], kind: type[Exception]) -> None:
    async with wire_to(saying(*said)) as wire:
        with pytest.raises(kind):
            await wire.ask([("PING",)])
        assert not wire.is_open


async def test_an_answer_that_nobody_waited_for_is_never_taken_for_the_next_ones() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        while await reader.read(1000):
            pass

    async with wire_to(never) as wire:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await wire.ask([("PING",)])
        assert not wire.is_open


def test_the_sink_takes_no_client_library_with_it() -> None:
    program = "import sys, tradewarden.feed.sinks.redis; print('redis' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout == "False\n"
