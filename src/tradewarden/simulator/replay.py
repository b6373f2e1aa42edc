"""A recorded day of ticks or minute bars, read from a CSV file and played again at the same time of day."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from tradewarden.simulator.instruments import HIGHEST, Instrument, lasting, named, unlisted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

IST: Final = ZoneInfo("Asia/Kolkata")

_TIME: Final = ("time", "date", "datetime", "timestamp", "exchange_timestamp", "last_trade_time")
_TOKEN: Final = ("token", "instrument_token")
_SYMBOL: Final = ("symbol", "tradingsymbol", "instrument", "ticker")
_PRICE: Final = ("price", "last_price", "ltp")
_BAR: Final = ("open", "high", "low", "close")
_QUANTITY: Final = ("quantity", "last_traded_quantity", "last_quantity", "ltq")
_VOLUME: Final = ("volume", "volume_traded")
_OI: Final = ("oi", "open_interest")

_SECONDS_FROM: Final = 100_000_000  # before 1973: rather a date without dashes, or a count
_MILLISECONDS_FROM: Final = 10_000_000_000  # an epoch this large counts milliseconds


class ReplayError(ValueError):
    """A recording that cannot be played, with file, line and column."""


class Trade(NamedTuple):
    """One recorded trade: seconds since midnight, rupees, and how much changed hands."""

    at: float
    price: float
    quantity: int = 0
    oi: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """The trades of one day, each instrument's in the order of their times."""

    day: date | None  # none when the file gives only times of day
    trades: Mapping[int, list[Trade]]
    instruments: tuple[Instrument, ...]

    @classmethod
    def from_csv(cls, path: Path, *, day: date | None = None) -> Recording:
        """Read a day: `time,token or symbol,price[,volume]` a tick, or `time,open,high,low,close[,volume]` a minute.

        Without a token or symbol column the file's name says the instrument, up to its first underscore. A file of
        several days needs `day`.
        """
        sheet = _Sheet(path)
        rows = list(_of_one_day(sheet, day))
        if not rows:
            raise ReplayError(f"{path}: there are no rows" + (f" of {day}" if day else "") + "; nothing to replay")
        instruments: dict[int, Instrument] = {}
        cells: defaultdict[int, list[_Row]] = defaultdict(list)
        for row in rows:
            instrument = sheet.instrument(row)
            instruments.setdefault(instrument.token, instrument)
            cells[instrument.token].append(row)
        read = _bars if sheet.bars else _ticks
        trades = {
            token: list(read(sheet, sorted(found, key=_when), instruments[token].divisor))
            for token, found in cells.items()
        }
        priced = (replace(i, price=trades[i.token][0].price) for i in instruments.values())
        return cls(day or rows[0].day, trades, tuple(priced))


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]
    day: date | None
    at: float


def _when(row: _Row) -> float:
    return row.at


class _Sheet:
    """The file's header and its way of finding a value, or of saying exactly where one is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ReplayError(f"{path}: this is not a text file; give a CSV") from None
        except OSError as error:
            raise ReplayError(f"{path}: cannot be read: {error.strerror}") from None
        reader = csv.reader(text.splitlines())
        try:
            self._header = [name.strip().lower() for name in next(reader, [])]
            self._lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
        except csv.Error as error:
            raise ReplayError(f"{path}: line {reader.line_num}: this is not a CSV file: {error}") from None
        self.time = self._need(_TIME, "the time")
        self.bars = all(name in self._header for name in _BAR)
        self.price = "close" if self.bars else self._need(_PRICE, "the price (or open, high, low and close)")
        self.token, self.symbol = self._find(_TOKEN), self._find(_SYMBOL)
        self.quantity, self.volume, self.oi = self._find(_QUANTITY), self._find(_VOLUME), self._find(_OI)
        self._known = {i.symbol.upper(): i for i in reversed(lasting())}

    def rows(self) -> Iterator[_Row]:
        """Every row with its day and its time of day."""
        for line, cells in self._lines:
            if len(cells) != len(self._header):
                raise ReplayError(f"{self.path}: line {line}: {len(cells)} values, but {len(self._header)} columns")
            named_cells = dict(zip(self._header, (cell.strip() for cell in cells), strict=True))
            text = named_cells[self.time]
            if self.time == "time" and "date" in named_cells:
                text = f"{named_cells['date']} {text}"
            day, at = self._moment(line, text)
            yield _Row(line, named_cells, day, at)

    def wrong(self, row: _Row, column: str, why: str) -> ReplayError:
        """What is wrong, and where."""
        return ReplayError(f"{self.path}: line {row.line}, column {column}: {row.cells[column]!r} {why}")

    def rupees(self, row: _Row, column: str, divisor: int) -> float:
        """A price, such as the wire can carry."""
        number = _number(row.cells[column])
        if number is None or not 0 < number * divisor <= HIGHEST:
            raise self.wrong(row, column, "is not a price")
        return number

    def count(self, row: _Row, column: str | None) -> int | None:
        """A whole number of shares or contracts, if the column is there and filled."""
        if column is None or not row.cells[column]:
            return None
        number = _number(row.cells[column])
        if number is None or not 0 <= number <= HIGHEST or number != int(number):
            raise self.wrong(row, column, "is not a whole number of shares or contracts")
        return int(number)

    def instrument(self, row: _Row) -> Instrument:
        """Which instrument the row is about."""
        if self.token and row.cells[self.token]:
            text = row.cells[self.token]
            if not (text.isascii() and text.isdecimal() and 0 < int(text[:11]) < 2**32):
                raise self.wrong(row, self.token, "is not an instrument token")
            token = int(text)
            return next((i for i in self._known.values() if i.token == token), None) or unlisted(token)
        symbol = row.cells[self.symbol] if self.symbol else self.path.stem.split("_")[0]
        if not symbol:
            raise self.wrong(row, self.symbol or self.time, "names no instrument")
        symbol = symbol.rpartition(":")[2]
        return self._known.get(symbol.upper()) or named(symbol)

    def _moment(self, line: int, text: str) -> tuple[date | None, float]:
        moment = _clock(text) or _stamp(text)
        if moment is None:
            raise ReplayError(
                f"{self.path}: line {line}, column {self.time}: {text!r} is not a time; "
                "write 2026-11-23 09:15:00, 09:15:00 or seconds since 1970"
            )
        return moment

    def _find(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name in self._header), None)

    def _need(self, names: Iterable[str], what: str) -> str:
        found = self._find(names)
        if found is None:
            present = ", ".join(self._header) or "nothing"
            raise ReplayError(f"{self.path}: line 1: no column for {what}: none of {', '.join(names)}; found {present}")
        return found


def _of_one_day(sheet: _Sheet, wanted: date | None) -> Iterator[_Row]:
    first: date | None = None
    for row in sheet.rows():
        if wanted is not None and row.day is not None and row.day != wanted:
            continue
        first = first or row.day
        if row.day != first:
            raise sheet.wrong(row, sheet.time, f"is another day than {first}; say which day to replay")
        yield row


def _ticks(sheet: _Sheet, rows: list[_Row], divisor: int) -> Iterator[Trade]:
    total: int | None = None
    for row in rows:
        quantity = sheet.count(row, sheet.quantity)
        volume = sheet.count(row, sheet.volume)
        if volume is not None:
            if total is not None and volume < total:
                raise sheet.wrong(
                    row,
                    sheet.volume or "volume",
                    f"is less than {total} before it; volume counts from the morning, one trade's belongs in quantity",
                )
            quantity = volume - total if total is not None else volume
            total = volume
        yield Trade(row.at, sheet.rupees(row, sheet.price, divisor), quantity or 0, sheet.count(row, sheet.oi))


def _bars(sheet: _Sheet, rows: list[_Row], divisor: int) -> Iterator[Trade]:
    steps = [later.at - earlier.at for earlier, later in pairwise(rows)]
    width = min((step for step in steps if step > 0), default=60.0)
    for row in rows:
        opened, high, low, closed = (sheet.rupees(row, column, divisor) for column in _BAR)
        if not low <= min(opened, closed) <= max(opened, closed) <= high:
            raise sheet.wrong(row, "high", f"does not fit: low {low:g}, open {opened:g}, close {closed:g}")
        # A rising minute has seen its low first, more often than not.
        path = (opened, low, high, closed) if closed >= opened else (opened, high, low, closed)
        quarter, rest = divmod(sheet.count(row, sheet.volume) or 0, len(path))
        oi = sheet.count(row, sheet.oi)
        for place, price in enumerate(path):
            last = place == len(path) - 1
            yield Trade(row.at + width * 0.3 * place, price, quarter + rest if last else quarter, oi if last else None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _clock(text: str) -> tuple[None, float] | None:
    """A time of day without a date."""
    if ":" not in text:
        return None
    try:
        return None, _seconds(time.fromisoformat(text))
    except ValueError:
        return None


def _stamp(text: str) -> tuple[date, float] | None:
    """A date with a time, or seconds or milliseconds since 1970."""
    number = _number(text)
    try:
        if number is None:
            moment = datetime.fromisoformat(text)
        elif number < _SECONDS_FROM:
            return None
        else:
            seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    moment = moment.astimezone(IST) if moment.tzinfo else moment
    return moment.date(), _seconds(moment.time())


def _seconds(clock: time) -> float:
    return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6
