"""What has ended for good on real keepers: no further start and no other daemon does finished work once more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from kept_desk import MadeUp, delete, end_keepers, kept_desk, service, shell
from tradewarden.machines.condition import Facts
from tradewarden.machines.service import Again, Kind, Ready, Restarts, Selection, Service, ServiceState, Tier
from tradewarden.orchestrator.alone import stop_alone
from tradewarden.orchestrator.keepers import Keepers

ONCE = Restarts(when=Again.FAILURE)


def once(path: Path, name: str, end: str = "exit 0", **told: object) -> Service:
    """A program that does its work, which may be done once only, and ends; its keeper knows when it need not repeat."""
    given: dict[str, object] = {"restarts": ONCE}
    return shell(name, f"echo x >> {path}/{name}.done; {end}", **(given | told))


def times(path: Path, name: str) -> int:
    file = path / f"{name}.done"
    return len(file.read_text().splitlines()) if file.exists() else 0


def leaves(keepers: Keepers, name: str) -> None:
    """Wait until its keeper has left."""
    deadline = time.monotonic() + 10
    while keepers.held(name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_start_of_more_while_the_desk_starts_does_no_finished_work_again(tmp_path: Path) -> None:
    async def scene() -> None:
        go = tmp_path / "go"
        async with kept_desk(
            tmp_path,
            once(tmp_path, "schema", kind=Kind.STEP, ready=Ready(kind="exit")),
            once(tmp_path, "orders"),
            service("feed", ready=Ready(kind="file", target=str(go))),
            service("chart", needs=("feed",)),
        ) as desk:
            await desk.until_state(schema="done", orders="done", feed="starting", desk="starting")
            desk.driver.start(Selection(names=("chart",)), by="test")
            desk.driver.start(Selection(everything=True), by="test")
            go.touch()
            await desk.until_state(feed="up", chart="up", desk="running")
            assert (times(tmp_path, "schema"), times(tmp_path, "orders")) == (1, 1)

    asyncio.run(scene())


def test_what_had_ended_for_good_stays_so_over_a_restart_of_the_daemon_and_says_why(tmp_path: Path) -> None:
    async def scene() -> None:
        quick = Restarts(attempts=2, base=0.01, cap=0.01)
        services = (
            once(tmp_path, "schema", kind=Kind.STEP, ready=Ready(kind="exit")),
            once(tmp_path, "orders"),
            once(tmp_path, "never", "exit 3", restarts=Restarts(when=Again.NEVER)),
            once(tmp_path, "falls", "exit 4", restarts=quick),
            once(tmp_path, "mute", "exec sleep 1000", ready=Ready(kind="log_line", target="ready", within=0.05)),
        )
        names = [each.name for each in services]
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(
                schema="done", orders="done", never="failed", falls="paused", mute="paused", desk="degraded"
            )
            before = {name: (desk.of(name).state, desk.of(name).reason, times(tmp_path, name)) for name in names}
        for _ in range(2):
            async with kept_desk(tmp_path, *services, ends=False) as desk:
                await desk.until_state(desk="degraded")
                after = {name: (desk.of(name).state, desk.of(name).reason, times(tmp_path, name)) for name in names}
                assert after == before
        async with kept_desk(tmp_path, *services) as desk:
            desk.driver.start(Selection(names=("orders",)), by="test")
            await desk.until(lambda: times(tmp_path, "orders") == 2)
            desk.world.began = True
            desk.driver.settle()
            await desk.until(lambda: times(tmp_path, "falls") > before["falls"][2])
            assert (times(tmp_path, "schema"), times(tmp_path, "never")) == (1, 1)

    asyncio.run(scene())


def test_what_ended_for_good_while_no_daemon_looked_is_not_started_by_the_next(tmp_path: Path) -> None:
    async def scene() -> None:
        go = tmp_path / "go"
        wait = f"while ! test -e {go}; do sleep 0.02; done; exit"
        services = once(tmp_path, "orders", f"{wait} 0"), once(tmp_path, "bot", f"{wait} 5", restarts=Restarts())
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="up", bot="up", desk="running")
            desk.driver.auto_restart(["bot"], on=False, by="test")
            keepers = desk.keepers
        go.touch()
        await asyncio.to_thread(leaves, keepers, "orders")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="done", bot="failed", desk="degraded")
            assert "automatic restart is switched off" in (desk.of("bot").reason or "")
        end_keepers(tmp_path / "keepers")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(orders="done", bot="failed", desk="degraded")
            assert "automatic restart is switched off" in (desk.of("bot").reason or "")
            assert (times(tmp_path, "orders"), times(tmp_path, "bot")) == (1, 1)

    asyncio.run(scene())


def test_the_desk_begins_anew_after_a_stop_of_all_and_with_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        services = once(tmp_path, "schema", kind=Kind.STEP, ready=Ready(kind="exit")), once(tmp_path, "orders")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(schema="done", orders="done", desk="running")
            desk.driver.stop(Selection(everything=True), by="test")
            await desk.until_state(schema="down", orders="down", desk="stopped")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(schema="down", orders="down", desk="stopped")
            assert {desk.of(name).reason for name in ("schema", "orders")} == {"somebody stopped it"}
            desk.driver.start(Selection(everything=True), by="test")
            await desk.until(lambda: times(tmp_path, "schema") == times(tmp_path, "orders") == 2)
            await desk.until_state(schema="done", orders="done", desk="running")
        monkeypatch.setenv("TRADEWARDEN_BOOT_ID", "the-next-one")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until(lambda: times(tmp_path, "schema") == times(tmp_path, "orders") == 3)

    asyncio.run(scene())


def test_a_start_that_was_asked_for_is_made_by_the_next_daemon(tmp_path: Path) -> None:
    async def scene() -> None:
        services = once(tmp_path, "orders"), service("feed")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="done", feed="up")
            desk.driver.start(Selection(names=("orders",)), by="test")  # and the daemon dies before it is begun
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until(lambda: times(tmp_path, "orders") == 2)
            await desk.until_state(orders="done", feed="up", desk="running")

    asyncio.run(scene())


def test_what_was_stopped_without_a_daemon_says_so_and_begins_anew_with_the_desk(tmp_path: Path) -> None:
    async def scene() -> None:
        services = once(tmp_path, "orders"), service("feed")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="done", feed="up", desk="running")
            keepers = desk.keepers
        await asyncio.to_thread(stop_alone, services, keepers, tmp_path, lambda _: None)
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="down", feed="down", desk="stopped")
            assert {desk.of(name).reason for name in ("orders", "feed")} == {"somebody stopped it"}
        async with kept_desk(tmp_path, *services) as desk:
            desk.driver.start(Selection(everything=True), by="test")
            await desk.until(lambda: times(tmp_path, "orders") == 2)

    asyncio.run(scene())


def test_a_start_that_was_aborted_is_made_once_more_by_the_next_daemon_and_whole(tmp_path: Path) -> None:
    async def scene() -> None:
        rests = Restarts(attempts=1)
        services = (
            once(tmp_path, "bus", "exec sleep 1000", tier=Tier.CRITICAL),
            once(tmp_path, "chart", "exit 5", tier=Tier.CRITICAL, needs=("bus",), restarts=rests, kind=Kind.STEP),
            once(tmp_path, "tape", "exit 6", tier=Tier.OPTIONAL, restarts=rests),
        )
        async with kept_desk(tmp_path, services[2], ends=False) as desk:
            await desk.until_state(tape="failed")
        for turn in (1, 2):
            async with kept_desk(tmp_path, *services, ends=turn == 2) as desk:
                await desk.until_state(bus="down", chart="failed", desk="aborted")
                assert (times(tmp_path, "bus"), times(tmp_path, "chart")) == (turn, turn)
                assert desk.keepers.held("tape")

    asyncio.run(scene())


def test_what_was_paused_gets_its_chance_when_a_session_began_while_no_daemon_looked(tmp_path: Path) -> None:
    class Tomorrow(MadeUp):
        def facts(self, services: Mapping[str, ServiceState], sources: Collection[str]) -> Facts:
            facts = super().facts(services, sources)
            return replace(facts, now=facts.now + timedelta(days=1))

    async def scene() -> None:
        bot = once(tmp_path, "bot", "exit 4", restarts=Restarts(attempts=1))
        async with kept_desk(tmp_path, bot, ends=False) as desk:
            await desk.until_state(bot="paused")

        def has_begun(lives: int) -> bool:
            return times(tmp_path, "bot") == lives

        for world, segments, lives in (
            (MadeUp(), {"NSE_EQ": "live"}, 1),
            (Tomorrow(), {}, 1),
            (Tomorrow(), {"NSE_EQ": "closed"}, 1),
            (Tomorrow(), {"NSE_EQ": "live"}, 2),
        ):
            world.segments = segments
            async with kept_desk(tmp_path, bot, world=world, ends=lives == 2) as desk:
                desk.driver.look()
                await desk.until(partial(has_begun, lives))
                await desk.until_state(bot="paused")
                desk.driver.settle()
                assert desk.of("bot").state == "paused", "once a daemon's life"
            assert times(tmp_path, "bot") == lives

    asyncio.run(scene())


def test_what_had_ended_for_good_is_known_though_somebody_deleted_the_directory_meanwhile(tmp_path: Path) -> None:
    async def scene() -> None:
        services = once(tmp_path, "orders"), service("feed")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(orders="done", feed="up", desk="running")
            reason = desk.of("orders").reason
            delete(tmp_path / "keepers")
            await desk.until(lambda: all((tmp_path / "keepers" / name).exists() for name in (".desk", "feed.status")))
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(orders="done", feed="up", desk="running")
            assert (desk.of("orders").reason, times(tmp_path, "orders")) == (reason, 1)

    asyncio.run(scene())


def test_a_reload_that_restarts_nothing_leaves_what_is_over_or_stopped_as_it_is(tmp_path: Path) -> None:
    async def scene() -> None:
        mute = once(tmp_path, "mute", "exec sleep 1000", ready=Ready(kind="log_line", target="ready", within=0.05))
        async with kept_desk(tmp_path, mute, service("feed"), service("tape")) as desk:
            await desk.until_state(mute="paused", feed="up", tape="up")
            desk.driver.stop(Selection(names=("feed",)), by="test")
            await desk.until_state(feed="down")
            before, lives = {name: desk.of(name).reason for name in ("mute", "feed")}, times(tmp_path, "mute")
            desk.file[:] = [replace(each, description="another") for each in desk.file]
            assert set((await desk.driver.reload(dry=False, by="test")).kept) == {"mute", "feed", "tape"}
            await desk.until_state(mute="paused", feed="down", tape="up")
            assert {name: desk.of(name).reason for name in ("mute", "feed")} == before
            assert times(tmp_path, "mute") == lives
            desk.driver.restart(Selection(everything=True), by="test")
            assert desk.of("tape").reason == "somebody restarts it"
            await desk.until_state(tape="up", feed="up")

    asyncio.run(scene())
