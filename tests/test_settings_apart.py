"""The daemon gets values; whoever read them is gone, and its memory with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tradewarden.settings import AlertSettings, FeedSettings, KiteSettings, Settings
from tradewarden.settings_apart import plain, said_apart


def test_a_plain_copy_says_what_the_settings_say() -> None:
    settings = Settings(segments=["MCX"], feed=FeedSettings(lead_minutes=7))
    copy = plain(settings)
    assert copy.segments == ["MCX"]
    assert copy.feed.lead_minutes == 7
    assert copy.http.public_url == settings.http.public_url


def test_what_a_table_works_out_comes_along() -> None:
    alerts = AlertSettings(smtp_host="localhost", email_from="a@b.example", email_to=["c@d.example"])
    assert plain(Settings(alerts=alerts)).alerts.emails
    assert list(plain(Settings()).every_account) == list(Settings().every_account) == ["kite"]


def test_a_secret_is_told_only_to_who_asks_by_name() -> None:
    copy = plain(Settings(kite=KiteSettings(api_key="key", api_secret="verysecret")))
    assert copy.kite.api_secret.get_secret_value() == "verysecret"
    assert "verysecret" not in f"{copy!r} {copy.kite!r} {copy.kite.api_secret!r} {copy.kite.api_secret}"


def test_what_is_asked_apart_comes_back() -> None:
    assert said_apart(lambda: {"pid": os.getpid()}) != {"pid": os.getpid()}


def test_nothing_said_is_nothing() -> None:
    silent: Callable[[], Any] = lambda: None  # noqa: E731 - a question without an answer
    assert said_apart(silent) is None


def test_a_reader_that_breaks_off_is_a_fault_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(RuntimeError, match="status"):
        said_apart(breaks)
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err


def test_the_daemon_itself_loads_no_reader_of_settings_and_no_sender() -> None:
    unwanted = ("pydantic", "pydantic_settings", "tradewarden.orchestrator.alerts", "smtplib")
    code = f"import sys, tradewarden.daemon; print([name for name in {unwanted!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
