"""What the simulated broker lists for trading, and the morning's CSV dump of it."""

from __future__ import annotations

import csv
import io
import random
import re
import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS: Final = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)

NSE, NFO, CDS, BSE, BFO, BCD, MCX, INDICES, NCO = 1, 2, 3, 4, 5, 6, 7, 9, 12
_EXCHANGES: Final = {
    NSE: "NSE",
    NFO: "NFO",
    CDS: "CDS",
    BSE: "BSE",
    BFO: "BFO",
    BCD: "BCD",
    MCX: "MCX",
    INDICES: "NSE",
    NCO: "NCO",
}
_DERIVATIVES: Final = frozenset({NFO, CDS, BFO, BCD, MCX, NCO})
HIGHEST: Final = 4_000_000_000  # in the wire's units: what fits 32 bits and leaves room for an order book
_DIVISORS: Final = {CDS: 10_000_000, BCD: 10_000, NCO: 10_000}
_TUESDAY: Final = 1
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FUTURE: Final = re.compile(rf"[A-Z]+(?P<year>\d\d)(?P<month>{'|'.join(_MONTHS)})FUT")

# token, symbol, name, price, tick size
_INDEXES: Final = (
    (256265, "NIFTY 50", "NIFTY 50", 26_050.00, 0.05),
    (260105, "NIFTY BANK", "NIFTY BANK", 58_870.00, 0.05),
    (264969, "INDIA VIX", "INDIA VIX", 13.60, 0.0025),
    (265, "SENSEX", "SENSEX", 85_200.00, 0.05),
)
_SHARES: Final = (
    (738561, "RELIANCE", "RELIANCE INDUSTRIES", 1_546.00, 0.10),
    (408065, "INFY", "INFOSYS", 1_544.50, 0.10),
    (779521, "SBIN", "STATE BANK OF INDIA", 972.35, 0.05),
    (2953217, "TCS", "TATA CONSULTANCY SERV LT", 3_149.60, 0.10),
    (341249, "HDFCBANK", "HDFC BANK", 998.05, 0.05),
    (1270529, "ICICIBANK", "ICICI BANK", 1_369.80, 0.10),
    (424961, "ITC", "ITC", 407.75, 0.05),
    (1510401, "AXISBANK", "AXIS BANK", 1_275.90, 0.10),
    (2939649, "LT", "LARSEN & TOUBRO", 4_025.30, 0.10),
    (2714625, "BHARTIARTL", "BHARTI AIRTEL", 2_161.60, 0.10),
    (128083204, "RELIANCE", "RELIANCE INDUSTRIES", 1_546.05, 0.05),
)
# name, segment, price, tick size, lot
_FUTURES: Final = (
    ("NIFTY", NFO, 26_110.00, 0.10, 65),
    ("BANKNIFTY", NFO, 59_010.00, 0.20, 30),
    ("RELIANCE", NFO, 1_551.20, 0.10, 500),
    ("INFY", NFO, 1_549.00, 0.10, 400),
    ("USDINR", CDS, 89.2150, 0.0025, 1),
    ("CRUDEOIL", MCX, 5_240.00, 1.00, 1),
    ("GOLD", MCX, 124_650.00, 1.00, 1),
    ("SILVER", MCX, 155_840.00, 1.00, 1),
    ("NATURALGAS", MCX, 402.60, 0.10, 1),
)
# name, middle of the ladder, strike step, strikes to each side, whether there are weekly ones, lot
_CHAINS: Final = (
    ("NIFTY", 26_000, 50, 60, True, 65),
    ("BANKNIFTY", 59_000, 100, 40, False, 30),
)
_WEEKS: Final = 4  # how many weekly expiries are listed
_OPTIONS_FROM: Final = 1 << 23  # exchange tokens: above those of the futures
_WEEKLY_MONTHS: Final = "123456789OND"  # one letter a month, as the symbols of weekly options have it


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing that can be subscribed to."""

    token: int
    symbol: str
    name: str
    price: float  # where its random walk begins
    tick_size: float
    lot: int = 1
    expiry: date | None = None
    strike: float = 0
    option: str = ""  # CE or PE

    @property
    def segment(self) -> int:
        """The market it trades in: the lowest byte of its token."""
        return self.token & 0xFF

    @property
    def divisor(self) -> int:
        """How many units of the wire make one rupee."""
        return _DIVISORS.get(self.segment, 100)

    @property
    def index(self) -> bool:
        """Whether it is an index, which nobody can trade."""
        return self.segment == INDICES

    @property
    def derivative(self) -> bool:
        """Whether it has an open interest."""
        return self.segment in _DERIVATIVES

    @property
    def exchange(self) -> str:
        """The exchange's name, as a quote request spells it."""
        return "BSE" if self.symbol == "SENSEX" else _EXCHANGES.get(self.segment, "NSE")

    def row(self, last_price: float) -> list[object]:
        """Its line of the dump."""
        kind = self.option or ("FUT" if self.derivative else "EQ")
        segment = "INDICES" if self.index else self.exchange
        return [
            self.token,
            self.token >> 8,
            self.symbol,
            self.name,
            f"{last_price:g}" if last_price else "0",
            self.expiry or "",
            f"{self.strike:g}",
            0 if self.index else self.tick_size,
            0 if self.index else self.lot,
            kind,
            f"{segment}-{'OPT' if self.option else 'FUT'}" if self.derivative else segment,
            self.exchange,
        ]


def lasting() -> list[Instrument]:
    """Indices and shares, the same every day."""
    return [Instrument(token, symbol, name, price, tick) for token, symbol, name, price, tick in _INDEXES + _SHARES]


def listed(today: date) -> list[Instrument]:
    """Indices, shares, the futures of this month and the next, and the options of both and of the coming weeks."""
    near = expiry_after(today)
    later = expiry_after(near + timedelta(days=1))
    return lasting() + futures(near) + futures(later) + options(today, (near, later))


def options(today: date, monthly: tuple[date, ...]) -> list[Instrument]:
    """Calls and puts on the indices: NIFTY's every Tuesday and month, BANKNIFTY's every month."""
    tuesday = today + timedelta(days=(_TUESDAY - today.weekday()) % 7)
    weekly = {tuesday + timedelta(weeks=week) for week in range(_WEEKS)}
    return [
        _option(place, chain, expiry, strike, kind, month=expiry in monthly)
        for place, chain in enumerate(_CHAINS)
        for expiry in sorted({*monthly, *weekly} if chain[4] else monthly)
        for strike in range(-chain[3], chain[3] + 1)
        for kind in ("CE", "PE")
    ]


def _option(
    place: int, chain: tuple[str, int, int, int, bool, int], expiry: date, rung: int, kind: str, *, month: bool
) -> Instrument:
    name, middle, step, _, _, lot = chain
    strike = middle + rung * step
    spot = next(price for future, _, price, _, _ in _FUTURES if future == name)
    worth = max(spot - strike if kind == "CE" else strike - spot, 0.0)
    price = worth + spot * 0.01 / (1 + abs(spot - strike) / (4 * step))  # a hump of time value over the money
    when = f"{expiry:%y}{_MONTHS[expiry.month - 1]}" if month else _week(expiry)
    number = _OPTIONS_FROM | (expiry.toordinal() % 8192) << 10 | place << 9 | (rung + 128) << 1 | (kind == "PE")
    return Instrument(
        token=number << 8 | NFO,
        symbol=f"{name}{when}{strike}{kind}",
        name=name,
        price=round(price, 1),
        tick_size=0.05,
        lot=lot,
        expiry=expiry,
        strike=strike,
        option=kind,
    )


def _week(expiry: date) -> str:
    return f"{expiry:%y}{_WEEKLY_MONTHS[expiry.month - 1]}{expiry:%d}"


def futures(expiry: date) -> list[Instrument]:
    """One month's futures; their tokens change from month to month, as the real ones do."""
    month = expiry.year * 12 + expiry.month
    return [
        Instrument(
            token=((month * 16 + place) << 8) | segment,
            symbol=f"{name}{expiry:%y}{_MONTHS[expiry.month - 1]}FUT",
            name=name,
            price=price,
            tick_size=tick,
            lot=lot,
            expiry=expiry,
        )
        for place, (name, segment, price, tick, lot) in enumerate(_FUTURES)
    ]


def expiry_after(day: date) -> date:
    """The last Tuesday of a month, on that day or later."""
    for first in (day.replace(day=1), _next_month(day)):
        last = _next_month(first) - timedelta(days=1)
        tuesday = last - timedelta(days=(last.weekday() - _TUESDAY) % 7)
        if tuesday >= day:
            return tuesday
    raise AssertionError(f"no Tuesday after {day}")


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def unlisted(token: int) -> Instrument:
    """A stand-in for a token that is in no list, so that every desk can be tried with its own instruments."""
    dear = HIGHEST // _DIVISORS.get(token & 0xFF, 100) > 3_000  # noqa: PLR2004 - rupees; currencies cannot cost that much
    price = random.Random(token).randrange(100, 3_000 if dear else 200)  # noqa: S311 - the same for a token, every time
    return Instrument(
        token, f"SIM{token}", f"Simulated {token}", float(price), 0.05, lot=25 if token & 0xFF == NFO else 1
    )


def named(symbol: str) -> Instrument:
    """The future of that symbol, whatever its month; else a stand-in with a token of its own that never changes."""
    written = _FUTURE.fullmatch(symbol.upper())
    if written:
        year, month = 2000 + int(written["year"]), _MONTHS.index(written["month"]) + 1
        known = {future.symbol: future for future in futures(expiry_after(date(year, month, 1)))}
        if symbol.upper() in known:
            return known[symbol.upper()]
    future = symbol.upper().endswith(("FUT", "CE", "PE"))
    token = (zlib.crc32(symbol.upper().encode()) & 0xFFFFFF) << 8 | (NFO if future else NSE)
    return Instrument(token, symbol, symbol, 100.0, 0.05)


def dump(rows: Iterable[tuple[Instrument, float]]) -> bytes:
    """The CSV of instruments with their last prices."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(instrument.row(price) for instrument, price in rows)
    return text.getvalue().encode()
