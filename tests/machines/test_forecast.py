from datetime import datetime

import pytest

from tradewarden.machines.forecast import forecast

SESSION = ("23 09:00", "23 15:30")


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"2026-11-{text.replace(' ', 'T')}+05:30")


def word(now: str, minted: str | None, verified: str | None, expires: str | None, day: tuple[str, str] | None) -> str:
    moment, session = at(now), None
    assert moment is not None
    if day is not None:
        begin, end = at(day[0]), at(day[1])
        assert begin is not None
        assert end is not None
        session = begin, end
    return forecast(now=moment, minted_at=at(minted), verified_at=at(verified), expires_at=at(expires), session=session)


@pytest.mark.parametrize(
    ("now", "minted", "verified", "expires", "expected"),
    [
        # Minted in the evening before: it ends at 06:00; one that answers after that may still go with the others.
        ("23 00:00", "22 23:59", "22 23:59", "23 06:00", "dies_before"),
        ("23 05:59", "22 23:59", "22 23:59", "23 06:00", "dies_before"),
        ("23 06:01", "22 23:59", "23 06:00", "24 06:00", "provisional"),
        ("23 07:36", "22 23:59", "23 07:35", "24 06:00", "lasts"),
        # Minted after midnight: the morning's flush is ahead of it.
        ("23 00:02", "23 00:01", "23 00:01", "23 06:00", "dies_before"),
        ("23 06:31", "23 06:30", "23 06:30", "24 06:00", "provisional"),
        ("23 07:34", "23 07:34", "23 07:34", "24 06:00", "provisional"),
        ("23 08:14", "23 07:34", "23 07:34", "24 06:00", "provisional"),  # the probe of 07:35 was not answered
        ("23 08:16", "23 07:34", "23 08:15", "24 06:00", "lasts"),
        ("23 09:01", "23 07:34", "23 07:34", "24 06:00", "lasts"),  # the feed was accepted with it, or it was not
        ("23 09:00", "23 07:34", "23 07:34", "24 06:00", "lasts"),
        ("23 08:00", "23 07:35", None, "24 06:00", "lasts"),
        # Minted after the flush: it sees the next one.
        ("23 07:35", "23 07:35", "23 07:35", "24 06:00", "lasts"),
        ("23 09:30", "23 09:20", None, "24 06:00", "lasts"),
        # Others.
        ("23 10:00", "23 09:20", None, "23 12:00", "dies_during"),
        ("23 10:00", "23 09:20", None, "23 15:30", "lasts"),
        ("23 08:20", "23 08:00", None, "23 09:00", "dies_before"),
        ("23 10:00", "23 09:20", None, None, "unknown"),
        ("23 15:30", "23 09:20", None, "24 06:00", "no_session"),
        ("23 10:00", None, None, None, "none"),
    ],
)
def test_the_forecast_of_a_trading_day(
    now: str, minted: str | None, verified: str | None, expires: str | None, expected: str
) -> None:
    assert word(now, minted, verified, expires, SESSION) == expected


def test_on_a_day_without_a_session_there_is_nothing_to_forecast() -> None:
    assert word("23 08:15", "22 09:00", None, "23 06:00", None) == "no_session"
