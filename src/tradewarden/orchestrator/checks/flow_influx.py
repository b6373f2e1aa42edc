"""How many points a second a measurement of InfluxDB 1.x gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradewarden.feed.sinks.influx_policies import quoted
from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.orchestrator.checks.flow_reader import FlowError

SPAN: Final = 5  # seconds that are counted


class InfluxFlow:
    """One measurement: the points whose own time lies in the last seconds, in whichever policy they are."""

    def __init__(self, measurement: str, server: Mapping[str, Any]) -> None:
        self._measurement, self._database = measurement, str(server["database"])
        self._http = LineHttp(
            server["url"], username=server.get("username"), password=server.get("password"), kind="InfluxDB"
        )
        self._question: str | None = None

    async def read(self, now: int) -> float | None:  # noqa: ARG002 - the points carry their time themselves
        """What comes a second."""
        try:
            if self._question is None:
                await self._http.open()
                self._question = await self._choose()
            results = await self._ask(self._question)
        except (SinkUnavailableError, SinkMisfitError) as trouble:
            raise FlowError(str(trouble).rstrip(".")) from None
        return sum(_points(series) for result in results for series in result.get("series", ())) / SPAN

    async def close(self) -> None:
        """Hang up."""
        self._question = None
        await self._http.close()

    async def _choose(self) -> str:
        """One question for each policy: a name without one means the default, and ticks lie elsewhere."""
        database, measurement = quoted(self._database), quoted(self._measurement)
        (told, *_) = await self._ask(f"SHOW RETENTION POLICIES ON {database}")
        policies = [str(row[0]) for series in told.get("series", ()) for row in series.get("values", ())]
        return ";".join(
            f"SELECT count(*) FROM {database}.{quoted(policy)}.{measurement} WHERE time > now() - {SPAN}s"  # noqa: S608
            for policy in policies
        )

    async def _ask(self, question: str) -> list[dict[str, Any]]:
        answer = await self._http.post("/query", {"q": question})
        told = answer.json()
        results = told.get("results") if isinstance(told, dict) else None
        if not isinstance(results, list) or not results:
            raise FlowError(f"{self._http.told}: {answer.words}")
        for result in results:
            if not isinstance(result, dict) or "error" in result:
                raise FlowError(f"{self._http.told}: {result.get('error') if isinstance(result, dict) else result}")
        return results


def _points(series: Mapping[str, Any]) -> int:
    """How many points: a count for each field, of which the highest has them all."""
    return max((int(value) for row in series.get("values", ()) for value in row[1:] if value), default=0)
