"""Three connections that live and end as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tiny_kite import API_KEY, CANARY, Listener, TinyKite, serve
from tradewarden.feed.brokers.kite_shards import KiteShards
from tradewarden.feed.tick import Mode

OpenShards = Callable[..., KiteShards]


@pytest.fixture
async def open_shards(kite: TinyKite, listener: Listener) -> AsyncIterator[OpenShards]:
    made: list[KiteShards] = []
    async with serve(kite.handle) as port:

        def make(*tokens: int, **changes: Any) -> KiteShards:
            known: dict[str, Any] = {"size": 2, "mute_after": 1.0, "dial_timeout": 2.0}
            shards = KiteShards(
                url=f"ws://127.0.0.1:{port}",
                api_key=API_KEY,
                subscriptions=dict.fromkeys(tokens, Mode.QUOTE),
                events=listener,
                **(known | changes),
            )
            made.append(shards)
            return shards

        yield make
        for shards in made:
            await shards.aclose()


def subscribed(kite: TinyKite) -> list[list[int]]:
    return sorted(message["v"] for message in kite.heard if message["a"] == "subscribe")


async def test_instruments_are_spread_over_connections_and_opening_is_told_once(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2, 3, 4, 5)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 3)
    assert subscribed(kite) == [[1, 2], [3, 4], [5]]
    await listener.until_told("ticks", times=3)
    assert listener.of("opened", "lost", "refused") == [("opened", 1)]
    stream.close()
    await running
    await kite.until(lambda: not kite.sockets)
    assert kite.most_sockets == len(kite.dials) == 3


async def test_what_one_connection_carries_needs_no_second_one(kite: TinyKite, open_shards: OpenShards) -> None:
    stream = open_shards(1, 2)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 1)
    stream.close()
    await running
    assert len(kite.dials) == 1


async def test_an_empty_desk_still_dials_once_so_that_its_token_is_proven(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards()
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("opened")
    stream.close()
    await running
    assert len(kite.dials) == 1


async def test_the_end_of_one_connection_is_the_end_of_all_and_is_told_once(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2, 3)
    running = asyncio.create_task(stream.run(7, CANARY))
    await kite.until(lambda: len(kite.heard) == 2)
    kite.transports[1].abort()
    await running
    (lost,) = listener.of("lost")
    assert lost[:3] == ("lost", 7, "network")
    assert lost[3].startswith("connection ")
    await kite.until(lambda: not kite.sockets)


@pytest.mark.parametrize(("door", "told"), [(403, ("refused", 1, 403)), (429, ("lost", 1, "rate_limited"))])
async def test_a_door_that_stays_shut_is_told_once(
    kite: TinyKite, listener: Listener, open_shards: OpenShards, door: int, told: tuple[object, ...]
) -> None:
    kite.door = door
    await open_shards(1, 2, 3, 4, 5).run(1, CANARY)
    (what,) = listener.of("refused", "lost")
    assert what[:3] == told


async def test_a_subscription_that_grows_dials_a_further_connection_and_moves_nothing(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 1)
    stream.set_subscriptions(dict.fromkeys((1, 2, 3), Mode.QUOTE))
    await kite.until(lambda: len(kite.heard) == 2)
    stream.set_subscriptions(dict.fromkeys((2, 3, 4), Mode.QUOTE))
    await kite.until(lambda: len(kite.heard) == 4)
    assert kite.heard == [
        {"a": "subscribe", "v": [1, 2]},
        {"a": "subscribe", "v": [3]},
        {"a": "unsubscribe", "v": [1]},
        {"a": "subscribe", "v": [4]},
    ]
    assert (len(kite.dials), len(listener.of("opened"))) == (2, 1)
    stream.close()
    await running


async def test_running_again_leaves_no_connection_of_the_round_before(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2, 3)
    for gen in (1, 2, 3):
        running = asyncio.create_task(stream.run(gen, CANARY))
        await listener.until_told("opened", times=gen)
        await kite.until(lambda gen=gen: len(kite.heard) == 2 * gen)  # type: ignore[misc]
    await kite.until(lambda: len(kite.sockets) == 2)
    stream.resubscribe()
    await kite.until(lambda: len(kite.heard) == 8)
    stream.close()
    await running
    assert listener.of("lost", "refused") == []


async def test_a_close_before_the_first_step_dials_nothing(kite: TinyKite, open_shards: OpenShards) -> None:
    stream = open_shards(1, 2, 3)
    run = stream.run(1, CANARY)
    stream.close()
    await run
    cancelled = asyncio.create_task(stream.run(2, CANARY))
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert kite.dials == []


async def test_more_than_all_connections_carry_is_refused_and_changes_nothing(
    kite: TinyKite, open_shards: OpenShards
) -> None:
    with pytest.raises(ValueError, match="7 instruments do not fit on 3 connections of 2"):
        open_shards(*range(1, 8))
    stream = open_shards(1)
    with pytest.raises(ValueError, match="do not fit"):
        stream.set_subscriptions(dict.fromkeys(range(1, 8), Mode.LTP))
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: kite.heard)
    assert subscribed(kite) == [[1]]
    stream.close()
    await running


async def test_silent_instruments_are_asked_for_again_on_their_own_connections(
    kite: TinyKite, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2, 3, 4, 5)
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 3)
    stream.ask_again([4, 1])
    await kite.until(lambda: len(kite.heard) == 5)
    assert sorted(message["v"] for message in kite.heard[3:]) == [[1], [4]]
    assert [list(each) for each in stream.connections()] == [[1, 2], [3, 4], [5]]
    stream.close()
    await running


async def test_one_connection_is_dialled_anew_and_the_others_go_on(
    kite: TinyKite, listener: Listener, open_shards: OpenShards
) -> None:
    stream = open_shards(1, 2, 3, 4, 5)
    running = asyncio.create_task(stream.run(1, CANARY))
    await listener.until_told("ticks", times=3)
    before = list(kite.sockets)
    stream.redial(1)
    await kite.until(lambda: len(kite.heard) == 4 and len(kite.sockets) == 3)
    assert kite.heard[3] == {"a": "subscribe", "v": [3, 4]}
    assert len(set(before) & set(kite.sockets)) == 2
    assert (len(kite.dials), listener.of("opened", "lost", "refused")) == (4, [("opened", 1)])
    stream.close()
    await running
    await kite.until(lambda: not kite.sockets)
