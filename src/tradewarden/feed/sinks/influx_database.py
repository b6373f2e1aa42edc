"""One database of InfluxDB 1.x: its policies, its position, its bars and what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tradewarden.feed.sinks.influx_policies import DAY_NS, Policy, fits, quoted, statement
from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Stored

RAW: Final = "high_frequency"
LASTING: Final = "long_term"
MINUTE_NS: Final = 60_000_000_000
_TYPES: Final = {"seq": "integer", "received_ns": "integer", "marks": "integer", "last_price": "float"}
_SECONDS: Final = (
    'SELECT first("last_price") AS "open", max("last_price") AS "high", min("last_price") AS "low", '
    'last("last_price") AS "close", last("volume") AS "volume", last("oi") AS "oi", count("last_price") AS "ticks" '
    'INTO {database}."default"."bars_1s" FROM {database}."high_frequency"."ticks" '
    'WHERE time >= {from_ns:d} AND time < {to_ns:d} AND "marks" = 0 GROUP BY time(1s), "instrument" fill(none)'
)
_MINUTES: Final = (
    'SELECT first("open") AS "open", max("high") AS "high", min("low") AS "low", last("close") AS "close", '
    'last("volume") AS "volume", last("oi") AS "oi", sum("ticks") AS "ticks" '
    'INTO {database}."long_term"."bars_1m" FROM {database}."default"."bars_1s" '
    'WHERE time >= {from_ns:d} AND time < {to_ns:d} GROUP BY time(1m), "instrument" fill(none)'
)

Series = dict[str, Any]


class InfluxDatabase:
    """Asks and tells one database."""

    def __init__(self, http: LineHttp, database: str, policies: Iterable[Policy]) -> None:
        self._http, self.name = http, database
        self.policies = tuple(policies)

    def place(self, policy: str) -> dict[str, str]:
        """Where /write puts lines that belong there."""
        return {"db": self.name, "rp": policy, "precision": "ns"}

    async def ensure(self) -> list[str]:
        """Make or change the policies; their names. Raises SinkMisfitError, and has written nothing then."""
        await self._refuse_strangers()
        found = await self._found()
        changed = []
        for policy in self.policies:
            there = found.get(policy.name)
            if there is not None and fits(policy, there[0], there[1], is_default=there[2]):
                continue
            changed.append(policy.name)
            await self.ask(statement("CREATE" if there is None else "ALTER", policy, self.name))
        await self._refuse_types()
        return changed

    async def position(self) -> int:
        """The highest number that was noted after its batch was safe, and beside the ticks of that batch too.

        InfluxDB may lose the end of a shard's log, though it had acknowledged it: then the note beside the ticks goes
        with them.
        """
        noted, beside = await self._noted("max(seq)"), await self._noted("max(seq)", RAW)
        return min(noted or 0, (noted or 0) if beside is None else beside)

    async def first_line(self, now_ns: int) -> str | None:
        """Notes the position beside the ticks before there are any, so that even the first of them are not lost."""
        if await self._noted("max(seq)", RAW) is not None:
            return None
        return self.beside_line(await self._noted("max(seq)") or 0, now_ns)

    def beside_line(self, seq: int, received_ns: int) -> str:
        """Notes a position in the very shard that has the last tick of its batch."""
        return self.cursor_line(seq, received_ns)

    def cursor_line(self, seq: int, now_ns: int) -> str:
        """Notes a position: one point a day, overwritten by each batch."""
        return f"cursor,sink=influx seq={seq:d}i {now_ns - now_ns % DAY_NS:d}"

    async def bars_from(self) -> int | None:
        """Up to which nanosecond all bars are made; None when none is."""
        return await self._noted("last(bars_ns)")

    def bars_line(self, bars_ns: int, now_ns: int) -> str:
        """Notes how far the bars are; beside the position, which another hand writes."""
        return f"cursor,sink=influx bars_ns={bars_ns:d}i {now_ns - now_ns % DAY_NS:d}"

    async def make_bars(self, from_ns: int, to_ns: int) -> None:
        """Compute the bars of these seconds anew from the ticks, and those of their minutes from the seconds."""
        for bars, begin in ((_SECONDS, from_ns), (_MINUTES, from_ns - from_ns % MINUTE_NS)):
            await self.ask(bars.format(database=quoted(self.name), from_ns=begin, to_ns=to_ns))

    async def tables(self) -> list[Stored]:
        """The bytes of each policy, as the server counts its shards."""
        sizes = {policy.name: 0 for policy in self.policies}
        for series in await self.ask("SHOW STATS FOR 'shard'"):
            tags = series.get("tags", {})
            if tags.get("database") == self.name and tags.get("retentionPolicy") in sizes:
                sizes[tags["retentionPolicy"]] += int(series["values"][0][series["columns"].index("diskBytes")])
        return [Stored(name, None, size) for name, size in sizes.items()]

    async def ask(self, question: str) -> list[Series]:
        """One statement of InfluxQL; the series of its answer."""
        answer = await self._http.post("/query", {"q": question}, db=self.name, epoch="ns")
        told = answer.json()
        result = (told.get("results") or [{}])[0] if isinstance(told, dict) else {}
        error = told.get("error") or result.get("error") if isinstance(told, dict) else answer.words
        if error and "database not found" in error:
            raise SinkMisfitError(
                f"{self._http.told} has no database {self.name!r}; make it with: CREATE DATABASE {quoted(self.name)}."
            )
        if error and ("not authorized" in error or "requires admin" in error):
            raise SinkMisfitError(f"{self._http.told} forbids it: {error}; an administrator has to run: {question}.")
        if error or not answer.is_good:
            raise SinkUnavailableError(f"{self._http.told}: {error or answer.words}.")
        series: list[Series] = result.get("series", [])
        return series

    async def _noted(self, what: str, policy: str = LASTING) -> int | None:
        place = f"{quoted(self.name)}.{quoted(policy)}.cursor"
        found = await self.ask(f"SELECT {what} FROM {place} WHERE sink='influx'")  # noqa: S608 - quoted
        return int(found[0]["values"][0][1]) if found else None

    async def _refuse_strangers(self) -> None:
        answer = await self._http.get("/ping")
        version = answer.headers.get("X-Influxdb-Version", "")
        if not version.removeprefix("v").startswith("1."):
            raise SinkMisfitError(
                f"{self._http.told} is no InfluxDB 1.x (it says {version or 'nothing'}); "
                "set sinks.influx.flavour to what it is: influxdb, victoriametrics or questdb."
            )

    async def _found(self) -> dict[str, tuple[str, str, bool]]:
        series = await self.ask(f"SHOW RETENTION POLICIES ON {quoted(self.name)}")
        rows = series[0].get("values", []) if series else []
        return {name: (duration, shard, default) for name, duration, shard, _, default in rows}

    async def _refuse_types(self) -> None:
        """A field of another type would refuse every point: say so before the first one."""
        found = await self.ask(f"SHOW FIELD KEYS ON {quoted(self.name)} FROM {quoted(RAW)}.{quoted('ticks')}")
        for field, kind in found[0]["values"] if found else ():
            if kind != _TYPES.get(field, kind):
                raise SinkMisfitError(
                    f"measurement ticks of {self.name!r} at {self._http.told} is not ours: field {field} is {kind}, "
                    f"not {_TYPES[field]}. Drop the measurement, or set another sinks.influx.database."
                )
