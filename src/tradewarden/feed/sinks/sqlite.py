"""The store that needs nothing: latest quotes, one-minute bars and, if wanted, every tick in one SQLite file.

One thread of its own writes; each batch is one transaction with the cursor in it, so a kill at any moment leaves every
record there once or not yet. Readers (a chart, a notebook, the sqlite3 program) may look at any time: WAL.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from tradewarden.feed.names import Names
from tradewarden.feed.record import NANOSECONDS, Frame, Kind, Row
from tradewarden.feed.sinks.sink import Batching, SinkMisfitError, SinkUnavailableError, Stored, Written
from tradewarden.feed.sinks.sqlite_tables import (
    APPLICATION,
    DELETE_BARS,
    DELETE_TICKS,
    INSERT_TICK,
    UPGRADES,
    UPSERT_BAR,
    UPSERT_INSTRUMENT,
    UPSERT_QUOTE,
    bar_of,
    columns,
    expected,
    quote_of,
    tick_of,
)
from tradewarden.feed.studies.minutes import MinuteBars, plain

DEADLINE: Final = 20.0  # seconds for one batch
BUSY: Final = 5.0  # seconds that another writer's transaction is waited for
DAY_NS: Final = 86_400_000_000_000
LARGE: Final = 1 << 30  # bytes: to count the bars of such a file once a minute would keep its disk busy
PRUNED_AT_ONCE: Final = 20_000  # ticks: a write never waits long for the ones that go

_KIND: Final = Row._fields.index("kind")
_INSTRUMENT: Final = Row._fields.index("instrument")
_WAITS_FOR_A_PERSON: Final = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOTADB}
    | {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_AUTH}
)

T = TypeVar("T")


class SqliteSink:
    """One file; `ticks` keeps every record too, for `ticks_days`; bars stay for `bars_days`."""

    name = "sqlite"

    def __init__(
        self,
        *,
        path: Path,
        names: Names,
        ticks: bool = False,
        ticks_days: int = 5,
        bars_days: int = 400,
        upgrades: tuple[str, ...] = UPGRADES,
    ) -> None:
        self.batching = Batching(records=500, seconds=1.0, records_behind=5000)
        self._path, self._names, self._ticks = path, names, ticks
        self._ticks_days, self._bars_days = ticks_days, bars_days
        self._upgrades = upgrades
        self._thread: ThreadPoolExecutor | None = None
        self._db: sqlite3.Connection | None = None
        self._position = 0
        self._bars = MinuteBars()
        self._named: set[int] = set()
        self._names_version = -1
        self._bars_pruned = self._ticks_pruned = 0  # the day on which that was done

    # The sink

    async def open(self) -> None:
        """Make the file, or bring it to our version after a copy."""
        await self._in_thread(self._open)

    async def position(self) -> int:
        """The number that the last transaction left."""
        return await self._in_thread(self._read_position)

    async def write(self, frames: Sequence[Frame]) -> Written:
        """One transaction."""
        return await self._in_thread(lambda: self._write(frames))

    async def tables(self) -> list[Stored]:
        """Rows by table, and the bytes of the file."""
        return await self._in_thread(self._tables)

    async def close(self) -> None:
        """Let go of the file; a write that is under way comes to its end first."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
        finally:
            thread.shutdown(wait=False)

    async def _in_thread(self, deed: Callable[[], T]) -> T:
        """Do it in the one thread, within the deadline; sqlite's troubles become ours."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-sink")
        try:
            async with asyncio.timeout(DEADLINE):
                return await asyncio.get_running_loop().run_in_executor(self._thread, deed)
        except TimeoutError:
            raise SinkUnavailableError(
                f"{self._path}: nothing came of it within {DEADLINE:.0f} s: is the disk slow?"
            ) from None
        except sqlite3.Error as trouble:
            raise self._trouble(trouble) from trouble

    def _trouble(self, trouble: sqlite3.Error) -> SinkMisfitError | SinkUnavailableError:
        code = getattr(trouble, "sqlite_errorcode", 0) & 0xFF  # the high bits say more than we need
        if code in _WAITS_FOR_A_PERSON:
            return SinkMisfitError(
                f"{self._path}: {trouble}; look at its rights and its directory, or move it away to begin a new one."
            )
        return SinkUnavailableError(f"{self._path}: {trouble}")

    # In the thread

    @property
    def _file(self) -> sqlite3.Connection:
        if self._db is None:
            raise SinkUnavailableError(f"{self._path} is not open")
        return self._db

    def _open(self) -> None:
        self._close()
        db = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)
        try:
            self._upgrade(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
        self._db = db
        self._remember(self._read_position())

    def _upgrade(self, db: sqlite3.Connection) -> None:
        """Bring the file to our version; nothing is written into one that is not ours, or newer."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(self._upgrades):
            raise SinkMisfitError(
                f"{self._path} was written by a newer tradewarden (version {version}, this one knows "
                f"{len(self._upgrades)}): install that one again, or move the file away."
            )
        ours = int(db.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION
        found = columns(db)
        if found and not ours:
            raise SinkMisfitError(
                f"{self._path} is another program's database (it has {', '.join(found)}): set sinks.sqlite.path."
            )
        wrong = found and _difference(found, expected(self._upgrades[:version]))
        if wrong:
            raise SinkMisfitError(f"{self._path}: {wrong}; move it away to begin a new one.")
        if 0 < version < len(self._upgrades):
            copy = self._path.with_name(f"{self._path.name}.v{version}")
            copy.unlink(missing_ok=True)
            db.execute("VACUUM INTO ?", (str(copy),))
        for number, statements in enumerate(self._upgrades[version:], version + 1):
            db.executescript(f"BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {number}; COMMIT;")

    def _read_position(self) -> int:
        return int(self._file.execute("SELECT seq FROM cursor").fetchone()[0])

    def _remember(self, position: int) -> None:
        """Take up where the file stands: what each instrument had traded, and nobody's name yet."""
        self._position = position
        self._bars = MinuteBars(self._file.execute("SELECT instrument, volume FROM quotes WHERE volume IS NOT NULL"))
        self._named.clear()

    def _write(self, frames: Sequence[Frame]) -> Written:
        db = self._file
        db.execute("BEGIN IMMEDIATE")
        try:
            position = self._read_position()
            if position != self._position:  # a write that was given up came to its end after all, or another writes too
                self._remember(position)
            self._fill(db, frames, position)
            self._prune(db, frames[-1].received_ns)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            self._position = -1  # what was added up in memory goes with it
            raise
        self._position = max(position, frames[-1].last_seq)
        return Written(sum(frame.count for frame in frames))

    def _fill(self, db: sqlite3.Connection, frames: Sequence[Frame], position: int) -> None:
        if frames[-1].last_seq <= position:
            return
        new = plain(frames, position)
        latest = {record[_INSTRUMENT]: record for record in new if record[_KIND] == Kind.TICK}
        db.executemany(UPSERT_QUOTE, map(quote_of, latest.values()))
        bars = self._bars.add(new)
        db.executemany(UPSERT_BAR, [bar_of(instrument, minute, bar) for (instrument, minute), bar in bars.items()])
        self._name(db, latest)
        if self._ticks:
            db.executemany(INSERT_TICK, map(tick_of, new))
        db.execute("UPDATE cursor SET seq = ?", (new[-1][0],))

    def _name(self, db: sqlite3.Connection, latest: Collection[int]) -> None:
        if self._names_version != self._names.version:
            self._names_version = self._names.version
            self._named.clear()
        unnamed = set(latest) - self._named
        if unnamed:
            named = [(number, *self._names.of(number)[:3]) for number in sorted(unnamed)]
            db.executemany(UPSERT_INSTRUMENT, named)
            self._named |= unnamed

    def _prune(self, db: sqlite3.Connection, now: int) -> None:
        """Once a day of the ticks' own time what is old goes: bars at once, ticks a few at a time."""
        today = now // DAY_NS
        if self._bars_pruned != today:
            self._bars_pruned = today
            db.execute(DELETE_BARS, ((now - self._bars_days * DAY_NS) // NANOSECONDS,))
        if self._ticks_pruned != today:
            gone = db.execute(DELETE_TICKS, (PRUNED_AT_ONCE, now - self._ticks_days * DAY_NS)).rowcount
            if not gone:
                self._ticks_pruned = today

    def _tables(self) -> list[Stored]:
        db = self._file

        def one(question: str) -> int:
            return int(db.execute(question).fetchone()[0] or 0)

        ticks = one("SELECT max(seq) - min(seq) + 1 FROM ticks")  # a count would read them all
        size = one("PRAGMA page_count") * one("PRAGMA page_size")
        return [
            Stored("quotes", one("SELECT count(*) FROM quotes"), None),
            Stored("bars", one("SELECT count(*) FROM bars") if size < LARGE else None, None),  # this one does
            Stored("ticks", ticks, None),
            Stored(self._path.name, None, size),
        ]

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()


def _difference(found: dict[str, list[str]], ours: dict[str, list[str]]) -> str | None:
    """The first table that is not as it should be, in words."""
    for table, named in ours.items():
        if table not in found:
            return f"the table {table} is missing"
        if found[table] != named:
            odd = sorted(set(found[table]) ^ set(named)) or ["their order"]
            return f"the table {table} has other columns than ours ({', '.join(odd)})"
    return None
