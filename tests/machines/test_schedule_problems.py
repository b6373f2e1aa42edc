"""What is wrong with schedules that can be read: they never come, collide, or break the desk's limits."""

from __future__ import annotations

import timeit
from dataclasses import replace
from datetime import time
from functools import partial
from time import process_time

import pytest

from schedules import BOOK, at, written
from tradewarden.machines.schedule_limits import Limits
from tradewarden.machines.schedule_problems import circles, problems

NOW = at("2026-11-20 16:30")


def beside(one: str, other: str, second: str, first: str) -> str:
    other = other if other == "itself" else f'"{other}"'
    return f'"{one}" overlaps with {other}: the second begins at {second}, the first {first}'


def wrong(*texts: str, limits: Limits | None = None) -> list[str]:
    return problems([written(text) for text in texts], after=NOW, book=BOOK, limits=limits)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["always"],
        ["at 09:00", "at 16:00"],
        ["between 09:15 and 12:00", "between 12:00 and 15:30"],
        ["between 22:00 and 02:00", "at 02:00 on all days"],
        ["hourly at :30", "at 10:00"],
        ["at 10:00 on mon", "at 10:00 on tue"],
        ["after analysis succeeded", "at 16:05"],
        ["always on mon", "at 10:00 on tue"],
        ["every 5m", "hourly at :01"],
        ["at 09:00 on trading days with muhurat"],
        ["once 2026-11-24 10:00"],
        ["from 12 hours before open to 2 hours after close"],
    ],
)
def test_nothing_is_wrong_with_these(texts: list[str]) -> None:
    assert wrong(*texts) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("once 2026-11-20 16:30", "that is past"),
        ("once 2026-12-25 10:00 on trading days", "2026-12-25 is a holiday of NSE_EQ: Christmas"),
        ("once 2026-11-25 10:00 on mon", "2026-11-25 is a Wednesday; it runs on mon only"),
        ("once 2029-11-26 10:00", "none comes within 400 days"),
        ("cron 0 9 29 2 *", "none comes within 400 days"),
        ("cron 0 9 * * 6 on trading days of CDS", "none comes within 400 days"),
        ("at open on sat of CDS", "none comes within 400 days"),
        ("from open to 09:00", "on 2026-11-20 it would end at 09:00, before it begins at 09:15"),
        ("from 16:00 to close on mon", "on 2026-11-23 it would end at 15:35, before it begins at 16:00"),
        ("from open to close on sat of CDS", "2026-11-21 is a Saturday, and CDS does not trade"),
    ],
)
def test_what_never_comes_is_told_with_the_reason(text: str, why: str) -> None:
    assert wrong(text) == [f'"{text}" never runs: {why}']


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            ["at 09:00", "cron 0 9 * * 1"],
            '"at 09:00" overlaps with "cron 0 9 * * 1": both come at 2026-11-23 09:00',
        ),
        (["at 09:00", "at 09:00"], '"at 09:00" overlaps with "at 09:00": both come at 2026-11-23 09:00'),
        (
            ["between 09:15 and 15:30", "hourly at :30 between 10:00 and 16:00"],
            beside(
                "between 09:15 and 15:30", "hourly at :30 between 10:00 and 16:00", "2026-11-23 10:30", "ends at 15:30"
            ),
        ),
        (
            ["between 10:00 and 11:00", "between 09:15 and 15:30"],
            beside("between 09:15 and 15:30", "between 10:00 and 11:00", "2026-11-23 10:00", "ends at 15:30"),
        ),
        (
            ["at 10:00", "always"],
            beside("always", "at 10:00", "2026-11-23 10:00", "never ends"),
        ),
        (
            ["from 12 hours before open to 12 hours after close"],
            beside("from 12 hours before open to 12 hours after close", "itself", "2026-11-25 21:15", "ends at 03:35"),
        ),
        (
            ["between 09:00 and 16:00", "between 10:00 and 11:00 on wed", "at 15:00 in Europe/London"],
            beside("between 09:00 and 16:00", "between 10:00 and 11:00 on wed", "2026-11-25 10:00", "ends at 16:00"),
        ),
        (
            ["always on all days of NFO", "between 22:00 and 02:00 on sat"],
            beside("always on all days of NFO", "between 22:00 and 02:00 on sat", "2026-11-21 22:00", "never ends"),
        ),
        (
            ["every 1m", "every 10s on wed"],
            '"every 1m" overlaps with "every 10s on wed": both come at 2026-11-25 00:00',
        ),
    ],
)
def test_what_would_run_beside_itself_is_told_once(texts: list[str], expected: str) -> None:
    assert wrong(*texts) == [expected]


def test_a_short_window_does_not_hide_a_long_one() -> None:
    assert wrong("between 09:00 and 16:00", "between 10:00 and 11:00", "at 15:00") == [
        beside("between 09:00 and 16:00", "between 10:00 and 11:00", "2026-11-23 10:00", "ends at 16:00"),
        beside("between 09:00 and 16:00", "at 15:00", "2026-11-23 15:00", "ends at 16:00"),
    ]


def test_a_schedule_without_its_text_is_named_by_what_it_says() -> None:
    unnamed = replace(written("once 2026-11-20 10:00"), text="")
    assert problems([unnamed], after=NOW, book=BOOK) == [
        '"once 2026-11-20 10:00 on all days of NSE_EQ in Asia/Kolkata" never runs: that is past'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 06:00", []),
        ("at 20:00", []),
        ("at 05:59", ['"at 05:59" begins at 05:59; allowed is 06:00 to 20:00']),
        ("at 20:00:59", []),
        ("at 20:01", ['"at 20:01" begins at 20:01; allowed is 06:00 to 20:00']),
        ("at 05:59:59", ['"at 05:59:59" begins at 05:59:59; allowed is 06:00 to 20:00']),
        ("at 12:00 in America/New_York", []),
        ("always", []),
        ("always on mon", ['"always on mon" begins at 00:00; allowed is 06:00 to 20:00']),
        ("between 21:00 and 22:00", ['"between 21:00 and 22:00" begins at 21:00; allowed is 06:00 to 20:00']),
        ("hourly at :30 between 09:00 and 16:00", []),
        ("hourly at :05", ['"hourly at :05" comes at :05; allowed is :30']),
        ("hourly at :30", ['"hourly at :30" begins at 20:30; allowed is 06:00 to 20:00']),
        ("4 hours before open", ['"4 hours before open" begins at 05:15; allowed is 06:00 to 20:00']),
    ],
)
def test_a_desk_can_have_limits(text: str, expected: list[str]) -> None:
    assert wrong(text, limits=Limits(earliest=time(6), latest=time(20), minute=30)) == expected
    assert wrong(text) == []


def test_a_limit_of_one_kind_says_nothing_of_the_other() -> None:
    assert wrong("hourly at :15", limits=Limits(minute=0)) == ['"hourly at :15" comes at :15; allowed is :00']
    assert wrong("hourly at :15 between 09:00 and 10:00", limits=Limits(earliest=time(9))) == []
    assert wrong("at 23:59", limits=Limits(earliest=time(9))) == []
    assert wrong("at 00:00", limits=Limits(latest=time(9))) == []


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = wrong("once 2026-11-20 10:00", "at 05:00", "at 05:00 on mon", limits=Limits(earliest=time(6)))
    assert [each.split('"')[2].split()[0] for each in found] == ["never", "begins", "begins", "overlaps"]


def test_of_two_windows_that_end_together_the_first_one_is_named() -> None:
    windows = "between 09:00 and 12:00 on mon", "between 10:00 and 12:00 on mon"
    found = wrong(*windows, "at 11:00 on mon")
    assert found == [
        beside(windows[0], windows[1], "2026-11-23 10:00", "ends at 12:00"),
        beside(windows[0], "at 11:00 on mon", "2026-11-23 11:00", "ends at 12:00"),
    ]


def test_a_collision_five_weeks_ahead_is_seen_and_a_later_one_is_not() -> None:
    assert len(wrong("at 10:00 on all days", "once 2026-12-25 10:00")) == 1
    assert wrong("at 10:00 on all days", "once 2026-12-26 10:00") == []


@pytest.mark.parametrize(
    "texts",
    [
        ["every 1m"],
        ["every 30s on all days"],
        ["cron * * * * *"],
        ["cron * * * * * *"],
        ["at 16:00", "at 16:05", "hourly at :30"],
    ],
)
def test_what_is_wrong_is_found_before_anybody_waits_for_it(texts: list[str]) -> None:
    assert min(timeit.repeat(partial(wrong, *texts), timer=process_time, number=1, repeat=5)) < 0.03


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ({"analysis": "at 16:00", "buy": "after analysis succeeded"}, []),
        ({"buy": "after analysis succeeded"}, ["buy runs after analysis, which is no job; known: buy"]),
        ({"a": "after a failed"}, ["a: each waits for itself in the end"]),
        (
            {"a": "after b ended", "b": "after c ended", "c": "after a ended", "d": "after c ended", "e": "at 09:00"},
            ["a, b, c: each waits for itself in the end"],
        ),
        (
            {"z": "after y ended", "y": "after x ended", "b": "at 09:00"},
            ["y runs after x, which is no job; known: b, y, z"],
        ),
        (
            {"buy": "after analisis ended", "analysis": "at 16:00"},
            ["buy runs after analisis, which is no job; did you mean analysis? Known: analysis, buy"],
        ),
    ],
)
def test_jobs_that_wait_for_nobody_or_for_themselves_are_told(jobs: dict[str, str], expected: list[str]) -> None:
    assert circles({job: [written(text)] for job, text in jobs.items()}) == expected
