"""The broker's daily dump of instruments: read line by line, refused when it is not whole, sifted to what is needed."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from tradewarden.machines.instruments import Instrument, Needs, monthly

COLUMNS = (
    "instrument_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "instrument_type",
    "exchange",
)
KEPT_EXPIRIES = 4  # of an underlying's options: enough to go on for weeks without a fresh dump
KEPT_MONTHLIES = 2
CUT = "it is cut off in the middle of its last line"
SHRUNK = 0.5  # a dump with less than half of yesterday's lines is not whole


class DumpError(ValueError):
    """A dump cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Dump:
    """What was kept of one day's dump."""

    day: date  # the trading day that it is good for
    fetched_at: datetime
    lines: Mapping[str, int]  # how many each exchange's had
    instruments: tuple[Instrument, ...]
    late: str | None = None  # why it is that of an earlier day, when it is


class _Text:
    """The lines as they come, and whether the one that was read last has its end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.ended = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.ended = line.endswith("\n")
        return line

    def fault(self, wrong: str) -> str:
        """What is wrong; in a line without an end it is the end that is missing."""
        return wrong if self.ended else CUT


class Sieve:
    """Reads each exchange's dump once and keeps what the rules can ask for."""

    def __init__(self, needs: Needs, lines_before: Mapping[str, int] = MappingProxyType({})) -> None:
        self._needs = needs
        self._before = lines_before
        self._kept: list[Instrument] = []
        self.lines: dict[str, int] = {}

    def read(self, exchange: str, lines: Iterable[str]) -> None:
        """Take one exchange's CSV. Raises DumpError when it is empty, cut off or no such thing."""
        text = _Text(lines)
        reader = csv.reader(text, strict=True)
        header = _header(reader)
        place = {name: header.index(name) for name in COLUMNS}
        count, cells = 0, {"exchange": exchange}
        try:
            for row in reader:
                if len(row) != len(header):
                    raise DumpError(text.fault(f"line {reader.line_num} has {len(row)} columns, not {len(header)}"))
                count, cells = count + 1, {name: row[index] for name, index in place.items()}
                self._take(cells, text, reader.line_num)
        except csv.Error as error:
            raise DumpError(text.fault(f"line {reader.line_num} is not CSV: {error}")) from None
        if not text.ended and cells["exchange"] != exchange:
            raise DumpError(CUT)
        if not count:
            raise DumpError("it is empty: a header and no instruments")
        before = self._before.get(exchange, 0)
        if count < before * SHRUNK:
            raise DumpError(f"it is cut off: {count} instruments where the last good one had {before}")
        self.lines[exchange] = count

    def _take(self, cells: dict[str, str], text: _Text, line: int) -> None:
        needs, exchange = self._needs, cells["exchange"]
        derivative = bool(cells["expiry"]) and (exchange, cells["name"]) in needs.underlyings
        symbol = cells["tradingsymbol"]
        if derivative or f"{exchange}:{symbol}" in needs.symbols or _number(cells) in needs.tokens:
            try:
                self._kept.append(_instrument(cells))
            except ValueError:
                wrong = f"line {line} ({symbol or 'no symbol'}) has a value that cannot be read"
                raise DumpError(text.fault(wrong)) from None

    def late(self, day: date) -> str | None:
        """Whether it is an earlier day's: it still lists what expired before."""
        gone = [each for each in self._kept if each.expiry is not None and each.expiry < day]
        if not gone:
            return None
        return f"it is not of {day}: it still lists {gone[0].symbol}, which expired on {gone[0].expiry}"

    def finish(self, day: date) -> tuple[Instrument, ...]:
        """What is worth keeping: futures and the nearest expiries of options, and whatever was asked for by name."""
        alive = [each for each in self._kept if each.expiry is None or each.expiry >= day]
        expiries: defaultdict[tuple[str, str], set[date]] = defaultdict(set)
        for each in alive:
            if each.expiry is not None and _is_option(each):
                expiries[each.exchange, each.name].add(each.expiry)
        kept = {underlying: _worth_keeping(found) for underlying, found in expiries.items()}
        needed = self._needs.symbols
        return tuple(
            each
            for each in alive
            if not _is_option(each)
            or each.expiry in kept.get((each.exchange, each.name), ())
            or each.key in needed
            or each.token in self._needs.tokens
        )


def _worth_keeping(expiries: Iterable[date]) -> set[date]:
    ordered = sorted(expiries)
    return {*ordered[:KEPT_EXPIRIES], *monthly(ordered)[:KEPT_MONTHLIES]}


def _is_option(instrument: Instrument) -> bool:
    return instrument.kind in ("CE", "PE")


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader, None)
    except csv.Error:
        header = ["?"]
    if header is None:
        raise DumpError("it is empty")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DumpError(f"it is no dump of instruments: its first line has no {', '.join(missing)}")
    return header


def _number(cells: dict[str, str]) -> int:
    token = cells["instrument_token"]
    return int(token) if token.isascii() and token.isdecimal() else 0


def _instrument(cells: dict[str, str]) -> Instrument:
    return Instrument(
        token=int(cells["instrument_token"]),
        exchange=cells["exchange"],
        symbol=cells["tradingsymbol"],
        name=cells["name"],
        kind=cells["instrument_type"],
        expiry=date.fromisoformat(cells["expiry"]) if cells["expiry"] else None,
        strike=_figure(cells["strike"]),
        last_price=_figure(cells["last_price"]),
    )


def _figure(text: str) -> float:
    figure = float(text or 0)
    if not math.isfinite(figure):
        raise ValueError(f"{text!r} is no figure")
    return figure


def to_row(instrument: Instrument) -> list[object]:
    """An instrument as JSON can have it."""
    expiry = instrument.expiry.isoformat() if instrument.expiry else None
    each = instrument
    return [each.token, each.exchange, each.symbol, each.name, each.kind, expiry, each.strike, each.last_price]


def from_row(row: object) -> Instrument:
    """The same, back. Raises ValueError for anything else."""
    match row:
        case [int(token), str(exchange), str(symbol), str(name), str(kind), str() | None as expiry, *figures]:
            day = date.fromisoformat(expiry) if expiry else None
            strike, price = (float(str(figure)) for figure in figures)
            return Instrument(token, exchange, symbol, name, kind, day, strike, price)
        case _:
            raise ValueError(f"{row!r} is no instrument")
