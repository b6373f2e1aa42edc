"""Made-up ticks, frames and journals for every test that needs some: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from tradewarden.feed.journal import Journal
from tradewarden.feed.record import NANOSECONDS, Frame, pack
from tradewarden.feed.tick import FullTick, IndexFullTick, LtpTick, QuoteTick, Tick

OPENING = 1_795_405_500  # 2026-11-23 09:15 IST, seconds since 1970
A_SECOND = 1000  # ticks that come in one second of the made-up market
_LEVELS = Struct(">" + "IiHxx" * 10)
_SEGMENTS = ((1, 100), (2, 100), (3, 10_000_000), (9, 100))  # the low byte of a token, and its divisor


def ticks(count: int, instruments: int = 128, seed: int = 7) -> list[Tick]:
    """So many ticks of so many instruments, most of them with depth, a few of every other kind."""
    chance = random.Random(seed)
    prices = {number: chance.randrange(5_000, 500_000) for number in range(instruments)}
    volumes = dict.fromkeys(prices, 0)
    made: list[Tick] = []
    for at in range(count):
        number = min(int(chance.paretovariate(0.7)), instruments) - 1  # a few trade all the time, most hardly ever
        prices[number] = max(100, prices[number] + chance.randrange(-20, 21))
        volumes[number] += chance.randrange(1, 500)
        made.append(_tick(number, prices[number], volumes[number], OPENING + at // A_SECOND, chance))
    return made


def _tick(number: int, price: int, volume: int, now: int, chance: random.Random) -> Tick:
    segment, divisor = _SEGMENTS[0 if number % 16 else number // 16 % 4]
    token = (1000 + number) << 8 | segment
    day = {"open_raw": price - 30, "high_raw": price + 90, "low_raw": price - 120, "close_raw": price - 55}
    if segment == 9:
        return IndexFullTick(token, price, divisor, exchange_ts=now, **day)
    kind = chance.random()
    if kind < 0.02:
        return LtpTick(token, price, divisor)
    sums = {"last_quantity": 25, "average_price_raw": price - 5, "volume": volume, "buy_quantity": 9000 + volume}
    if kind < 0.05:
        return QuoteTick(token, price, divisor, sell_quantity=8000, **sums, **day)
    levels = [field for step in range(5) for field in (100 + step, price - 5 - 5 * step, 1 + step)]
    levels += [field for step in range(5) for field in (200 + step, price + 5 + 5 * step, 2 + step)]
    return FullTick(
        token,
        price,
        divisor,
        sell_quantity=8000,
        last_trade_ts=now - 1,
        oi=volume * 2,
        oi_high=volume * 3,
        oi_low=volume,
        exchange_ts=now,
        depth_block=_LEVELS.pack(*levels),
        **sums,
        **day,
    )


def frames(count: int, *, a_frame: int = 50, first_seq: int = 1, instruments: int = 128, seed: int = 7) -> list[Frame]:
    """So many ticks as the journal hands them out, numbered from `first_seq` on, so many in each frame."""
    return list(_frames(count, a_frame, first_seq, instruments, seed))


def _frames(count: int, a_frame: int, first_seq: int, instruments: int, seed: int) -> Iterator[Frame]:
    records = [pack(tick) for tick in ticks(count, instruments, seed)]
    for start in range(0, count, a_frame):
        some = records[start : start + a_frame]
        received_ns = OPENING * NANOSECONDS + (start * NANOSECONDS) // A_SECOND + 80_000_000
        yield Frame(first_seq + start, len(some), received_ns, b"".join(some))


def write_journal(
    directory: Path, count: int, *, a_frame: int = 50, segment_bytes: int = 64 << 20, after: int = 0, seed: int = 7
) -> list[Frame]:
    """Write so many ticks into the journal there and close it; the frames as they were written."""
    journal = Journal(directory, after=after, segment_bytes=segment_bytes)
    made = frames(count, a_frame=a_frame, first_seq=journal.next_seq, seed=seed)
    for frame in made:
        assert journal.append(frame.records, frame.count, frame.received_ns) == frame.first_seq, journal.failed
    journal.close()
    return made
