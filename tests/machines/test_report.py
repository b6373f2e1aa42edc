"""What a report does not say is nothing: no failure, no tick, no loss."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from pictures import a_picture, an_account
from tradewarden.machines.account import FEEDING
from tradewarden.machines.report import AuthReport, FeedReport, JournalReport

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

AUTH = AuthReport(state="valid", reason=None, since=NOON, holds_token=True, verdict=None, doubt_since=None)
FEED = FeedReport(state="halted", reason=None, since=NOON, latched=False, usable_since=None)
JOURNAL = JournalReport(state="recording", reason=None, since=NOON)


@pytest.mark.parametrize("report", [AUTH, FEED, JOURNAL], ids=["auth", "feed", "journal"])
def test_a_count_that_nobody_gave_is_nought(report: AuthReport | FeedReport | JournalReport) -> None:
    counts = {each.name: getattr(report, each.name) for each in fields(report)}
    numbers = {name: value for name, value in counts.items() if type(value) is int}
    assert numbers
    assert set(numbers.values()) == {0}
    assert [name for name, value in counts.items() if value is True and name != "holds_token"] == []


def test_a_picture_shows_the_worlds_clock_and_no_end_unless_it_says_so() -> None:
    picture = a_picture()
    assert (picture.simulated, picture.stopping) == (False, False)
    assert FEEDING == "kite"


@pytest.mark.parametrize(("state", "needed"), [("required", True), ("expired", True), ("valid", False)])
def test_a_further_account_says_whether_only_a_person_can_help(state: str, *, needed: bool) -> None:
    assert an_account(state=state).needs_login is needed
