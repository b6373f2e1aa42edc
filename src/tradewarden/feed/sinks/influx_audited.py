"""InfluxDB read back: the points of `ticks` within the moments of some frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tradewarden.feed.names import FILE, Names
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.influx_database import RAW, InfluxDatabase, Series
from tradewarden.feed.sinks.influx_policies import quoted
from tradewarden.feed.sinks.line_protocol import MILLISECOND
from tradewarden.feed.sinks.sink import SinkMisfitError
from tradewarden.machines.audit import Fingerprint


class InfluxAudited:
    """The ticks of one database of InfluxDB 1.x."""

    portion = 5000
    newest_only = False
    in_time = True
    note: str | None = None

    def __init__(self, *, state_dir: Any, **values: Any) -> None:
        sink = InfluxSink(names=Names(state_dir / FILE), **values)
        self._http, self._database = sink.http, sink.database

    async def open(self) -> None:
        """Connect. Raises SinkMisfitError for a server of another kind, whose points cannot be asked for like this."""
        if not isinstance(self._database, InfluxDatabase):
            raise SinkMisfitError("only a database of InfluxDB 1.x can be compared; ask this one by its own language.")
        await self._http.open()

    async def position(self) -> int:
        """What was noted after its batch was acknowledged."""
        return await self._database.position()

    async def kept_from(self) -> int:
        """The oldest point; the policy lets go of whole shards."""
        found = await self._asked('SELECT first("seq")')
        return min((int(values["first"]) for _, values in found), default=0)

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The points of these moments; those with other numbers belong to the frames beside them."""
        first, last = frames[0].first_seq, frames[-1].last_seq
        begin = min(frame.received_ns for frame in frames)
        end = max(frame.received_ns for frame in frames) + MILLISECOND
        found = await self._asked(
            'SELECT "seq", "received_ns", "last_price", "volume"',
            f"WHERE time >= {begin - begin % MILLISECOND:d} AND time < {end:d}"
            f" AND seq >= {first:d} AND seq <= {last:d}",
        )
        scales = {row.instrument: row.scale for row in rows(frames)}
        return [
            (int(values["seq"]), _fingerprint(instrument, values, scales.get(instrument, 0)))
            for instrument, values in found
        ]

    async def close(self) -> None:
        """Let go."""
        await self._http.close()

    async def _asked(self, what: str, where: str = "") -> list[tuple[int, dict[str, Any]]]:
        database = self._database
        if not isinstance(database, InfluxDatabase):
            return []
        place = f"{quoted(database.name)}.{quoted(RAW)}.ticks"
        return list(_points(await database.ask(f'{what} FROM {place} {where} GROUP BY "instrument"')))


def _points(found: list[Series]) -> Iterator[tuple[int, dict[str, Any]]]:
    for series in found:
        for values in series["values"]:
            yield int(series["tags"]["instrument"]), dict(zip(series["columns"], values, strict=True))


def _fingerprint(instrument: int, values: dict[str, Any], scale: int) -> Fingerprint:
    """A price came as the exact decimal of `raw / 10**scale`: the nearest whole number is the raw one again."""
    price, volume = values["last_price"], values["volume"]
    raw = None if price is None else round(price * 10**scale)
    return Fingerprint(instrument, values["received_ns"], raw, None if volume is None else int(volume))
