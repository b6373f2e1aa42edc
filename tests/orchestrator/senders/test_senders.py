"""Each way out, over the wire: a small HTTP server, and a real SMTP conversation."""

import asyncio
import socket
from datetime import datetime
from email import message_from_string, policy
from typing import Any

import pytest

from alert_sink import alert_sink
from mail_sink import MailSink, mail_sink
from tradewarden.machines.alert import Message
from tradewarden.machines.report import Layer
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.senders.delivery import DeliveryError
from tradewarden.orchestrator.senders.email import Email
from tradewarden.orchestrator.senders.telegram import Telegram
from tradewarden.orchestrator.senders.webhook import Webhook

AT = datetime(2026, 11, 23, 8, 15, tzinfo=IST)
MESSAGE = Message(kind="morning", title="Log in before 09:00", detail="", layer=Layer.AUTH, code="auth.required", at=AT)
TEXT = "Log in before 09:00\nLog in: https://desk.example/login"
BOT = "1234:canary-bot-token"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def failure(sender: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender.send(MESSAGE, TEXT)
    assert "canary" not in str(caught.value)
    return caught.value


# Webhook and Telegram


async def test_a_webhook_gets_the_text_and_what_a_program_needs() -> None:
    async with alert_sink() as sink:
        await Webhook(f"{sink.url}/hook/canary?key=1").send(MESSAGE, TEXT)
    assert sink.got == [
        (
            "/hook/canary",
            {
                "text": TEXT,
                "kind": "morning",
                "layer": "auth",
                "code": "auth.required",
                "title": "Log in before 09:00",
                "time": "2026-11-23T08:15:00+05:30",
            },
        )
    ]


async def test_telegram_gets_the_text_for_its_chat() -> None:
    async with alert_sink() as sink:
        await Telegram(api_url=sink.url, bot_token=BOT, chat_id="-100123").send(MESSAGE, TEXT)
    [(path, body)] = sink.got
    assert path == f"/bot{BOT}/sendMessage"
    assert body == {"chat_id": "-100123", "text": TEXT, "disable_web_page_preview": True}


@pytest.mark.parametrize(
    ("status", "body", "headers", "final", "wait"),
    [
        (500, {}, {}, False, None),
        (503, {}, {"Retry-After": "7"}, False, 7.0),
        (429, {"ok": False, "parameters": {"retry_after": 21}}, {}, False, 21.0),
        (429, [], {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, False, None),
        (401, {"ok": False}, {}, True, None),
        (404, {}, {}, True, None),
        (302, {}, {"Location": "http://127.0.0.1:1/"}, True, None),
    ],
)
async def test_a_refusal_says_whether_another_try_can_help(
    status: int,
    body: Any,
    headers: dict[str, str],
    final: bool,  # noqa: FBT001 - a table
    wait: float | None,
) -> None:
    async with alert_sink() as sink:
        for sender in (Webhook(f"{sink.url}/canary"), Telegram(api_url=sink.url, bot_token=BOT, chat_id="1")):
            sink.answers = [(status, body, headers)]
            error = await failure(sender)
            assert (str(error), error.final, error.wait) == (f"answered {status}", final, wait)


async def test_telegrams_no_with_a_200_is_a_no() -> None:
    async with alert_sink() as sink:
        sink.answers = [(200, {"ok": False}, {})]
        assert "not that it was sent" in str(await failure(Telegram(api_url=sink.url, bot_token=BOT, chat_id="1")))


async def test_nobody_there_is_said_without_the_address() -> None:
    error = await failure(Webhook(f"http://127.0.0.1:{closed_port()}/canary"))
    assert (str(error), error.final) == ("not reachable (ClientConnectorError)", False)


async def test_a_server_that_never_answers_costs_no_more_than_the_deadline() -> None:
    async with mail_sink() as mute:
        mute.mute = True
        error = await failure(Webhook(f"http://127.0.0.1:{mute.port}/canary", patience=0.1))
        assert str(error) == "no answer within 0.1 s"
        assert str(await failure(email(mute, patience=0.1))) == "no answer within 0.1 s"


# E-mail


def email(sink: MailSink, **more: Any) -> Email:
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": sink.port,
        "security": "none",
        "sender": "desk@desk.example",
        "recipients": ["one@desk.example", "two@desk.example"],
        "patience": 5.0,
    }
    return Email(**usual | more)


async def test_a_mail_reaches_every_recipient_with_its_subject_and_text() -> None:
    async with mail_sink() as sink:
        await email(sink).send(MESSAGE, TEXT)
    [raw] = sink.mails
    mail = message_from_string(raw, policy=policy.default)
    assert mail["Subject"] == "tradewarden: Log in before 09:00"
    assert (mail["From"], mail["To"]) == ("desk@desk.example", "one@desk.example, two@desk.example")
    assert (mail["Date"], mail["Auto-Submitted"]) == ("Mon, 23 Nov 2026 08:15:00 +0530", "auto-generated")
    assert sink.recipients == ["one@desk.example", "two@desk.example"]
    assert TEXT.replace("\n", "\r\n") in raw


async def test_a_server_that_asks_who_we_are_is_told() -> None:
    async with mail_sink() as sink:
        sink.login = ("desk", "canary-password")
        await email(sink, user="desk", password="canary-password").send(MESSAGE, TEXT)
        assert len(sink.mails) == 1
        error = await failure(email(sink, user="desk", password="canary-wrong"))
        assert (str(error), error.final) == ("the login was refused (535)", True)


async def test_without_starttls_nothing_is_sent_in_the_clear() -> None:
    async with mail_sink() as sink:
        sink.login = ("desk", "canary-password")
        error = await failure(email(sink, security="starttls", user="desk", password="canary-password"))
    assert (str(error), error.final) == ("the server offers no STARTTLS or no login", True)
    assert not {"AUTH", "MAIL", "DATA"} & set(sink.heard)


@pytest.mark.parametrize(
    ("verb", "answer", "text", "final"),
    [
        ("MAIL", "451 later canary", "answered 451", False),
        ("MAIL", "550 no canary", "answered 550", True),
        ("RCPT", "550 no canary", "every recipient was refused", True),
        ("RCPT", "450 later canary", "every recipient was refused", False),
        ("DATA", "554 no canary", "answered 554", True),
    ],
)
async def test_a_mail_servers_no_is_told_without_its_words(
    verb: str,
    answer: str,
    text: str,
    final: bool,  # noqa: FBT001 - a table
) -> None:
    async with mail_sink() as sink:
        sink.answers = {verb: answer}
        error = await failure(email(sink))
    assert (str(error), error.final) == (text, final)


async def test_no_mail_server_there_is_a_failure_that_another_try_may_mend() -> None:
    error = await failure(email(MailSink(port=closed_port())))
    assert (str(error), error.final) == ("not reachable (ConnectionRefusedError)", False)


async def test_a_hanging_mail_server_does_not_hold_up_whoever_stops_the_daemon() -> None:
    async with mail_sink() as sink:
        sink.mute = True
        sending = asyncio.create_task(email(sink).send(MESSAGE, TEXT))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
