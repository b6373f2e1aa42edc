"""Programs whose keepers were killed: what is not to run any more is ended, whoever looks."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from kept import lives, until
from kept_desk import ALL, KeptDesk, MadeUp, kept_desk, service
from tradewarden.machines.service import Selection
from tradewarden.orchestrator.wishes import FILE, Wishes

X = Selection(names=("x",))


async def orphan(desk: KeptDesk) -> int:
    """Kill the keeper of `x`; its program, which says nothing, lives on."""
    await desk.until_state(x="up")
    life = desk.driver.crew.drivers["x"].life.past.life
    assert life is not None
    os.kill(life.keeper, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: not desk.keepers.held("x"))
    assert lives(life.pid)
    return life.pid


def test_a_stop_ends_a_program_whose_keeper_was_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x")) as desk:
            pid = await orphan(desk)
            desk.driver.crew.drivers["x"].life.held(on=False, now=0)  # it is seen, and the next one not asked for yet
            assert desk.driver.stop(X, by="test").accepted == ("x",)
            assert desk.states["x"] == "stopping"
            await desk.until_state(x="down")
            assert not lives(pid)

    asyncio.run(scene())


def test_a_program_whose_keeper_was_killed_at_the_close_does_not_outlive_it(tmp_path: Path) -> None:
    async def scene() -> None:
        world = MadeUp(segments={"NSE_EQ": "live"})
        async with kept_desk(tmp_path, service("x", conditions=("market in (live)",)), world=world) as desk:
            pid = await orphan(desk)
            world.segments["NSE_EQ"] = "closed"
            await desk.until_state(x="waiting")
            await desk.until(lambda: not lives(pid))
            assert desk.states["x"] == "waiting"

    asyncio.run(scene())


def test_a_daemon_ends_what_was_stopped_and_has_lost_its_keeper_meanwhile(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x"), ends=False) as desk:
            pid = await orphan(desk)
        Wishes(tmp_path / FILE).set(["x"], wanted=False)
        async with kept_desk(tmp_path, service("x")) as desk:
            assert desk.states["x"] == "stopping"
            await desk.until_state(x="down")
            assert not lives(pid)

    asyncio.run(scene())


def test_down_ends_what_no_daemon_has_looked_after_since_its_keeper_was_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x"), ends=False) as desk:
            pid = await orphan(desk)
        async with kept_desk(tmp_path, service("x"), begins=False) as desk:
            assert desk.states["x"] == "down"
            assert lives(pid)
            assert desk.driver.stop(ALL, by="test").accepted == ("x",)
            await desk.until(lambda: not lives(pid))
            await desk.until_state(x="down", desk="stopped")

    asyncio.run(scene())
