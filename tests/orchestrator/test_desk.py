"""The verbs of the desk's programs on real keepers: phases, adoption, conditions, wishes that last, a changed file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kept_desk import ALL, MadeUp, kept_desk, service, shell
from tradewarden.machines.service import (
    Again,
    DeskReport,
    Kind,
    OnToken,
    Place,
    Ready,
    Reference,
    Restarts,
    Selection,
    Service,
    ServiceReport,
    Tier,
)
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.keepers import Keepers, KeepersError
from tradewarden.orchestrator.orders import RefusedError
from tradewarden.orchestrator.service import Host
from tradewarden.orchestrator.wishes import FILE, Wishes


def only(*names: str) -> Selection:
    return Selection(names=names)


def test_a_desk_starts_in_phases_and_stops_in_reverse(tmp_path: Path) -> None:
    async def scene() -> None:
        note = f"date +%s%N >> {tmp_path}/"
        async with kept_desk(
            tmp_path,
            shell("chart", f"{note}chart; exec sleep 1000", tier=Tier.OPTIONAL, needs=("feed",)),
            shell(
                "feed",
                f"{note}feed; sleep 0.2; echo ready; exec sleep 1000",
                ready=Ready(kind="log_line", target="ready"),
            ),
            shell(
                "setup", f"{note}setup", kind=Kind.STEP, ready=Ready(kind="exit"), restarts=Restarts(when=Again.FAILURE)
            ),
        ) as desk:
            assert desk.driver.plan() == (("feed", "setup"), ("chart",))
            await desk.until_state(chart="up", feed="up", setup="done", desk="running")
            await desk.until(lambda: (tmp_path / "chart").exists() and (tmp_path / "chart").read_text() != "")
            times = {name: int((tmp_path / name).read_text()) for name in ("feed", "chart", "setup")}
            assert times["chart"] - times["feed"] > 190_000_000, "the next phase waits until the one before is ready"
            states = [each.state for each in desk.news if isinstance(each, DeskReport)]
            assert states[0] == "starting"
            assert states[-1] == "running"
            order = desk.driver.stop(ALL, by="test")
            assert set(order.accepted) == {"chart", "feed", "setup"}
            await desk.until_state(chart="down", feed="down", setup="down", desk="stopped")
            ended = [each.name for each in desk.news if isinstance(each, ServiceReport) and each.state == "down"]
            assert ended.index("chart") < ended.index("feed")
            assert desk.driver.report().reason == "`tradewarden start --all` starts it"

    asyncio.run(scene())


@pytest.mark.parametrize("verb", ["stop --all", "down"])
def test_what_was_still_to_come_of_a_start_is_stopped_too(tmp_path: Path, verb: str) -> None:
    async def scene() -> None:
        never = Ready(kind="log_line", target="ready")
        async with kept_desk(tmp_path, service("feed", ready=never), service("chart", needs=("feed",))) as desk:
            await desk.until_state(feed="starting", desk="starting")
            order = desk.driver.down(by="test") if verb == "down" else desk.driver.stop(ALL, by="test")
            assert set(order.accepted) == {"feed", "chart"}
            await desk.until_state(feed="down", chart="down", desk="stopped")

    asyncio.run(scene())


def test_one_that_is_stopped_before_its_turn_is_left_out_of_the_start(tmp_path: Path) -> None:
    async def scene() -> None:
        slow = Ready(target="0.3")
        async with kept_desk(
            tmp_path, service("feed", ready=slow), service("chart", needs=("feed",)), service("tape", needs=("feed",))
        ) as desk:
            await desk.until_state(feed="starting", desk="starting")
            desk.driver.stop(only("chart"), by="test")
            await desk.until_state(feed="up", tape="up", chart="down", desk="running")
            assert desk.of("chart").reason == "somebody stopped it"

    asyncio.run(scene())


def test_the_next_daemon_adopts_what_runs_and_starts_nothing_twice(tmp_path: Path) -> None:
    services = (
        service("a"),
        service("b"),
        shell(
            "setup",
            f"echo x >> {tmp_path}/runs",
            kind=Kind.STEP,
            ready=Ready(kind="exit"),
            restarts=Restarts(when=Again.FAILURE),
        ),
    )

    async def scene() -> None:
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(a="up", b="up", setup="done")
            pids = desk.of("a").pid, desk.of("b").pid
            assert set(desk.driver.running) == {"a", "b"}
        os.kill(pids[1] or 0, signal.SIGKILL)
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            began = time.monotonic()
            await desk.until_state(a="up", b="up", setup="done", desk="running")
            assert time.monotonic() - began < 5
            assert desk.of("a").pid == pids[0]
            assert desk.of("b").pid != pids[1]
            assert desk.of("b").restarts == 1
            assert desk.of("b").exit_code == -signal.SIGKILL
            assert (tmp_path / "runs").read_text() == "x\n", "a step that is done is not done again"
        with capture_logs() as logs:
            async with kept_desk(tmp_path, *services):
                assert not [line for line in logs if line.get("while_away")], "what was told is not told again"

    asyncio.run(scene())


def _another_daemon(state: Path) -> DeskDriver:
    """A second one with a state directory of its own, on the same run directory; it is expected to do nothing."""

    def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        deed.close()
        raise AssertionError(name)

    async def reread() -> tuple[Service, ...]:
        return (service("a"), service("b"))

    clock = SystemClock()
    host = Host(
        keepers=Keepers(state / "keepers", state / "logs", now=clock.now),
        clock=clock,
        spawn=spawn,
        state=state,
        log_dir=state / "logs",
        flows=None,
        learned=lambda _: None,
    )
    return DeskDriver((service("a"),), host, MadeUp(), Wishes(state / "other.json"), reread)


def test_the_second_daemon_of_a_run_directory_says_who_was_first_and_touches_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a")) as one:
            await one.until_state(a="up")
            pid = one.of("a").pid
            seen = (tmp_path / "keepers" / "a.seen").read_bytes()
            second, who = _another_daemon(tmp_path), f"the daemon with pid {os.getpid()} looks after the programs here"
            with pytest.raises(KeepersError, match=who):
                second.begin()
            second.look()
            assert who in (await second.reload(dry=False, by="test")).problems[0]
            second.end()
            assert (one.of("a").pid, one.states) == (pid, {"a": "up"})
            assert (tmp_path / "keepers" / "a.seen").read_bytes() == seen
            one.driver.stop(ALL, by="test")
            await one.until_state(a="down", desk="stopped")

    asyncio.run(scene())


def test_a_condition_starts_and_stops_within_a_second_and_says_why(tmp_path: Path) -> None:
    async def scene() -> None:
        world = MadeUp()
        async with kept_desk(tmp_path, service("bot", conditions=("market in (pre_open, live)",)), world=world) as desk:
            await desk.until_state(bot="waiting", desk="running")
            assert desk.of("bot").reason == "waits for market.NSE_EQ to be pre_open or live: it is closed"
            world.segments["NSE_EQ"], turned = "live", time.monotonic()
            desk.driver.settle()
            await desk.until_state(bot="up")
            assert time.monotonic() - turned < 1
            world.segments["NSE_EQ"], turned = "closed", time.monotonic()
            desk.driver.settle()
            await desk.until_state(bot="waiting")
            assert time.monotonic() - turned < 1
            assert desk.of("bot").pid is None

    asyncio.run(scene())


def test_a_crash_outside_the_window_is_not_repaired_by_the_keeper(tmp_path: Path) -> None:
    async def scene() -> None:
        world = MadeUp()
        async with kept_desk(tmp_path, service("bot", conditions=("auth valid",)), world=world) as desk:
            await desk.until_state(bot="up")
            world.auth["kite"] = "expired"
            desk.driver.settle()
            assert desk.of("bot").state == "up", "a token that dies stops nothing that runs"
            pid = desk.of("bot").pid
            os.kill(pid or 0, signal.SIGKILL)
            await desk.until(lambda: desk.of("bot").pid is None)
            await desk.until_state(bot="waiting")
            assert "waits for auth to be valid" in (desk.of("bot").reason or "")
            world.auth["kite"] = "valid"
            await desk.until_state(bot="up")

    asyncio.run(scene())


def test_a_new_token_restarts_or_signals_what_wants_it(tmp_path: Path) -> None:
    hears = f"trap 'echo hup >> {tmp_path}/heard' HUP; echo ready; while :; do sleep 0.05; done"

    async def scene() -> None:
        world = MadeUp()
        async with kept_desk(
            tmp_path,
            service("trader", on_token=OnToken.RESTART),
            shell("hears", hears, on_token=OnToken.SIGNAL, ready=Ready(kind="log_line", target="ready")),
            service("other"),
            world=world,
        ) as desk:
            await desk.until_state(trader="up", hears="up", other="up")
            before = {name: desk.of(name).pid for name in ("trader", "hears", "other")}
            world.tokens = [datetime(2020, 1, 1, tzinfo=UTC)]
            desk.driver.settle()
            assert desk.states == {"trader": "up", "hears": "up", "other": "up"}, "they began with a newer one"
            world.tokens = [datetime.now(UTC)]
            desk.driver.settle()
            await desk.until(lambda: desk.of("trader").state == "up" and desk.of("trader").pid != before["trader"])
            await desk.until((tmp_path / "heard").exists)
            assert {name: desk.of(name).pid for name in ("hears", "other")} == {
                name: before[name] for name in ("hears", "other")
            }

    asyncio.run(scene())


def test_what_was_wished_lasts(tmp_path: Path) -> None:
    async def scene() -> None:
        services = service("a"), service("b"), service("c")
        async with kept_desk(tmp_path, *services, ends=False) as desk:
            await desk.until_state(a="up", b="up", c="up")
            desk.driver.stop(only("a"), by="test")
            desk.driver.enable(["b"], on=False, by="test")
            desk.driver.auto_restart(["c"], on=False, by="test")
            await desk.until_state(a="down", b="down")
            with pytest.raises(RefusedError, match="There is no service 'x'; known: a, b, c"):
                desk.driver.stop(only("x"), by="test")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(a="down", b="down", c="up")
            assert (desk.of("b").enabled, desk.of("c").auto_restart) == (False, False)
            order = desk.driver.start(only("b"), by="test")
            assert order.left == {"b": "it is disabled: `tradewarden enable b` first"}
            os.kill(desk.of("c").pid or 0, signal.SIGKILL)
            await desk.until_state(c="failed", desk="degraded")
            assert "automatic restart is switched off" in (desk.of("c").reason or "")
            desk.driver.enable(["b"], on=True, by="test")
            desk.driver.start(ALL, by="test")
            await desk.until_state(a="up", b="up", c="up", desk="running")

    asyncio.run(scene())


def test_a_file_of_wishes_that_cannot_be_understood_starts_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "services.json").write_text("{")
        async with kept_desk(tmp_path, service("a")) as desk:
            assert desk.states == {"a": "down"}
            assert "services.json cannot be understood: it is no JSON" in (desk.driver.report().reason or "")
            desk.driver.start(only("a"), by="test")
            await desk.until_state(a="up")

    asyncio.run(scene())


def test_a_changed_file_restarts_only_what_changed(tmp_path: Path) -> None:
    async def scene() -> None:
        services = service("same"), service("words"), service("command"), service("gone")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(same="up", words="up", command="up", gone="up")
            before = {name: desk.of(name).pid for name in ("same", "words", "command")}
            desk.file[:] = [
                services[0],
                replace(services[1], description="what it is for", tier=Tier.CRITICAL),
                replace(services[2], command=("sleep", "1001")),
                service("new"),
            ]
            shown = await desk.driver.reload(dry=True, by="test")
            assert (shown.added, shown.removed) == (("new",), ("gone",))
            assert (dict(shown.restarted), dict(shown.kept)) == (
                {"command": ("command",)},
                {"words": ("description", "tier")},
            )
            assert desk.states.keys() == {"same", "words", "command", "gone"}, "dry only tells"
            assert await desk.driver.reload(dry=False, by="test") == shown
            await desk.until(lambda: desk.states == dict.fromkeys(("same", "words", "command", "new"), "up"))
            after = {name: desk.of(name).pid for name in before}
            assert (after["same"], after["words"]) == (before["same"], before["words"])
            assert after["command"] != before["command"]
            assert desk.of("words").description == "what it is for"
            assert (await desk.driver.reload(dry=False, by="test")).is_empty
            desk.file[0] = replace(services[0], enabled=False)
            assert dict((await desk.driver.reload(dry=False, by="test")).kept) == {"same": ("enabled",)}
            await desk.until_state(same="down", words="up")
            desk.file[0] = services[0]
            await desk.driver.reload(dry=False, by="test")
            await desk.until_state(same="up", words="up")
            desk.problems.append("tradewarden.toml: services.a: has no command.")
            assert (await desk.driver.reload(dry=False, by="test")).problems == tuple(desk.problems)

    asyncio.run(scene())


def test_needs_that_turn_round_make_no_circle_on_the_way(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), service("b", needs=("a",))) as desk:
            await desk.until_state(a="up", b="up", desk="running")
            order = desk.driver.stop(only("a"), by="test")
            assert order.text == "Stopping: a. What needs them runs on: b."
            await desk.until_state(a="down", b="up")
            desk.driver.start(only("a"), by="test")
            await desk.until_state(a="up")
            desk.file[:] = [service("a", "sleep", "1001", needs=("b",)), service("b")]
            changed = await desk.driver.reload(dry=False, by="test")
            assert (dict(changed.restarted), dict(changed.kept)) == ({"a": ("command", "needs")}, {"b": ("needs",)})
            desk.driver.start(only("a"), by="test")
            await desk.until(lambda: desk.driver.plan() == (("b",), ("a",)) and desk.of("a").state == "up")
            assert (await desk.driver.reload(dry=True, by="test")).is_empty

    asyncio.run(scene())


def test_what_changed_while_no_daemon_looked_is_told_and_restarted_by_a_reload(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), ends=False) as desk:
            await desk.until_state(a="up")
            pid = desk.of("a").pid
        async with kept_desk(tmp_path, service("a", "sleep", "1001")) as desk:
            await desk.until_state(a="up")
            assert desk.of("a").pid == pid, "a start of the daemon restarts nothing"
            assert dict((await desk.driver.reload(dry=False, by="test")).restarted) == {"a": ("definition",)}
            await desk.until(lambda: desk.of("a").state == "up" and desk.of("a").pid != pid)

    asyncio.run(scene())


def test_a_critical_service_that_does_not_start_aborts_and_says_why(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(
            tmp_path,
            service("store"),
            shell(
                "feed",
                "exit 3",
                tier=Tier.CRITICAL,
                restarts=Restarts(attempts=2, base=0.01, cap=0.01),
                ready=Ready(target="0.3"),
            ),
            service("chart", tier=Tier.OPTIONAL, needs=("feed",)),
        ) as desk:
            await desk.until_state(desk="aborted")
            reason = desk.driver.report().reason or ""
            assert reason.startswith("feed, which is critical, did not start: exit code 3")
            assert desk.of("chart").pid is None
            assert reason == f"feed, which is critical, did not start: {desk.of('feed').reason}"
            assert [each.name for each in desk.driver.report().critical_down] in ([], ["feed"])

    asyncio.run(scene())


NOWHERE = Reference(Place.ENV, "NO_SUCH_VARIABLE")
MISSING = "it cannot be started: PIN wants the variable NO_SUCH_VARIABLE, which the daemon does not have"


def test_a_critical_service_without_its_secret_aborts_the_start_at_once_and_says_which_and_why(tmp_path: Path) -> None:
    async def scene() -> None:
        feed = service("feed", tier=Tier.CRITICAL, environment={"PIN": NOWHERE})
        async with kept_desk(tmp_path, feed, service("chart", needs=("feed",))) as desk:
            await desk.until(lambda: desk.driver.report().state == "aborted", within=3)
            assert (desk.driver.report().reason or "").startswith(f"feed, which is critical, did not start: {MISSING}")
            assert desk.of("chart").pid is None

    asyncio.run(scene())


def test_an_optional_service_without_its_secret_has_failed_and_the_start_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        view = service("view", tier=Tier.OPTIONAL, environment={"PIN": NOWHERE})
        chart = service("chart", needs=("feed",))
        async with kept_desk(tmp_path, view, service("feed"), chart) as desk:
            await desk.until(lambda: desk.states == {"view": "failed", "feed": "up", "chart": "up"}, within=3)
            assert (desk.of("view").reason, desk.driver.report().state) == (MISSING, "degraded")

    asyncio.run(scene())


def test_a_file_that_a_login_writes_is_waited_for(tmp_path: Path) -> None:
    async def scene() -> None:
        token = tmp_path / "token"
        feed = service("feed", tier=Tier.CRITICAL, environment={"TOKEN": Reference(Place.FILE, str(token))})
        async with kept_desk(tmp_path, feed, comes=[token]) as desk:
            told = f"waits for a keeper: TOKEN wants the file {token}, which cannot be read: No such file or directory"
            await desk.until(lambda: desk.of("feed").reason == told)
            assert desk.states == {"feed": "starting"}
            token.write_text("enctoken")
            await desk.until_state(feed="up", desk="running")

    asyncio.run(scene())


def test_a_secret_is_given_to_the_service_and_written_nowhere(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "db").write_text("hunter2hunter2\n")
        told = {"PW": Reference(Place.SECRET, "db"), "WORD": "plain"}
        lost = {"PW": Reference(Place.SECRET, "gone")}
        async with kept_desk(
            tmp_path,
            shell("a", f'printf %s "$PW$WORD" > {tmp_path}/got; exec sleep 1000', environment=told),
            service("b", environment=lost),
        ) as desk:
            await desk.until_state(a="up")
            await desk.until(lambda: (tmp_path / "got").exists() and (tmp_path / "got").read_text() != "")
            assert (tmp_path / "got").read_text() == "hunter2hunter2plain"
            await desk.until(lambda: "wants the secret 'gone'" in (desk.of("b").reason or ""))
            written = [path for path in (tmp_path / "keepers").iterdir() if path.is_file()]
            written += list((tmp_path / "logs").iterdir())
            assert all(b"hunter2" not in path.read_bytes() for path in written)
            assert "hunter2" not in repr(desk.driver.report())
            assert "hunter2" not in repr(desk.news)

    asyncio.run(scene())


def test_down_ends_what_the_file_does_not_know_any_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), service("b"), ends=False) as desk:
            await desk.until_state(a="up", b="up")
        async with kept_desk(tmp_path, service("a")) as desk:
            assert set(desk.driver.running) == {"a", "b"}
            assert set(desk.driver.down(by="test").accepted) == {"a", "b"}
            await desk.until(lambda: not desk.keepers.held("b"))
        assert not desk.keepers.held("a")

    asyncio.run(scene())


def test_restart_gives_one_a_new_life_and_all_of_them_new_lives_in_their_order(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), service("b", needs=("a",))) as desk:
            await desk.until_state(a="up", b="up")
            first = desk.of("a").pid, desk.of("b").pid
            desk.driver.restart(only("a"), by="test")
            await desk.until(lambda: desk.of("a").state == "up" and desk.of("a").pid != first[0])
            assert desk.of("b").pid == first[1], "what needs it goes on"
            desk.driver.restart(ALL, by="test")
            await desk.until(lambda: desk.of("b").pid not in (None, first[1]) and desk.of("b").state == "up")
            await desk.until_state(a="up", desk="running")

    asyncio.run(scene())


SLOW = "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.05; done"


def test_one_that_is_stopped_while_all_are_restarted_stays_down_and_the_others_come_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(
            tmp_path, shell("feed", SLOW), service("tape"), service("chart"), service("late", needs=("feed",))
        ) as desk:
            await desk.until_state(feed="up", tape="up", chart="up", late="up", desk="running")
            desk.driver.restart(ALL, by="test")
            assert desk.driver.stop(only("chart"), by="test").accepted == ("chart",)
            await desk.until_state(feed="stopping", tape="down")
            assert desk.driver.stop(only("tape"), by="test").accepted == ("tape",), "it was to come back"
            await desk.until_state(feed="up", late="up", desk="running")
            assert (desk.states["tape"], desk.states["chart"]) == ("down", "down")

    asyncio.run(scene())


def test_one_that_is_enabled_again_while_it_stops_comes_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, shell("feed", SLOW)) as desk:
            await desk.until_state(feed="up", desk="running")
            first = desk.of("feed").pid
            desk.driver.enable(["feed"], on=False, by="test")
            await desk.until_state(feed="stopping")
            desk.driver.enable(["feed"], on=True, by="test")
            await desk.until(lambda: desk.of("feed").state == "up" and desk.of("feed").pid != first)

    asyncio.run(scene())


def test_an_abort_is_not_forgotten_by_disabling_what_is_down(tmp_path: Path) -> None:
    async def scene() -> None:
        never = Ready(kind="log_line", target="ready", within=0.05)
        async with kept_desk(
            tmp_path,
            service("feed", tier=Tier.CRITICAL, ready=never, stop_seconds=0.5),
            service("chart", tier=Tier.OPTIONAL, needs=("feed",)),
        ) as desk:
            await desk.until_state(desk="aborted", chart="down")
            desk.driver.enable(["chart"], on=False, by="test")
            assert desk.driver.report().state == "aborted"

    asyncio.run(scene())


def test_a_failed_one_whose_keeper_rests_can_be_stopped_and_is_then_not_started_by_it(tmp_path: Path) -> None:
    async def scene() -> None:
        script = f"echo x >> {tmp_path}/lives; while ! test -e {tmp_path}/die; do sleep 0.05; done; exit 1"
        bot, other = shell("bot", script), service("other")
        async with kept_desk(tmp_path, bot, other, ends=False) as desk:
            await desk.until_state(bot="up", other="up")
            desk.driver.auto_restart(["bot"], on=False, by="test")
            (tmp_path / "die").touch()
            await desk.until_state(bot="failed", other="up")
            assert desk.keepers.held("bot")
            assert desk.driver.stop(only("bot"), by="test").accepted == ("bot",)
            await desk.until(lambda: not desk.keepers.held("bot"))
            desk.driver.auto_restart(["bot"], on=True, by="test")
            assert desk.of("bot").state == "down"
            desk.driver.start(only("bot"), by="test")
            desk.driver.auto_restart(["bot"], on=False, by="test")
            await desk.until_state(bot="failed", other="up")
            wishes = json.loads((tmp_path / FILE).read_text())
            wishes["services"]["bot"] |= {"wanted": False, "auto_restart": True}
        (tmp_path / FILE).write_text(json.dumps(wishes))
        before = (tmp_path / "lives").read_text()
        async with kept_desk(tmp_path, bot, other) as desk:
            await desk.until(lambda: not desk.keepers.held("bot"))
            assert desk.of("bot").state == "down"
            assert (tmp_path / "lives").read_text() == before, "nobody wants it: it is not started for a moment"

    asyncio.run(scene())


def test_a_stop_settles_what_has_failed(tmp_path: Path) -> None:
    async def scene() -> None:
        never = Ready(kind="log_line", target="ready", within=0.05)
        async with kept_desk(
            tmp_path, service("bot", tier=Tier.OPTIONAL, ready=never, stop_seconds=0.5), service("other")
        ) as desk:
            await desk.until_state(bot="failed", other="up", desk="degraded")
            assert desk.driver.stop(only("bot"), by="test").accepted == ("bot",)
            await desk.until_state(bot="down", desk="running")
            again = desk.driver.stop(only("bot"), by="test")
            assert (again.accepted, dict(again.left)) == ((), {"bot": "it is down already"})

    asyncio.run(scene())


def test_automatic_restarts_that_are_switched_on_again_reach_a_keeper_that_began_without_them(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("bot"), begins=False) as desk:
            desk.driver.auto_restart(["bot"], on=False, by="test")
            desk.driver.start(only("bot"), by="test")
            await desk.until_state(bot="up")
            desk.driver.auto_restart(["bot"], on=True, by="test")
            first = desk.of("bot").pid or 0
            os.kill(first, signal.SIGKILL)
            await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid != first)
            assert desk.of("bot").restarts == 1, "by the same keeper"

    asyncio.run(scene())


def test_what_was_renamed_while_no_daemon_looked_ends_before_it_starts_under_its_new_name(tmp_path: Path) -> None:
    script = f"trap 'sleep 0.3; echo ended >> {tmp_path}/story; exit' TERM; echo began >> {tmp_path}/story; "
    script += "while :; do sleep 0.05; done"

    async def scene() -> None:
        async with kept_desk(tmp_path, shell("old", script), service("other"), ends=False) as desk:
            await desk.until_state(old="up", other="up")
            await desk.until((tmp_path / "story").exists)
        async with kept_desk(tmp_path, shell("new", script), service("other")) as desk:
            assert desk.of("new").reason == "waits for old, its former name, to end"
            await desk.until_state(new="up", other="up", desk="running")
            assert (tmp_path / "story").read_text().split() == ["began", "ended", "began"]
            assert not desk.keepers.held("old")
            assert set(desk.driver.running) == {"new", "other"}
            desk.file[:] = [shell("newer", script), service("other")]
            await desk.driver.reload(dry=False, by="test")
            await desk.until(lambda: desk.states == {"newer": "up", "other": "up"})
            assert (tmp_path / "story").read_text().split() == ["began", "ended", "began", "ended", "began"]

    asyncio.run(scene())


def test_what_left_the_file_while_no_daemon_looked_runs_on_and_is_named_until_it_is_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("a"), service("b", "sleep", "1001"), ends=False) as desk:
            await desk.until_state(a="up", b="up")
        async with kept_desk(tmp_path, service("a")) as desk:
            await desk.until_state(a="up", desk="running")
            told = "b runs here and is in no file: `tradewarden stop b` ends it"
            assert desk.driver.report().reason == told
            desk.file.append(service("b", "sleep", "1002"))
            await desk.driver.reload(dry=False, by="test")
            await desk.until_state(a="up", b="up")
            await desk.until(lambda: desk.driver.report().reason is None and desk.of("b").restarts == 0)
            assert sorted(desk.driver.running) == ["a", "b"]
            assert (await desk.driver.reload(dry=True, by="test")).is_empty, "it runs as the file says"
        async with kept_desk(tmp_path, service("a"), service("b", "sleep", "1001"), ends=False) as desk:
            desk.driver.start(ALL, by="test")
            await desk.until_state(a="up", b="up")
        async with kept_desk(tmp_path, service("a")) as desk:
            assert desk.driver.stop(only("b"), by="test").accepted == ("b",)
            await desk.until(lambda: not desk.keepers.held("b"))
            assert desk.driver.report().reason is None
            with pytest.raises(RefusedError, match="There is no service 'b'"):
                desk.driver.stop(only("b"), by="test")

    asyncio.run(scene())


def test_two_changes_of_the_file_within_the_time_of_a_stop_lose_nobody(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, shell("feed", SLOW), service("gone", "sleep", "1001")) as desk:
            await desk.until_state(feed="up", gone="up")
            desk.file[0] = shell("feed", f"{SLOW} # second")
            await desk.driver.reload(dry=False, by="test")
            await desk.until_state(feed="stopping")
            desk.file[:] = [shell("feed", "echo third; exec sleep 1000")]
            await desk.driver.reload(dry=False, by="test")
            desk.file[:] = [replace(desk.file[0], description="the last word"), service("gone", "sleep", "1002")]
            await desk.driver.reload(dry=False, by="test")
            await desk.until(lambda: desk.of("feed").description == "the last word" and desk.of("feed").state == "up")
            await desk.until_state(gone="up")
            assert "third" in (tmp_path / "logs" / "feed.log").read_text()
            assert (await desk.driver.reload(dry=True, by="test")).is_empty

    asyncio.run(scene())


def test_a_restart_ends_no_program_that_could_not_begin_again(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("here")
    bot = service("bot", environment={"TOKEN": Reference(Place.FILE, str(secret))})

    async def scene() -> None:
        async with kept_desk(tmp_path, bot, service("other")) as desk:
            await desk.until_state(bot="up", other="up")
            pid = desk.of("bot").pid
            secret.unlink()
            order = desk.driver.restart(ALL, by="test")
            assert order.accepted == ("other",)
            assert "TOKEN" in order.left["bot"]
            await desk.until_state(bot="up", other="up", desk="running")
            assert desk.of("bot").pid == pid

    asyncio.run(scene())


def test_a_restart_and_a_start_after_a_pause_give_the_program_its_secrets_and_its_limits_of_now(tmp_path: Path) -> None:
    secret, said, good = tmp_path / "secret", tmp_path / "said", tmp_path / "good"
    bot = shell(
        "bot",
        f"echo $TOKEN >> {said}; test -e {good} && exec sleep 1000; exit 3",
        environment={"TOKEN": Reference(Place.FILE, str(secret))},
        restarts=Restarts(attempts=1, base=0.01, cap=0.01),
        on_token=OnToken.RESTART,
    )

    async def scene() -> None:
        world = MadeUp()
        secret.write_text("wrong")
        async with kept_desk(tmp_path, bot, world=world) as desk:
            await desk.until_state(bot="paused")
            secret.write_text("right")
            good.touch()
            desk.driver.start(ALL, by="test")
            await desk.until_state(bot="up")
            secret.write_text("of-today")
            first = desk.of("bot").pid
            world.tokens = [datetime.now(UTC)]
            desk.driver.settle()
            await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid != first)
            secret.write_text("of-tomorrow")
            desk.file[:] = [replace(bot, restarts=Restarts(attempts=3, base=0.01, cap=0.01))]
            await desk.driver.reload(dry=False, by="test")
            second = desk.of("bot").pid
            desk.driver.restart(only("bot"), by="test")
            await desk.until(lambda: desk.of("bot").state == "up" and desk.of("bot").pid != second)
            assert said.read_text().split() == ["wrong", "right", "of-today", "of-tomorrow"]
            good.unlink()
            os.kill(desk.of("bot").pid or 0, signal.SIGKILL)
            await desk.until_state(bot="paused")
            assert "it ended 3 times" in (desk.of("bot").reason or "")

    asyncio.run(scene())


def test_a_writer_stops_before_its_database_though_others_wait_or_run_on(tmp_path: Path) -> None:
    async def scene() -> None:
        def slow(name: str, **told: Any) -> Service:
            end = f"trap 'sleep 0.2; date +%s%N > {tmp_path}/{name}; exit' TERM"
            return shell(name, f"{end}; while :; do sleep 0.02; done", **told)

        async with kept_desk(
            tmp_path,
            slow("db"),
            slow("writer", needs=("db",)),
            service("bot", conditions=("market in (live)",)),
        ) as desk:
            await desk.until_state(db="up", writer="up", bot="waiting", desk="running")
            desk.driver.stop(only("db", "writer"), by="test")
            assert desk.states["db"] == "up"
            await desk.until_state(db="down", writer="down", bot="waiting")
            assert int((tmp_path / "writer").read_text()) < int((tmp_path / "db").read_text())
            desk.driver.start(only("db", "writer"), by="test")
            await desk.until_state(db="up", writer="up", desk="running")
            desk.driver.restart(ALL, by="test")
            await desk.until_state(db="up", writer="stopping")
            await desk.until_state(db="stopping")
            await desk.until_state(db="up", writer="up", bot="waiting", desk="running")
            assert int((tmp_path / "writer").read_text()) < int((tmp_path / "db").read_text())
            desk.driver.stop(only("db", "writer"), by="test")
            assert desk.driver.start(only("db"), by="test").accepted == ("db",), "it was to stop"
            await desk.until_state(db="up", writer="down")
            assert desk.driver.start(only("db"), by="test").left == {"db": "it is up already"}

    asyncio.run(scene())


def test_a_keeper_that_rests_is_no_desk_that_runs_so_that_the_next_start_may_abort(tmp_path: Path) -> None:
    async def scene() -> None:
        quick = Restarts(attempts=1, base=0.01, cap=0.01)
        services = (
            shell("crit", "exit 3", tier=Tier.CRITICAL, restarts=quick, ready=Ready(target="0.3")),
            shell("bad", "exit 4", tier=Tier.OPTIONAL, restarts=quick, ready=Ready(target="0.3")),
        )
        async with kept_desk(tmp_path, services[1], ends=False) as desk:
            await desk.until_state(bad="failed")
            assert desk.keepers.held("bad")
        async with kept_desk(tmp_path, *services) as desk:
            await desk.until_state(desk="aborted")

    asyncio.run(scene())
