"""What is impossible about a tick is named, and nothing that a market may do is."""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewarden.feed.doubt import AHEAD, Doubt, doubtful, doubts, glance, marks, oldest
from tradewarden.feed.record import Mark
from tradewarden.feed.tick import FullTick, IndexFullTick, IndexTick, LtpTick, QuoteTick, Tick

IST = ZoneInfo("Asia/Kolkata")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
NOW = int(MONDAY.timestamp())
NSE, NFO, CDS, BSE, BFO, BCD, MCX, MCXSX, INDICES, NCO = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12


def token(segment: int) -> int:
    """Some instrument of this segment."""
    return 1000 << 8 | segment


def full(last: int = 1000, *, segment: int = NSE, **rest: int) -> FullTick:
    """A tick that nobody would doubt, but for what is named."""
    facts = {"open_raw": 990, "high_raw": 1010, "low_raw": 980, "close_raw": 995, "volume": 5}
    times = {"exchange_ts": NOW, "last_trade_ts": NOW - 3}
    return FullTick(token(segment), last, **{**facts, **times, **rest})


def test_an_ordinary_tick_of_every_kind_is_not_doubted() -> None:
    day = {"open_raw": 990, "high_raw": 1010, "low_raw": 980, "close_raw": 995}
    for tick in (
        full(),
        QuoteTick(token(NSE), 1000, volume=5, **day),
        IndexTick(token(INDICES), 1000, **day),
        IndexFullTick(token(INDICES), 1000, exchange_ts=NOW, **day),
        LtpTick(token(NSE), 1000),
    ):
        assert doubts(tick, NOW) == [], tick
        assert marks(tick, NOW) == 0, tick


@pytest.mark.parametrize("segment", [NSE, NFO, CDS, BSE, BFO, BCD, INDICES])
@pytest.mark.parametrize("price", [-1, -1000])
def test_nothing_but_a_commodity_costs_less_than_nothing(segment: int, price: int) -> None:
    assert doubts(LtpTick(token(segment), price), NOW) == [Doubt.NOT_POSITIVE]
    assert doubts(full(price, segment=segment), NOW) == [Doubt.NOT_POSITIVE]


@pytest.mark.parametrize("segment", [MCX, MCXSX, NCO])
def test_a_commodity_may_cost_nothing_or_less(segment: int) -> None:
    assert doubts(LtpTick(token(segment), 0), NOW) == []
    assert doubts(LtpTick(token(segment), -3763), NOW) == []
    assert doubts(full(-3763, segment=segment, low_raw=-4032, high_raw=1773), NOW) == []


@pytest.mark.parametrize("segment", [NSE, BSE, INDICES])
def test_a_share_or_an_index_never_costs_zero(segment: int) -> None:
    assert doubts(LtpTick(token(segment), 0), NOW) == [Doubt.NOT_POSITIVE]


def test_an_index_at_zero_is_doubted_in_every_mode() -> None:
    assert doubts(IndexTick(token(INDICES), 0), NOW) == [Doubt.NOT_POSITIVE]
    assert doubts(IndexFullTick(token(INDICES), 0, exchange_ts=NOW), NOW) == [Doubt.NOT_POSITIVE]


def test_what_was_never_traded_has_no_price_yet() -> None:
    nothing = {"open_raw": 0, "high_raw": 0, "low_raw": 0, "close_raw": 0}
    assert doubts(full(0, volume=0, last_trade_ts=0, **nothing), NOW) == []
    assert doubts(LtpTick(token(NFO), 0), NOW) == []
    assert doubts(full(0, volume=7, **nothing), NOW) == [Doubt.NOT_POSITIVE]


@pytest.mark.parametrize("field", ["open_raw", "low_raw", "close_raw"])
def test_a_price_of_the_day_below_zero_is_doubted_as_well(field: str) -> None:
    assert doubts(full(**{field: -1}), NOW) == [Doubt.NOT_POSITIVE]


def test_a_low_above_the_high_is_doubted() -> None:
    assert doubts(full(low_raw=1011), NOW) == [Doubt.LOW_ABOVE_HIGH]
    assert doubts(full(low_raw=1000, high_raw=1000), NOW) == []


@pytest.mark.parametrize(
    ("last", "doubted"),
    [(100_000, True), (2021, True), (2020, False), (1011, False), (979, False), (490, False), (489, True), (10, True)],
)
def test_a_price_may_run_ahead_of_the_day_but_not_twice_as_high_or_half_as_low(last: int, doubted: bool) -> None:  # noqa: FBT001
    assert doubts(full(last), NOW) == ([Doubt.FAR_OUTSIDE] if doubted else [])


def test_before_the_first_trade_the_day_has_no_prices_to_be_outside_of() -> None:
    assert doubts(full(high_raw=0, low_raw=0, open_raw=0), NOW) == []


@pytest.mark.parametrize("seconds", [1, 5, AHEAD])
def test_a_clock_that_is_a_little_off_makes_no_doubt(seconds: int) -> None:
    assert doubts(full(exchange_ts=NOW + seconds), NOW) == []


def test_the_future_is_doubted() -> None:
    assert doubts(full(exchange_ts=NOW + AHEAD + 1), NOW) == [Doubt.FUTURE]
    assert doubts(full(last_trade_ts=NOW + AHEAD + 1), NOW) == [Doubt.FUTURE]
    assert doubts(IndexFullTick(token(INDICES), 1000, exchange_ts=0xFFFFFFFF), NOW) == [Doubt.FUTURE]


def test_a_time_that_did_not_come_is_not_doubted() -> None:
    assert doubts(full(exchange_ts=0, last_trade_ts=0), NOW) == []


def test_a_trade_of_long_ago_is_what_a_quiet_option_has() -> None:
    assert doubts(full(last_trade_ts=NOW - 86_400 * 30), NOW) == []


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (datetime(2026, 11, 23, 8, 50, tzinfo=IST), datetime(2026, 11, 20, tzinfo=IST)),  # Monday: Friday's snapshots
        (datetime(2026, 11, 24, 0, 0, tzinfo=IST), datetime(2026, 11, 23, tzinfo=IST)),
        (datetime(2026, 11, 23, 23, 59, 59, tzinfo=IST), datetime(2026, 11, 20, tzinfo=IST)),
        (datetime(2026, 11, 22, 12, 0, tzinfo=IST), datetime(2026, 11, 20, tzinfo=IST)),  # a Sunday
    ],
)
def test_the_oldest_time_a_tick_may_carry_is_that_of_the_weekday_before(now: datetime, first: datetime) -> None:
    assert oldest(now.timestamp()) == first.timestamp()
    at = now.timestamp()
    assert doubts(full(exchange_ts=int(first.timestamp()), last_trade_ts=0), at) == []
    early = int((first - timedelta(seconds=1)).timestamp())
    assert doubts(full(exchange_ts=early, last_trade_ts=0), at) == [Doubt.PAST]


def test_whoever_knows_the_calendar_says_how_old_a_tick_may_be() -> None:
    old = full(exchange_ts=NOW - 86_400 * 8, last_trade_ts=0)
    assert doubts(old, NOW) == [Doubt.PAST]
    assert doubts(old, NOW, NOW - 86_400 * 9) == []


def test_marks_tell_prices_from_times() -> None:
    assert marks(full(-5), NOW) == Mark.PRICE
    assert marks(full(low_raw=2000), NOW) == Mark.PRICE
    assert marks(full(exchange_ts=1), NOW) == Mark.TIME
    assert marks(full(99_999, exchange_ts=NOW * 2), NOW) == Mark.PRICE | Mark.TIME


def test_of_a_frame_only_the_doubtful_ticks_are_named_by_their_place() -> None:
    ticks: list[Tick] = [full(), full(-1), LtpTick(token(NSE), 5), full(exchange_ts=1, last_trade_ts=0)]
    heard: dict[int, int] = {}
    unclear = glance(ticks, heard, 77, oldest(NOW), NOW + AHEAD)
    assert unclear == [ticks[1], ticks[3]]
    assert heard == {token(NSE): 77}
    assert doubtful(ticks, unclear, NOW, oldest(NOW)) == {1: [Doubt.NOT_POSITIVE], 3: [Doubt.PAST]}
    assert doubtful(ticks, [ticks[0]], NOW, oldest(NOW)) == {}


DAYS = {"open_raw": 990, "high_raw": 1010, "low_raw": 980, "close_raw": 995}
SOUND: list[Tick] = [
    full(),
    QuoteTick(token(NSE), 1000, volume=5, **DAYS),
    IndexTick(token(INDICES), 1000, **DAYS),
    IndexFullTick(token(INDICES), 1000, exchange_ts=NOW, **DAYS),
    LtpTick(token(NSE), 1000),
]


@pytest.mark.parametrize("tick", SOUND, ids=lambda tick: type(tick).__name__)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("last_price_raw", 0),
        ("last_price_raw", 1011),
        ("last_price_raw", 979),
        ("low_raw", 0),
        ("open_raw", 0),
        ("close_raw", -1),
        ("exchange_ts", NOW + AHEAD + 1),
        ("exchange_ts", oldest(NOW) - 1),
        ("last_trade_ts", NOW + 1),
    ],
)
def test_a_glance_clears_what_is_sound_and_nothing_that_deserves_a_second_look(
    tick: Tick, field: str, value: int
) -> None:
    assert glance([tick], {}, 0, oldest(NOW), NOW + AHEAD) == []
    if field in tick._own_fields() or field == "last_price_raw":
        other = copy(tick)
        setattr(other, field, value)
        cleared = not glance([other], {}, 0, oldest(NOW), NOW + AHEAD)
        assert cleared == (isinstance(tick, LtpTick) and value > 0)
