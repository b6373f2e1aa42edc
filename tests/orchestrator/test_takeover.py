"""A daemon that dies within a stop or a restart of all: the next one goes on with it, in its order, on real keepers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from kept_desk import ALL, KeptDesk, kept_desk, service, shell
from tradewarden.machines.service import Selection, Service

SLOW = "trap 'sleep 0.2; exit' TERM; while :; do sleep 0.05; done"


def told(path: Path, name: str, event: str) -> list[float]:
    """When its keepers wrote that down."""
    lines = [json.loads(line) for line in (path / "keepers" / f"{name}.status").read_text().splitlines()]
    return [line["t"] for line in lines if line["ev"] == event]


def chain() -> tuple[Service, ...]:
    """A database, who writes into it, and who reads what was written."""
    return shell("base", SLOW), shell("writer", SLOW, needs=("base",)), shell("chart", SLOW, needs=("writer",))


def pids(desk: KeptDesk) -> dict[str, int | None]:
    return {name: desk.of(name).pid for name in ("base", "writer", "chart")}


def in_reverse(path: Path) -> bool:
    """Whether each began to stop only after what needs it had ended."""
    ends = [told(path, name, "exit")[0] for name in ("chart", "writer")]
    return all(
        began >= end
        for began, end in zip(
            (told(path, "writer", "stopping")[0], told(path, "base", "stopping")[0]), ends, strict=True
        )
    )


def test_a_stop_goes_on_in_reverse_under_the_next_daemon(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *chain(), ends=False) as desk:
            await desk.until_state(base="up", writer="up", chart="up", desk="running")
            desk.driver.stop(ALL, by="test")
            await desk.until_state(chart="stopping")
        async with kept_desk(tmp_path, *chain()) as desk:
            assert desk.driver.report().state == "stopping"
            await desk.until_state(base="down", writer="down", chart="down", desk="stopped")
            assert in_reverse(tmp_path)
            assert [len(told(tmp_path, name, "start")) for name in ("base", "writer", "chart")] == [1, 1, 1]
            assert desk.of("base").reason == "somebody stopped it"

    asyncio.run(scene())


def test_a_stop_of_some_goes_on_beside_what_runs(tmp_path: Path) -> None:
    async def scene() -> None:
        services = *chain(), service("feed")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(base="up", writer="up", chart="up", feed="up", desk="running")
            desk.driver.stop(Selection(names=("base", "writer", "chart")), by="test")
            await desk.until_state(chart="stopping")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(base="down", writer="down", chart="down", feed="up", desk="running")
            assert in_reverse(tmp_path)

    asyncio.run(scene())


def test_a_restart_of_all_goes_on_under_the_next_daemon_and_begins_nothing_twice(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *chain(), ends=False) as desk:
            await desk.until_state(base="up", writer="up", chart="up", desk="running")
            first = pids(desk)
            desk.driver.restart(ALL, by="test")
            await desk.until_state(chart="stopping")
        async with kept_desk(tmp_path, *chain(), ends=False) as desk:
            await desk.until(lambda: all(pid not in (None, first[name]) for name, pid in pids(desk).items()))
            await desk.until_state(base="up", writer="up", chart="up", desk="running")
            assert in_reverse(tmp_path)
            assert told(tmp_path, "writer", "start")[1] > told(tmp_path, "base", "exit")[0], "all had ended"
            second = pids(desk)
        async with kept_desk(tmp_path, *chain()) as desk:
            await desk.until_state(base="up", writer="up", chart="up", desk="running")
            assert pids(desk) == second, "it was done"
            assert [len(told(tmp_path, name, "start")) for name in second] == [2, 2, 2]

    asyncio.run(scene())


def test_a_stop_after_a_restart_of_all_has_the_last_word(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, *chain(), ends=False) as desk:
            await desk.until_state(base="up", writer="up", chart="up", desk="running")
            desk.driver.restart(ALL, by="test")
            desk.driver.stop(ALL, by="test")
        async with kept_desk(tmp_path, *chain()) as desk:
            await desk.until_state(base="down", writer="down", chart="down", desk="stopped")
            assert [len(told(tmp_path, name, "start")) for name in ("base", "writer", "chart")] == [1, 1, 1]

    asyncio.run(scene())
