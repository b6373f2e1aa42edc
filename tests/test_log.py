import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tradewarden import log, redaction

CANARY = "CANARYcanary0123456789canary"


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """What is hidden is hidden from the whole process: leave it as it was."""
    secrets = dict(redaction._secrets)
    yield
    redaction._secrets.clear()
    redaction._secrets.update(secrets)


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    log.configure("debug", stream)
    return stream


def last(out: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return line


def test_for_a_person_an_event_is_a_plain_line_at_the_desks_time() -> None:
    stream = io.StringIO()
    log.configure("warning", stream, clock=lambda: datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC))
    structlog.get_logger().warning("feed.lost", gen=1, reason="network", detail=None, access_token=CANARY)
    structlog.get_logger().info("feed.dial")
    logging.getLogger("aiohttp").error("of a library")
    assert stream.getvalue().splitlines() == [
        f"09:14:05  ! {'feed.lost':<22} gen=1, reason=network, access_token=[redacted]",
        f"09:14:05  ✕ {'of a library':<22} logger=aiohttp",
    ]


def test_for_a_person_what_only_happened_has_a_sign_of_its_own_and_nothing_orders_the_terminal_about() -> None:
    stream = io.StringIO()
    log.configure("info", stream, clock=lambda: datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC))
    structlog.get_logger().info("service.news", reason="\x1b[2Jit\nis é")
    assert stream.getvalue() == f"09:14:05  · {'service.news':<22} reason=?[2Jit?is é\n"


def test_for_a_person_a_fault_keeps_its_traceback_without_its_secrets() -> None:
    stream = io.StringIO()
    log.configure("warning", stream, clock=lambda: datetime(2026, 11, 23, 9, 14, 5, tzinfo=UTC))
    try:
        raise ValueError(f"https://x/?access_token={CANARY}")  # noqa: TRY301 - the trouble itself
    except ValueError:
        structlog.get_logger().exception("daemon.crashed")
    assert stream.getvalue().startswith("09:14:05  ✕ daemon.crashed")
    assert "ValueError" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_an_event_is_one_json_object_with_its_level_and_time_in_utc(out: io.StringIO) -> None:
    structlog.get_logger().warning("feed.stale", silent_for=12.4, attempt=3, since=datetime(2026, 11, 23, tzinfo=UTC))
    line = last(out)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "event": "feed.stale",
        "level": "warning",
        "silent_for": 12.4,
        "attempt": 3,
        "since": "2026-11-23T00:00:00+00:00",
    }


def test_what_is_below_the_level_is_not_written() -> None:
    out = io.StringIO()
    log.configure("warning", out)
    structlog.get_logger().info("feed.state")
    logging.getLogger("aiohttp.server").warning("slow")
    logging.getLogger("aiohttp.server").info("fast")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["slow"]


def test_libraries_write_through_the_same_chain(out: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").error("Error handling %s", f"GET /?access_token={CANARY}")
    line = last(out)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "event": "Error handling GET /?access_token=[redacted]",
        "level": "error",
        "logger": "aiohttp.server",
    }


@dataclass
class Session:
    user_id: str
    access_token: str


@dataclass
class Quiet:
    user_id: str
    token: str = field(repr=False)


SECRETS_BY_NAME: list[dict[str, Any]] = [
    {"access_token": CANARY},
    {"request_token": CANARY, "api_secret": CANARY, "enctoken": CANARY, "api_key": CANARY},
    {"password": CANARY, "Authorization": CANARY, "Set-Cookie": CANARY, "admin_token": CANARY, "checksum": CANARY},
    {"body": {"data": [{"access_token": CANARY}, ({"deeper": {"api_secret": CANARY}},)]}},
    {"access_token": {"even": ["what", "lies", CANARY]}},
    {"url": f"wss://ws.kite.trade?api_key={CANARY}&access_token={CANARY}&x=1"},
    {"url": f"http://127.0.0.1:8700/auth/callback?status=success&request_token={CANARY}"},
    {"url": f"https://kite.zerodha.com/connect/login?v=3&api_key={CANARY}"},
    {"url": f"/connect/finish?next=%2Fx%3Fapi_key%3D{CANARY}"},
    {"header": f"Authorization: token {CANARY}:{CANARY}"},
    {"header": f"token {CANARY}:{CANARY}"},
    {"header": f"Bearer {CANARY}"},
    {"url": f"https://user:{CANARY}@proxy.example/"},
    {"text": f"{{'api_secret': '{CANARY}', 'x': 1}}"},
    {"text": json.dumps({"access_token": CANARY, "public_token": CANARY})},
    {"raw": f"api_secret={CANARY}".encode()},
    {"object": Session("AB1234", CANARY)},
    {"object": Quiet("AB1234", CANARY)},
    {"error": ValueError(f"cannot POST checksum={CANARY}")},
    {"many": {f"access_token={CANARY}"}},
    {f"access_token={CANARY}": 1},
]


@pytest.mark.parametrize("fields", SECRETS_BY_NAME, ids=str)
def test_a_secret_is_known_by_the_name_beside_it(out: io.StringIO, fields: dict[str, Any]) -> None:
    structlog.get_logger().info("canary.told", **fields)
    assert last(out)["event"] == "canary.told"
    assert CANARY not in out.getvalue()


def test_what_stands_around_a_secret_stays(out: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", url=f"wss://ws.kite.trade?access_token={CANARY}&mode=full", body={"user": "AB1234", "api_secret": CANARY}
    )
    line = last(out)
    assert line["url"] == "wss://ws.kite.trade?access_token=[redacted]&mode=full"
    assert line["body"] == {"user": "AB1234", "api_secret": "[redacted]"}


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect `api_key` or `access_token`.",
        "Token is invalid or has expired.",
        "token expired",
        "basic information missing",
        "/var/lib/tradewarden/token.json",
        "auth.token_file_corrupt",
        "NSE_EQ",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert log.redact(text) == text


def test_instrument_tokens_are_no_secrets() -> None:
    assert log.redact({"token": 256265, "tokens": [1, 2]}) == {"token": 256265, "tokens": [1, 2]}


def test_a_secret_that_was_announced_is_hidden_wherever_it_turns_up(out: io.StringIO) -> None:
    log.hide(CANARY)
    log.hide(CANARY + "-longer")
    log.hide("a secret/with=marks")
    structlog.get_logger().info(
        f"seen {CANARY}", path=Path("/tmp", CANARY), both=[f"{CANARY}-longer"], quoted="?x=a%20secret%2Fwith%3Dmarks"
    )
    line = last(out)
    assert (line["event"], line["path"], line["both"], line["quoted"]) == (
        "seen [redacted]",
        "/tmp/[redacted]",
        ["[redacted]"],
        "?x=[redacted]",
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"DB_PASSWORD={CANARY} x", "DB_PASSWORD=[redacted] x"),
        (f"password='{CANARY}'", "password='[redacted]'"),
        (f'{{"password":"{CANARY}"}}', '{"password":"[redacted]"}'),
        (f"password={CANARY}-and-more;x", "password=[redacted];x"),
        (f"password=[{CANARY}] x", "password=[redacted]] x"),  # here the second bracket was said
    ],
)
def test_a_secret_that_was_announced_and_named_is_hidden_once(said: str, shown: str) -> None:
    log.hide(CANARY)
    assert log.redact(said) == shown


def test_a_secret_too_short_to_be_one_does_not_blot_out_ordinary_words() -> None:
    log.hide("")
    log.hide("live")
    assert log.redact("market live") == "market live"


def connect(url: str, api_secret: str) -> None:
    innocent = api_secret
    raise ConnectionError(f"cannot dial {url} with {len(innocent)} characters")


def test_a_traceback_says_where_without_the_secrets_on_the_way(out: io.StringIO) -> None:
    try:
        try:
            connect(f"wss://ws.kite.trade?access_token={CANARY}", CANARY)
        except ConnectionError as cause:
            raise RuntimeError(f"api_secret={CANARY}") from cause
    except RuntimeError:
        structlog.get_logger().exception("feed.broken")
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    assert CANARY not in out.getvalue()
    for text in out.getvalue().splitlines():
        line = json.loads(text)
        assert [part["exc_type"] for part in line["exception"]] == ["RuntimeError", "ConnectionError"]
        assert line["exception"][1]["exc_value"].startswith("cannot dial wss://ws.kite.trade?access_token=[redacted]")
        assert line["exception"][1]["frames"][-1]["name"] == "connect"


def test_every_fault_of_a_group_is_told(out: io.StringIO) -> None:
    group = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError(f"access_token={CANARY}"), KeyError("two")])
    structlog.get_logger().error("daemon.crashed", exc_info=group)
    assert CANARY not in out.getvalue()
    parts = last(out)["exception"][0]["exceptions"]
    assert [part[0]["exc_type"] for part in parts] == ["ValueError", "KeyError"]


def run(script: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], text=True, check=False, timeout=30, **more)


def test_what_nobody_caught_is_logged_rather_than_printed() -> None:
    script = f"from tradewarden import log; log.configure(); raise OSError('wss://x?access_token={CANARY}')"
    done = run(script, capture_output=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert CANARY not in done.stdout
    assert json.loads(done.stdout)["event"] == "daemon.crashed"


def test_context_variables_are_on_every_line(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(gen=3, access_token=CANARY):
        structlog.get_logger().info("auth.verdict")
    line = last(out)
    assert (line["gen"], line["access_token"]) == (3, "[redacted]")


class Endless(list[Any]):
    """A list that holds itself."""


def test_nothing_that_is_logged_can_break_the_log(out: io.StringIO) -> None:
    endless = Endless()
    endless.append(endless)
    structlog.get_logger().info(
        "odd", big=2**70, half="\ud800", endless=endless, thing=object, keys={1: {(2, 3): b"\xff"}}
    )
    line = last(out)
    assert (line["big"], line["keys"]) == (2**70, {"1": {"(2, 3)": "\ufffd"}})
    assert "[too deep]" in json.dumps(line["endless"])


@given(
    st.recursive(
        st.text() | st.binary() | st.integers() | st.floats() | st.none(),
        lambda x: st.dictionaries(st.text(), x) | st.lists(x),
    )
)
def test_whatever_surrounds_a_canary_it_does_not_get_through(value: Any) -> None:
    told = log.redact({"a": value, "b": {"api_secret": CANARY, "value": [value, f"x access_token={CANARY}"]}})
    assert CANARY not in str(told)


# Where it goes


def journal_of(stream: Any) -> str:
    status = os.fstat(stream.fileno())
    return f"{status.st_dev}:{status.st_ino}"


def test_the_journal_gets_the_priority_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w+") as stream:
        monkeypatch.setenv("JOURNAL_STREAM", journal_of(stream))
        log.configure("debug", stream)
        logger = structlog.get_logger()
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, level)("x")
        logging.getLogger("aiohttp").error("y")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert [line[:4] for line in lines] == ["<7>{", "<6>{", "<4>{", "<3>{", "<2>{", "<3>{"]
    assert json.loads(lines[0][3:])["event"] == "x"


def test_a_stream_that_only_inherited_the_variable_gets_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    with (tmp_path / "out").open("w+") as stream:
        log.configure("info", stream)
        structlog.get_logger().info("x")
        stream.seek(0)
        assert stream.read().startswith("{")


class Breaking(io.StringIO):
    """A disk that is full for a while."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_stream_that_breaks_costs_lines_and_says_so_later_but_never_breaks_the_desk() -> None:
    out = Breaking()
    log.configure("info", out)
    logger = structlog.get_logger()
    out.full = True
    logger.info("lost.one")
    logging.getLogger("aiohttp").error("lost.two")
    out.full = False
    logger.info("kept")
    logger.info("again")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["log.lost", "kept", "again"]
    assert lines[0]["lines"] == 2


def test_a_closed_pipe_does_not_break_the_desk() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = (
        "import os, structlog; from tradewarden import log;"
        "log.configure(); structlog.get_logger().info('x'); os._exit(7)"
    )
    try:
        done = run(script, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (7, "")
