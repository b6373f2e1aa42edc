"""The feed against the simulated broker, which shares no code with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tiny_kite import Listener
from tradewarden.feed.brokers.kite import KiteStream
from tradewarden.feed.brokers.kite_rest import KiteRest, Verdict
from tradewarden.feed.tick import IndexFullTick, Mode
from tradewarden.simulator.kite import API_SECRET, KiteSimulator
from tradewarden.simulator.packets import MALFORMED

NIFTY, INFY = 256265, 408065


@pytest.fixture
async def simulator() -> AsyncIterator[KiteSimulator]:
    async with KiteSimulator(
        now=lambda: datetime(2026, 11, 23, 4, 0, tzinfo=UTC), seed=1, tick_seconds=0.05, heartbeat_seconds=0.1
    ) as simulator:
        yield simulator


@pytest.fixture
async def stream(simulator: KiteSimulator, listener: Listener) -> AsyncIterator[KiteStream]:
    stream = KiteStream(
        url=simulator.ws_url,
        api_key=simulator.broker.api_key,
        subscriptions={NIFTY: Mode.FULL, INFY: Mode.LTP},
        events=listener,
        mute_after=1.0,
    )
    yield stream
    await stream.aclose()


async def test_ticks_flow_in_the_modes_that_were_asked_for(
    simulator: KiteSimulator, stream: KiteStream, listener: Listener
) -> None:
    running = asyncio.create_task(stream.run(1, simulator.mint()))
    await listener.until_told("ticks", times=8)
    stream.close()
    await running
    newest = {tick.token: tick for _, _, ticks in listener.of("ticks") for tick in ticks}
    assert newest.keys() == {NIFTY, INFY}
    assert isinstance(newest[NIFTY], IndexFullTick)
    assert newest[INFY].mode is Mode.LTP
    assert all(tick.last_price > 0 for tick in newest.values())


async def test_none_of_the_simulators_malformed_frames_costs_the_connection(
    simulator: KiteSimulator, stream: KiteStream, listener: Listener
) -> None:
    running = asyncio.create_task(stream.run(1, simulator.mint()))
    await listener.until_told("ticks")
    for times, kind in enumerate(MALFORMED, start=1):
        simulator.do("malformed_frame", kind)
        await listener.until_told("bad_frame", times=times)
    before = len(listener.of("ticks"))
    await listener.until_told("ticks", times=before + 2)
    assert listener.of("lost") == []
    stream.close()
    await running


async def test_a_token_that_expires_goes_on_ticking_and_is_refused_at_the_next_dial(
    simulator: KiteSimulator, stream: KiteStream, listener: Listener
) -> None:
    token = simulator.mint()
    running = asyncio.create_task(stream.run(1, token))
    await listener.until_told("ticks")
    simulator.do("expire_token")
    before = len(listener.of("ticks"))
    await listener.until_told("ticks", times=before + 3)
    simulator.do("drop_socket")
    await running
    await stream.run(2, token)
    assert [what[:3] for what in listener.of("lost", "refused")] == [("lost", 1, "network"), ("refused", 2, 403)]


async def test_a_good_and_a_dead_token_are_told_apart(simulator: KiteSimulator) -> None:
    rest = KiteRest(
        rest_url=simulator.url,
        login_url=simulator.login_url,
        api_key=simulator.broker.api_key,
        api_secret=API_SECRET,
    )
    token = simulator.mint()
    assert (await rest.probe(token)).verdict is Verdict.GOOD
    simulator.do("expire_token")
    assert (await rest.probe(token)).verdict is Verdict.DEAD
