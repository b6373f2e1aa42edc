from datetime import datetime, timedelta

import pytest

from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.market import MarketDriver
from virtual_time import VirtualClock, run_virtually

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=IST)


def day_of(start: datetime, *segments: str, until: datetime) -> list[tuple[str, str, str]]:
    """Every state that each segment goes through, with the time of the wall."""
    seen: list[tuple[str, str, str]] = []

    async def scene() -> None:
        clock = VirtualClock(start)
        last: dict[str, str] = {}

        def note() -> None:
            for report in driver.report().segments:
                if last.get(report.segment) != report.state:
                    last[report.segment] = report.state
                    seen.append((f"{clock.now():%H:%M:%S}", report.segment, report.state))

        driver = MarketDriver(segments, load_calendar(None), clock, note)
        driver.sync()
        await clock.until(until)
        driver.disarm()

    run_virtually(scene)
    return seen


def test_an_ordinary_monday_goes_through_every_state_at_its_second() -> None:
    assert day_of(MONDAY, "NSE_EQ", until=MONDAY.replace(hour=17)) == [
        ("08:30:00", "NSE_EQ", "closed"),
        ("09:00:00", "NSE_EQ", "pre_open"),
        ("09:15:00", "NSE_EQ", "live"),
        ("15:15:00", "NSE_EQ", "closing_auction"),
        ("15:35:00", "NSE_EQ", "post_close"),
        ("16:00:00", "NSE_EQ", "closed"),
    ]


def test_each_segment_keeps_its_own_hours() -> None:
    seen = day_of(MONDAY.replace(hour=15, minute=10), "NSE_EQ", "NFO", until=MONDAY.replace(hour=16, minute=30))
    nfo = [(at, state) for at, segment, state in seen if segment == "NFO"]
    assert nfo == [("15:10:00", "live"), ("15:40:00", "closed")]


def test_the_feed_is_wanted_from_its_lead_time_to_the_end_of_the_last_phase() -> None:
    turns: list[tuple[str, bool]] = []

    async def scene() -> None:
        clock = VirtualClock(MONDAY)

        def note() -> None:
            if not turns or turns[-1][1] != driver.wanted:
                turns.append((f"{clock.now():%H:%M}", driver.wanted))

        driver = MarketDriver(["NSE_EQ", "NFO"], load_calendar(None), clock, note)
        driver.sync()
        await clock.until(MONDAY.replace(hour=20))
        driver.disarm()

    run_virtually(scene)
    assert turns == [("08:30", False), ("08:40", True), ("16:00", False)]


def test_the_driver_sleeps_over_a_weekend_with_one_timer_and_wakes_on_monday() -> None:
    friday = datetime(2026, 11, 20, 16, 0, tzinfo=IST)
    seen = day_of(friday, "NSE_EQ", until=friday + timedelta(hours=65, seconds=1))
    assert seen[-1] == ("09:00:00", "NSE_EQ", "pre_open")
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("now", "warned"),
    [
        (datetime(2026, 11, 23, 10, tzinfo=IST), False),
        (datetime(2026, 12, 15, 10, tzinfo=IST), True),
        (datetime(2027, 1, 4, 10, tzinfo=IST), True),
    ],
)
def test_a_calendar_near_its_end_asks_for_the_next_one(now: datetime, *, warned: bool) -> None:
    async def scene() -> str | None:
        driver = MarketDriver(["NSE_EQ"], load_calendar(None), VirtualClock(now), lambda: None)
        driver.sync()
        driver.disarm()
        return driver.report().segments[0].problem

    assert (run_virtually(scene) is not None) == warned
