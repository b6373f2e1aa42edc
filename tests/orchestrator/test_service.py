"""One service's hands: what its keeper writes, what it is told, whether it is ready; and what a poor host does."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kept import until
from kept_desk import ALL, KeptDesk, MadeUp, kept_desk, service, shell
from servers.process import free_port
from tradewarden import early_log
from tradewarden.machines.kept import Happening, Started
from tradewarden.machines.service import Again, Kind, Place, Ready, Reference, Restarts, ServiceReport, Tier
from tradewarden.orchestrator.keepers import Keepers, KeepersError, Spec

QUICK = Restarts(attempts=2, base=0.01, cap=0.01)


def test_a_command_that_exits_at_once_is_paused_with_its_reason_and_heals_by_a_person_or_a_session(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        world = MadeUp()
        ready = Ready(kind="process", target="0.3")
        async with kept_desk(
            tmp_path,
            shell("bot", f"test -e {tmp_path}/good && exec sleep 1000; exit 3", restarts=QUICK, ready=ready),
            world=world,
        ) as desk:
            await desk.until_state(bot="paused", desk="degraded")
            assert (desk.of("bot").reason or "").startswith("exit code 3 after 0.0 s; it ended 2 times within 60 s")
            assert desk.of("bot").exit_code == 3
            world.began = True
            desk.driver.settle()
            assert desk.of("bot").state != "paused", "a session that begins is another chance"
            await desk.until_state(bot="paused")
            (tmp_path / "good").touch()
            desk.driver.start(ALL, by="test")
            await desk.until_state(bot="up", desk="running")

    asyncio.run(scene())


def test_one_that_never_becomes_ready_says_what_its_check_said(tmp_path: Path) -> None:
    async def scene() -> None:
        port = free_port()
        ready = Ready(kind="port", target=str(port), within=0.4)
        async with kept_desk(tmp_path, service("bot", ready=ready, tier=Tier.OPTIONAL, stop_seconds=0.5)) as desk:
            await desk.until(lambda: "it is not ready yet: " in (desk.of("bot").reason or ""))
            await desk.until_state(bot="failed")
            assert f"127.0.0.1:{port}" in (desk.of("bot").reason or "")
            assert "never became ready" in (desk.of("bot").reason or "")
            assert desk.of("bot").pid is None

    asyncio.run(scene())


def test_a_command_that_is_gone_at_the_moment_of_the_start_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("bot", str(tmp_path / "renamed"), restarts=QUICK)) as desk:
            await desk.until_state(bot="paused")
            assert "it cannot be started" in (desk.of("bot").reason or "")
            assert "No such file" in (desk.of("bot").reason or "")

    asyncio.run(scene())


def test_what_a_service_says_and_takes_is_told(tmp_path: Path) -> None:
    said = (
        """echo '{"text": "50 quotes a batch", "figures": {"batches_per_second": 20}}' > "$TRADEWARDEN_STATUS_FILE" """
    )

    async def scene() -> None:
        port = free_port()
        async with kept_desk(
            tmp_path, shell("bot", f"echo ERROR: oops; {said}; exec sleep 1000", ports=(port,), description="quotes")
        ) as desk:
            await desk.until_state(bot="up")
            await desk.until(lambda: desk.of("bot").memory_bytes is not None and desk.of("bot").says is not None)
            told = desk.of("bot")
            assert (told.says, dict(told.figures)) == ("50 quotes a batch", {"batches_per_second": 20})
            assert (told.reach, told.description) == (f"127.0.0.1:{port}", "quotes")
            assert told.memory_bytes
            assert told.cpu_percent is not None
            await desk.until(lambda: desk.of("bot").errors_last_hour == 1)
            assert desk.driver.report().host is not None

    asyncio.run(scene())


def test_a_service_whose_log_finds_no_room_says_so_as_long_as_that_is_so(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "bot.log"
    log.parent.mkdir()
    log.symlink_to("/dev/full")

    async def scene() -> None:
        async with kept_desk(tmp_path, shell("bot", r"printf 'one\ntwo\n'; exec sleep 1000")) as desk:

            def shown() -> ServiceReport:  # what the health answer shows, which reads no figures
                report = desk.driver.shown()
                assert report is not None
                return report.services[0]

            await desk.until(lambda: shown().state == "up")
            desk.keepers.command("bot", "look")
            await desk.until(lambda: shown().loses_lines)
            assert re.fullmatch(r"its log finds no room: 2 lines lost since \d\d:\d\d", shown().reason or "")
            assert (shown().state, shown().lost_lines) == ("up", 2)
            assert desk.news[-1] == shown(), "whoever listens is told as well"
            log.unlink()
            desk.keepers.command("bot", "look")
            await desk.until(lambda: shown().reason is None)
            assert (shown().loses_lines, shown().lost_lines) == (False, 2)

    asyncio.run(scene())


def test_a_keeper_that_is_killed_is_replaced_and_there_is_never_a_second_copy(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("bot")) as desk:
            await desk.until_state(bot="up")
            first = desk.of("bot").pid
            with capture_logs() as logs:
                os.kill(_written(tmp_path)[-1]["keeper"], signal.SIGKILL)
                await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid not in (None, first))
            assert any(line["event"] == "service.news" and line["what"] == "keeper_lost" for line in logs)
            told = [(line["ev"], line["pid"], line.get("fenced", False)) for line in _written(tmp_path)]
            assert told == [("start", first, False), ("exit", first, True), ("start", desk.of("bot").pid, False)]

    asyncio.run(scene())


def test_restarts_are_counted_whoever_keeps_it_and_whichever_daemon_looks(tmp_path: Path) -> None:
    async def kill(desk: KeptDesk, *, keeper: bool) -> None:
        before = desk.of("bot").pid
        assert before is not None
        os.kill(_written(tmp_path)[-1]["keeper"] if keeper else before, signal.SIGKILL)
        await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid not in (None, before))

    async def scene() -> None:
        async with kept_desk(tmp_path, service("bot"), ends=False) as desk:
            await desk.until_state(bot="up")
            await kill(desk, keeper=False)
            await kill(desk, keeper=True)
            assert desk.of("bot").restarts == 2
        async with kept_desk(tmp_path, service("bot"), ends=False) as desk:
            await desk.until_state(bot="up")
            assert desk.of("bot").restarts == 2
            pid = desk.of("bot").pid
            os.kill(_written(tmp_path)[-1]["keeper"], signal.SIGKILL)
            await asyncio.to_thread(until, lambda: not desk.keepers.held("bot"))
        async with kept_desk(tmp_path, service("bot")) as desk:
            await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid not in (None, pid))
            assert desk.of("bot").restarts == 3
            desk.driver.restart(ALL, by="test")
            await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").restarts == 0)

    asyncio.run(scene())


def test_what_no_log_has_taken_as_yet_is_left_for_the_next_daemon(tmp_path: Path) -> None:
    async def scene() -> None:
        early_log.hold(lambda: None)
        async with kept_desk(tmp_path, service("bot")) as desk:
            await desk.until_state(bot="up")
            seen = tmp_path / "keepers" / "bot.seen"
            assert not seen.exists()
            early_log.tell()
            await desk.until(seen.exists)

    asyncio.run(scene())


def _written(state: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (state / "keepers" / "bot.status").read_text().splitlines()]


def test_keepers_that_cannot_be_had_are_a_reason_and_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise KeepersError("nobody starts keepers here")

    async def scene() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(Keepers, "keep", away)
            async with kept_desk(tmp_path, service("bot")) as desk:
                await desk.until(lambda: desk.of("bot").reason == "waits for a keeper: nobody starts keepers here")
                assert not desk.driver.report().keepers_reachable
                broken.undo()
                await desk.until_state(bot="up")
                assert desk.driver.report().keepers_reachable

    asyncio.run(scene())


def test_a_host_without_a_descriptor_or_a_byte_to_spare_ends_no_beat_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(*_: object) -> bool:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scene() -> None:
        async with kept_desk(tmp_path, service("bot")) as desk:
            await desk.until_state(bot="up")
            pid = desk.of("bot").pid
            with monkeypatch.context() as short:
                short.setattr(Keepers, "held", poor)
                short.setattr(Keepers, "remember", full)
                os.kill(pid or 0, signal.SIGKILL)
                await desk.until(lambda: desk.of("bot").pid not in (None, pid))
            await desk.until_state(bot="up")
            assert desk.of("bot").restarts == 1

    asyncio.run(scene())


def test_a_step_that_fails_is_tried_again_and_then_has_failed(tmp_path: Path) -> None:
    async def scene() -> None:
        step = {"kind": Kind.STEP, "ready": Ready(kind="exit"), "tier": Tier.IMPORTANT}
        restarts = Restarts(when=Again.FAILURE, attempts=2, base=0.01, cap=0.01)
        async with kept_desk(
            tmp_path,
            shell("bad", f"echo x >> {tmp_path}/tries; exit 4", restarts=restarts, **step),
            shell("good", "exit 0", restarts=restarts, **step),
        ) as desk:
            await desk.until_state(bad="failed", good="done", desk="degraded")
            assert "exit code 4" in (desk.of("bad").reason or "")
            assert (tmp_path / "tries").read_text() == "x\n" * 2

    asyncio.run(scene())


def test_a_step_that_ends_while_it_is_looked_at_is_done_and_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Keepers.read

    def slowly(self: Keepers, name: str) -> list[Happening]:
        """What stood there, told only when its keeper has written more and gone."""
        news = read(self, name)
        deadline = time.monotonic() + 5
        while any(isinstance(each, Started) for each in news) and self.held(name) and time.monotonic() < deadline:
            time.sleep(0.005)
        return news

    async def scene() -> None:
        monkeypatch.setattr(Keepers, "read", slowly)
        step = shell("step", f"echo x >> {tmp_path}/runs; sleep 0.1", kind=Kind.STEP, ready=Ready(kind="exit"))
        async with kept_desk(tmp_path, replace(step, restarts=Restarts(when=Again.FAILURE))) as desk:
            await desk.until_state(step="done", desk="running")
            assert (tmp_path / "runs").read_text() == "x\n"

    asyncio.run(scene())


def test_one_that_works_no_more_is_told_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr("tradewarden.orchestrator.readiness.AGAIN", 0.1)
        port = free_port()

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)

        server = await listen()
        async with kept_desk(tmp_path, service("bot", ready=Ready(kind="port", target=str(port)))) as desk:
            await desk.until_state(bot="up")
            pid = desk.of("bot").pid
            server.close()
            await desk.until(lambda: str(port) in (desk.of("bot").reason or ""))
            assert (desk.of("bot").state, desk.of("bot").pid) == ("up", pid), "nothing that has worked is killed for it"
            server = await listen()
            await desk.until(lambda: desk.of("bot").reason is None)
            server.close()

    asyncio.run(scene())


def test_a_service_that_no_keeper_takes_leaves_the_keepers_reachable_for_all_others(tmp_path: Path) -> None:
    async def scene() -> None:
        too_much = service("big", environment={"WORDS": "x" * 300_000}, tier=Tier.OPTIONAL)
        async with kept_desk(tmp_path, too_much, service("small")) as desk:
            await desk.until_state(small="up")
            seen: list[bool] = []

            def is_refused() -> bool:
                seen.append(desk.driver.report().keepers_reachable)
                return (desk.of("big").reason or "").startswith("waits for a keeper: big: ")

            await desk.until(is_refused)
            assert desk.driver.report().keepers_reachable
            assert all(seen)

    asyncio.run(scene())


def test_a_keeper_that_was_just_leaving_when_it_was_asked_for_holds_up_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, asked = Keepers.keep, list[str]()

    async def already(self: Keepers, spec: Spec) -> None:
        asked.append(spec.name)
        if len(asked) > 1:
            await keep(self, spec)

    async def scene() -> None:
        monkeypatch.setattr(Keepers, "keep", already)
        began = time.monotonic()
        async with kept_desk(tmp_path, service("bot")) as desk:
            await desk.until_state(bot="up")
            assert time.monotonic() - began < 5
            assert asked == ["bot", "bot"]

    asyncio.run(scene())


def test_the_next_daemon_knows_what_no_log_may_show(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "db").write_text("hunter2hunter2")
        told = {"LOST": Reference(Place.SECRET, "gone"), "PW": Reference(Place.SECRET, "db"), "API_KEY": "in-the-file"}
        bot = service("bot", environment=told)
        async with kept_desk(tmp_path, bot, begins=False) as desk:
            assert desk.learned == ["hunter2hunter2", "in-the-file"]

    asyncio.run(scene())


def test_words_without_a_line_end_are_told_where_a_line_is_waited_for(tmp_path: Path) -> None:
    waits = shell("bot", "printf READY; exec sleep 1000", ready=Ready(kind="log_line", target="READY", within=60.0))

    async def scene() -> None:
        async with kept_desk(tmp_path, waits) as desk:
            await desk.until(lambda: "5 bytes without a line end" in (desk.of("bot").reason or ""))
            assert desk.of("bot").state == "starting"

    asyncio.run(scene())
