import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from tradewarden.feed.brokers.decoder import decode
from tradewarden.feed.doubt import Doubt
from tradewarden.feed.tick import Tick
from tradewarden.machines.auth import Token
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.orchestrator.feed import FeedDriver
from virtual_time import VirtualClock, run_virtually

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
TOKEN = Token("secret", 1, START)


class Line:
    """Stands where the socket would: it only writes down what it is told."""

    def __init__(self) -> None:
        self.did: list[str] = []

    async def run(self, gen: int, token: str) -> None:
        self.did.append(f"dial {gen} {token}")

    def resubscribe(self) -> None:
        self.did.append("resubscribe")

    def close(self) -> None:
        self.did.append("close")


class Coupled:
    """Tells the feed alone what a handshake meant."""

    def __init__(self, feed: FeedDriver) -> None:
        self._feed = feed

    def handshake_accepted(self, gen: int) -> None:
        self._feed.fire("opened", gen=gen)

    def handshake_refused(self, gen: int) -> None:
        self._feed.fire("refused", gen=gen)


class Bench:
    """A feed driver on its own, dialled and open, expecting dense data."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.line = Line()
        self.states: list[tuple[float, str]] = []
        self.feed = FeedDriver(FeedWatchdog(lambda: 0.5), self.clock, spawn, self.note, usable_since=lambda: None)
        self.feed.attach(self.line, Coupled(self.feed))
        self.begun = self.clock.mono_ns()
        self.feed.machine.expect("dense", now=self.begun)

    def note(self) -> None:
        state = self.feed.machine.leaf
        if not self.states or self.states[-1][1] != state:
            self.states.append((self.seconds(), state))

    def seconds(self) -> float:
        return round((self.clock.mono_ns() - self.begun) / 1e9, 3)

    def open(self) -> None:
        self.feed.fire("wanted", usable=True, token=TOKEN)
        self.feed.opened(self.feed.machine.gen)

    def tell(self, *ticks: Tick) -> None:
        self.feed.ticks(self.feed.machine.gen, list(ticks))


def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(deed, name=name)


def on_bench(scene: Callable[[Bench], Coroutine[Any, Any, None]]) -> Bench:
    async def play() -> Bench:
        bench = Bench()
        await scene(bench)
        bench.feed.disarm()
        return bench

    return run_virtually(play)


def ltp(token: int, price: int) -> Tick:
    body = token.to_bytes(4, "big") + price.to_bytes(4, "big")
    frame = b"\x00\x01\x00\x08" + body
    return decode(frame)[0][0]


def full(token: int, price: int, exchange_ts: int) -> Tick:
    fields = [token, price, *[0] * 9, 0, 0, 0, 0, exchange_ts]
    body = b"".join(field.to_bytes(4, "big") for field in fields[:16]) + bytes(120)
    return decode(b"\x00\x01" + len(body).to_bytes(2, "big") + body)[0][0]


def test_a_snapshot_proves_nothing_and_a_second_word_about_an_instrument_does() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(ltp(408065, 150000), ltp(738561, 280000))
        assert bench.feed.machine.leaf == "connected"
        bench.tell(ltp(408065, 150005))
        assert bench.feed.machine.leaf == "streaming"

    on_bench(scene)


def test_the_same_snapshot_told_twice_proves_nothing() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        for _ in range(3):
            bench.tell(full(408065, 150000, 1_790_000_000))
        assert bench.feed.machine.leaf == "connected"
        bench.tell(full(408065, 150000, 1_790_000_001))
        assert bench.feed.machine.leaf == "streaming"

    on_bench(scene)


def test_the_snapshot_of_another_mode_proves_nothing() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(ltp(408065, 150000))
        bench.tell(full(408065, 150000, 1_790_000_000))
        assert bench.feed.machine.leaf == "connected"

    on_bench(scene)


def test_the_snapshot_after_a_resubscribe_does_not_hide_a_dead_stream() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(ltp(408065, 150000))
        bench.tell(ltp(408065, 150005))
        await asyncio.sleep(10.5)
        assert bench.line.did[-1] == "resubscribe"
        bench.tell(ltp(408065, 150010))  # what the broker knew all along
        await asyncio.sleep(5)

    assert [state for _, state in on_bench(scene).states][3:5] == ["stale", "backing_off"]


def test_silence_is_seen_exactly_ten_seconds_after_the_last_tick() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(ltp(408065, 1))
        for second in range(50):
            await asyncio.sleep(1)
            bench.tell(ltp(408065, second + 2))
        await asyncio.sleep(60)

    states = on_bench(scene).states
    assert tuple(state for _, state in states[2:4]) == ("streaming", "stale")
    assert states[3][0] == pytest.approx(60.0, abs=0.05)


def test_a_socket_that_never_ticks_is_stale_within_the_first_tick_deadline() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        await asyncio.sleep(11)

    assert (10.0, "stale") in on_bench(scene).states


def test_no_tick_after_the_first_proven_one_ever_reaches_the_machine() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(ltp(408065, 1))
        bench.tell(ltp(408065, 2))
        fired: list[str] = []
        bench.feed.machine.fire = lambda event, **_: fired.append(event) or []  # type: ignore[method-assign, func-returns-value]
        for price in range(10_000):
            bench.tell(ltp(408065, price + 3))
        assert fired == []
        assert bench.feed.ticks_total == 10_002

    on_bench(scene)


def test_ticks_of_a_socket_that_was_replaced_are_nobodys_ticks() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.feed.ticks(bench.feed.machine.gen - 1, [ltp(408065, 1)])
        assert bench.feed.ticks_total == 0

    on_bench(scene)


def test_the_report_says_when_the_last_tick_came_and_how_often_the_stream_was_reconnected() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        assert bench.feed.report().last_tick_at is None
        bench.tell(ltp(408065, 1))
        bench.tell(ltp(408065, 2))
        await asyncio.sleep(3)
        report = bench.feed.report()
        assert report.last_tick_at is not None
        assert (bench.clock.now() - report.last_tick_at).total_seconds() == pytest.approx(3)
        assert (report.ticks_total, report.reconnects_total) == (2, 0)
        bench.feed.lost(bench.feed.machine.gen, "network", "reset by peer")
        assert bench.feed.report().reason == "network"
        await asyncio.sleep(1)
        bench.feed.opened(bench.feed.machine.gen)
        assert bench.feed.report().reconnects_total == 1

    on_bench(scene)


def test_a_malformed_frame_is_counted_by_kind_and_changes_nothing_else() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.feed.bad_frame(1, "truncated")
        bench.feed.bad_frame(1, "truncated")
        assert dict(bench.feed.report().bad_frames_total) == {"truncated": 2}
        assert bench.feed.machine.leaf == "connected"

    on_bench(scene)


def quote(token: int, buy_quantity: int) -> Tick:
    fields = [token, 150000, 1, 150000, 5000, buy_quantity, 0, 1, 1, 1, 1]
    body = b"".join(field.to_bytes(4, "big") for field in fields)
    return decode(b"\x00\x01" + len(body).to_bytes(2, "big") + body)[0][0]


def test_a_price_that_stands_still_is_no_dead_stream() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        for _ in range(60):
            bench.tell(ltp(408065, 150000))
            await asyncio.sleep(1)
        assert bench.feed.machine.leaf == "streaming"
        assert bench.line.did.count("close") == 0

    on_bench(scene)


def test_at_a_circuit_limit_the_queue_alone_proves_the_stream() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        bench.tell(quote(408065, 1000))
        bench.tell(quote(408065, 1100))
        assert bench.feed.machine.leaf == "streaming"

    on_bench(scene)


def test_every_way_into_backing_off_is_counted_by_its_cause() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        await asyncio.sleep(20)  # stale, given up, dialled again
        await asyncio.sleep(12)  # nobody opens: the dial times out
        assert bench.feed.lost_total["stall"] == 1
        assert bench.feed.lost_total["network"] >= 1
        before = bench.feed.lost_total["server"]
        bench.feed.fire("unwanted")
        bench.open()
        bench.feed.lost(bench.feed.machine.gen, "server", "503")
        assert bench.feed.lost_total["server"] == before + 1

    on_bench(scene)


# Ticks that cannot be true


def test_impossible_ticks_are_counted_by_kind_and_everything_else_goes_on() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        handed: list[int] = []
        bench.feed._on_ticks = lambda ticks: handed.append(len(ticks))
        now = int(bench.clock.now().timestamp())
        bench.tell(ltp(408065, 0), ltp(738561, 280000), full(408065, 150000, now + 3600))
        assert bench.feed.doubtful == {0: [Doubt.NOT_POSITIVE], 2: [Doubt.FUTURE]}
        bench.tell(ltp(738561, 280005))
        assert bench.feed.doubtful == {}
        report = bench.feed.report()
        assert dict(report.doubts_total) == {"price_not_positive": 1, "time_future": 1}
        assert set(report.doubted_at) == {"price_not_positive", "time_future"}
        assert handed == [3, 1]
        assert bench.feed.machine.leaf == "streaming"

    on_bench(scene)


def test_what_is_past_is_what_the_calendar_says() -> None:
    async def scene(bench: Bench) -> None:
        bench.open()
        before = int(bench.clock.now().timestamp()) - 5 * 86_400
        bench.feed._oldest_tick = lambda now_s: now_s - 6 * 86_400
        bench.tell(full(408065, 150000, before))
        assert dict(bench.feed.doubts_total) == {}
        bench.feed._oldest_tick = lambda now_s: now_s - 4 * 86_400
        bench.tell(full(408065, 150000, before))
        assert dict(bench.feed.doubts_total) == {}  # the time on the wall is read once a second
        await asyncio.sleep(1)
        bench.tell(full(408065, 150000, before))
        assert dict(bench.feed.doubts_total) == {"time_past": 1}

    on_bench(scene)
