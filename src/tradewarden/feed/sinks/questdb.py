"""QuestDB as it takes lines over HTTP: tables with keys, so that what is written again is there once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from tradewarden.feed.record import FIELDS, PRICES
from tradewarden.feed.sinks.influx_policies import DAY_NS, Policy
from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Stored

_TICK: Final = ", ".join(
    [
        "instrument SYMBOL, seq LONG, received_ns LONG, marks LONG",
        *(f"{name} {'DOUBLE' if name in PRICES else 'LONG'}" for name in FIELDS),
    ]
)
_TABLES: Final = {
    "ticks": (_TICK, "seq, instrument"),  # microseconds alone would not tell two ticks apart
    "cursor": ("sink SYMBOL, seq LONG", "sink"),
}


class Questdb:
    """One QuestDB; it knows no databases, and its tables expire by their own TTL.

    It makes bars as it answers: SAMPLE BY 1m.
    """

    def __init__(self, http: LineHttp, policies: tuple[Policy, ...]) -> None:
        self._http = http
        self._days = {table: policy.days for policy in policies for table in policy.holds}

    def place(self, policy: str) -> dict[str, str]:
        """Where /write puts lines: the table's name is in them."""
        del policy
        return {"precision": "n"}

    async def ensure(self) -> list[str]:
        """Make the tables. Raises SinkMisfitError, and has written nothing then."""
        for table, (columns, keys) in _TABLES.items():
            days = self._days[table]
            ttl = f" TTL {days:d} DAYS" if days else ""
            await self._sql(
                f"CREATE TABLE IF NOT EXISTS {table} (timestamp TIMESTAMP, {columns}) TIMESTAMP(timestamp)"
                f" PARTITION BY DAY{ttl} WAL DEDUP UPSERT KEYS(timestamp, {keys})"
            )
        return list(_TABLES)

    async def position(self) -> int:
        """The highest number that was noted after its batch was committed."""
        rows = await self._sql("SELECT max(seq) FROM cursor WHERE sink = 'influx'")
        return int(rows[0][0] or 0) if rows else 0

    def cursor_line(self, seq: int, now_ns: int) -> str:
        """Notes a position: one row a day, overwritten by each batch."""
        return f"cursor,sink=influx seq={seq:d}i {now_ns - now_ns % DAY_NS:d}"

    async def tables(self) -> list[Stored]:
        """The rows of each table."""
        return [Stored(table, int((await self._sql(f"SELECT count() FROM {table}"))[0][0]), None) for table in _TABLES]  # noqa: S608 - our own names

    async def _sql(self, question: str) -> list[list[Any]]:
        answer = await self._http.get("/exec", query=question)
        told = answer.json()
        if not isinstance(told, dict) or answer.status == HTTPStatus.NOT_FOUND:
            raise SinkMisfitError(
                f"{self._http.told} is no QuestDB ({answer.words}); "
                "set sinks.influx.flavour to what it is: influxdb, victoriametrics or questdb."
            )
        if "error" in told:
            raise SinkUnavailableError(f"{self._http.told}: {told['error']}.")
        rows: list[list[Any]] = told.get("dataset", [])
        return rows
