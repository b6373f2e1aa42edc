"""Does this InfluxDB answer a ping?"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlsplit

from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.http import get, web_address
from tradewarden.orchestrator.checks.wire import GarbledError, verdict

USUAL: Final = "http://127.0.0.1:8086"


class InfluxCheck:
    """`/ping`, whose answer names the version; whatever takes the same lines has it too."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._url, self._patience = url.rstrip("/") + "/ping", patience
        self._told = f"InfluxDB at {urlsplit(url).netloc.rpartition('@')[2]}"

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """`` or `http://host:8086`. Raises ValueError with what is allowed."""
        return cls(web_address(subject.target or USUAL), subject.patience)

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
