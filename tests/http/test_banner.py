from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from pictures import (
    CLOSED,
    REQUIRED,
    a_feed,
    a_market,
    a_picture,
    a_segment,
    all_well,
    an_account,
    an_auth,
    asks_for_a_login,
    at,
    lost,
    weekend,
)
from tradewarden.http.account_words import account_words
from tradewarden.http.banner import banner
from tradewarden.http.documents import stale
from tradewarden.http.explained import CODES
from tradewarden.machines.conflict import STRANGE
from tradewarden.machines.report import Picture, SegmentReport, Severity

NEEDS_LOGIN = ("auth.required", "auth.configuration", "auth.expiring", "auth.account")


def under(code: str, severity: Severity = Severity.WARNING) -> Picture:
    picture = all_well(accounts=(an_account(),)) if code == "auth.account" else all_well()
    return replace(picture, headline=replace(picture.headline, code=code, severity=severity))


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_sentence_a_detail_and_a_sign(code: str) -> None:
    words = banner(under(code))
    assert words.text
    assert words.detail.endswith((".", "?"))
    assert words.glyph in "✕!…●◐■?"


@pytest.mark.parametrize(
    ("code", "severity", "glyph"),
    [
        ("auth.required", Severity.CRITICAL, "✕"),
        ("auth.required", Severity.WARNING, "!"),
        ("auth.exchanging", Severity.WARNING, "…"),
        ("feed.connecting", Severity.WARNING, "…"),
        ("feed.connecting", Severity.CRITICAL, "✕"),
        ("market.unknown", Severity.WARNING, "?"),
        ("market.live", Severity.OK, "●"),
        ("market.pre_open", Severity.OK, "◐"),
        ("market.closed", Severity.OK, "■"),
    ],
)
def test_the_sign_tells_what_the_colour_tells(code: str, severity: Severity, glyph: str) -> None:
    assert banner(under(code, severity)).glyph == glyph


@pytest.mark.parametrize("code", CODES)
def test_a_login_is_offered_exactly_where_it_helps(code: str) -> None:
    assert (banner(under(code)).login is not None) is (code in NEEDS_LOGIN)


def test_a_further_account_is_named_with_its_own_link_and_the_feed_is_not_blamed() -> None:
    one, other = an_account(), an_account("huf", state="expired", since=at("07:35:00"))
    words = banner(all_well(accounts=(one,)))
    assert words.text == "Login required: family"
    assert words.detail == "No Kite session of this account since 06:00. The feed does not depend on it."
    assert words.login == "/login?account=family"
    assert banner(all_well(accounts=(an_account(state="valid"), other))).text == "Kite session expired: huf"
    both = banner(all_well(accounts=(one, other)))
    assert (both.text, both.login) == ("Login required: family, huf", "/login?account=family")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("configuration", "Kite refuses the api key or secret of family"),
        ("refused", "Login was refused: family"),
        ("other_account", "Login was refused: family"),
        ("unreachable", "Login did not complete: family"),
        (None, "Login required: family"),
    ],
)
def test_why_a_further_account_is_out_is_said(reason: str | None, text: str) -> None:
    words = account_words(an_account(reason=reason), at("09:20:00"))
    assert words.text == text
    assert words.detail.endswith(".")


def test_no_sentence_holds_an_age_since_nobody_is_told_when_it_changes() -> None:
    before = [banner(replace(under(code), now=at("10:02:10"))) for code in CODES]
    after = [banner(replace(under(code), now=at("10:09:55"))) for code in CODES]
    assert before == after


@pytest.mark.parametrize(
    ("segment", "says"),
    [
        (a_segment(), "Log in to get ticks again."),
        (a_segment(state="pre_open", next_state="live", next_at=at("09:15:00")), "Log in before 09:15 to trade today."),
        (
            a_segment(state="closed", next_state="pre_open", next_at=at("09:00:00") + timedelta(days=1)),
            "Log in before Tue 6 Jan 09:00.",
        ),
        (a_segment(state="unknown", next_at=None), "Log in to connect the feed."),
    ],
)
def test_a_missing_login_says_by_when(segment: SegmentReport, says: str) -> None:
    picture = a_picture(an_auth(**REQUIRED), market=a_market(segment))
    assert banner(picture).detail == f"No Kite session since 07:31. {says}"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"state": "expired"}, "Kite session expired"),
        ({"reason": "refused"}, "Login was refused"),
        ({"reason": "other_account"}, "Login was refused"),
        ({"reason": "unreachable"}, "Login did not complete"),
        ({"reason": "configuration"}, "Kite refuses our api key or secret"),
        ({}, "Login required"),
    ],
)
def test_why_a_login_is_missing_is_said(changes: dict[str, str], text: str) -> None:
    assert banner(a_picture(an_auth(**REQUIRED | changes))).text == text


def test_a_feed_that_reconnects_says_what_happened_and_when_it_tries_again() -> None:
    words = banner(lost())
    assert words.text == "Feed reconnecting"
    assert words.detail == (
        "The connection was cut. Next try at 11:05:14. Last tick 11:04:57. Tries go on until it works."
    )


def test_a_refused_feed_with_a_good_token_names_the_likely_cause() -> None:
    feed = a_feed(state="backing_off", reason="refused", latched=True)
    assert "key or account may be blocked" in banner(a_picture(feed=feed)).detail


def test_a_feed_that_the_broker_answered_with_400_names_the_key_and_what_to_do() -> None:
    feed = a_feed(state="blocked_on_auth", reason="configuration", latched=True)
    words = banner(a_picture(feed=feed))
    assert words.text == "Kite does not understand our api key"
    assert words.detail.startswith("Check kite.api_key, then restart")
    assert not words.login


@pytest.mark.parametrize(("last", "text"), [(at("10:01:58"), "No ticks since 10:01:58"), (None, "No ticks yet")])
def test_a_silent_feed_says_since_when(last: object, text: str) -> None:
    assert banner(a_picture(feed=a_feed(state="stale", latched=True, last_tick_at=last))).text == text


def test_a_feed_that_was_not_started_and_one_that_was_not_stopped_are_two_things() -> None:
    closed = a_market(a_segment(state="closed", expected="none"), wanted=False)
    assert banner(a_picture(feed=a_feed(state="halted", usable_since=at("08:00:00")))).text == "Feed was not started"
    assert banner(a_picture(market=closed)).text == "Feed runs outside its hours"


def test_a_holiday_has_its_name_and_the_day_that_follows() -> None:
    monday = at("09:00:00") + timedelta(days=7)
    segment = a_segment(state="closed", reason="Republic Day", expected="none", next_state="pre_open", next_at=monday)
    feed = a_feed(state="halted")
    words = banner(a_picture(feed=feed, market=a_market(segment, wanted=False)))
    assert (words.text, words.detail) == ("Market holiday: Republic Day", "Pre-open begins Mon 12 Jan 09:00 IST.")
    assert banner(weekend()).text == "Market closed"


def test_a_stale_daemon_names_its_last_heartbeat() -> None:
    picture = asks_for_a_login()
    words = banner(stale(picture, picture.now, 7))
    assert words.detail == "Last heartbeat 09:19:53. Shown state may be wrong."


def test_a_daemon_that_stops_says_only_what_it_does() -> None:
    told = banner(under("system.stopping"))
    assert (told.text, told.detail) == ("Shutting down", "The feed is being closed in order.")


def test_the_page_that_explains_the_codes_knows_every_one() -> None:
    assert len(CODES) == 25
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", code) for code in CODES)


@pytest.mark.parametrize(
    ("odd", "detail"),
    [
        ((), "Silence everywhere while live. Is today a special session or a holiday?"),
        (("NSE_EQ",), "Ticks while NSE_EQ is closed. Is today a special session or a holiday?"),
        (("NSE_EQ", "NFO"), "Ticks while NSE_EQ, NFO are closed. Is today a special session or a holiday?"),
        (("NSE_EQ", "NFO", "MCX"), "Ticks while closed. Is today a special session or a holiday?"),
    ],
)
def test_a_conflict_names_the_segments_that_it_is_about(odd: tuple[str, ...], detail: str) -> None:
    closed = {**CLOSED, "problem": f"{STRANGE}; covered until tomorrow"}
    segments = [a_segment(name, **(closed if name in odd else {})) for name in ("NSE_EQ", "NFO", "MCX")]
    picture = all_well(market=a_market(*segments), situation={"conflict": True})
    assert picture.headline.code == "calendar.conflict"
    assert banner(picture).detail == detail
