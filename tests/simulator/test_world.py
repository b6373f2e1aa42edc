"""The behaviours of the simulated broker, as rehearsal scripts and the page name them."""

from __future__ import annotations

from typing import Any

import pytest

from tradewarden.simulator.world import World, WorldError


def test_a_world_is_normal_until_somebody_changes_it() -> None:
    assert World().as_dict() == {
        "profile": "ok",
        "socket": "accept",
        "heartbeats": True,
        "ticks": "flowing",
        "http": "ok",
        "drip_ms": 0,
        "silent": "",
    }


def test_only_what_is_named_changes() -> None:
    world = World(drip_ms=7)
    world.change({"socket": "blackhole", "heartbeats": False})
    assert world == World(socket="blackhole", heartbeats=False, drip_ms=7)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"socket": 403}, World(socket="403")),
        ({"http": 500}, World(http="500")),
        ({"heartbeats": "false"}, World(heartbeats=False)),
        ({"heartbeats": "on"}, World()),
        ({"drip_ms": "250"}, World(drip_ms=250)),
        ({"silent": [256265, 738561]}, World(silent="256265, 738561")),
        ({"silent": "256265,738561 256265"}, World(silent="256265, 738561")),
        ({"silent": ""}, World()),
    ],
)
def test_numbers_and_the_words_of_a_form_mean_the_same(wish: dict[str, Any], expected: World) -> None:
    world = World()
    world.change(wish)
    assert world == expected


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"socket": "open"}, "socket cannot be 'open'; allowed: accept, 403, refuse, blackhole, 429"),
        ({"profile": None}, "profile cannot be 'None'; allowed: ok, dead, unreachable, throttled"),
        ({"heartbeats": "maybe"}, "heartbeats cannot be 'maybe'; allowed: true, false"),
        ({"silent": "NIFTY"}, "silent cannot be 'NIFTY'; allowed: instrument tokens, such as 256265, 738561"),
        ({"silent": [1.5]}, "silent cannot be '[1.5]'; allowed: instrument tokens, such as 256265, 738561"),
        ({"drip_ms": -1}, "drip_ms cannot be '-1'; allowed: a whole number from 0 to 60000"),
        ({"drip_ms": 1.5}, "drip_ms cannot be '1.5'; allowed: a whole number from 0 to 60000"),
        ({"drip_ms": "²"}, "drip_ms cannot be '²'; allowed: a whole number from 0 to 60000"),
        ({"drip_ms": "9" * 5000}, "drip_ms cannot be"),
        (
            {"weather": "fine"},
            "there is no behaviour 'weather'; allowed: profile, socket, heartbeats, ticks, http, drip",
        ),
    ],
)
def test_a_wrong_wish_says_what_is_allowed_and_changes_nothing(wish: dict[str, Any], said: str) -> None:
    world = World()
    with pytest.raises(WorldError) as error:
        world.change({"ticks": "none", **wish})
    assert said in str(error.value)
    assert world == World()


def test_the_silent_instruments_are_told_as_numbers() -> None:
    assert World(silent="256265, 738561").silent_tokens == {256265, 738561}
    assert World().silent_tokens == frozenset()
