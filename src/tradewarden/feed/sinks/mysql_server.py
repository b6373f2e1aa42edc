"""A connection to MariaDB or MySQL: every wait has a deadline, every error is told in the words of sinks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from tradewarden.feed.sinks.mysql_driver import Connection, MySQLError, asyncmy, learn_all_logins
from tradewarden.feed.sinks.mysql_trouble import trouble
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

DEADLINE: Final = 25.0  # seconds for all of one write
GREETING: Final = 5.0  # seconds for the server to take a connection
PARTING: Final = 1.0
_SESSION: Final = (
    "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION innodb_lock_wait_timeout=5, lock_wait_timeout=10",
    "SET SESSION max_error_count=0",  # or the driver would fetch and log each warning about words that MySQL 8 outgrew
    # No locks on the gaps between rows: what deletes old ticks never stands in the way of who writes new ones.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)

Answer = tuple[tuple[Any, ...], ...]


class Server:
    """One user's one connection to one database."""

    def __init__(self, *, host: str, port: int, user: str, password: str | None, database: str, tls: bool) -> None:
        self._way: dict[str, Any] = {"unix_socket": host} if host.startswith("/") else {"host": host, "port": port}
        self.told = f"MySQL at {host}" if host.startswith("/") else f"MySQL at {host}:{port}"
        self.database = database
        self._user, self._password, self._tls = user, (password or "").encode(), tls
        self._connection: Connection | None = None

    async def connect(self) -> None:
        """Connect anew."""
        await self.close()
        try:
            connection = await self._dial()
        except RuntimeError:  # a way to log in for which it has not loaded what it needs
            if not learn_all_logins():
                raise
            connection = await self._dial()
        self._connection = connection
        async with connection.cursor() as cursor:
            for statement in _SESSION:
                await cursor.execute(statement)

    async def _dial(self) -> Connection:
        return await asyncmy.connect(
            **self._way,
            user=self._user,
            password=self._password,
            database=self.database,
            connect_timeout=GREETING,
            autocommit=False,
            ssl=ssl.create_default_context() if self._tls else None,
            program_name="tradewarden",
        )

    async def ask(self, statement: str) -> Answer:
        """One statement, and the rows of its answer."""
        async with self._connected().cursor() as cursor:
            await cursor.execute(statement)
            return tuple(await cursor.fetchall()) if cursor.description else ()

    async def do(self, statement: str) -> int:
        """One statement, and how many rows it changed."""
        async with self._connected().cursor() as cursor:
            return int(await cursor.execute(statement))

    @asynccontextmanager
    async def translated(self, deadline: float = DEADLINE) -> AsyncIterator[None]:
        """Under a deadline and in the words of sinks; after any error the connection is gone and nothing committed."""
        try:
            async with asyncio.timeout(deadline):
                yield
        except BaseException as error:
            self._drop()
            match error:
                case TimeoutError():
                    raise SinkUnavailableError(f"{self.told} gave no answer within {deadline:.0f} s.") from None
                case MySQLError() | OSError() | EOFError():
                    raise trouble(error, server=self.told, user=self._user, database=self.database) from None
                case RuntimeError():  # the driver's word for a way to log in that it has no library for
                    raise SinkMisfitError(f"{self.told}: {error}.") from None
                case _:
                    raise

    async def close(self) -> None:
        """Say goodbye; never raises."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            with suppress(MySQLError, OSError, TimeoutError):
                async with asyncio.timeout(PARTING):
                    await connection.ensure_closed()
        finally:
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            raise SinkUnavailableError(f"{self.told}: there is no connection; it has to be opened first.")
        return self._connection

    def _drop(self) -> None:
        """Let go without a word: the server takes back whatever was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
