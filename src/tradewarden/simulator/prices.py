"""What every instrument costs now: a plausible random walk, or the trades of a recorded day."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewarden.simulator.instruments import HIGHEST, Instrument, listed, unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from tradewarden.simulator.replay import Recording, Trade

U32: Final = 0xFFFFFFFF
_STEPS: Final = (-2, -1, -1, 0, 0, 1, 1, 2)
_WIDEST: Final = 0.05  # of yesterday's close: beyond it the walk turns back
_OLD_NEWS: Final = 5.0  # seconds: recorded trades older than this count, but nobody is told one by one
_LAST_WORDS: Final = 60.0  # seconds: how long the order book moves on after a recording's last trade


@dataclass(slots=True)
class Quote:
    """One instrument's figures of the day; prices in the wire's units."""

    instrument: Instrument
    token: int
    last: int
    open: int
    high: int
    low: int
    close: int
    tick: int
    day: date
    exchange_ts: int
    traded_ts: int
    last_quantity: int = 0
    volume: int = 0
    turnover: int = 0
    oi: int = 0
    oi_high: int = 0
    oi_low: int = 0
    bits: int = 0  # the dice behind the order book

    @property
    def average(self) -> int:
        """The day's average price, by volume."""
        return self.turnover // self.volume if self.volume else self.last

    @property
    def last_price(self) -> float:
        """The last price in rupees."""
        return self.last / self.instrument.divisor

    @property
    def buy_quantity(self) -> int:
        """Everything bid for, all levels together."""
        return 0 if self.instrument.index else self.instrument.lot * (2_000 + (self.bits & 0x3FF))

    @property
    def sell_quantity(self) -> int:
        """Everything offered, all levels together."""
        return 0 if self.instrument.index else self.instrument.lot * (2_000 + (self.bits >> 10 & 0x3FF))

    def depth(self) -> list[tuple[int, int, int]]:
        """The order book as quantity, price, orders: five bids from the best down, five offers from the best up."""
        at_bid = self.bits & 1  # the last trade hit a bid, or took an offer
        bids = [max(self.last - self.tick * (step + 1 - at_bid), 0) for step in range(5)]
        offers = [self.last + self.tick * (step + at_bid) for step in range(5)]
        return [self._level(place, price) for place, price in enumerate(bids + offers)]

    def _level(self, place: int, price: int) -> tuple[int, int, int]:
        dice = self.bits >> (20 + 4 * place) & 0xFF
        return self.instrument.lot * (1 + dice), price, 1 + dice // 8

    def trade(self, price: int, quantity: int, when: int) -> None:
        """Something changed hands."""
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if quantity:
            self.last_quantity = quantity
            self.volume = min(self.volume + quantity, U32)
            self.turnover += quantity * price
        self.traded_ts = when

    def hold(self, oi: int) -> None:
        """This many contracts are open."""
        self.oi = oi
        self.oi_high = max(self.oi_high, oi)
        self.oi_low = min(self.oi_low, oi) if self.oi_low else oi

    def new_day(self, day: date) -> None:
        """Yesterday's last price is today's close, and everything counts from nothing again."""
        self.day = day
        self.close = self.open = self.high = self.low = self.last
        self.volume = self.turnover = self.last_quantity = 0
        self.oi_high = self.oi_low = self.oi


class Board:
    """The quotes of everything that anybody asked about."""

    def __init__(self, today: date, *, seed: int | None = None, recording: Recording | None = None) -> None:
        self.recording = recording
        self._rng = random.Random(seed)  # noqa: S311 - prices, not secrets; a seed makes a run repeatable
        recorded = recording.instruments if recording else ()
        self._day = today
        self._instruments = {instrument.token: instrument for instrument in (*recorded, *listed(today))}
        self._quotes: dict[int, Quote] = {}
        self._played: dict[int, int] = {}

    @property
    def instruments(self) -> list[Instrument]:
        """Everything that is listed."""
        return list(self._instruments.values())

    def dump(self, when: datetime) -> list[tuple[Instrument, float]]:
        """Everything that is listed that day with its last price: contracts come and go, looking moves nothing."""
        day = when.date()
        if day != self._day:
            self._day = day
            self._instruments = {instrument.token: instrument for instrument in listed(day)} | self._instruments
        alive = (i for i in self._instruments.values() if i.expiry is None or i.expiry >= day)
        return [(instrument, self._last_price(instrument, when)) for instrument in alive]

    def _last_price(self, instrument: Instrument, when: datetime) -> float:
        asked_about = instrument.token in self._quotes or (
            self.recording is not None and instrument.token in self.recording.trades
        )
        return self.quote(instrument.token, when).last_price if asked_about else instrument.price

    def find(self, name: str) -> Instrument | None:
        """The instrument that a request calls EXCHANGE:SYMBOL, or by its token."""
        if name.isascii() and name.isdecimal():
            return self._instruments.get(int(name))
        return next((i for i in self._instruments.values() if f"{i.exchange}:{i.symbol}" == name), None)

    def quote(self, token: int, when: datetime) -> Quote:
        """The figures as they stand; nothing moves by looking."""
        known = self._quotes.get(token)
        return known if known is not None else self._first(token, when)

    def advance(self, token: int, when: datetime) -> Iterator[Quote]:
        """The quote after each thing that happened since the last call; the same object every time."""
        quote = self.quote(token, when)
        if quote.day != when.date():
            quote.new_day(when.date())
            self._played[token] = 0
        trades = self.recording.trades.get(token) if self.recording else None
        if trades is None:
            self._walk(quote, when)
            yield quote
        else:
            yield from self._play(quote, trades, when)

    def _first(self, token: int, when: datetime) -> Quote:
        instrument = self._instruments.get(token) or unlisted(token)
        trades = self.recording.trades.get(token) if self.recording else None
        price = round((trades[0].price if trades else instrument.price) * instrument.divisor)
        tick = max(round(instrument.tick_size * instrument.divisor), 1)
        stamp = int(when.timestamp())
        quote = Quote(instrument, token, price, price, price, price, price, tick, when.date(), stamp, stamp)
        if not trades and not instrument.index:
            quote.trade(price, instrument.lot * self._rng.randrange(1, 500), stamp)
        if not trades and instrument.derivative:
            quote.hold(instrument.lot * self._rng.randrange(5_000, 50_000))
        quote.bits = self._rng.getrandbits(64)
        self._quotes[token] = quote
        self._played[token] = 0
        if trades:
            for _ in self._play(quote, trades, when):
                pass  # whoever comes late finds the day as it stands
        return quote

    def _walk(self, quote: Quote, when: datetime) -> None:
        rng, instrument = self._rng, quote.instrument
        away = (quote.last - quote.close) / quote.close if quote.close else 0.0
        step = quote.tick * rng.choice(_STEPS)
        if abs(away) > _WIDEST:
            step = -abs(step) if away > 0 else abs(step)
        quantity = 0 if instrument.index else instrument.lot * rng.randrange(1, 20)
        quote.exchange_ts = int(when.timestamp())
        quote.trade(min(max(quote.last + step, quote.tick), HIGHEST), quantity, quote.exchange_ts)
        quote.bits = rng.getrandbits(64)
        if instrument.derivative:
            quote.hold(max(quote.oi + instrument.lot * rng.choice(_STEPS), 0))

    def _play(self, quote: Quote, trades: list[Trade], when: datetime) -> Iterator[Quote]:
        clock = (when - when.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        place = self._played[quote.token]
        if place and trades[place - 1].at > clock:  # the clock was put back: the day begins again
            quote.new_day(quote.day)
            place = 0
        due = bisect_right(trades, clock, key=_at)
        self._played[quote.token] = due
        if place == 0 and due:
            quote.open = quote.high = quote.low = round(trades[0].price * quote.instrument.divisor)
        told = False
        for trade in trades[place:due]:
            self._happen(quote, trade, int(when.timestamp()) - int(clock - trade.at))
            if clock - trade.at <= _OLD_NEWS:
                told = True
                yield quote
        if not told and due and clock - trades[-1].at < _LAST_WORDS:
            quote.exchange_ts = int(when.timestamp())  # between trades the order book goes on moving
            quote.bits = self._rng.getrandbits(64)
            yield quote

    def _happen(self, quote: Quote, trade: Trade, stamp: int) -> None:
        quote.exchange_ts = stamp
        quote.trade(round(trade.price * quote.instrument.divisor), trade.quantity, stamp)
        quote.bits = self._rng.getrandbits(64)
        if trade.oi is not None:
            quote.hold(trade.oi)


def _at(trade: Trade) -> float:
    return trade.at
