"""Ticks as line protocol over HTTP: InfluxDB 1.x, and VictoriaMetrics or QuestDB by `flavour`: docs/sinks/influx.md.

A point's series and time are its identity, and ours are made of the record alone, so a batch may be written again. The
position is noted in the same database after its batch was acknowledged; whatever is killed, it is never ahead.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from operator import attrgetter
from typing import Final, Literal, Protocol, assert_never

from tradewarden.feed.names import Name, Names
from tradewarden.feed.record import Frame, instruments
from tradewarden.feed.sinks.in_flight import InFlight
from tradewarden.feed.sinks.influx_bars import Bars
from tradewarden.feed.sinks.influx_database import LASTING, RAW, InfluxDatabase
from tradewarden.feed.sinks.influx_policies import DAY_NS, policies
from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.line_protocol import MILLISECOND, Lines, instrument_line
from tradewarden.feed.sinks.questdb import Questdb
from tradewarden.feed.sinks.sink import Batching, SetAside, SinkMisfitError, SinkUnavailableError, Stored, Written
from tradewarden.feed.sinks.victoria import Victoria

A_REQUEST: Final = 1250  # records: memory, since more of them save the server nothing
AT_ONCE: Final = 250  # records whose lines are written before somebody else may have the loop: a millisecond
UNDER_WAY: Final = 2  # requests, which keeps the server busy
MOST_REFUSED: Final = 20  # records of one batch; more is no matter of single records
_TOO_OLD: Final = re.compile(r"points beyond retention policy dropped=(\d+)")

Flavour = Literal["influxdb", "victoriametrics", "questdb"]
KINDS: Final = {"influxdb": "InfluxDB", "victoriametrics": "VictoriaMetrics", "questdb": "QuestDB"}


class Database(Protocol):
    """What differs between the servers that take lines."""

    def place(self, policy: str) -> dict[str, str]:
        """Where /write puts lines that belong there."""
        ...

    async def ensure(self) -> list[str]:
        """Make what is missing."""
        ...

    async def position(self) -> int:
        """The last number that is safe."""
        ...

    def cursor_line(self, seq: int, now_ns: int) -> str:
        """The line that notes a position."""
        ...

    async def tables(self) -> list[Stored]:
        """What it holds."""
        ...


class InfluxSink:
    """Keeps the journal in a time-series database."""

    name = "influx"

    def __init__(
        self,
        *,
        names: Names,
        url: str = "http://127.0.0.1:8086",
        database: str = "tradewarden",
        username: str | None = None,
        password: str | None = None,
        flavour: Flavour = "influxdb",
        depth_levels: int = 1,
        high_frequency_days: int = 7,
        default_days: int = 30,
        long_term_days: int = 365,
        batch: int = 500,
        seconds: float = 0.1,
        bars: bool = True,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.batching = Batching(records=batch, seconds=seconds, records_behind=max(batch, 5000))
        self.dropped = 0  # points that were older than the store keeps: it has no place for them
        self._names, self.now_ns, self._makes_bars = names, now_ns, bars
        self._kept_ns = (high_frequency_days or 36500) * DAY_NS
        self.http = LineHttp(url, username=username, password=password, kind=KINDS[flavour])
        self.database: Database = _database(
            flavour,
            self.http,
            database,
            high_frequency_days=high_frequency_days,
            default_days=default_days,
            long_term_days=long_term_days,
        )
        self._lines = Lines(depth_levels)
        self._told: dict[int, tuple[int, Name]] = {}  # by instrument: the day and the name
        self._bars: Bars | None = None
        self._seen = self._noted = 0  # connections that were made, and the last number beside the ticks

    async def open(self) -> None:
        """Connect; make the policies. Raises the two errors of sinks."""
        await self.close()
        self._told.clear()
        self._names.refresh()
        await self.http.open()
        await self.database.ensure()
        if isinstance(self.database, InfluxDatabase) and (line := await self.database.first_line(self.now_ns())):
            await self._send(line.encode(), RAW)  # whose refusal says that the clock is not the server's
        if self._makes_bars and isinstance(self.database, InfluxDatabase):
            maker, now = _Maker(self, self.database), self.now_ns()
            self._bars = Bars(maker, await self.database.bars_from(), oldest_ns=now - self._kept_ns, now_ns=now)
            self._bars.begin()

    async def position(self) -> int | None:
        """The last number that was noted after its batch was acknowledged."""
        self._noted = await self.database.position()
        self._seen = self.http.connections
        return self._noted

    async def write(self, frames: Sequence[Frame]) -> Written:
        """Ticks, then the names that are new, then the position: each only after the one before is safe."""
        if not frames:
            return Written(0)
        refused: list[SetAside] = []
        named: dict[int, tuple[int, Name]] = {}
        async with self.http.translated(), InFlight(UNDER_WAY) as flight:
            if self._bars is not None:
                times = [frame.received_ns for frame in frames]
                await self._bars.note(min(times), max(times) + MILLISECOND)
            for part in _parts(frames, A_REQUEST):
                put = partial(self._put, part, await self._encoded(part), refused)
                await flight.begin(put, name="influx.request")
                named |= self._new_names(part)
            expired = await flight.landed()
            if named:
                new = [instrument_line(number, name, day) for number, (day, name) in named.items()]
                await self.post("\n".join(new), LASTING)
            if isinstance(self.database, InfluxDatabase):
                await self._look_behind()
                await flight.begin(partial(self._note_beside, self.database, frames[-1]), name="influx.beside")
            await self.post(self.database.cursor_line(frames[-1].last_seq, self.now_ns()), LASTING)
            await flight.landed()
        self._told.update(named)
        self.dropped += expired
        count = sum(frame.count for frame in frames)
        return Written(count - len(refused) - expired, tuple(sorted(refused, key=attrgetter("seq"))))

    async def tables(self) -> list[Stored]:
        """What the server holds."""
        return await self.database.tables()

    async def close(self) -> None:
        """Make the bars of the last ticks and let go of the connection; never raises."""
        bars, self._bars = self._bars, None
        try:
            if bars is not None:
                await bars.end()
        finally:
            await self.http.close()

    async def post(self, lines: str, policy: str) -> None:
        """Lines that cannot be at fault. Raises SinkUnavailableError when the server does not take them."""
        answer = await self._send(lines.encode(), policy)
        if answer is not None:
            raise SinkUnavailableError(f"{self.http.told}: {answer}.")

    async def _look_behind(self) -> None:
        """Whether the server still has what was noted before: one that was restarted may have lost the end of it."""
        if self.http.connections != self._seen and await self.database.position() < self._noted:
            raise SinkUnavailableError(
                f"{self.http.told} has lost ticks that it had acknowledged: they are written again."
            )
        self._seen = self.http.connections

    async def _note_beside(self, database: InfluxDatabase, last: Frame) -> int:
        if await self._send(database.beside_line(last.last_seq, last.received_ns).encode(), RAW) is None:
            self._noted = last.last_seq  # else they are older than it keeps
        return 0

    async def _encoded(self, part: Sequence[Frame]) -> list[bytes]:
        """Their lines; meanwhile requests that are under way go on."""
        lines: list[bytes] = []
        for some in _parts(part, AT_ONCE):
            lines += self._lines.of(some)
            await asyncio.sleep(0)
        return lines

    async def _put(self, part: Sequence[Frame], lines: Sequence[bytes], refused: list[SetAside]) -> int:
        """Write these, without those that the server refuses; how many are older than it keeps."""
        words = await self._send(b"\n".join(lines), RAW)
        if words is None:
            return 0
        seqs = [seq for frame in part for seq in range(frame.first_seq, frame.last_seq + 1)]
        return await self._sift(seqs, lines, words, refused)

    async def _sift(self, seqs: Sequence[int], lines: Sequence[bytes], words: str, refused: list[SetAside]) -> int:
        """Of lines that were refused find each one that is at fault, and write the others."""
        too_old = _TOO_OLD.search(words)
        if too_old and int(too_old[1]) == len(lines):
            return len(lines)
        if len(lines) == 1:
            if len(refused) >= MOST_REFUSED:
                raise SinkMisfitError(f"{self.http.told} refuses point after point: {words}; look at its measurements.")
            refused.append(SetAside(seqs[0], words))
            return 0
        expired, half = 0, len(lines) // 2
        for place in (slice(half), slice(half, None)):  # some may be there already; a second time changes nothing
            words_of_half = await self._send(b"\n".join(lines[place]), RAW)
            if words_of_half is not None:
                expired += await self._sift(seqs[place], lines[place], words_of_half, refused)
        return expired

    async def _send(self, lines: bytes, policy: str) -> str | None:
        """The server's reason when it says that something of this is wrong."""
        answer = await self.http.post("/write", lines, **self.database.place(policy))
        if answer.is_good:
            return None
        if answer.status != HTTPStatus.BAD_REQUEST:
            # A database or a policy that was there a moment ago: opening again will tell.
            raise SinkUnavailableError(f"{self.http.told}: {answer.words}.")
        return answer.words

    def _new_names(self, part: Sequence[Frame]) -> dict[int, tuple[int, Name]]:
        """Instruments by name, told once a day, so that what is older than the policy is not missed."""
        day = part[-1].received_ns - part[-1].received_ns % DAY_NS
        named = {number: (day, self._names.of(number)) for number in instruments(part)}
        return {number: told for number, told in named.items() if told[1].exchange and self._told.get(number) != told}


def _parts(frames: Sequence[Frame], enough: int) -> Iterator[list[Frame]]:
    """Whole frames, about so many records together: ten thousand lines at once would be twenty megabytes."""
    part, count = list[Frame](), 0
    for frame in frames:
        part.append(frame)
        count += frame.count
        if count >= enough:
            yield part
            part, count = [], 0
    if part:
        yield part


class _Maker:
    """Bars, made by the database and noted beside the position."""

    def __init__(self, sink: InfluxSink, database: InfluxDatabase) -> None:
        self._sink, self._database = sink, database
        self.make_bars = database.make_bars

    async def note_bars(self, bars_ns: int) -> None:
        """Remember how far they are."""
        await self._sink.post(self._database.bars_line(bars_ns, self._sink.now_ns()), LASTING)


def _database(flavour: Flavour, http: LineHttp, database: str, **days: int) -> Database:
    match flavour:
        case "influxdb":
            return InfluxDatabase(http, database, policies(**days))
        case "victoriametrics":
            return Victoria(http, database)
        case "questdb":
            return Questdb(http, policies(**days))
        case _:
            assert_never(flavour)
