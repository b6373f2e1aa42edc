"""Does this address answer a browser with success?"""

from __future__ import annotations

from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from tradewarden.orchestrator.checks.address import web_address
from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.wire import GarbledError, verdict


class HttpCheck:
    """One GET; 2xx and 3xx are good, and no redirection is followed."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self.address = web_address(url)
        self._url, self._patience = url, patience
        parts = urlsplit(url)
        self._told = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # no secret of its query or user

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """An address that begins with http:// or https://. Raises ValueError with what is allowed."""
        return cls(subject.target, subject.patience)

    async def ask(self) -> Verdict:
        """Whether it answers, and well."""
        return await verdict(self._told, self._get(), self._patience)

    async def _get(self) -> Verdict:
        status, _ = await get(self._url)
        if status < HTTPStatus.BAD_REQUEST:
            return Verdict(good=True, text=f"{self._told} answers with {status}")
        return Verdict(good=False, text=f"{self._told} answers with {status}, not with success: look in its log")


async def get(url: str) -> tuple[int, dict[str, str]]:
    """Status and headers. Raises OSError, EOFError and GarbledError; the deadline is the caller's."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
            session.get(url, allow_redirects=False, headers={"Connection": "close"}) as answer,
        ):
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except aiohttp.ServerDisconnectedError:
        raise EOFError from None
    except aiohttp.ClientOSError as trouble:
        raise _bare(trouble) from None
    except aiohttp.ClientError as trouble:
        raise GarbledError(str(trouble).splitlines()[0][:100] if str(trouble) else type(trouble).__name__) from None


def _bare(trouble: aiohttp.ClientOSError) -> OSError:
    """The system's own error behind the client's."""
    cause = trouble.__cause__
    return cause if isinstance(cause, OSError) else trouble
