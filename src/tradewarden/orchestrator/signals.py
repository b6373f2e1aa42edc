"""What the analysis said of each symbol: one row for each trading day, newer words in place of older ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from tradewarden.machines.day_book import Book
from tradewarden.machines.trading_window import trading_day_of
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp

# From day to day by the table's own order, so that days which nobody asked for are not read through.
_DAYS: Final = """
    WITH RECURSIVE days (day) AS (
        SELECT max(day) FROM signals
        UNION ALL SELECT (SELECT max(day) FROM signals WHERE day < days.day) FROM days WHERE day IS NOT NULL LIMIT ?
    )
    SELECT day, (SELECT count(*) FROM signals WHERE signals.day = days.day) FROM days
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What was said of one symbol on one trading day."""

    day: date
    symbol: str
    data: Any  # as the analysis gave it
    run: int | None  # of the job that handed it over
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of signals that were handed over."""

    day: date
    new: int
    updated: int


@dataclass(frozen=True, slots=True)
class Untouched:
    """Nothing was stored, and why; the run is recorded as a skipped update."""

    day: date  # whose signals stay as they are
    reason: str


class Signals:
    """The signals of all trading days. Raises LedgerError when the file takes or tells nothing."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now

    def hand_over(self, rows: Mapping[str, Any], run: int | None, *, book: Book, segment: str) -> Stored | Untouched:
        """Signals of now: they belong to the trading day whose window is open, and on a closed day nothing changes."""
        now = self._now()
        day, today = trading_day_of(now, book, segment), now.astimezone(book.zone(segment)).date()
        closed = book.closed_because(segment, today)
        if closed is not None:
            reason = f"skipped update: {today} is {closed}; the signals of {day} stay as they are"
            self._record(run, reason)
            return Untouched(day, reason)
        return self.put(day, rows, run)

    def _record(self, run: int | None, reason: str) -> None:
        """The history tells it of the run, too, however that ends."""
        if run is not None:
            with self._file.write() as db:
                db.execute("UPDATE runs SET reason = ? WHERE id = ? AND outcome = 'running'", (reason, run))

    def put(self, day: date, rows: Mapping[str, Any], run: int | None) -> Stored:
        """All of them or none: a symbol that the day has already is updated, never doubled."""
        now, key = stamp(self._now()), day.isoformat()
        with self._file.write() as db:
            before = {symbol for (symbol,) in db.execute("SELECT symbol FROM signals WHERE day = ?", (key,))}
            db.executemany(
                "INSERT INTO signals (day, symbol, data, run, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET data = excluded.data, run = excluded.run, updated = excluded.updated",
                [(key, symbol, orjson.dumps(data).decode(), run, now, now) for symbol, data in rows.items()],
            )
        updated = len(before & rows.keys())
        return Stored(day, len(rows) - updated, updated)

    def of(self, day: date) -> list[Signal]:
        """The signals of one trading day, by symbol."""
        rows = self._file.read(
            "SELECT symbol, data, run, created, updated FROM signals WHERE day = ? ORDER BY symbol", (day.isoformat(),)
        )
        return [
            Signal(
                day=day,
                symbol=symbol,
                data=orjson.loads(data),
                run=run,
                created=moment(created),
                updated=moment(updated),
            )
            for symbol, data, run, created, updated in rows
        ]

    def days(self, *, limit: int = 50) -> list[tuple[date, int]]:
        """The trading days that have signals, the newest first, and how many each has."""
        rows = self._file.read(_DAYS, (limit,))
        return [(date.fromisoformat(day), count) for day, count in rows if day is not None]

    def prune(self, before: date) -> int:
        """Forget the oldest day before then: how many signals that were."""
        with self._file.write() as db:
            return db.execute(
                "DELETE FROM signals WHERE day = (SELECT min(day) FROM signals) AND day < ?", (before.isoformat(),)
            ).rowcount
