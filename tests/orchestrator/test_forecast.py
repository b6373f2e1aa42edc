from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from desk import Desk, play
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.forecast import session_of
from virtual_time import VirtualClock

MONDAY = date(2026, 11, 23)
ADMIN = {"Authorization": "Bearer desktestadmin"}


def at(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time(hour, minute), IST)


@pytest.mark.parametrize(
    ("segments", "day", "expected"),
    [
        (["NSE_EQ", "NFO"], MONDAY, ("09:00", "16:00")),
        (["NSE_EQ"], date(2026, 11, 22), None),  # a Sunday
        (["NSE_EQ"], date(2026, 11, 24), None),  # Guru Nanak Jayanti
        (["NSE_EQ"], date(2026, 11, 8), ("18:15", "19:15")),  # Muhurat
    ],
)
def test_the_session_is_from_the_first_data_due_to_the_last(
    segments: list[str], day: date, expected: tuple[str, str] | None
) -> None:
    session = session_of(load_calendar(), segments, day)
    told = session and tuple(f"{moment:%H:%M}" for moment in session)
    assert told == expected


async def told(desk: Desk) -> tuple[str, str | None]:
    async with desk.client.get(f"{desk.url}/api/system/health/auth", headers=ADMIN) as answer:
        check = (await answer.json(content_type=None))["check"]
        return check["observedValue"], check["forecast"]


def test_a_token_of_the_small_hours_is_provisional_until_the_broker_says_good_after_the_flush(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        clock = desk.clock
        assert isinstance(clock, VirtualClock)
        await desk.until_auth("valid")
        assert await told(desk) == ("valid", "provisional")
        await clock.until(at(7, 34))
        assert await told(desk) == ("valid", "provisional")
        await clock.until(at(7, 36))
        assert await told(desk) == ("valid", "lasts")

    play(tmp_path, at(7, 20), scene)


def test_a_token_that_is_flushed_in_the_morning_is_found_out_by_the_probe_and_not_by_the_clock(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        clock = desk.clock
        assert isinstance(clock, VirtualClock)
        await desk.until_auth("expiring")
        assert await told(desk) == ("expiring", "dies_before")
        await clock.until(at(6) + timedelta(seconds=30))
        assert await told(desk) == ("valid", "provisional")
        desk.broker.do("expire_token")
        await clock.until(at(7, 34))
        assert (await told(desk))[0] == "valid"
        await clock.until(at(7, 36))
        assert await told(desk) == ("expired", "none")

    play(tmp_path, at(5, 50), scene)
