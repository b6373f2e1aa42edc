"""Does this InfluxDB answer a ping?"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlsplit

from tradewarden.feed.sinks.influx_database import InfluxDatabase
from tradewarden.feed.sinks.influx_policies import quoted
from tradewarden.feed.sinks.line_http import LineHttp
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.orchestrator.checks.address import web_address
from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.http import get
from tradewarden.orchestrator.checks.wire import GarbledError, verdict

USUAL: Final = "http://127.0.0.1:8086"


class InfluxCheck:
    """`/ping`, whose answer names the version; whatever takes the same lines has it too."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self.address = web_address(url)
        self._url, self._patience = url.rstrip("/") + "/ping", patience
        self._told = f"InfluxDB at {urlsplit(url).netloc.rpartition('@')[2]}"

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """`` or `http://host:8086`. Raises ValueError with what is allowed."""
        return cls(subject.target or USUAL, subject.patience)

    async def ask(self) -> Verdict:
        """Whether it answers as an InfluxDB does."""
        return await verdict(self._told, self._ping(), self._patience)

    async def _ping(self) -> Verdict:
        status, headers = await get(self._url)
        if status == HTTPStatus.UNAUTHORIZED:
            return Verdict(good=True, text=f"{self._told} answers, and asks for a login")
        if status >= HTTPStatus.BAD_REQUEST:
            return Verdict(good=False, text=f"{self._told} answers with {status} to a ping: look in its log")
        version = headers.get("x-influxdb-version")
        if version is None:
            raise GarbledError(f"{status} without a version")
        return Verdict(good=True, text=f"{self._told} answers ({version[:60]})")


class InfluxDatabaseCheck:
    """One database of an InfluxDB 1.x, asked as the user who will write into it."""

    def __init__(
        self, url: str, database: str, username: str | None, password: str | None, patience: float = PATIENCE
    ) -> None:
        self.address = web_address(url)
        self._http = LineHttp(url, username=username, password=password, kind="InfluxDB")
        self._database, self._patience = database, patience

    async def ask(self) -> Verdict:
        """Whether it is there, and this user may ask about it."""
        try:
            async with asyncio.timeout(self._patience):
                await self._http.open()
                await InfluxDatabase(self._http, self._database, ()).ask(
                    f"SHOW RETENTION POLICIES ON {quoted(self._database)}"
                )
        except TimeoutError:
            return Verdict(good=False, text=f"{self._http.told} gave no answer within {self._patience:g} s: it hangs")
        except (SinkMisfitError, SinkUnavailableError) as trouble:
            return Verdict(good=False, text=str(trouble).rstrip("."))
        finally:
            await self._http.close()
        return Verdict(good=True, text=f"{self._http.told} answers, and has the database {self._database!r}")
