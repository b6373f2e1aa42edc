"""The desk's mornings: what people are told, over the wire, in virtual time."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from alert_sink import AlertSink, alert_sink
from desk import USER, Desk, running_desk
from mail_sink import mail_sink
from tradewarden.machines.alert import Message
from tradewarden.machines.report import Layer
from tradewarden.orchestrator.clock import IST
from tradewarden.settings import AlertSettings, load
from tradewarden.wiring.alerts import senders_of
from virtual_time import VirtualClock, run_virtually

ADMIN = {"Authorization": "Bearer desktestadmin"}
LINK = "http://127.0.0.1:8700/login"

Scene = Callable[[Desk, AlertSink, VirtualClock], Awaitable[None]]


def at(hour: int, minute: int, second: int = 0, day: int = 23) -> datetime:
    """A time in November 2026; the 23rd is a Monday, the 24th a holiday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=IST)


def morning(state: Path, start: datetime, *scenes: Scene, token: bool = False) -> None:
    """Scenes of one morning; between two of them the daemon is restarted."""

    async def on_stage() -> None:
        clock = VirtualClock(start)
        async with alert_sink() as sink:
            alerts = AlertSettings(webhook_url=f"{sink.url}/canary-hook")
            for scene in scenes:
                async with running_desk(state, clock, token=token, alerts=alerts) as desk:
                    await scene(desk, sink, clock)

    run_virtually(on_stage)


async def log_in(desk: Desk) -> None:
    async with desk.client.get(f"{desk.url}/login", allow_redirects=False) as begun:
        query = urlsplit(begun.headers["Location"]).query
    async with desk.client.post(
        f"{desk.broker.login_url}?{query}", data={"user_id": USER}, allow_redirects=False
    ) as submitted:
        back = submitted.headers["Location"]
    async with desk.client.get(back) as page:
        assert page.status == 200


def test_on_a_trading_day_the_link_comes_at_0815_the_alarm_at_0840_and_the_end_after_the_login_at_0850(
    tmp_path: Path,
) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 14, 59))
        assert sink.kinds == []
        await clock.until(at(8, 15, 1))
        assert sink.texts == [
            f"Log in before 09:00\nThere is no session with the broker; data is due from 09:00.\nLog in: {LINK}"
        ]
        await clock.until(at(8, 39, 59))
        assert sink.kinds == ["morning"]
        await clock.until(at(8, 40, 1))
        assert sink.kinds == ["morning", "opened"]
        assert sink.texts[1].endswith(f"Log in: {LINK}")
        await clock.until(at(8, 50))
        await log_in(desk)
        await clock.until(at(8, 50, 59))
        assert sink.kinds == ["morning", "opened"]
        await clock.until(at(8, 51, 5))
        assert sink.kinds == ["morning", "opened", "resolved"]
        assert sink.texts[2].startswith("Over: Login required\nAfter 10 minutes.")
        await clock.until(at(9, 20))
        assert len(sink.got) == 3

    morning(tmp_path, at(8, 10), scene)


def test_on_a_holiday_nobody_is_woken(tmp_path: Path) -> None:
    async def scene(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(9, 30, day=24))
        assert sink.got == []

    morning(tmp_path, at(8, 10, day=24), scene)


def test_a_restart_at_0820_repeats_nothing(tmp_path: Path) -> None:
    async def before(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 20))
        assert sink.kinds == ["morning"]

    async def after(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 42))
        assert sink.kinds == ["morning", "opened"]

    async def later(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 56))
        assert sink.kinds == ["morning", "opened", "reminder"]

    morning(tmp_path, at(8, 14), before, after, later)


def test_a_daemon_that_starts_after_the_hour_warns_then(tmp_path: Path) -> None:
    async def scene(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 20, 5))
        assert sink.kinds == ["morning"]

    morning(tmp_path, at(8, 20), scene)


def test_a_token_that_dies_in_the_night_is_warned_of_once_the_probe_has_found_out(tmp_path: Path) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await desk.until_auth("valid")
        desk.broker.do("expire_token")
        await clock.until(at(8, 14, 59))
        assert desk.picture.auth.state == "valid"
        await clock.until(at(8, 15, 30))
        assert sink.kinds == ["morning"]
        assert "The broker's session has ended" in sink.texts[0]

    morning(tmp_path, at(8, 5), scene, token=True)


def test_a_good_token_lets_everybody_sleep(tmp_path: Path) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(9, 16))
        assert desk.picture.headline.code == "market.live"
        assert sink.got == []

    morning(tmp_path, at(8, 10), scene, token=True)


def test_what_is_told_holds_no_token_and_no_address_of_the_broker(tmp_path: Path) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await desk.until_auth("valid")
        held = desk.parts.auth.machine.held
        assert held is not None
        desk.broker.do("expire_token")
        await clock.until(at(8, 41))
        assert sink.kinds == ["morning", "opened"]
        told = json.dumps(sink.got) + (tmp_path / "alerts.json").read_text()
        for secret in (held.value, desk.broker.url, "connect/login", "desktest"):
            assert secret not in told
        assert stat.S_IMODE((tmp_path / "alerts.json").stat().st_mode) == 0o600

    morning(tmp_path, at(8, 10), scene, token=True)


async def delivery(desk: Desk) -> dict[str, object]:
    async with desk.client.get(f"{desk.url}/api/system/health?http=200", headers=ADMIN) as answer:
        [check] = (await answer.json(content_type=None))["checks"]["alerts:delivery"]
        found: dict[str, object] = check
        return found


def test_a_way_out_that_fails_is_tried_again_and_shown_in_health_until_it_works(tmp_path: Path) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        check = await delivery(desk)
        assert (check["status"], check["observedValue"], check["ways"]) == ("pass", "ok", ["webhook"])
        sink.answers = [(500, {}, {}), (429, {}, {"Retry-After": "20"})]
        await clock.until(at(8, 15, 1))
        check = await delivery(desk)
        assert (check["status"], check["observedValue"], check["affected"]) == ("warn", "failing", ["webhook"])
        _, public = await desk.health()
        assert set(public["checks"]["alerts:delivery"][0]) == {"componentType", "status", "observedValue", "time"}
        await clock.until(at(8, 15, 21))
        assert len(sink.got) == 2
        await clock.until(at(8, 15, 24))
        assert len(sink.got) == 3
        assert (await delivery(desk))["status"] == "pass"
        async with desk.client.get(f"{desk.url}/metrics") as answer:
            metrics = await answer.text()
        assert 'tradewarden_alerts_total{transport="webhook",outcome="sent"} 1\n' in metrics
        assert 'tradewarden_alerts_total{transport="webhook",outcome="failed"} 2\n' in metrics

    morning(tmp_path, at(8, 14), scene)


def test_a_final_refusal_is_not_tried_again_before_there_is_news(tmp_path: Path) -> None:
    async def scene(desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        sink.answers = [(404, {}, {})]
        await clock.until(at(8, 39))
        assert len(sink.got) == 1
        assert (await delivery(desk))["status"] == "warn"
        await clock.until(at(8, 41))
        assert (await delivery(desk))["status"] == "pass"

    morning(tmp_path, at(8, 14), scene)


def test_a_damaged_memory_costs_one_message_more_and_not_the_daemon(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text("[[[")

    async def scene(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 16))
        assert sink.kinds == ["morning"]

    morning(tmp_path, at(8, 14), scene)


def test_a_disk_that_keeps_nothing_silences_nobody(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").mkdir()

    async def scene(_desk: Desk, sink: AlertSink, clock: VirtualClock) -> None:
        await clock.until(at(8, 16))
        assert sink.kinds == ["morning"]
        await asyncio.sleep(60)
        assert sink.kinds == ["morning"]

    morning(tmp_path, at(8, 14), scene)


async def test_every_way_that_is_configured_is_used_and_no_other(tmp_path: Path) -> None:
    assert senders_of(AlertSettings()) == []
    async with alert_sink() as chats, mail_sink() as mails:
        (tmp_path / "desk.toml").write_text(
            f"""
            [alerts]
            webhook_url = "{chats.url}/hook?key=1"
            telegram_bot_token = "1234:canary"
            telegram_chat_id = "@desk"
            telegram_url = "{chats.url}"
            smtp_host = "127.0.0.1"
            smtp_port = {mails.port}
            smtp_security = "none"
            email_from = "desk@desk.example"
            email_to = ["you@desk.example"]
            """
        )
        senders = senders_of(load(tmp_path / "desk.toml").alerts)
        assert [sender.name for sender in senders] == ["webhook", "telegram", "email"]
        message = Message(kind="opened", title="No ticks", detail="", layer=Layer.FEED, code="feed.stale", at=at(10, 0))
        for sender in senders:
            await sender.send(message, "No ticks")
        assert [path for path, _ in chats.got] == ["/hook", "/bot1234:canary/sendMessage"]
        assert mails.recipients == ["you@desk.example"]
