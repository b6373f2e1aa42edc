"""MariaDB or MySQL read back: the rows of `ticks`, by instrument and number, which is their primary key."""
# ruff: noqa: S608 - numbers are ours, names are quoted: mysql_text.py

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradewarden.feed.names import FILE, Names
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.sinks.mysql import MysqlSink
from tradewarden.machines.audit import Fingerprint


class MysqlAudited:
    """The ticks of one database."""

    portion = 5000
    newest_only = False
    in_time = True
    note: str | None = None

    def __init__(self, *, state_dir: Any, **values: Any) -> None:
        sink = MysqlSink(names=Names(state_dir / FILE), **values)
        self._server, self._named = sink.server, sink.text.name

    async def open(self) -> None:
        """Connect."""
        async with self._server.translated():
            await self._server.connect()

    async def position(self) -> int:
        """What was committed with the rows."""
        return await self._number(f"SELECT MAX(`seq`) FROM {self._named['pos']}")

    async def kept_from(self) -> int:
        """The first number of the oldest day that is kept."""
        return await self._number(f"SELECT MIN(`first_seq`) FROM {self._named['days']}")

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The rows of these instruments with these numbers."""
        instruments = sorted({row.instrument for row in rows(frames)})
        question = (
            "SELECT `seq`, `instrument`, `received_ns`, `last_price`, `volume` FROM"
            f" {self._named['ticks']} WHERE `instrument` IN ({', '.join(map(str, instruments))})"
            f" AND `seq` BETWEEN {frames[0].first_seq:d} AND {frames[-1].last_seq:d}"
        )
        async with self._server.translated():
            found = await self._server.ask(question)
            await self._server.ask("COMMIT")
        return [(seq, Fingerprint(*told)) for seq, *told in found]

    async def close(self) -> None:
        """Say goodbye."""
        await self._server.close()

    async def _number(self, question: str) -> int:
        async with self._server.translated():
            ((number,),) = await self._server.ask(question)
        return int(number or 0)
