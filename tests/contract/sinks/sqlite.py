"""SQLite in the contract of sinks: its file keeps every tick here, so that each can be counted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from sink_contract import Factory, Traits
from tradewarden.feed.names import Names
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.sinks.sqlite import SqliteSink


class SqliteStore:
    """One file."""

    def __init__(self, path: Path, names: Names) -> None:
        self._path, self._names = path, names

    def sink(self) -> Sink:
        return SqliteSink(path=self._path, names=self._names, ticks=True)

    def misfit(self) -> tuple[Sink, str]:
        """A file that a newer program has written."""
        with closing(sqlite3.connect(self._path)) as db:
            db.execute("PRAGMA user_version = 99")
        return self.sink(), "newer"

    async def kept(self) -> list[int]:
        return self._numbers("SELECT seq FROM ticks")

    async def marked(self) -> list[int]:
        return self._numbers("SELECT seq FROM ticks WHERE marks != 0")

    async def kill(self) -> None:
        """There is no server."""

    async def revive(self) -> None:
        """There is no server."""

    def _numbers(self, question: str) -> list[int]:
        with closing(sqlite3.connect(self._path)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ticks'").fetchone():
                return []
            return [seq for (seq,) in db.execute(question)]


@asynccontextmanager
async def _store(folder: Path, names: Names) -> AsyncIterator[SqliteStore]:
    yield SqliteStore(folder / "ticks.db", names)


FACTORY = Factory("sqlite", Traits(killable=False), _store)
