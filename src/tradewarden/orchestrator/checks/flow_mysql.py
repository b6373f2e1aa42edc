"""How many rows a second a table of MariaDB or MySQL gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradewarden.feed.sinks.mysql_server import Server
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.orchestrator.checks.check import PATIENCE
from tradewarden.orchestrator.checks.flow_reader import FlowError
from tradewarden.orchestrator.checks.flow_window import Window
from tradewarden.orchestrator.checks.mysql import LOST

INTEGERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


class MysqlFlow:
    """One table: by the highest number of an integer primary key, else by the server's own count of its rows."""

    def __init__(self, table: str, server: Mapping[str, Any]) -> None:
        self._table = table
        way = {name: server[name] for name in ("host", "port", "user", "password", "database", "tls")}
        self._server = Server(**way)
        self._question: str | None = None
        self._window = Window()

    async def read(self, now: int) -> float | None:
        """What comes a second."""
        try:
            async with self._server.translated(PATIENCE):
                if self._question is None:
                    await self._server.connect()
                    self._question = await self._choose()
                ((count,),) = await self._server.ask(self._question)
                await self._server.ask("COMMIT")  # or the next question would be answered from this one's moment
        except (SinkUnavailableError, SinkMisfitError) as trouble:
            raise FlowError(str(trouble).rstrip(".")) from None
        except LOST as trouble:
            raise FlowError(f"{self._server.told} does not answer as it should: {trouble}") from None
        return self._window.add(now, int(count or 0))

    async def close(self) -> None:
        """Hang up."""
        self._question = None
        await self._server.close()

    async def _choose(self) -> str:
        """The cheapest question that tells how many rows there have been: one look at the end of an index."""
        table = self._table.replace("`", "``")
        found = await self._server.ask(
            "SELECT column_name, data_type FROM information_schema.columns"  # noqa: S608 - in hexadecimal
            f" WHERE table_schema = DATABASE() AND table_name = {_text(self._table)} AND column_key = 'PRI'"
        )
        if len(found) == 1 and str(found[0][1]).lower() in INTEGERS:
            column = str(found[0][0]).replace("`", "``")
            return f"SELECT MAX(`{column}`) FROM `{table}`"  # noqa: S608 - quoted
        counted = (
            "SELECT table_rows FROM information_schema.tables"  # noqa: S608 - in hexadecimal
            f" WHERE table_schema = DATABASE() AND table_name = {_text(self._table)}"
        )
        if not await self._server.ask(counted):
            raise SinkMisfitError(f"{self._server.told} has no table {self._table!r} in {self._server.database!r}")
        return counted


def _text(text: str) -> str:
    """A text in SQL, in hexadecimal: nothing in it is a quote."""
    return f"CONVERT(0x{text.encode().hex()} USING utf8mb4)"
