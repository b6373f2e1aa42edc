"""VictoriaMetrics as it takes lines: no policies, milliseconds, and nothing is safe before some seconds have passed."""

from __future__ import annotations

from typing import Final

import orjson

from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.sink import SinkMisfitError, Stored

UNSAFE_MS: Final = 10_000  # it writes to its disk every five seconds; what was told before the last one may be gone
_CURSOR: Final = "cursor_seq"
# Positions are noted many times a second: the last hour is enough, unless the desk slept, or began just now.
_SPANS: Final[tuple[dict[str, str], ...]] = ({"start": "-1h"}, {"start": "-1d"}, {"start": "-4d"}, {})


class Victoria:
    """One VictoriaMetrics; the database is a label of every series.

    It makes bars as it answers: rollup_candlestick(ticks_last_price[1m]).
    """

    def __init__(self, http: LineHttp, database: str) -> None:
        self._http, self._database = http, database

    def place(self, policy: str) -> dict[str, str]:
        """Where /write puts lines; every policy is the server's one -retentionPeriod."""
        del policy
        return {"db": self._database, "precision": "ns"}

    async def ensure(self) -> list[str]:
        """Nothing has to be made; find out that it is one. Raises SinkMisfitError."""
        answer = await self._http.get("/api/v1/status/tsdb")
        if not answer.is_good or not isinstance(answer.json(), dict):
            raise SinkMisfitError(
                f"{self._http.told} is no VictoriaMetrics ({answer.words}); "
                "set sinks.influx.flavour to what it is: influxdb, victoriametrics or questdb."
            )
        return []

    async def position(self) -> int:
        """The last number noted that must have reached the disk: what followed is written again."""
        await self._http.get("/internal/force_flush")
        for span in _SPANS:
            if safe := await self._safe(span):
                return max(safe)
        return 0

    async def _safe(self, span: dict[str, str]) -> list[int]:
        """The numbers noted in this time that have reached the disk."""
        select = f'{{__name__="{_CURSOR}",db="{self._database}"}}'
        answer = await self._http.get("/api/v1/export", **{"match[]": select}, **span)
        noted = sorted(
            (at, value)
            for line in answer.body.splitlines()
            for at, value in zip(*map(orjson.loads(line).get, ("timestamps", "values")), strict=True)
        )
        return [int(value) for at, value in noted if at <= noted[-1][0] - UNSAFE_MS]

    def cursor_line(self, seq: int, now_ns: int) -> str:
        """Notes a position."""
        return f"cursor seq={seq:d}i {now_ns:d}"

    async def tables(self) -> list[Stored]:
        """How many samples it holds, all databases together."""
        answer = await self._http.get("/metrics")
        rows = size = 0
        for line in answer.body.decode(errors="replace").splitlines():
            name, _, value = line.rpartition(" ")
            rows += int(float(value)) if name.startswith('vm_rows{type="storage') else 0
            size += int(float(value)) if name.startswith('vm_data_size_bytes{type="storage') else 0
        return [Stored("samples", rows, size)]
