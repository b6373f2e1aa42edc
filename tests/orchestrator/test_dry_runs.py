"""Schedules of every second are looked at as far as anybody reads, and no further."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_preview import dry_run
from tradewarden.machines.schedule_words import parse
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.dry_runs import A_DAY, newest, some, too_many

CALENDAR = load_calendar(None)
BOOK = CalendarBook(CALENDAR)
NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def schedules(*texts: str) -> list[Schedule]:
    known = list(CALENDAR.segments)
    return [parse(text, segment="NSE_EQ", zone="Asia/Kolkata", known_segments=known) for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        ("at 16:00",),
        ("hourly at :30 between 09:00 and 16:00", "at 16:05"),
        ("15 minutes before open", "30 minutes after close"),
        ("between 09:15 and 15:30",),
        ("once 2026-11-10 10:00", "cron 0 9 * * 1-5"),
        ("every 1h between 23:00 and 02:00 on all days",),
    ],
)
def test_what_comes_seldom_is_found_whole(texts: tuple[str, ...]) -> None:
    them = schedules(*texts)
    found = some(them, NOW - MONTH, NOW, BOOK, most=1000)
    assert [due.at for due in found] == [due.at for due in dry_run(them, NOW - MONTH, NOW, BOOK)]
    assert found
    assert newest(them, NOW - MONTH, NOW, BOOK, most=1000) == found
    assert newest(them, NOW - MONTH, NOW, BOOK, most=2)[-3:] == found[-3:]
    assert too_many(them, NOW, BOOK) is None


@pytest.mark.parametrize(
    "texts", [("every 1s on all days",) * 20, ("cron * * * * *",) * 3, ("every 1s between 09:15 and 15:30",)]
)
def test_what_comes_all_the_time_is_refused_at_once(texts: tuple[str, ...]) -> None:
    them, begun = schedules(*texts), time.process_time()
    assert len(some(them, NOW - MONTH, NOW, BOOK, most=1000)) > 1000
    assert f"{A_DAY:,} times a day" in str(too_many(them, NOW, BOOK))
    assert time.process_time() - begun < 5  # it was minutes
