"""A keeper that hangs: it is told, its program runs on, and a stop reaches that program all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kept import lives
from kept_desk import ALL, KeptDesk, kept_desk, service, shell
from tradewarden.machines.kept import Exited, Started
from tradewarden.machines.service import Selection
from tradewarden.orchestrator import earshot
from tradewarden.orchestrator.earshot import ENDED, SILENT, Earshot
from tradewarden.orchestrator.halt import HALTED

X = Selection(names=("x",))
STUBBORN = "trap '' TERM; echo up; while :; do sleep .05; done"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUIET", "DEAF", "MARGIN", "HURRY"):
        monkeypatch.setattr(earshot, name, 0.5)


@asynccontextmanager
async def hanging(desk: KeptDesk) -> AsyncIterator[tuple[int, int]]:
    """The pids of x's keeper, which hears nothing any more, and of x."""
    await desk.until_state(x="up")
    life = desk.driver.crew.drivers["x"].life.past.life
    assert life is not None
    os.kill(life.keeper, signal.SIGSTOP)
    try:
        yield life.keeper, life.pid
    finally:
        if lives(life.keeper):
            os.kill(life.keeper, signal.SIGCONT)


def test_a_keeper_that_hangs_is_told_and_nothing_is_restarted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x", "sleep", "1000")) as desk:
            async with hanging(desk) as (keeper, pid):
                await desk.until(lambda: desk.of("x").reason == SILENT)
                report = desk.driver.report()
                assert (desk.of("x").state, [each.name for each in report.troubled]) == ("up", ["x"])
                assert desk.news[-1] == desk.of("x"), "whoever listens is told as well"
                assert lives(keeper)
            await desk.until(lambda: desk.of("x").reason is None)
            assert (lives(keeper), desk.of("x").pid, desk.driver.report().troubled) == (True, pid, ())

    asyncio.run(scene())


def test_a_program_is_stopped_although_its_keeper_hangs(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x", "sleep", "1000", stop_seconds=0.2)) as desk, hanging(desk) as pids:
            assert desk.driver.stop(X, by="test").accepted == ("x",)
            await desk.until_state(x="down")
            assert [pid for pid in pids if lives(pid)] == []
            assert ENDED in (desk.of("x").reason or "")
            assert desk.driver.report().troubled == (), "it is down because somebody wanted it"
            desk.driver.start(X, by="test")
            await desk.until_state(x="up")
            await desk.until(lambda: desk.of("x").reason is None)

    asyncio.run(scene())


def test_a_restart_of_a_program_whose_keeper_hangs_never_makes_a_second_copy(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x", "sleep", "1000", stop_seconds=0.2)) as desk, hanging(desk) as pids:
            desk.driver.restart(X, by="test")
            await desk.until(lambda: desk.of("x").pid not in (None, pids[1]))
            assert not lives(pids[1])
            happened = [type(each) for each in desk.keepers.last("x") if isinstance(each, Exited | Started)]
            assert happened == [Started, Exited, Started]

    asyncio.run(scene())


def test_a_program_that_had_its_time_is_killed_at_once_when_its_keeper_hangs(tmp_path: Path) -> None:
    async def scene() -> None:
        stubborn = shell("x", STUBBORN, stop_seconds=60.0)
        async with kept_desk(tmp_path, stubborn, service("y")) as desk, hanging(desk) as pids:
            await desk.until_state(y="up")
            desk.driver.stop(ALL, by="test")
            await desk.until_state(y="down", x="stopping")
            began = time.monotonic()
            desk.driver.crew.drivers["x"].kill()  # as the desk does when the time of the phase is over
            await desk.until_state(x="down", desk="stopped")
            assert time.monotonic() - began < 5
            assert [pid for pid in pids if lives(pid)] == []
            assert desk.driver.report().reason == "`tradewarden start --all` starts it"

    asyncio.run(scene())


def test_nobody_but_the_keeper_of_that_name_is_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x"), service("y")) as desk:
            await desk.until_state(x="up", y="up")
            other = desk.driver.crew.drivers["y"].life.past.life
            own = desk.driver.crew.drivers["x"].life.past.life
            assert own is not None
            assert other is not None
            mine = Earshot(desk.keepers, "x")
            assert not any(mine.end(pid) for pid in (os.getpid(), own.pid, other.keeper, other.pid, 1 << 22))
            assert all(map(lives, (own.keeper, own.pid, other.keeper, other.pid)))
            assert mine.end(own.keeper)
            await desk.until(lambda: desk.of("x").pid not in (None, own.pid))
            assert not lives(own.pid)

    asyncio.run(scene())


def test_a_program_that_was_halted_is_told_until_it_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("x", "sleep", "1000")) as desk:
            await desk.until_state(x="up")
            pid = desk.of("x").pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await desk.until(lambda: desk.of("x").reason == HALTED)
            assert (desk.of("x").state, [each.name for each in desk.driver.report().troubled]) == ("up", ["x"])
            assert desk.news[-1] == desk.of("x"), "whoever listens is told as well"
            os.kill(pid, signal.SIGCONT)
            await desk.until(lambda: desk.of("x").reason is None)
            assert (desk.of("x").pid, desk.driver.report().troubled) == (pid, ())

    asyncio.run(scene())
