"""The end of the desk's programs when no daemon lives: in the reverse order, for good, and even of what defies it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kept import lives, until
from kept_desk import end_zygote, kept_desk, service, shell
from tradewarden.machines.service import Ready
from tradewarden.orchestrator import alone
from tradewarden.orchestrator.alone import stop_alone, unkept
from tradewarden.orchestrator.wishes import Wishes


def test_programs_without_a_daemon_stop_in_the_reverse_order_and_stay_down(tmp_path: Path) -> None:
    note = f"date +%s%N > {tmp_path}"
    feed = shell("feed", f"trap '{note}/feed; exit' TERM; while :; do sleep 0.01; done")
    chart = shell("chart", f"trap '{note}/chart; exit' TERM; while :; do sleep 0.01; done", needs=("feed",))
    script, heard = "trap '' TERM; echo ready; while :; do sleep 0.01; done", Ready(kind="log_line", target="ready")
    deaf = shell("deaf", script, stop_seconds=0.2, ready=heard)
    said: list[str] = []

    async def scene() -> None:
        async with kept_desk(tmp_path, feed, chart, deaf, service("old"), ends=False) as desk:
            await desk.until_state(feed="up", chart="up", deaf="up", old="up")
        keepers = desk.keepers
        assert await asyncio.to_thread(stop_alone, [feed, chart, deaf], keepers, tmp_path, said.append) == ()
        assert not any(map(keepers.held, keepers.names()))

    try:
        asyncio.run(scene())
    finally:
        end_zygote(tmp_path / "keepers")
    assert said == ["stopping old", "stopping chart", "stopping feed, deaf"]
    assert int((tmp_path / "chart").read_text()) < int((tmp_path / "feed").read_text())
    wishes = Wishes(tmp_path / "services.json")
    assert [wishes.of(name).wanted for name in ("feed", "chart", "deaf", "old")] == [False] * 4


def test_a_program_whose_keeper_was_killed_is_ended_without_a_daemon_too(tmp_path: Path) -> None:
    lonely = service("lonely")

    async def scene() -> None:
        async with kept_desk(tmp_path, lonely, ends=False) as desk:
            await desk.until_state(lonely="up")
            life = desk.driver.crew.drivers["lonely"].life.past.life
            assert life is not None
            assert unkept([lonely], desk.keepers) == ()
            os.kill(life.keeper, signal.SIGKILL)
            await asyncio.to_thread(until, lambda: not desk.keepers.held("lonely"))
        assert lives(life.pid)
        assert unkept([lonely, service("other")], desk.keepers) == (lonely,)
        assert await asyncio.to_thread(stop_alone, [lonely], desk.keepers, tmp_path, lambda _: None) == ()
        assert not lives(life.pid)
        assert unkept([lonely], desk.keepers) == ()

    try:
        asyncio.run(scene())
    finally:
        end_zygote(tmp_path / "keepers")


def test_a_program_whose_keeper_hangs_is_ended_without_a_daemon_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "SLACK", 1.0)
    hung, stray = service("hung", stop_seconds=0.2), service("stray")

    async def scene() -> None:
        async with kept_desk(tmp_path, hung, stray, ends=False) as desk:
            await desk.until_state(hung="up", stray="up")
            found = [driver.life.past.life for driver in desk.driver.crew.drivers.values()]
        for life in found:
            assert life is not None
            os.kill(life.keeper, signal.SIGSTOP)
        mine, other = (life for life in found if life is not None)
        try:
            assert await asyncio.to_thread(stop_alone, [hung], desk.keepers, tmp_path, lambda _: None) == ("stray",)
            assert not lives(mine.keeper)
            assert not lives(mine.pid)
            assert lives(other.keeper), "nobody knows what the file would say of it"
        finally:
            os.kill(other.keeper, signal.SIGCONT)
        await asyncio.to_thread(until, lambda: not lives(other.pid))

    try:
        asyncio.run(scene())
    finally:
        end_zygote(tmp_path / "keepers")
