"""The run directory is deleted under a desk that runs: nothing is doubled, nothing is lost, and nobody is deaf."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kept import lives, until
from kept_desk import ALL, KeptDesk, delete, kept_desk, service
from tradewarden.machines.service import Selection, Tier
from tradewarden.orchestrator.keeper import TICK
from tradewarden.orchestrator.orders import RefusedError
from tradewarden.orchestrator.seat import Seat

MARK = b"TRADEWARDEN_KEEPER="
DESK = (service("a", tier=Tier.CRITICAL), service("b", needs=("a",)), service("c", needs=("b",)))


def copies(state: Path) -> list[int]:
    """The programs that run here, but not what a mould begins for nobody."""
    mark, found = MARK + os.fsencode(state / "keepers"), []
    nobodys = mark + b"/.rehearsal/"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes()
            if mark in told and nobodys not in told:
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


def pids(desk: KeptDesk) -> list[int]:
    return sorted(each.pid for each in desk.driver.report().services if each.pid is not None)


def without_locks(run_dir: Path) -> None:
    """As a cleaner of old files does it: what is touched again and again stays."""
    for each in run_dir.iterdir():
        if each.suffix != ".figures" and not each.is_dir():
            each.unlink()


@pytest.mark.parametrize("delete", [delete, without_locks])
def test_a_daemon_and_its_keepers_make_again_what_was_deleted(tmp_path: Path, delete: Callable[[Path], None]) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *DESK) as desk:
            await desk.until_state(a="up", b="up", c="up", desk="running")
            before, run_dir = pids(desk), tmp_path / "keepers"
            with capture_logs() as logs:
                delete(run_dir)
                there = ("a.lock", "b.ctl", "c.status", "wake", ".daemon.lock", "zygote.sock", "host.figures")
                await desk.until(lambda: all((run_dir / name).exists() for name in there))
                assert (pids(desk), copies(tmp_path)) == (before, before)
                assert set(desk.states.values()) == {"up"}
                assert desk.driver.report().state == "running"
            told = [line["event"] for line in logs if line["log_level"] != "debug"]
            assert told == ["desk.directory_deleted"], "no start is told twice, and nobody was taken to be lost"
            os.kill(desk.of("a").pid or 0, signal.SIGKILL)
            await desk.until(lambda: desk.of("a").state == "up" and desk.of("a").restarts == 1)
            assert desk.of("a").exit_code == -signal.SIGKILL
            desk.driver.restart(Selection(names=("b",)), by="test")
            await desk.until(lambda: desk.of("b").state == "up" and desk.of("b").pid not in (None, *before))
            desk.driver.down(by="test")
            await desk.until_state(a="down", b="down", c="down", desk="stopped")
            assert copies(tmp_path) == []

    asyncio.run(scene())


def test_what_is_asked_for_in_the_moment_after_is_done_all_the_same(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *DESK) as desk:
            await desk.until_state(a="up", b="up", c="up", desk="running")
            delete(tmp_path / "keepers")
            os.kill(desk.of("a").pid or 0, signal.SIGKILL)
            desk.driver.stop(ALL, by="test")
            await desk.until_state(a="down", b="down", c="down", desk="stopped")
            assert desk.of("a").exit_code in (-signal.SIGKILL, -signal.SIGTERM)
            assert copies(tmp_path) == []

    asyncio.run(scene())


@pytest.mark.parametrize("later", [0.0, 1.1 * TICK])
def test_the_next_daemon_finds_keepers_whose_directory_is_gone(tmp_path: Path, later: float) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *DESK, ends=False) as desk:
            await desk.until_state(a="up", b="up", c="up", desk="running")
            before = pids(desk)
            delete(tmp_path / "keepers")
        if later:
            await asyncio.to_thread(until, (tmp_path / "keepers" / "c.lock").exists)
        async with kept_desk(tmp_path, *DESK) as desk:
            assert pids(desk) == before, "they are adopted at once, not asked for again"
            await desk.until_state(a="up", b="up", c="up", desk="running")
            assert (pids(desk), copies(tmp_path)) == (before, before)

    asyncio.run(scene())


def test_a_keeper_that_hangs_without_its_directory_gets_no_second_one_beside_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), ends=False) as desk:
            await desk.until_state(a="up")
            life = desk.driver.crew.drivers["a"].life.past.life
            assert life is not None
            os.kill(life.keeper, signal.SIGSTOP)
            delete(tmp_path / "keepers")
        try:
            async with kept_desk(tmp_path, service("a")) as desk:
                why = f"waits for a keeper: a: no keeper: its keeper lives (pid {life.keeper}), and makes its deleted"
                await desk.until(lambda: (desk.of("a").reason or "").startswith(why))
                assert copies(tmp_path) == [life.pid]
                os.kill(life.keeper, signal.SIGCONT)
                await desk.until_state(a="up", desk="running")
                assert (desk.of("a").pid, copies(tmp_path)) == (life.pid, [life.pid])
        finally:
            os.kill(life.keeper, signal.SIGCONT) if lives(life.keeper) else None

    asyncio.run(scene())


def test_a_daemon_whose_place_another_one_has_by_now_says_so_and_does_nothing_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), service("b"), ends=False) as desk:
            await desk.until_state(a="up", b="up", desk="running")
            before = pids(desk)
            (tmp_path / "keepers" / ".daemon.lock").unlink()
            other = Seat(tmp_path / "keepers")
            other.take()
            told = f"the daemon with pid {os.getpid()} looks after the programs here"
            with capture_logs() as logs:
                await desk.until(lambda: told in (desk.driver.report().reason or ""))
            assert [line["event"] for line in logs] == ["desk.lost"]
            assert not desk.driver.report().keepers_reachable
            with pytest.raises(RefusedError, match=told):
                desk.driver.stop(ALL, by="test")
            os.kill(before[0], signal.SIGKILL)  # its keeper sees to it
            await asyncio.to_thread(until, lambda: len(copies(tmp_path)) == 2 and before[0] not in copies(tmp_path))
            desk.driver.look()
            assert desk.driver.report().state == "running"
            other.leave()
        async with kept_desk(tmp_path, service("a"), service("b")) as desk:
            await desk.until_state(a="up", b="up", desk="running")
            assert before[1] in pids(desk)

    asyncio.run(scene())
