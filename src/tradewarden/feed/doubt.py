"""What cannot be true of a tick: a price that no market makes, a time that no clock shows.

Such a tick is counted and marked, never dropped: it is what the broker sent, and the rest of its frame is good.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tradewarden.feed.record import Mark
from tradewarden.feed.tick import FullTick, IndexFullTick, IndexTick, LtpTick, Mode, QuoteTick, Tick

FAR: Final = 2  # times the day's high, or this part of its low: a tick may run ahead of the day's prices, never so far
AHEAD: Final = 60  # seconds: a host without a time server is some seconds off, and that is not the tick's fault
DAY: Final = 86_400
_IST: Final = 19_800  # seconds east of Greenwich
_SATURDAY: Final = 5

# The low byte of a token is its segment. Commodities may cost less than nothing (crude oil did, on 2020-04-20), and an
# option or future that was never traded has no price yet.
_COMMODITIES: Final = frozenset({7, 8, 12})
_CONTRACTS: Final = frozenset({2, 3, 5, 6})


class Doubt(StrEnum):
    """What is impossible about a tick."""

    NOT_POSITIVE = "price_not_positive"
    FAR_OUTSIDE = "price_far_outside_day"
    LOW_ABOVE_HIGH = "low_above_high"
    PAST = "time_past"
    FUTURE = "time_future"


MARKS: Final[Mapping[Doubt, Mark]] = MappingProxyType(
    {
        Doubt.NOT_POSITIVE: Mark.PRICE,
        Doubt.FAR_OUTSIDE: Mark.PRICE,
        Doubt.LOW_ABOVE_HIGH: Mark.PRICE,
        Doubt.PAST: Mark.TIME,
        Doubt.FUTURE: Mark.TIME,
    }
)


NONE: Final[Mapping[int, list[Doubt]]] = MappingProxyType({})


def oldest(now_s: float) -> int:
    """Midnight in India of the weekday before today: no tick is older, save the snapshots after a holiday."""
    today = int(now_s + _IST) // DAY
    day = today - 1
    while (day + 3) % 7 >= _SATURDAY:  # 1970 began on a Thursday
        day -= 1
    return day * DAY - _IST


def marks(tick: Tick, now_s: float, oldest_s: float | None = None) -> int:
    """The bits of `Mark` that this tick deserves; 0 for nearly every one."""
    found = 0
    for doubt in doubts(tick, now_s, oldest_s):
        found |= MARKS[doubt]
    return int(found)


def doubts(tick: Tick, now_s: float, oldest_s: float | None = None) -> list[Doubt]:
    """What is impossible about this tick. `oldest_s` is the earliest time that it may carry; see `oldest`."""
    earliest = oldest(now_s) if oldest_s is None else oldest_s
    if _is_plain(tick, earliest, now_s + AHEAD):
        return []
    return [*_of_prices(tick), *_of_times(tick, earliest, now_s + AHEAD)]


def glance(
    ticks: Sequence[Tick], heard: MutableMapping[int, int], now: int, earliest: float, latest: float
) -> list[Tick]:
    """The one look at every tick of a frame: note when it was heard, and return those that are not plainly sound.

    It runs for each tick there is, so what `_is_plain` says is written out, kind by kind.
    """
    unclear: list[Tick] = []
    for tick in ticks:
        heard[tick.token] = now
        if tick.__class__ is FullTick:
            if (
                0 < tick.low_raw <= tick.last_price_raw <= tick.high_raw
                and tick.open_raw > 0 <= tick.close_raw
                and tick.last_trade_ts <= tick.exchange_ts <= latest
                and tick.exchange_ts >= earliest
            ):
                continue
        elif tick.__class__ is LtpTick:
            if tick.last_price_raw > 0:
                continue
        elif tick.__class__ is QuoteTick or tick.__class__ is IndexTick:
            if 0 < tick.low_raw <= tick.last_price_raw <= tick.high_raw and tick.open_raw > 0 <= tick.close_raw:
                continue
        elif tick.__class__ is IndexFullTick and (
            0 < tick.low_raw <= tick.last_price_raw <= tick.high_raw
            and tick.open_raw > 0 <= tick.close_raw
            and earliest <= tick.exchange_ts <= latest
        ):
            continue
        unclear.append(tick)
    return unclear


def doubtful(
    ticks: Sequence[Tick], unclear: Sequence[Tick], now_s: float, oldest_s: float
) -> Mapping[int, list[Doubt]]:
    """The doubts of a frame by the tick's place in it; `unclear` are the ones that a glance could not clear."""
    odd = {id(tick): found for tick in unclear if (found := doubts(tick, now_s, oldest_s))}
    return {place: odd[id(tick)] for place, tick in enumerate(ticks) if id(tick) in odd} if odd else NONE


def _is_plain(tick: Tick, earliest: float, latest: float) -> bool:
    """Whether nothing at all is odd, in one glance; what it does not know is looked at in detail."""
    return (
        isinstance(tick, FullTick)
        and 0 < tick.low_raw <= tick.last_price_raw <= tick.high_raw
        and tick.open_raw > 0 <= tick.close_raw
        and tick.last_trade_ts <= tick.exchange_ts <= latest
        and tick.exchange_ts >= earliest
    )


def _of_prices(tick: Tick) -> list[Doubt]:
    found = [Doubt.NOT_POSITIVE] if _is_below_what_can_be(tick) else []
    high, low, last = tick.high_raw, tick.low_raw, tick.last_price_raw
    if high is None or low is None:
        return found
    if low > high:
        found.append(Doubt.LOW_ABOVE_HIGH)
    elif (
        low > 0 and last > 0 and not low <= last * FAR <= high * FAR * FAR
    ):  # both are zero before the day's first trade
        found.append(Doubt.FAR_OUTSIDE)
    return found


def _is_below_what_can_be(tick: Tick) -> bool:
    segment = tick.token & 0xFF
    if segment in _COMMODITIES:
        return False
    if tick.last_price_raw == 0:
        untraded = segment in _CONTRACTS if tick.mode is Mode.LTP else tick.volume == 0
        return not untraded
    return min(tick.last_price_raw, tick.open_raw or 0, tick.low_raw or 0, tick.close_raw or 0) < 0


def _of_times(tick: Tick, earliest: float, latest: float) -> list[Doubt]:
    told, traded = tick.exchange_ts or 0, tick.last_trade_ts or 0  # 0: it did not come, or nothing was ever traded
    found = [Doubt.PAST] if 0 < told < earliest else []
    if told > latest or traded > latest:
        found.append(Doubt.FUTURE)
    return found
