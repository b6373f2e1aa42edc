"""Desks of all kinds under keepers of our kind: no order of events leads to two copies, or to a desk that hangs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_keepers import Nature, World
from tradewarden.machines.service import Kind, Ready, Restarts, Service, Tier

NAMES = "abcde"
LONG = 1500  # seconds: longer than all tries of all phases
PROMPT = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NIGHTLY = settings(PROMPT, max_examples=5_000, derandomize=False)

natures = st.builds(
    Nature,
    ready_after=st.sampled_from([0.0, 0.5, 0.5, 3.0, None]),
    ends_after=st.sampled_from([None, None, None, 0.1, 2.0, 20.0]),
    code=st.sampled_from([0, 1, -11]),
    stubborn=st.booleans(),
    unkillable=st.sampled_from([False, False, False, True]),
    keeper_comes=st.sampled_from([True, True, True, True, False]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    services = [
        Service(
            name=name,
            command=(name,),
            kind=draw(st.sampled_from([Kind.PROGRAM, Kind.PROGRAM, Kind.STEP])),
            tier=draw(st.sampled_from(list(Tier))),
            needs=tuple(draw(st.lists(st.sampled_from(names[:place]), max_size=2, unique=True))) if place else (),
            ready=Ready(within=5),
            restarts=Restarts(attempts=draw(st.sampled_from([1, 3]))),
            conditions=draw(st.sampled_from([(), (), ("market in (pre_open, live)",)])),
        )
        for place, name in enumerate(names)
    ]
    return World(services, {name: draw(natures) for name in names}, draw(st.integers(0, 1 << 16)))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pass", "pass", "start", "stop", "close", "open", "kill_keeper", "daemon", "restart", "token", "session"]
        ),
        st.sampled_from(NAMES),
        st.sampled_from([0.01, 0.3, 2.0, 12.0, 100.0]),
    ),
    max_size=25,
)


def happen(world: World, event: str, name: str) -> None:
    known = name if name in world.services else "a"
    match event:
        case "start":
            world.start()
        case "stop":
            world.stop()
        case "close" | "open":
            world.market = "live" if event == "open" else "closed"
            world.settle()
        case "kill_keeper":
            world.keepers[known].die()
        case "daemon":
            world.begin(wanted=frozenset(each for each, life in world.lives.items() if life.wanted))
        case "restart":
            world.tell(known, "restart")
        case "session":
            world.tell(known, "session_began")
        case "token":
            world.tell(known, "token_changed")


def try_out(world: World, events: list[tuple[str, str, float]]) -> None:
    for event, name, seconds in events:
        happen(world, event, name)
        world.pass_time(seconds)
    world.stop()
    world.pass_time(LONG)
    assert world.desk.state == "stopped"
    held = [name for name, nature in world.natures.items() if not (nature.stubborn and nature.unkillable)]
    for name in held:
        assert world.lives[name].state == "down", f"{name}: {world.lives[name].state}, {world.lives[name].reason}"
    world.start()
    world.pass_time(LONG)
    assert world.desk.state in ("running", "degraded", "aborted")
    world.stop()
    world.pass_time(LONG)
    assert world.desk.state == "stopped"


@given(worlds(), EVENTS)
@PROMPT
def test_whatever_happens_there_are_never_two_and_every_start_and_stop_comes_to_an_end(
    world: World, events: list[tuple[str, str, float]]
) -> None:
    try_out(world, events)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@given(worlds(), EVENTS)
@NIGHTLY
def test_five_thousand_desks_never_have_two_copies_or_hang(world: World, events: list[tuple[str, str, float]]) -> None:
    try_out(world, events)
