"""Our days against what others publish: every disagreement is named, with who is right. `make crosscheck`."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST

PACKAGES = ("aion_indian_market_calendar", "exchange_calendars", "pandas_market_calendars")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}; `make crosscheck` installs them"),
    pytest.mark.filterwarnings("ignore"),  # theirs are theirs
    pytest.mark.timeout(300),
]

CALENDAR = load_calendar()

# Days on which we trade (Muhurat included) and they do not. We are right: each is in a circular or a notice.
BUDGETS = {"2025-02-01": "Budget Saturday", "2026-02-01": "Budget Sunday, NSE/CMTR/72349"}
MUHURATS = {"2026-11-08": "Muhurat on a Sunday, NSE/CMTR/71775"}
AFTERNOON = {"2025-10-21": "a weekday's Muhurat, NSE/CMTR/70319: closed but for one hour"}

AION_BEGINS, AION_ENDS = date(2026, 1, 1), date(2026, 12, 25)

# What aion calls a moment, and what we do. All others are disagreements.
SAME = {
    ("CLOSED", "closed"),
    ("CLOSED", "post_close.wait"),  # its API has no word for the pause
    ("PRE_OPEN", "pre_open"),
    ("CONTINUOUS", "live"),
    ("CLOSING_AUCTION", "closing_auction"),
    ("POST_CLOSE", "post_close.post_close"),
    ("MUHURAT_TRADING", "live"),
}


def days(begin: date, end: date) -> list[date]:
    return [begin + timedelta(days=ahead) for ahead in range((end - begin).days + 1)]


def differences(segment: str, theirs: Callable[[date], bool], begin: date, end: date) -> dict[str, str]:
    """The days on which we differ, and how."""
    found = {}
    for day in days(begin, end):
        ours = CALENDAR.trading_day(segment, day, muhurat=True)
        if bool(theirs(day)) != ours:
            found[day.isoformat()] = "we trade" if ours else "they trade"
    return found


def ours_alone(*known: dict[str, str]) -> dict[str, str]:
    return {day: "we trade" for each in known for day in each}


def test_exchange_calendars_lacks_every_session_on_a_weekend_and_muhurat() -> None:
    bombay: Any = importlib.import_module("exchange_calendars").get_calendar("XBOM")
    last = min(bombay.last_session.date(), date(2026, 12, 31))
    found = differences("BSE_EQ", lambda day: bombay.is_session(day.isoformat()), date(2025, 1, 1), last)
    assert found == ours_alone(BUDGETS, MUHURATS, AFTERNOON)


@pytest.mark.parametrize(
    ("name", "segment", "known"),
    [
        ("NSE", "NSE_EQ", [BUDGETS, MUHURATS]),
        ("BSE", "BSE_EQ", [BUDGETS, MUHURATS, AFTERNOON]),
    ],
)
def test_pandas_market_calendars_lacks_sessions_on_weekends(
    name: str, segment: str, known: list[dict[str, str]]
) -> None:
    exchange: Any = importlib.import_module("pandas_market_calendars").get_calendar(name)
    sessions = {each.date() for each in exchange.schedule("2025-01-01", "2026-12-31").index}
    found = differences(segment, sessions.__contains__, date(2025, 1, 1), date(2026, 12, 31))
    assert found == ours_alone(*known)


def test_pandas_market_calendars_knows_no_closing_auction() -> None:
    """It closes NSE at 15:30 on every day; since 2026-08-03 shares with derivatives stop at 15:15 (NSE/CMTR/74466)."""
    exchange: Any = importlib.import_module("pandas_market_calendars").get_calendar("NSE")
    closes = exchange.schedule("2026-08-04", "2026-08-04").market_close.iloc[0].to_pydatetime()
    assert closes == datetime(2026, 8, 4, 15, 30, tzinfo=IST)
    assert CALENDAR.at("NSE_EQ", closes - timedelta(minutes=10)).state == "closing_auction"
    assert CALENDAR.at("NSE_EQ_NOFO", closes - timedelta(minutes=10)).state == "live"


@pytest.fixture
def aion(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Any:
    monkeypatch.setitem(os.environ, "AION_IN_CALENDAR_OFFLINE", "1")  # it would ask the network, and keep a cache
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    return importlib.import_module("aion_indian_market_calendar")


SUNDAY = {"2026-02-01": "Budget Sunday: aion lacks it on every exchange"}


@pytest.mark.parametrize(
    ("market", "segment", "known"),
    [
        ("NSE", "NSE_EQ", [SUNDAY]),
        ("BSE", "BSE_EQ", [SUNDAY]),
        ("NFO", "NFO", [SUNDAY, MUHURATS]),  # derivatives take part in Muhurat (NSE/FAOP/71777)
        ("CDS", "CDS", [MUHURATS]),
        ("MCX", "MCX", [SUNDAY]),  # held 09:00-17:00, NSE/COM/72351
    ],
)
def test_aion_agrees_on_every_day_but_these(aion: Any, market: str, segment: str, known: list[dict[str, str]]) -> None:
    found = differences(segment, lambda day: aion.is_trading_day(day, market), AION_BEGINS, AION_ENDS)
    assert found == ours_alone(*known)


DAYS = [
    "2026-01-01",
    "2026-01-15",
    "2026-03-03",
    "2026-05-28",
    "2026-07-31",
    "2026-08-03",
    "2026-08-26",
    "2026-09-07",
    "2026-11-08",
    "2026-11-10",
    "2026-11-20",
    "2026-12-07",
]


def moments_that_differ(aion: Any, market: str, segment: str) -> dict[str, tuple[str, str]]:
    """Every five minutes of days that matter: when we differ first on each, and how."""
    found: dict[str, tuple[str, str]] = {}
    for day in DAYS:
        for minute in range(0, 24 * 60, 5):
            when = datetime.fromisoformat(day).replace(tzinfo=IST) + timedelta(minutes=minute)
            word, moment = aion.get_market_phase(when.isoformat(), market), CALENDAR.at(segment, when)
            if not {(word, moment.state), (word, f"{moment.state}.{moment.phase}")} & SAME:
                key = f"{day} {word} {moment.state}.{moment.phase}"
                found.setdefault(key, (f"{when:%H:%M}", f"{when:%H:%M}"))
                found[key] = (found[key][0], f"{when:%H:%M}")
    return found


OLD_MATCH = {  # aion's call of the old pre-open ends at 09:08; matching and buffer are no continuous trading
    f"{day} CONTINUOUS pre_open.match": ("09:10", "09:10")
    for day in ("2026-01-01", "2026-07-31", "2026-08-03", "2026-08-26")
}


@pytest.mark.parametrize(
    ("market", "segment"), [("NSE_EQUITY", "NSE_EQ_NOFO"), ("NSE_EQUITY_FNO_UNDERLYING", "NSE_EQ")]
)
def test_aion_takes_the_end_of_the_old_pre_open_for_trading(aion: Any, market: str, segment: str) -> None:
    assert moments_that_differ(aion, market, segment) == OLD_MATCH


def test_aion_lacks_the_pre_open_of_futures_and_their_muhurat(aion: Any) -> None:
    """Both are in circulars: NSE/FAOP/71092, NSE/FAOP/74970 and NSE/FAOP/71777."""
    found = moments_that_differ(aion, "NFO", "NFO")
    assert {key.partition(" ")[2] for key in found} == {
        "CLOSED pre_open.entry",
        "CLOSED pre_open.limit_only",
        "CLOSED pre_open.match",
        "CLOSED live.continuous",
    }
    assert [key[:10] for key in found if key.endswith("live.continuous")] == ["2026-11-08"]


def test_aion_lacks_muhurat_of_currency_only(aion: Any) -> None:
    assert moments_that_differ(aion, "CDS", "CDS") == {"2026-11-08 CLOSED live.continuous": ("18:15", "19:10")}


def test_aion_closes_mcx_too_early_in_winter_and_lacks_the_late_holiday(aion: Any) -> None:
    """Winter evenings end at 23:55 (NSE/COM/76446); on 2026-01-15 the morning was closed (MCX, 2026-01-12)."""
    found = moments_that_differ(aion, "MCX", "MCX")
    early = {
        f"{day} CLOSED live.continuous": ("23:30", "23:50")
        for day in ("2026-01-15", "2026-03-03", "2026-11-10", "2026-11-20", "2026-12-07")
    }
    late = {
        "2026-01-15 PRE_OPEN closed.holiday": ("08:45", "08:55"),
        "2026-01-15 CONTINUOUS closed.holiday": ("09:00", "16:55"),
    }
    special = {  # it opens its cancel-only session on evening-only holidays too
        key: times for key, times in found.items() if key.endswith("PRE_OPEN closed.holiday") and key not in late
    }
    assert found == early | late | special
    assert set(special.values()) <= {("08:45", "08:55")}
