"""A stream's subscription is changed by saying what is wanted; the wire hears only what differs."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiny_kite import CANARY, Listener, OpenStream, TinyKite
from tradewarden.feed.brokers.kite import requests
from tradewarden.feed.tick import Mode

WANTED = st.dictionaries(st.integers(1, 30), st.sampled_from(Mode))
OPENING = 3  # messages with which the fixture's three instruments are asked for


def heard_by(broker: dict[int, Mode], messages: list[str]) -> dict[int, Mode]:
    """What a broker streams after hearing these: a new instrument in quote mode, an old one as before."""
    for message in messages:
        match json.loads(message):
            case {"a": "subscribe", "v": tokens}:
                assert not broker.keys() & set(tokens)
                broker |= dict.fromkeys(tokens, Mode.QUOTE)
            case {"a": "unsubscribe", "v": tokens}:
                assert set(tokens) <= broker.keys()
                broker = {token: mode for token, mode in broker.items() if token not in tokens}
            case {"a": "mode", "v": [mode, tokens]}:
                assert set(tokens) <= broker.keys()
                assert all(broker[token] is not Mode(mode) for token in tokens)
                broker |= dict.fromkeys(tokens, Mode(mode))
    return broker


@given(held=WANTED, wanted=WANTED)
def test_the_broker_comes_to_stream_what_is_wanted_and_hears_nothing_twice(
    held: dict[int, Mode], wanted: dict[int, Mode]
) -> None:
    assert heard_by(dict(held), requests(wanted, held)) == wanted


def test_what_is_too_much_leaves_before_anything_new_is_asked_for() -> None:
    messages = [json.loads(each) for each in requests({2: Mode.QUOTE, 3: Mode.FULL}, {1: Mode.LTP, 2: Mode.LTP})]
    assert messages == [
        {"a": "unsubscribe", "v": [1]},
        {"a": "subscribe", "v": [3]},
        {"a": "mode", "v": ["full", [3]]},
        {"a": "mode", "v": ["quote", [2]]},
    ]


async def test_an_open_stream_changes_without_a_new_connection(kite: TinyKite, open_stream: OpenStream) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == OPENING)
    stream.set_subscriptions({408065: Mode.QUOTE, 738561: Mode.LTP, 5633: Mode.FULL})
    await kite.until(lambda: len(kite.heard) == OPENING + 4)
    stream.set_subscriptions({408065: Mode.QUOTE, 738561: Mode.LTP, 5633: Mode.FULL})  # the same: not a word
    stream.set_subscriptions({738561: Mode.LTP, 5633: Mode.FULL})
    await kite.until(lambda: len(kite.heard) == OPENING + 5)
    stream.close()
    await running
    assert kite.heard[OPENING:] == [
        {"a": "unsubscribe", "v": [256265]},
        {"a": "subscribe", "v": [5633]},
        {"a": "mode", "v": ["full", [5633]]},
        {"a": "mode", "v": ["quote", [408065]]},
        {"a": "unsubscribe", "v": [408065]},
    ]
    assert len(kite.dials) == 1


async def test_changes_in_quick_succession_are_one_change(kite: TinyKite, open_stream: OpenStream) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == OPENING)
    for token in range(1, 50):
        stream.set_subscriptions({408065: Mode.FULL, 256265: Mode.QUOTE, 738561: Mode.LTP, token: Mode.QUOTE})
    await kite.until(lambda: len(kite.heard) > OPENING)
    stream.set_subscriptions({})
    await kite.until(lambda: kite.heard[-1]["a"] == "unsubscribe")
    stream.close()
    await running
    assert kite.heard[OPENING:] == [
        {"a": "subscribe", "v": [49]},
        {"a": "unsubscribe", "v": [408065, 256265, 738561, 49]},
    ]


async def test_what_is_wanted_before_the_dial_is_asked_for_when_it_opens(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    stream.set_subscriptions({5: Mode.QUOTE})
    listener.on_opened = lambda: stream.set_subscriptions({6: Mode.QUOTE})  # and in the very moment of opening
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == 1)
    stream.set_subscriptions({6: Mode.QUOTE, 7: Mode.QUOTE})
    await kite.until(lambda: len(kite.heard) == 2)
    stream.close()
    await running
    assert kite.heard == [{"a": "subscribe", "v": [6]}, {"a": "subscribe", "v": [7]}]


async def test_a_new_connection_asks_for_everything_that_is_wanted_by_then(
    kite: TinyKite, listener: Listener, open_stream: OpenStream
) -> None:
    stream = open_stream()
    for gen, token in ((1, 11), (2, 12)):
        stream.set_subscriptions({token: Mode.FULL})
        running = asyncio.create_task(stream.run(gen, CANARY))
        await kite.until(lambda gen=gen: len(kite.heard) == 2 * gen)  # type: ignore[misc]
        kite.reset()
        await running
    assert [message["v"] for message in kite.heard if message["a"] == "subscribe"] == [[11], [12]]
    assert len(listener.of("lost")) == 2


async def test_a_resubscribe_that_meets_a_change_leaves_nothing_behind(kite: TinyKite, open_stream: OpenStream) -> None:
    stream = open_stream()
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == OPENING)
    stream.resubscribe()
    stream.set_subscriptions({408065: Mode.QUOTE})
    await kite.until(lambda: len(kite.heard) == OPENING + 2)
    stream.close()
    await running
    assert kite.heard[OPENING:] == [{"a": "unsubscribe", "v": [256265, 738561]}, {"a": "subscribe", "v": [408065]}]


async def test_more_than_a_connection_carries_changes_nothing(kite: TinyKite, open_stream: OpenStream) -> None:
    stream = open_stream()
    with pytest.raises(ValueError, match="3001 instruments are more than one Kite connection carries; take 1 out"):
        stream.set_subscriptions(dict.fromkeys(range(1, 3002), Mode.LTP))
    running = asyncio.create_task(stream.run(1, CANARY))
    await kite.until(lambda: len(kite.heard) == OPENING)
    assert kite.heard[0] == {"a": "subscribe", "v": [408065, 256265, 738561]}
    stream.close()
    await running
