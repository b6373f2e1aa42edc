"""Two accounts on one desk, over real sockets: each has its own token, login, warning and end; one feeds the ticks."""

import asyncio
import json
import stat
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from alert_sink import AlertSink, alert_sink
from desk import LIVE, USER, Desk, play, running_desk
from tradewarden.machines.report import AccountReport, Picture, Severity
from tradewarden.orchestrator.clock import IST
from tradewarden.selftest import selftest
from tradewarden.settings import AlertSettings
from tradewarden.status import lines
from tradewarden.terminal_login import login
from tradewarden.terminal_logout import logout, token_error
from tradewarden.verify_command import verify
from virtual_time import VirtualClock, run_virtually

ADMIN = {"Authorization": "Bearer desktestadmin"}
OTHER = "XY7890"
FAMILY: dict[str, dict[str, Any]] = {"family": {"user_id": OTHER}}
LINK = "/login?account=family"


def at(hour: int, minute: int, second: int = 0, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=IST)


def family(picture: Picture) -> AccountReport:
    (account,) = picture.accounts
    return account


async def until_family(desk: Desk, state: str) -> Picture:
    return await desk.until(lambda picture: family(picture).auth.state == state)


async def visit(desk: Desk, begin: str, user: str, *, and_then: str = "") -> tuple[int, str]:
    """What a person does: follow the link, submit the broker's form, end on the desk's page."""
    async with desk.client.get(desk.url + begin, allow_redirects=False) as begun:
        query = urlsplit(begun.headers["Location"]).query
    address = f"{desk.broker.login_url}?{query}"
    async with desk.client.post(address, data={"user_id": user}, allow_redirects=False) as submitted:
        back = submitted.headers["Location"]
    async with desk.client.get(back + and_then) as page:
        return page.status, await page.text()


async def post(desk: Desk, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    async with desk.client.post(desk.url + path, json=body, headers=ADMIN) as answer:
        return answer.status, await answer.json(content_type=None)


async def text_of(desk: Desk, path: str) -> str:
    async with desk.client.get(desk.url + path) as answer:
        return await answer.text()


def perform(state: Path, scene: Callable[[Desk], Coroutine[Any, Any, None]], **how: Any) -> None:
    play(state, LIVE, scene, **{"accounts": FAMILY} | how)


def with_both(scene: Callable[[Desk], Coroutine[Any, Any, None]]) -> Callable[[Desk], Coroutine[Any, Any, None]]:
    """The same scene once both accounts are logged in."""

    async def logged_in(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.save_token(desk.broker.mint(OTHER), name="family.env")
        await until_family(desk, "valid")
        await scene(desk)

    return logged_in


# The warning and its end


def test_an_account_without_a_login_warns_with_its_own_name_and_link_and_the_feed_goes_on(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.account")
        code, health = await desk.health()
        assert (code, health["status"], health["headline"]["layer"]) == (200, "warn", "auth")
        assert health["headline"]["text"] == "Login required: family"
        assert health["headline"]["action"]["href"] == LINK
        first, second = health["checks"]["auth:token"]
        assert (first["componentId"], first["status"], first["observedValue"]) == ("kite", "pass", "valid")
        assert (second["componentId"], second["status"], second["observedValue"]) == ("family", "warn", "required")
        assert "action" not in first
        assert second["action"]["href"] == LINK
        assert health["auth"]["is_valid"] is True
        assert (await desk.health("/summary"))[1]["requires_action"] is True
        code, alone = await desk.health("/auth")
        assert (code, alone["status"], alone["check"]["observedValue"]) == (200, "warn", "valid")
        assert [each["componentId"] for each in alone["accounts"]] == ["kite", "family"]
        page = await text_of(desk, "/")
        assert f'id="login" href="{LINK}"' in page
        assert '<span class="name">family</span>' in page
        assert desk.picture.feed.state == "streaming"

    perform(tmp_path, scene)


def test_a_login_over_its_own_link_ends_the_warning_and_touches_nobody_elses_token(tmp_path: Path) -> None:
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.account")
        before = desk.parts.auth.machine.held
        assert await selftest(desk.url, said.append)
        status, page = await visit(desk, LINK, OTHER, and_then="&account=kite")  # the login itself knows whose it is
        assert (status, f"Logged in as {OTHER}" in page) == (200, True)
        await desk.until_headline("market.live")
        assert await selftest(desk.url, said.append)
        assert desk.parts.auth.machine.held == before
        file = tmp_path / "token-family.json"
        assert json.loads(file.read_text())["user_id"] == OTHER
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not (tmp_path / "token.json").exists()

    async def after_a_restart(desk: Desk) -> None:
        await until_family(desk, "expired")  # another broker process, which knows nothing of it: it was tried

    perform(tmp_path, scene)
    perform(tmp_path, after_a_restart)
    assert [line.split(" since")[0] for line in said if line.startswith("auth")] == [
        "auth     working: kite valid",
        "auth     login needed: family required",
        "auth     working: kite valid",
        "auth     working: family valid",
    ]


@pytest.mark.parametrize(("link", "user"), [(LINK, USER), ("/login", OTHER)])
def test_a_login_as_somebody_else_is_refused_and_leads_back_to_the_same_account(
    tmp_path: Path, link: str, user: str
) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.account")
        held = desk.parts.auth.machine.held
        status, page = await visit(desk, link, user)
        assert (status, "another account" in page) == (403, True)
        assert f'class="login" href="{link}"' in page
        assert desk.parts.auth.machine.held == held
        assert family(desk.picture).auth.state == "required"

    perform(tmp_path, scene)


def test_the_feeding_accounts_own_trouble_comes_first_and_both_are_in_the_checks(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.required")
        code, health = await desk.health()
        assert code == 503
        assert [check["action"]["href"] for check in health["checks"]["auth:token"]] == ["/login", LINK]
        assert [check["status"] for check in health["checks"]["auth:token"]] == ["fail", "warn"]
        assert [line for line in lines(health, desk.url) if "to do" in line] == [
            f"  to do: open {desk.url}/login, or run `tradewarden login`",
            f"  to do: open {desk.url}{LINK}, or run `tradewarden login --account family`",
        ]

    perform(tmp_path, scene, token=False)


def test_a_dead_account_leaves_a_feed_that_is_down_in_the_headline(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.account")
        desk.broker.world.change({"socket": "refuse"})
        desk.broker.do("drop_socket")
        picture = await desk.until(lambda picture: picture.headline.severity is Severity.CRITICAL)
        assert picture.headline.code == "feed.backing_off"

    perform(tmp_path, scene)


def test_a_file_that_holds_the_other_accounts_token_is_found_out(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("auth.account")
        desk.save_token(desk.broker.mint(USER), name="family.env")
        picture = await desk.until(lambda picture: family(picture).auth.reason == "other_account")
        assert (family(picture).auth.state, picture.auth.state) == ("required", "valid")
        assert picture.feed.state == "streaming"

    perform(tmp_path, scene)


# What others ask for


def test_verify_errors_and_logout_speak_of_the_account_that_is_named(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        _, told = await post(desk, "/api/system/health/auth/verify", account="family")
        assert told["verdict"] == "valid"
        _, told = await post(desk, "/api/auth/errors", type="TokenException", account="family", generation=1)
        assert told["outcome"] == "taken"
        assert (family(desk.picture).auth.state, desk.picture.auth.state) == ("expired", "valid")
        await until_family(desk, "valid")  # the broker had the last word
        _, told = await post(desk, "/api/auth/logout", account="family")
        assert (told["outcome"], told["killedAtBroker"]) == ("logged_out", True)
        assert (family(desk.picture).auth.state, desk.picture.auth.state) == ("required", "valid")
        assert desk.picture.feed.state == "streaming"

    perform(tmp_path, with_both(scene))


def test_an_account_that_there_is_none_of_is_refused_and_those_that_there_are_are_named(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        async with desk.client.get(f"{desk.url}/login?account=canary", allow_redirects=False) as answer:
            problems = [(answer.status, await answer.json(content_type=None))]
        for path, body in (
            ("/api/system/health/auth/verify", {}),
            ("/api/auth/errors", {"type": "TokenException"}),
            ("/api/auth/logout", {}),
        ):
            problems += [await post(desk, path, account=name, **body) for name in ("canary", 7)]
        assert [status for status, _ in problems] == [422] * 7
        assert "no account has this name; known are kite, family" in json.dumps(problems)
        assert "canary" not in json.dumps(problems)
        assert desk.picture.auth.state == family(desk.picture).auth.state == "valid"

    perform(tmp_path, with_both(scene))


def test_the_commands_take_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        settings = desk.settings

        def paste() -> str:
            return desk.broker.broker.log_in(OTHER, desk.clock.now())

        assert await login(settings, "family", say=said.append, ask=paste) == 0, said
        assert family(desk.picture).auth.user_id == OTHER
        assert await verify(settings, "family", as_json=False, say=said.append) == 0
        assert await token_error(settings, "TokenException", "", None, "family", say=said.append) == 0
        await until_family(desk, "valid")
        assert await logout(settings, "family", say=said.append) == 0
        assert (family(desk.picture).auth.state, desk.picture.auth.state) == ("required", "valid")
        idle = settings.model_copy(update={"state_dir": tmp_path / "idle"})
        assert await login(idle, "family", say=said.append, ask=paste) == 0, said
        assert (tmp_path / "idle" / "token-family.json").exists()
        assert not (tmp_path / "idle" / "token.json").exists()
        assert await login(idle, "family", say=said.append, ask=lambda: paste_as(desk, USER)) == 1
        assert said[-1].startswith(f"The account family belongs to {OTHER}; the login was made as {USER}.")
        assert await logout(idle, "family", say=said.append) == 0
        assert not (tmp_path / "idle" / "token-family.json").exists()

    perform(tmp_path, scene)
    assert said[1] == f"Logged in as {OTHER}."


def paste_as(desk: Desk, user: str) -> str:
    return desk.broker.broker.log_in(user, desk.clock.now())


def test_figures_and_lines_of_the_log_have_the_account(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        figures = await text_of(desk, "/metrics")
        for name in ("kite", "family"):
            assert f'tradewarden_auth_state{{account="{name}",tradewarden_auth_state="valid"}} 1' in figures
        assert 'machine="auth.family"' in figures
        assert OTHER not in figures

    with capture_logs() as events:
        perform(tmp_path, with_both(scene))
    verdicts = [event["account"] for event in events if event["event"] == "auth.verdict"]
    assert sorted(verdicts) == ["family", "kite"]
    assert {event["account"] for event in events if event["event"] == "auth.state"} == {"family", "kite"}


# A morning


def test_one_of_two_tokens_dies_at_six_its_owner_is_asked_at_0815_and_logs_in_at_0850(tmp_path: Path) -> None:
    async def early(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        desk.save_token(desk.broker.mint(OTHER), name="family.env")
        await until_family(desk, "expiring")
        await clock.until(at(5, 59))
        desk.broker.do("expire_token")
        await clock.until(at(6, 0, 1))
        assert (family(desk.picture).auth.state, desk.picture.auth.state) == ("expired", "valid")
        assert desk.picture.headline.code == "auth.account"
        assert sink.got == []

    async def morning(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 14, 59))
        assert sink.kinds == []
        await clock.until(at(8, 15, 1))
        (text,) = sink.texts
        assert text.splitlines() == [
            "Log family in before 09:00",
            "The broker's session has ended; data is due from 09:00.",
            f"Log in: http://127.0.0.1:8700{LINK}",
        ]
        await clock.until(at(8, 40, 1))
        assert sink.texts[1].startswith("Kite session expired: family\nExpired 08:14.")
        await clock.until(at(8, 50))
        assert (await visit(desk, LINK, OTHER))[0] == 200
        await clock.until(at(8, 51, 5))
        assert sink.kinds == ["morning", "opened", "resolved"]
        assert {body["account"] for _, body in sink.got} == {"family"}
        assert (desk.picture.headline.code, desk.picture.feed.state) == ("market.closed", "streaming")
        assert desk.dials() == 1

    async def on_stage() -> None:
        clock = VirtualClock(at(5, 58))
        async with alert_sink() as sink:
            alerts = AlertSettings(webhook_url=f"{sink.url}/hook")
            for scene, begin in ((early, at(5, 58)), (morning, at(8, 14))):
                await clock.until(begin)  # nobody needs to sit through the hours between
                async with running_desk(tmp_path, clock, tick_seconds=5.0, alerts=alerts, accounts=FAMILY) as desk:
                    await scene(desk, sink, clock)

    run_virtually(on_stage)


def test_a_restart_asks_no_account_twice(tmp_path: Path) -> None:
    async def on_stage() -> None:
        clock = VirtualClock(at(8, 14))
        async with alert_sink() as sink:
            alerts = AlertSettings(webhook_url=f"{sink.url}/hook")
            for _ in range(2):
                async with running_desk(tmp_path, clock, alerts=alerts, accounts=FAMILY):
                    await asyncio.sleep(70)
            assert sink.kinds == ["morning"]

    run_virtually(on_stage)
