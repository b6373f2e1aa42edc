import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from statemachine import State

from tradewarden.machines.statechart import FaultError, Machine
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Driver
from virtual_time import VirtualClock, run_virtually

SECOND = 1_000_000_000


class Kettle(Machine):
    """Boils three seconds after it was last stirred."""

    cold = State(initial=True)
    boiling = State()
    heat = cold.to(boiling, on="whistle")
    cool = boiling.to(cold)

    def __init__(self) -> None:
        self.stirred = 0
        self.passes = True
        super().__init__()

    def next_deadline(self) -> int | None:
        return self.stirred + 3 * SECOND if self.leaf == "cold" else None

    def due(self, now: int) -> list[Any]:
        return self.fire("heat", now=now) if self.passes else []

    def whistle(self) -> None:
        self.emit("whistle")


class KettleDriver(Driver[Kettle]):
    layer = "kettle"

    def __init__(self, clock: Clock) -> None:
        self.heard: list[tuple[float, str]] = []
        self.changes = 0
        super().__init__(Kettle(), clock, spawn, self.count)
        self.machine.stirred = clock.mono_ns()

    def perform(self, effect: Any) -> None:
        self.heard.append((self.clock.mono_ns() / 1e9, effect))

    def count(self) -> None:
        self.changes += 1


def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(deed, name=name)


def scene_clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 23, tzinfo=UTC))


def test_the_machine_is_woken_at_its_deadline_and_what_it_asks_for_is_done() -> None:
    async def scene() -> list[float]:
        kettle = KettleDriver(scene_clock())
        kettle.arm()
        start = kettle.clock.mono_ns() / 1e9
        await asyncio.sleep(60)
        return [at - start for at, _ in kettle.heard]

    assert run_virtually(scene) == [pytest.approx(3.0)]


def test_a_deadline_that_moved_while_the_timer_ran_is_not_acted_upon() -> None:
    async def scene() -> list[float]:
        kettle = KettleDriver(scene_clock())
        kettle.arm()
        start = kettle.clock.mono_ns()
        await asyncio.sleep(2)
        kettle.machine.stirred = kettle.clock.mono_ns()  # nobody arms anew: that is the point
        await asyncio.sleep(60)
        return [at - start / 1e9 for at, _ in kettle.heard]

    assert run_virtually(scene) == [pytest.approx(5.0)]


def test_there_is_never_more_than_one_timer() -> None:
    async def scene() -> int:
        kettle = KettleDriver(scene_clock())
        for _ in range(5):
            kettle.machine.stirred += 1
            kettle.arm()
        await asyncio.sleep(60)
        return len(kettle.heard)

    assert run_virtually(scene) == 1


def test_a_disarmed_machine_sleeps_for_ever() -> None:
    async def scene() -> int:
        kettle = KettleDriver(scene_clock())
        kettle.arm()
        kettle.disarm()
        await asyncio.sleep(60)
        return len(kettle.heard)

    assert run_virtually(scene) == 0


def test_a_machine_that_is_due_for_ever_is_a_fault_and_no_busy_loop() -> None:
    async def scene() -> None:
        kettle = KettleDriver(scene_clock())
        kettle.machine.passes = False
        await asyncio.sleep(10)
        with pytest.raises(FaultError, match="kettle: the deadline of state 'cold' never passes"):
            kettle.wake()

    run_virtually(scene)


def test_the_others_hear_of_every_fact_even_of_one_that_changed_nothing() -> None:
    async def scene() -> int:
        kettle = KettleDriver(scene_clock())
        kettle.fire("cool")
        kettle.disarm()
        return kettle.changes

    assert run_virtually(scene) == 1


def test_a_missed_deadline_can_be_seen_from_outside() -> None:
    async def scene() -> tuple[float, float]:
        kettle = KettleDriver(scene_clock())
        early = kettle.overdue()
        await asyncio.sleep(10)
        return early, kettle.overdue()

    early, late = run_virtually(scene)
    assert early == 0.0
    assert late == pytest.approx(7.0)


def test_whatever_goes_wrong_inside_a_fact_is_a_fault_of_ours_that_names_it() -> None:
    class ClumsyDriver(KettleDriver):
        def perform(self, effect: Any) -> None:
            raise ZeroDivisionError(effect)

    async def scene() -> None:
        with pytest.raises(FaultError, match="kettle: heat in state 'cold' failed: ZeroDivisionError"):
            ClumsyDriver(scene_clock()).fire("heat")

    run_virtually(scene)
