"""Silent instruments: seen, asked for again, shown and written down; and one silent connection of several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from desk import LIVE, Desk, play
from tradewarden.feed.tick import LtpTick
from tradewarden.instruments_command import instruments
from tradewarden.machines.auth import Token
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.gap import Gap
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.freshness import FreshnessDriver
from tradewarden.orchestrator.market import MarketDriver
from virtual_time import VirtualClock, run_virtually

NIFTY, RELIANCE, INFY = 256265, 738561, 408065
ADMIN = {"Authorization": "Bearer desktestadmin"}


async def told(desk: Desk, path: str) -> dict[str, Any]:
    async with desk.client.get(f"{desk.url}{path}", headers=ADMIN) as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


async def stream_check(desk: Desk) -> dict[str, Any]:
    _, body = await desk.health()
    check: dict[str, Any] = body["checks"]["feed:stream"][0]
    return check


def test_a_silent_index_is_seen_asked_for_again_shown_and_written_down(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        assert "output" not in await stream_check(desk)
        desk.broker.world.change({"silent": [NIFTY]})
        silent_from = desk.clock.now()
        picture = await desk.until(lambda picture: picture.feed.silent == 1, within=40)
        assert 30 <= (desk.clock.now() - silent_from).total_seconds() < 33
        assert (picture.headline.code, picture.feed.state) == ("market.live", "streaming")
        check = await stream_check(desk)
        assert (check["status"], check["silentInstruments"]) == ("warn", 1)
        assert check["output"] == "1 instrument is silent although data is due."
        assert (await desk.health())[0] == 200
        (silent,) = (await told(desk, "/api/instruments"))["silent"]
        assert (silent["token"], silent["class"], silent["limitSeconds"], silent["asked"]) == (NIFTY, "index", 30, 1)
        said: list[str] = []
        socket = desk.state / "control.sock"
        assert await instruments(None, socket, as_json=False, say=said.append) == 1
        assert "! NIFTY 50 is silent since" in said[0].replace("NSE:", "") or "! 256265 is silent since" in said[0]
        desk.broker.world.change({"silent": ""})
        await desk.until(lambda picture: picture.feed.silent == 0, within=5)
        assert "output" not in await stream_check(desk)
        await asyncio.sleep(8)
        (gap,) = (await told(desk, "/api/gaps"))["gaps"]
        assert (gap["cause"], gap["instruments"]) == ("instrument silence", [NIFTY])
        assert abs((datetime.fromisoformat(gap["from"]) - silent_from).total_seconds()) < 2
        assert desk.dials() == 1

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_subscription_that_brings_no_first_tick_is_asked_for_again_and_proven_by_its_own_ticks(
    tmp_path: Path,
) -> None:
    async def scene(desk: Desk) -> None:
        desk.broker.world.change({"silent": [RELIANCE]})
        await desk.until_feed("streaming")
        await desk.until(lambda picture: picture.feed.silent == 1, within=15)
        (silent,) = (await told(desk, "/api/instruments"))["silent"]
        assert (silent["token"], silent["firstTickMissing"]) == (RELIANCE, True)
        desk.broker.world.change({"silent": ""})
        await desk.until(lambda picture: picture.feed.silent == 0, within=5)

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_daemon_that_stops_writes_the_silences_down(tmp_path: Path) -> None:
    async def first(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"silent": [NIFTY, RELIANCE]})
        await asyncio.sleep(45)

    async def second(desk: Desk) -> None:
        (gap,) = (await told(desk, "/api/gaps"))["gaps"]
        assert gap["causes"] == ["instrument silence", "daemon stopped"]
        assert gap["instruments"] == [NIFTY]  # nobody knows yet how long RELIANCE may be silent

    play(tmp_path, LIVE, first, tick_seconds=1.0)
    play(tmp_path, LIVE, second, token=False)


# Several connections


class Lines:
    """Two connections that write down what they are told."""

    def __init__(self) -> None:
        self.did: list[object] = []
        self.held: list[list[int]] = [[NIFTY, RELIANCE], [INFY]]

    async def run(self, gen: int, token: str) -> None:
        self.did.append(f"dial {gen} {len(token)}")

    def resubscribe(self) -> None:
        self.did.append("resubscribe")

    def close(self) -> None:
        self.did.append("close")

    def connections(self) -> Sequence[Collection[int]]:
        return self.held

    def ask_again(self, tokens: Collection[int]) -> None:
        self.did.append(("ask", sorted(tokens)))

    def redial(self, place: int) -> None:
        self.did.append(("redial", place))


class Bench:
    """A feed that streams on two connections, and the watch over its instruments."""

    def __init__(self) -> None:
        self.clock = VirtualClock(LIVE)
        self.session = SimpleNamespace(segment="NSE_EQ", moment=SimpleNamespace(expected="dense"))
        market = cast("MarketDriver", SimpleNamespace(sessions=[self.session], wanted=True))
        self.lines = Lines()
        self.feed = FeedDriver(FeedWatchdog(lambda: 0.5), self.clock, spawn, lambda: None, usable_since=lambda: LIVE)
        self.feed.attach(self.lines, SimpleNamespace(handshake_accepted=self.accept, handshake_refused=self.accept))
        self.gaps: list[tuple[Gap, Sequence[int]]] = []
        self.watch = FreshnessDriver(
            self.feed.freshness,
            self.feed,
            market,
            self.clock,
            stream=self.lines,
            write=lambda gap, tokens: self.gaps.append((gap, tokens)),
            class_of=lambda token: "liquid" if token == INFY else None,
        )
        self.watch.follow([NIFTY, RELIANCE, INFY])
        self.prices = {NIFTY: 0, RELIANCE: 0, INFY: 0}
        self.silent: set[int] = set()

    def accept(self, gen: int) -> None:
        self.feed.fire("opened", gen=gen)

    def open(self) -> None:
        self.feed.machine.expect("dense", now=self.clock.mono_ns())
        self.feed.fire("wanted", usable=True, token=Token("secret", 1, LIVE))
        self.feed.opened(1)

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            ticking = [token for token in self.prices if token not in self.silent]
            for token in ticking:
                self.prices[token] += 1
            if ticking:
                self.feed.ticks(1, [LtpTick(token, 100 + self.prices[token]) for token in ticking])
            self.watch.look()

    def deeds(self) -> list[object]:
        return [deed for deed in self.lines.did if not isinstance(deed, str)]


def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(deed, name=name)


def on_bench(scene: Callable[[Bench], Coroutine[Any, Any, None]]) -> Bench:
    async def play() -> Bench:
        bench = Bench()
        bench.open()
        await bench.run(100)
        assert bench.deeds() == []
        await scene(bench)
        bench.feed.disarm()
        return bench

    return run_virtually(play)


def test_a_single_silent_connection_is_asked_again_then_dialled_anew_alone_and_its_gap_is_one() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {INFY}
        await bench.run(17)
        assert bench.deeds() == [("ask", [INFY]), ("redial", 1)]
        assert bench.feed.machine.leaf == "streaming"
        assert bench.feed.lost_total["instrument_silence"] == 1
        (report,) = bench.watch.report()
        assert (report.token, report.kind, report.limit, report.tries) == (INFY, "connection", 10.0, 2)
        assert bench.feed.report().silent == 1
        bench.silent = set()
        await bench.run(1)
        assert bench.feed.report().silent == 1  # a snapshot proves nothing
        await bench.run(1)
        assert bench.feed.report().silent == 0
        assert bench.watch.report() == []
        await bench.run(8)
        ((gap, tokens),) = bench.gaps
        assert (tokens, gap.causes) == ((INFY,), ("instrument silence",))
        assert 18 <= gap.seconds <= 20

    on_bench(scene)


def test_instruments_of_a_silent_connection_are_not_asked_for_one_by_one() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {INFY}
        await bench.run(500)
        assert set(map(str, bench.deeds())) == {str(("ask", [INFY])), str(("redial", 1))}
        assert bench.deeds().count(("ask", [INFY])) == 1

    on_bench(scene)


def test_a_silent_connection_that_loses_its_session_ends_with_it() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {INFY}
        await bench.run(30)
        bench.session.moment = SimpleNamespace(expected="sparse")
        await bench.run(10)
        ((gap, tokens),) = bench.gaps
        assert (tokens, gap.causes) == ((INFY,), ("instrument silence", "session ended"))
        assert bench.feed.suspects == set()

    on_bench(scene)


def test_a_silent_instrument_that_is_not_wanted_any_more_ends_as_unsubscribed() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {NIFTY}
        await bench.run(40)
        assert ("ask", [NIFTY]) in bench.deeds()
        bench.watch.follow([RELIANCE, INFY])
        await bench.run(7)
        ((gap, tokens),) = bench.gaps
        assert (tokens, gap.causes) == ((NIFTY,), ("instrument silence", "unsubscribed"))
        assert bench.feed.suspects == set()

    on_bench(scene)


def test_while_the_whole_stream_is_stale_no_instrument_is_judged() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {NIFTY, RELIANCE, INFY}
        await bench.run(60)
        assert bench.deeds() == []
        assert "resubscribe" in bench.lines.did

    on_bench(scene)


def test_a_look_a_second_is_enough() -> None:
    async def scene(bench: Bench) -> None:
        bench.silent = {NIFTY}
        await bench.run(31)
        bench.lines.did.clear()
        looked = bench.watch.machine.silent[NIFTY].next_at
        for _ in range(50):
            bench.watch.look()
        assert bench.watch.machine.silent[NIFTY].next_at == looked

    on_bench(scene)


def test_each_segment_makes_data_due_of_its_own_instruments_alone() -> None:
    async def scene(bench: Bench) -> None:
        bench.session.moment = SimpleNamespace(expected="none")
        bench.silent = {NIFTY, INFY}
        await bench.run(400)
        assert bench.deeds() == []
        bench.session.moment = SimpleNamespace(expected="dense")
        began = bench.clock.mono_ns()
        await bench.run(35)
        assert bench.watch.machine.silent[NIFTY].since >= began
        assert bench.watch.machine.silent[NIFTY].limit == 30 * SECOND

    on_bench(scene)


def test_the_limits_are_told_in_seconds() -> None:
    async def scene(bench: Bench) -> None:
        assert bench.watch.limits() == {NIFTY: ("index", 30.0), RELIANCE: ("learned", None), INFY: ("liquid", 60.0)}

    on_bench(scene)
