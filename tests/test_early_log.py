from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import partial

import pytest

from tradewarden import early_log, log
from tradewarden.early_log import Logger


@pytest.fixture(autouse=True)
def _nothing_is_kept_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_log, "_held", None)


def events(out: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def test_what_is_said_goes_on_at_once_as_a_rule() -> None:
    out = io.StringIO()
    log.configure("info", out)
    Logger().info("desk.state", dst="running")
    assert json.loads(out.getvalue()) | {"timestamp": ""} == {
        "event": "desk.state",
        "dst": "running",
        "level": "info",
        "timestamp": "",
    }


def test_what_is_said_before_there_is_a_log_is_told_in_order_and_with_its_own_time() -> None:
    out = io.StringIO()
    first, second = Logger(), Logger()
    early_log.hold(partial(log.configure, "info", out))
    first.info("first")
    second.warning("second")
    first.debug("not for this level")
    first.error("third")
    assert out.getvalue() == ""
    early_log.tell()
    first.info("fourth")
    assert events(out) == ["first", "second", "third", "fourth"]
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["info", "warning", "error", "info"]
    moments = [line["timestamp"] for line in lines]
    assert moments == sorted(moments)
    assert len(set(moments)) == len(moments)  # of what was said one after the other, not of one telling
    assert all(moment.endswith("Z") for moment in moments)


def test_it_is_told_once() -> None:
    out = io.StringIO()
    early_log.hold(partial(log.configure, "info", out))
    Logger().info("once")
    early_log.tell()
    early_log.tell()
    assert events(out) == ["once"]


BROKEN = """
from tradewarden import early_log

def make():
    from tradewarden import log
    log.configure("info")

early_log.hold(make)
early_log.Logger().info("said.before", password="CANARYcanary")
raise ValueError("https://x/?access_token=CANARYcanary")
"""


def test_a_fault_before_there_is_a_log_is_told_in_the_log_behind_what_was_said_and_without_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], text=True, capture_output=True, check=False, timeout=30)
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["said.before", "daemon.crashed"]
    assert "CANARY" not in done.stdout + done.stderr
    assert done.returncode == 1
