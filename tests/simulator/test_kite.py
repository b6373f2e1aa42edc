"""The simulated ticker, over the wire: handshakes, quotes, and every fault."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import WSMsgType

from tradewarden.simulator.kite import KiteSimulator, PortError, serve
from tradewarden.simulator.packets import MALFORMED, Mode
from tradewarden.simulator.stream import Kind
from tradewarden.simulator.world import WorldError
from virtual_time import VirtualClock, run_virtually

RELIANCE, INFY, NIFTY = 738561, 408065, 256265
START = datetime(2026, 11, 23, 9, 20, tzinfo=ZoneInfo("Asia/Kolkata"))

Dial = Callable[..., Any]


def packets(frame: bytes) -> list[bytes]:
    """The bodies in a frame, by the letter of Kite's layout."""
    count, place, bodies = int.from_bytes(frame[:2], "big"), 2, []
    for _ in range(count):
        size = int.from_bytes(frame[place : place + 2], "big")
        bodies.append(frame[place + 2 : place + 2 + size])
        place += 2 + size
    assert place == len(frame)
    return bodies


def token_of(body: bytes) -> int:
    return int.from_bytes(body[:4], "big")


async def next_ticks(line: aiohttp.ClientWebSocketResponse) -> list[bytes]:
    """The packets of the next frame that is not a heartbeat."""
    while True:
        frame = await line.receive_bytes(timeout=5)
        if len(frame) > 1:
            return packets(frame)


async def ticks_of(line: aiohttp.ClientWebSocketResponse, sizes: set[int]) -> list[bytes]:
    """The next frame whose packets have these sizes and no others."""
    async with asyncio.timeout(5):
        bodies = await next_ticks(line)
        while {len(body) for body in bodies} != sizes:
            bodies = await next_ticks(line)
        return bodies


async def next_text(line: aiohttp.ClientWebSocketResponse) -> Any:
    while True:
        message = await line.receive(timeout=5)
        if message.type is WSMsgType.TEXT:
            return message.data
        assert message.type is WSMsgType.BINARY


async def nothing_comes(line: aiohttp.ClientWebSocketResponse, seconds: float = 0.3) -> None:
    with pytest.raises(TimeoutError):
        await line.receive(timeout=seconds)


async def drain(line: aiohttp.ClientWebSocketResponse) -> None:
    """Read what was already under way."""
    with suppress(TimeoutError):
        while True:
            await line.receive(timeout=0.1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what the far end of a wire does sets no event here
            await asyncio.sleep(0.005)


@asynccontextmanager
async def raw_dial(sim: KiteSimulator) -> AsyncIterator[asyncio.StreamReader]:
    """A handshake by hand: clients turn a reset into an end of file, and aiohttp's dials a second time by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    query = f"api_key={sim.broker.api_key}&access_token={sim.mint()}"
    writer.write(
        f"GET /?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    try:
        yield reader
    finally:
        writer.close()


async def test_a_socket_without_any_subscription_gets_only_heartbeats(sim: KiteSimulator, dial: Dial) -> None:
    async with dial() as line:
        assert {await line.receive_bytes(timeout=5) for _ in range(5)} == {b"\x00"}
        assert (sim.state()["sockets"], sim.state()["dials"]) == (1, 1)
    await until(lambda: sim.state()["sockets"] == 0)


async def test_a_subscription_starts_with_a_snapshot_in_quote_mode_and_goes_on(sim: KiteSimulator, dial: Dial) -> None:
    sim.world.heartbeats = False
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
        for _ in range(4):
            bodies = await next_ticks(line)
            assert {token_of(body): len(body) for body in bodies} == {RELIANCE: 44, NIFTY: 28}


async def test_modes_decide_how_much_comes(dial: Dial) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE, INFY, NIFTY]})
        await line.send_json({"a": "mode", "v": ["full", [RELIANCE, NIFTY]]})
        await line.send_json({"a": "mode", "v": ["ltp", [INFY]]})
        async with asyncio.timeout(5):
            while {token_of(b): len(b) for b in await next_ticks(line)} != {RELIANCE: 184, INFY: 8, NIFTY: 32}:
                pass
        await line.send_json({"a": "unsubscribe", "v": [RELIANCE]})
        async with asyncio.timeout(5):
            while {token_of(b) for b in await next_ticks(line)} != {INFY, NIFTY}:
                pass


async def test_the_exchanges_time_is_the_simulated_clocks(sim: KiteSimulator, dial: Dial) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        await line.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
        for _ in range(3):
            (body,) = await ticks_of(line, {184})
            assert abs(int.from_bytes(body[60:64], "big") - sim.now().timestamp()) < 2


async def test_a_heartbeat_at_the_same_moment_costs_no_tick(web: aiohttp.ClientSession) -> None:
    async with KiteSimulator(now=lambda: START, tick_seconds=3600, heartbeat_seconds=3600) as sim:
        params = {"api_key": sim.broker.api_key, "access_token": sim.mint()}
        async with web.ws_connect(sim.ws_url, params=params) as line:
            await line.send_json({"a": "subscribe", "v": [RELIANCE]})
            await next_ticks(line)
            sim._beat()
            sim._tick()
            assert [len(await line.receive_bytes(timeout=5)) for _ in range(2)] == [1, 48]


async def test_a_client_that_does_not_read_misses_ticks_and_can_still_be_dropped() -> None:
    async with KiteSimulator(now=lambda: START, tick_seconds=0.001) as sim, raw_dial(sim) as reader:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        (stream,) = sim._streams
        stream.modes.update(dict.fromkeys(range(1, 3000), Mode.FULL))
        await until(lambda: stream._waiting[Kind.TICKS] > 1)
        await asyncio.sleep(0.3)
        assert stream._outbox.qsize() < 10
        sim.do("drop_socket")
        await until(lambda: sim.state()["sockets"] == 0)


async def test_two_sockets_see_the_same_market(sim: KiteSimulator, dial: Dial) -> None:
    token = sim.mint()
    async with dial(token) as one, dial(token) as two:
        for line in (one, two):
            await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        seen = [[(await next_ticks(line))[0] for _ in range(12)] for line in (one, two)]
        assert len(set(seen[0]) & set(seen[1])) >= 8


async def test_strings_are_no_tokens_and_unknown_tokens_get_prices(dial: Dial) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": ["738561", True, -1, 2**32, None, 1.5, 5633]})
        assert [token_of(body) for body in await next_ticks(line)] == [5633]


@pytest.mark.parametrize(
    "nonsense", ["{", "[]", '{"a": "subscribe"}', '{"a": "mode", "v": ["everything", [738561]]}', '{"a": "sell"}']
)
async def test_a_message_that_makes_no_sense_gets_an_error_and_the_socket_stays(dial: Dial, nonsense: str) -> None:
    async with dial() as line:
        await line.send_str(nonsense)
        assert '"type":"error"' in await next_text(line)
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        assert await next_ticks(line)


async def test_too_many_instruments_get_an_error_text_and_the_others_tick(dial: Dial) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": list(range(257, 257 + 60))})
        assert "50 instruments a connection are the limit; 10 were not subscribed" in await next_text(line)
        async with asyncio.timeout(5):
            while len(await next_ticks(line)) != 50:
                pass


async def test_asking_twice_counts_twice_and_drops_nothing(dial: Dial) -> None:
    async with dial() as line:
        for _ in range(2):
            await line.send_json({"a": "subscribe", "v": list(range(257, 257 + 30))})
        assert "0 were not subscribed" in await next_text(line)
        async with asyncio.timeout(5):
            while len(await next_ticks(line)) != 30:
                pass


async def test_a_ping_is_answered(dial: Dial) -> None:
    async with dial() as line:
        await line.ping(b"there?")
        async with asyncio.timeout(5):
            while (message := await line.receive()).type is not WSMsgType.PONG:
                pass
        assert message.data == b"there?"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"api_key": "simulatedkey"}, 400),
        ({"api_key": "simulatedkey", "access_token": "invented"}, 403),
        ({"api_key": "another", "access_token": "MINTED"}, 403),
    ],
)
async def test_a_handshake_without_the_right_key_and_token_is_refused(
    sim: KiteSimulator, web: aiohttp.ClientSession, query: dict[str, str], status: int
) -> None:
    token = sim.mint()
    params = {name: value.replace("MINTED", token) for name, value in query.items()}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await web.ws_connect(sim.ws_url, params=params)
    assert refused.value.status == status
    assert sim.state()["dials"] == 1


async def test_the_third_socket_of_a_token_is_too_many(sim: KiteSimulator, dial: Dial) -> None:
    token = sim.mint()
    async with dial(token), dial(token):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial(token)
        assert refused.value.status == 429
    await until(lambda: sim.state()["sockets"] == 0)
    async with dial(token):
        pass


async def test_an_open_socket_outlives_its_token_and_the_next_dial_is_refused(sim: KiteSimulator, dial: Dial) -> None:
    token = sim.mint()
    async with dial(token) as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        assert sim.do("expire_token") == {"do": "expire_token", "sockets": 1, "expired": True}
        for _ in range(4):
            assert await next_ticks(line)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial(token)
        assert refused.value.status == 403


@pytest.mark.parametrize("status", ["403", "429"])
async def test_a_refusing_world_meets_new_sockets_only(sim: KiteSimulator, dial: Dial, status: str) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        sim.world.change({"socket": status})
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial()
        assert refused.value.status == int(status)
        for _ in range(4):
            assert await next_ticks(line)


async def test_refuse_cuts_the_connection_at_the_handshake(sim: KiteSimulator) -> None:
    sim.world.socket = "refuse"
    async with raw_dial(sim) as reader:
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
    assert (sim.state()["dials"], sim.state()["sockets"]) == (1, 0)


async def test_a_blackhole_swallows_open_sockets_and_closes_nothing(sim: KiteSimulator, dial: Dial) -> None:
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        await next_ticks(line)
        sim.world.socket = "blackhole"
        await drain(line)
        await line.ping()
        await line.send_json({"a": "subscribe", "v": [INFY]})
        sim.do("malformed_frame")
        await nothing_comes(line)
        assert sim.state()["sockets"] == 1
        sim.world.socket = "accept"
        assert [token_of(body) for body in await next_ticks(line)] == [RELIANCE]


async def test_a_blackhole_does_not_answer_a_close_but_lets_go_when_the_client_does(
    sim: KiteSimulator, dial: Dial
) -> None:
    async with dial(timeout=aiohttp.ClientWSTimeout(ws_close=0.3)) as line:
        sim.world.socket = "blackhole"
        await line.close()  # waits in vain for the answer
        assert line.close_code == 1006
    await until(lambda: sim.state()["sockets"] == 0)


async def test_a_dial_into_the_blackhole_is_never_answered(sim: KiteSimulator, dial: Dial) -> None:
    sim.world.socket = "blackhole"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await dial()
    assert sim.state()["dials"] == 1
    assert sim.state()["sockets"] == 0
    await until(lambda: not sim._swallowed)


async def test_without_heartbeats_a_socket_without_subscription_is_mute(sim: KiteSimulator, dial: Dial) -> None:
    sim.world.heartbeats = False
    async with dial() as line:
        await nothing_comes(line)
        sim.world.heartbeats = True
        assert await line.receive_bytes(timeout=5) == b"\x00"


async def test_without_ticks_not_even_the_snapshot_comes_but_heartbeats_do(sim: KiteSimulator, dial: Dial) -> None:
    sim.world.ticks = "none"
    async with dial() as line:
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        await line.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
        assert {await line.receive_bytes(timeout=5) for _ in range(6)} == {b"\x00"}
        sim.world.ticks = "flowing"
        assert len((await next_ticks(line))[0]) == 184


async def test_dropping_is_a_reset_not_a_polite_end(sim: KiteSimulator) -> None:
    async with raw_dial(sim) as reader:
        assert b"101 Switching Protocols" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert sim.do("drop_socket") == {"do": "drop_socket", "sockets": 1}
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
    await until(lambda: sim.state()["sockets"] == 0)


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_frame_arrives_as_it_is_and_the_socket_goes_on(
    sim: KiteSimulator, dial: Dial, kind: str
) -> None:
    sim.world.heartbeats = False
    async with dial() as line:
        await until(lambda: bool(sim._streams))
        assert sim.do("malformed_frame", kind) == {"do": "malformed_frame", "sockets": 1, "kind": kind}
        assert (await line.receive(timeout=5)).data == MALFORMED[kind]
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        assert await next_ticks(line)


def test_without_a_kind_the_malformed_frames_take_turns() -> None:
    sim = KiteSimulator(now=lambda: START)
    assert [sim.do("malformed_frame")["kind"] for _ in range(len(MALFORMED) + 1)] == [*MALFORMED, next(iter(MALFORMED))]


@pytest.mark.parametrize(
    ("action", "kind", "said"),
    [("explode", None, "do cannot be 'explode'; allowed: drop_socket"), ("malformed_frame", "odd", "kind cannot be")],
)
def test_an_unknown_fault_says_what_there_is(action: str, kind: str | None, said: str) -> None:
    with pytest.raises(WorldError, match=said):
        KiteSimulator(now=lambda: START).do(action, kind)


async def test_a_drip_stretches_every_frame(sim: KiteSimulator) -> None:
    sim.world.change({"drip_ms": 200, "ticks": "none"})
    loop, arrived = asyncio.get_running_loop(), []
    async with raw_dial(sim) as reader:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        for expected in (b"\x82", b"\x01", b"\x00", b"\x82"):
            assert await asyncio.wait_for(reader.readexactly(1), 5) == expected
            arrived.append(loop.time())
    assert arrived[2] - arrived[0] > 0.08  # the three bytes of one heartbeat come one by one


async def test_a_dripping_socket_still_speaks_the_protocol(sim: KiteSimulator, dial: Dial) -> None:
    sim.world.drip_ms = 20
    async with dial() as line:
        tokens = [place << 8 | 1 for place in range(1, 41)]  # 40 shares: a frame that needs a length of 16 bits
        await line.send_json({"a": "subscribe", "v": tokens})
        await line.send_json({"a": "mode", "v": ["full", tokens]})
        for _ in range(3):
            assert [token_of(body) for body in await ticks_of(line, {184})] == tokens


async def test_leaving_ends_everything_at_once(web: aiohttp.ClientSession) -> None:
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with KiteSimulator(now=lambda: START, tick_seconds=0.01) as sim:
        params = {"api_key": sim.broker.api_key, "access_token": sim.mint()}
        line = await web.ws_connect(sim.ws_url, params=params)
        await line.send_json({"a": "subscribe", "v": [RELIANCE]})
        await next_ticks(line)
        sim.world.socket = "blackhole"
        swallowed = asyncio.create_task(web.ws_connect(sim.ws_url, params=params))
        await until(lambda: bool(sim._swallowed))
        left = loop.time()
    assert loop.time() - left < 0.5
    with pytest.raises(aiohttp.ClientError):
        await swallowed
    await line.close()
    assert asyncio.all_tasks() == before
    assert sim.state()["sockets"] == 0


async def test_a_port_in_use_is_one_sentence(sim: KiteSimulator) -> None:
    with pytest.raises(PortError, match="choose another port") as refused:
        await serve(sim.port, now=lambda: START, stop=asyncio.Event())
    assert refused.value.errno == errno.EADDRINUSE
    assert f"127.0.0.1:{sim.port}" in str(refused.value)


async def test_the_command_serves_until_it_is_told_to_stop(web: aiohttp.ClientSession) -> None:
    stop, told = asyncio.Event(), asyncio.Queue[KiteSimulator]()
    command = asyncio.create_task(serve(0, now=lambda: START, stop=stop, api_key="mine", opened=told.put_nowait))
    sim = await asyncio.wait_for(told.get(), 5)
    async with web.get(f"{sim.url}/state") as answer:
        assert (await answer.json())["api_key"] == "mine"
    stop.set()
    await asyncio.wait_for(command, 5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.port), timeout=1)


async def test_it_listens_on_this_machine_only(sim: KiteSimulator) -> None:
    assert sim._runner is not None
    assert [address[0] for address in sim._runner.addresses] == ["127.0.0.1"]


async def test_a_bug_in_the_prices_does_not_end_quietly() -> None:
    broken = False

    def now() -> datetime:
        if broken:
            raise ZeroDivisionError
        return START

    sim = await KiteSimulator(now=now, tick_seconds=0.01).__aenter__()
    broken = True
    await asyncio.wait_for(sim.run(asyncio.Event()), 5)
    with pytest.raises(ZeroDivisionError):
        await sim.__aexit__(None, None, None)


def test_an_hour_passes_in_virtual_time_with_a_tick_each_second() -> None:
    async def scene() -> tuple[int, int]:
        clock = VirtualClock(START)
        ticks = 0
        async with (
            KiteSimulator(now=clock.now, tick_seconds=1, hours=(time(9, 15), time(10, 0))) as sim,
            aiohttp.ClientSession() as web,
        ):
            params = {"api_key": sim.broker.api_key, "access_token": sim.mint()}
            async with web.ws_connect(sim.ws_url, params=params) as line:
                await line.send_json({"a": "subscribe", "v": [RELIANCE]})
                await line.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
                last = 0
                while clock.now() < START + timedelta(hours=1):
                    frame = await line.receive_bytes()
                    if len(frame) > 1 and len(packets(frame)[0]) == 184:
                        ticks += 1
                        (last,) = struct.unpack(">I", packets(frame)[0][60:64])
        return ticks, last

    ticks, last = run_virtually(scene)
    assert 2_395 <= ticks <= 2_405  # forty minutes until ten, and nothing after
    assert datetime.fromtimestamp(last, START.tzinfo).strftime("%H:%M") == "09:59"
