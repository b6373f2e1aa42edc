from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog
from aiohttp import WSMsgType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tiny_kite import CANARY, Listener, OpenStream, TinyKite, ltp_frame, serve
from tradewarden.feed.brokers.kite import KiteStream, requests
from tradewarden.feed.brokers.resolver import Answer, Resolver
from tradewarden.feed.tick import Mode, Tick
from tradewarden.machines.statechart import FaultError

# The conversation


async def test_an_opened_stream_names_itself_subscribes_once_and_sets_the_modes_that_are_not_quote(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 3)
    assert kite.dials == [{"api_key": "canaryApiKey0001", "access_token": CANARY}]
    assert kite.headers[0]["X-Kite-Version"] == "3"
    assert "Sec-WebSocket-Extensions" not in kite.headers[0]
    assert kite.heard == [
        {"a": "subscribe", "v": [408065, 256265, 738561]},
        {"a": "mode", "v": ["full", [408065]]},
        {"a": "mode", "v": ["ltp", [738561]]},
    ]
    _, gen, ticks = await listener.until_told("ticks")
    assert (gen, [tick.last_price for tick in ticks]) == (1, [1412.95])
    assert listener.told[0] == ("opened", 1)
    stream.close()
    await running


async def test_resubscribing_asks_for_the_same_again_on_the_open_socket(
    kite: TinyKite, open_stream: OpenStream
) -> None:
    stream = open_stream()
    stream.resubscribe()  # nothing is open yet, nothing happens
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 3)
    stream.resubscribe()
    await kite.until(lambda: len(kite.heard) == 6)
    assert kite.heard[:3] == kite.heard[3:]
    assert len(kite.dials) == 1
    stream.close()
    stream.resubscribe()
    await running


async def test_only_the_instruments_that_are_silent_are_asked_for_again(
    kite: TinyKite, open_stream: OpenStream
) -> None:
    stream = open_stream()
    stream.ask_again([408065])  # nothing is open yet, nothing happens
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 3)
    stream.ask_again([408065, 1])  # the second one is not wanted
    await kite.until(lambda: len(kite.heard) == 5)
    assert kite.heard[3:] == [{"a": "subscribe", "v": [408065]}, {"a": "mode", "v": ["full", [408065]]}]
    assert [sorted(each) for each in stream.connections()] == [[256265, 408065, 738561]]
    stream.close()
    await running


async def test_a_connection_is_dialled_anew_without_a_word(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    stream.redial()  # nothing is open yet, nothing happens
    running = asyncio.create_task(stream.run(4, CANARY))
    for dials in (2, 3, 4):
        await listener.until_told("ticks", times=dials - 1)
        await kite.until(lambda dials=dials: len(kite.heard) == 3 * (dials - 1))  # type: ignore[misc]
        stream.redial()
        await kite.until(lambda dials=dials: _dialled(kite, dials))  # type: ignore[misc]
    await listener.until_told("ticks", times=4)
    assert listener.of("opened", "lost", "refused") == [("opened", 4)]
    await kite.until(lambda: len(kite.sockets) == 1)
    assert kite.heard[:3] == kite.heard[-3:]
    stream.close()
    await running


@pytest.mark.parametrize(("door", "told"), [(403, ("refused", 1, 403)), (500, ("lost", 1, "server"))])
async def test_a_dial_anew_that_fails_is_told_as_any_other(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, door: int, told: tuple[object, ...]
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    kite.door = door
    stream.redial()
    await running
    assert [what[:3] for what in listener.of("refused", "lost")] == [told]
    assert len(kite.dials) == 2


async def test_a_close_in_the_middle_of_a_dial_anew_ends_it(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    stream.redial()
    stream.close()
    await running
    assert len(kite.dials) == 1
    assert listener.of("refused", "lost") == []


def test_a_desk_without_instruments_asks_for_nothing() -> None:
    assert requests({}) == []


def test_more_instruments_than_kite_carries_are_refused_with_the_number_to_take_out() -> None:
    with pytest.raises(ValueError, match=r"3002 instruments are more .* take 2 out, 3000 is the most"):
        KiteStream(
            url="ws://127.0.0.1:1", api_key="k", subscriptions=dict.fromkeys(range(3002), Mode.LTP), events=Listener()
        )


def test_an_address_that_is_no_websocket_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with wss://"):
        KiteStream(url="https://ws.kite.trade", api_key="k", subscriptions={}, events=Listener())


async def test_three_thousand_instruments_fit_in_one_subscribe(kite: TinyKite, open_stream: OpenStream) -> None:
    stream = open_stream(subscriptions=dict.fromkeys(range(2**31, 2**31 + 3000), Mode.FULL))
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 2)
    assert [len(message["v"]) for message in kite.heard] == [3000, 2]
    stream.close()
    await running


# What the broker's door says


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "configuration"), (429, "rate_limited"), (500, "server"), (502, "server"), (404, "server"), (200, "server")],
)
async def test_an_http_answer_instead_of_a_websocket_is_told_apart_by_its_status(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, status: int, reason: str
) -> None:
    kite.door = status
    await open_stream().run(7, CANARY)
    [(kind, gen, told, detail)] = listener.told
    assert (kind, gen, told) == ("lost", 7, reason)
    assert str(status) in detail


async def test_a_403_is_a_refusal_and_costs_exactly_one_attempt(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.door = 403
    await open_stream().run(3, CANARY)
    assert listener.told == [("refused", 3, 403)]
    assert len(kite.dials) == 1


async def test_a_closed_port_is_a_lost_network(listener: Listener, open_stream: OpenStream) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        stream = open_stream(url=f"ws://127.0.0.1:{nobody.getsockname()[1]}")
        await stream.run(1, CANARY)
    assert listener.told == [("lost", 1, "network", "cannot connect: Connection refused")]


async def test_a_name_that_nobody_knows_is_a_lost_network(listener: Listener, open_stream: OpenStream) -> None:
    stream = open_stream(url="ws://no-such-broker.invalid")
    await stream.run(1, CANARY)
    assert listener.told == [("lost", 1, "network", "the broker's host name could not be looked up")]


async def test_a_door_that_never_answers_is_given_up_at_the_deadline(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.door = "slow"
    begun = time.monotonic()
    await open_stream(dial_timeout=0.3).run(1, CANARY)
    assert listener.told == [("lost", 1, "network", "no answer within 0.3 s")]
    assert 0.25 < time.monotonic() - begun < 1.5


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Hm\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        b"\xff" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ],
)
@pytest.mark.parametrize("farewell", ["reset", "close"])
async def test_whatever_stands_at_the_door_ends_the_attempt_and_never_raises(
    listener: Listener, open_stream: OpenStream, answer: bytes, farewell: str
) -> None:
    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if farewell == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(door, "127.0.0.1", 0) as server:
        stream = open_stream(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await stream.run(1, CANARY)
    [(kind, _, reason, _)] = listener.told
    assert kind == "lost"
    assert reason in {"network", "server"}


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A broker's certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "kite.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def test_a_certificate_that_nobody_vouches_for_never_gets_the_token(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, certificate: Path
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    async with serve(kite.handle, ssl_context=server) as port:
        await open_stream(url=f"wss://127.0.0.1:{port}").run(1, CANARY)
    [(kind, _, reason, detail)] = listener.told
    assert (kind, reason) == ("lost", "tls")
    assert detail == "the broker's certificate is not trusted: self-signed certificate"
    assert kite.dials == []


async def test_a_certificate_that_the_desk_trusts_is_as_good_as_any(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, certificate: Path
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    async with serve(kite.handle, ssl_context=server) as port:
        stream = open_stream(
            url=f"wss://127.0.0.1:{port}", ssl=ssl.create_default_context(cafile=str(certificate)), mute_after=0.3
        )
        running = asyncio.create_task(stream.run(1, CANARY))
        await listener.until_told("ticks")
        kite.heartbeats = None
        assert (await listener.until_told("lost"))[2] == "mute"  # the abort works through TLS too
        await running


async def test_a_server_that_speaks_no_tls_is_a_fault_of_tls(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    async with serve(kite.handle) as port:
        await open_stream(url=f"wss://127.0.0.1:{port}").run(1, CANARY)
    [(kind, _, reason, _)] = listener.told
    assert (kind, reason) == ("lost", "tls")


# Silence and loss


async def test_a_socket_without_one_frame_is_mute_at_the_limit(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    running = asyncio.create_task(open_stream(mute_after=0.4).run(1, CANARY))
    await listener.until_told("ticks")
    kite.heartbeats = None
    await kite.until(lambda: len(kite.heard) == 3)
    heard = listener.frames
    begun = time.monotonic()
    lost = await listener.until_told("lost")
    silent = time.monotonic() - begun
    await running
    assert lost == ("lost", 1, "mute", "not one frame for 0.4 s, not even a heartbeat")
    assert silent < 0.4 + 0.2
    assert silent > 0.2 or listener.frames > heard
    await kite.until(lambda: not kite.sockets)


async def test_heartbeats_alone_keep_the_line(kite: TinyKite, listener: Listener, open_stream: OpenStream) -> None:
    kite.heartbeats, kite.first = 0.1, None
    stream = open_stream(mute_after=0.3)
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until(lambda: listener.frames >= 8)
    assert listener.told == [("opened", 1)]
    stream.close()
    await running


async def test_pings_alone_keep_the_line_and_are_answered(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.heartbeats, kite.first = None, None
    stream = open_stream(mute_after=0.3)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: kite.sockets and len(kite.heard) == 3)
    for n in range(8):
        await kite.sockets[0].ping(b"%d" % n)
        await listener.until(partial(_reached, listener, n + 1))
        await asyncio.sleep(0.1)
    assert listener.of("lost") == []
    stream.close()
    await running


def _reached(listener: Listener, frames: int) -> bool:
    return listener.frames == frames


async def test_a_loop_that_stood_still_does_not_take_its_own_silence_for_the_brokers(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.heartbeats = None
    stream = open_stream(mute_after=0.3)
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    await kite.until(lambda: len(kite.heard) == 3)
    await kite.sockets[0].send_bytes(b"\x00")
    time.sleep(0.6)  # noqa: ASYNC251 - the frame waits in the kernel meanwhile
    kite.heartbeats = 0.05
    frames = listener.frames
    await listener.until(lambda: listener.frames >= frames + 10)
    assert listener.of("lost") == []
    stream.close()
    await running


async def test_a_peer_that_reads_nothing_is_dropped_with_all_that_waits_to_be_sent(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.heartbeats = None
    stream = open_stream(mute_after=0.5, subscriptions=dict.fromkeys(range(2**31, 2**31 + 3000), Mode.QUOTE))
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    [transport] = kite.transports
    transport.pause_reading()
    for _ in range(500):
        stream.resubscribe()
    assert (await listener.until_told("lost"))[2] == "mute"
    await running
    transport.resume_reading()
    await kite.until(lambda: not kite.sockets)
    assert len(kite.heard) < 500


async def test_a_reset_is_told_at_once(kite: TinyKite, listener: Listener, open_stream: OpenStream) -> None:
    running = asyncio.create_task(open_stream().run(1, CANARY))
    await listener.until_told("ticks")
    kite.reset()
    assert await listener.until_told("lost") == ("lost", 1, "network", "the connection broke off")
    await running


async def test_a_farewell_is_told_with_its_code(kite: TinyKite, listener: Listener, open_stream: OpenStream) -> None:
    running = asyncio.create_task(open_stream().run(1, CANARY))
    await listener.until_told("ticks")
    await kite.sockets[0].close(code=1012, message=CANARY.encode())
    assert await listener.until_told("lost") == ("lost", 1, "closed", "the broker closed it, code 1012")
    await running


async def test_a_message_beyond_all_measure_ends_the_connection_and_not_the_desk(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    running = asyncio.create_task(open_stream().run(1, CANARY))
    await listener.until_told("ticks")
    with contextlib.suppress(ConnectionError):  # it is hung up on before it has said all
        await kite.sockets[0].send_bytes(bytes(5 * 1024 * 1024))
    assert (await listener.until_told("lost"))[2] == "server"
    await running


# Bad frames and bad listeners


async def test_malformed_frames_are_counted_by_kind_and_the_connection_is_kept(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    [line] = kite.sockets
    for frame in (b"", b"\x00\x02", ltp_frame() + b"!", b"\x00\x09" + ltp_frame()[2:], b"\x00\x01\x00\xb8", bytes(9)):
        await line.send_bytes(frame)
    await line.send_bytes(struct.pack(">HH", 3, 3) + b"???" + struct.pack(">H", 3) + b"???" + ltp_frame()[2:])
    await line.send_str("{not json")
    await line.send_str("[1]")
    await line.send_frame(b"\xff\xfe", WSMsgType.TEXT)
    await line.send_str('{"type":"order","data":{"order_id":"1"}}')
    assert (await listener.until_told("text"))[2] == {"type": "order", "data": {"order_id": "1"}}
    assert [what[2] for what in listener.of("bad_frame")] == [
        "short", "short", "trailing", "count", "truncated", "trailing", "unknown_length", "text", "text", "text",
    ]  # fmt: skip
    assert len(listener.of("ticks")) == 4  # the snapshot, and every good packet beside a bad one
    assert listener.of("lost") == []
    stream.close()
    await running


async def test_a_listeners_bug_is_logged_once_counted_and_costs_no_connection(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    def poison(ticks: list[Tick]) -> None:
        raise ZeroDivisionError(f"{len(ticks)}")

    listener.on_ticks = poison
    stream = open_stream()
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(stream.run(1, CANARY))
        await listener.until_told("ticks")
        for _ in range(4):
            await kite.sockets[0].send_bytes(ltp_frame())
        await listener.until_told("ticks", times=5)
        stream.close()
        await running
    assert [(log["event"], log["callback"], log["exc_info"]) for log in logs] == [
        ("feed.callback_failed", "ticks", True)
    ]
    assert stream.callback_failures == 5
    assert [what[2] for what in listener.of("bad_frame")] == ["callback"] * 5
    assert listener.of("lost") == []


async def test_a_fault_of_the_machines_rises_out_of_the_stream_and_drops_the_connection(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    def broken(_ticks: list[Tick]) -> None:
        raise FaultError("auth 'valid' and feed 'connecting' do not come to rest")

    listener.on_ticks = broken
    with pytest.raises(ExceptionGroup) as raised:
        await open_stream().run(1, CANARY)
    assert raised.group_contains(FaultError, match="do not come to rest")
    await kite.until(lambda: not kite.sockets)
    assert listener.of("lost") == []


# Closing, cancelling, dialling again


async def test_after_close_nothing_more_is_told_of_that_connection(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    await kite.sockets[0].send_bytes(ltp_frame())
    stream.close()
    told, frames = list(listener.told), listener.frames
    await running
    await kite.until(lambda: not kite.sockets)
    assert (listener.told, listener.frames) == (told, frames)


async def test_a_listener_may_close_the_stream_from_within_its_own_callback(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    listener.on_opened = stream.close
    await stream.run(1, CANARY)
    listener.on_opened, listener.on_ticks = lambda: None, lambda _ticks: stream.close()
    kite.first = ltp_frame() + b"!"  # the tick in it closes the stream, its bad end is not told any more
    await stream.run(2, CANARY)
    assert [what[:2] for what in listener.told] == [("opened", 1), ("opened", 2), ("ticks", 2)]
    await kite.until(lambda: not kite.sockets)


async def test_closing_during_the_dial_ends_it_at_once_and_silently(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    kite.door = "slow"
    stream = open_stream(dial_timeout=30.0)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: kite.dials)
    stream.close()
    async with asyncio.timeout(1):
        await running
    assert listener.told == []


async def test_a_close_before_the_first_step_of_the_dial_is_not_lost(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    stream.close()
    await running
    assert (kite.dials, listener.told) == ([], [])


@pytest.mark.parametrize("door", ["open", "slow"])
async def test_cancelling_drops_the_socket_and_tells_nothing_more(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, door: str
) -> None:
    kite.door = door
    running = asyncio.create_task(open_stream(mute_after=60.0).run(1, CANARY))
    await kite.until(lambda: kite.dials and (door == "slow" or len(kite.heard) == 3))
    running.cancel()
    told = list(listener.told)
    with pytest.raises(asyncio.CancelledError):
        await running
    await kite.until(lambda: not kite.sockets)
    assert listener.told == told


async def test_dialling_again_drops_what_is_left_of_the_earlier_connection(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    first = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks")
    second = asyncio.create_task(stream.run(2, CANARY))
    await listener.until_told("ticks", times=2)
    await first
    assert [what[:2] for what in listener.of("opened", "lost")] == [("opened", 1), ("opened", 2)]
    assert len(kite.sockets) == 1
    stream.close()
    await second


async def test_two_hundred_new_tokens_leave_one_socket_and_no_task_behind(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    await _swap(stream, listener, 1)
    await kite.until(lambda: not kite.sockets)
    tasks = len(asyncio.all_tasks())
    switches = [await _swap(stream, listener, gen) for gen in range(2, 202)]
    await kite.until(lambda: not kite.sockets)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks
    assert len(kite.dials) == 201
    assert kite.most_sockets <= 2  # the server may learn of the end of one after the start of the next
    assert statistics.median(switches) < 0.1


async def _swap(stream: KiteStream, listener: Listener, gen: int) -> float:
    begun = time.monotonic()
    running = asyncio.create_task(stream.run(gen, f"{CANARY}{gen}"))
    await listener.until_told("ticks", times=gen)
    took = time.monotonic() - begun
    stream.close()
    await running
    return took


async def test_from_a_reset_to_ticks_again_takes_no_time_worth_naming(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream, took = open_stream(), []
    for gen in range(1, 12):
        running = asyncio.create_task(stream.run(gen, CANARY))
        await listener.until_told("ticks", times=gen)
        kite.reset()
        begun = time.monotonic()
        await running
        took.append(time.monotonic() - begun)
    assert [what[2] for what in listener.of("lost")] == ["network"] * 11
    assert statistics.median(took) < 0.05


# Secrets


async def test_no_log_line_no_exception_and_no_repr_shows_the_token(
    kite: TinyKite, listener: Listener, open_stream: OpenStream, caplog: pytest.LogCaptureFixture
) -> None:
    said, complaints = io.StringIO(), []
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(repr(context)))
    stream = open_stream(dial_timeout=0.2, mute_after=0.2)
    with redirect_stdout(said), redirect_stderr(said):
        doors: list[str | int] = ["open", 403, 400, 500, "slow"]
        for gen, kite.door in enumerate(doors, start=1):
            kite.heartbeats = None
            running = asyncio.create_task(stream.run(gen, CANARY))
            await kite.until(partial(_dialled, kite, gen))
            said.write(f"{running!r} {stream!r} {stream._line!r} {stream.__dict__!r}")
            await running
        running = asyncio.create_task(stream.run(9, CANARY))
        listener.on_ticks = lambda _ticks: 1 / 0
        kite.door = "open"
        await running
    gc.collect()
    everything = said.getvalue() + caplog.text + repr(listener.told) + repr(complaints)
    assert len(listener.of("lost", "refused")) == 6
    assert "feed.callback_failed" in everything
    assert CANARY not in everything


def _dialled(kite: TinyKite, times: int) -> bool:
    return len(kite.dials) == times


# The address book


async def test_a_slow_dns_is_not_waited_for_once_there_was_an_answer() -> None:
    calls: list[str] = []

    def lookup(host: str, port: int, _family: int, _kind: int) -> Answer:
        calls.append(host)
        if len(calls) > 1:
            time.sleep(0.5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    resolver = Resolver(patience=0.05, lookup=lookup)
    first = await resolver.resolve("ws.kite.trade", 443)
    begun = time.monotonic()
    second = await asyncio.gather(resolver.resolve("ws.kite.trade", 443), resolver.resolve("ws.kite.trade", 443))
    assert time.monotonic() - begun < 0.4
    assert list(second) == [first, first]
    assert len(calls) == 2  # both asked, one look-up


async def test_a_dns_that_fails_is_an_error_only_while_no_answer_is_known() -> None:
    broken = False

    def lookup(_host: str, port: int, _family: int, _kind: int) -> Answer:
        if broken:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    resolver = Resolver(lookup=lookup)
    known = await resolver.resolve("ws.kite.trade", 443)
    broken = True
    assert await resolver.resolve("ws.kite.trade", 443) == known
    with pytest.raises(OSError, match="try again"):
        await resolver.resolve("other.kite.trade", 443)


async def test_a_host_without_a_thread_to_spare_has_no_dns_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver(lookup=lambda *_query: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))])
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(OSError, match="no thread"):
            await resolver.resolve("ws.kite.trade", 443)
    assert [found["host"] for found in await resolver.resolve("ws.kite.trade", 443)] == ["127.0.0.1"]


# What the daemon carries


def test_the_daemons_side_of_kite_never_imports_the_official_client_or_its_reactor() -> None:
    code = (
        "import sys, tradewarden.feed.brokers.kite, tradewarden.feed.brokers.kite_rest\n"
        "print([name for name in sys.modules if name.startswith(('kiteconnect', 'twisted.internet', 'requests'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == "[]"
