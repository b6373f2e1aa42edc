"""Kite's REST interface as the daemon sees it: a question with a deadline, asked by a short-lived child process.

This side never imports kiteconnect. Secrets go to the child by standard input, never by its arguments or environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import structlog

from tradewarden.machines.dump import Dump, DumpError, from_row
from tradewarden.machines.instruments import Needs

CHILD = "tradewarden.feed.brokers.kite_child"
DUMP_CHILD = "tradewarden.feed.brokers.kite_dump"
LAST = 5.0  # seconds until a killed child must be gone
DUMP_PATIENCE = 90.0  # seconds for the whole dump, on a slow line
KITE_TIME = ZoneInfo("Asia/Kolkata")
# What the child inherits: where certificates, libraries and a proxy are. Nothing else is its business.
PLACES = ("LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """What a login brought: the day's access token and whose it is."""

    access_token: str = field(repr=False)
    user_id: str
    minted_at: datetime | None  # by Kite's clock, aware; None when Kite did not say


class Verdict(StrEnum):
    """What a probe found out about a token; unknown is no verdict."""

    GOOD = "good"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to "does this token still work?"; the text says why nothing is known."""

    verdict: Verdict
    text: str = ""
    user_id: str | None = None  # of a good token


class BrokerRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of ours
    """Kite said no: `configuration` is a wrong key or secret, `refused` a request token that is used or too old."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class BrokerUnreachable(Exception):  # noqa: N818 - as above
    """Kite could not be asked, or did not answer sensibly: this says nothing about any token."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class KiteRest:
    """The few things that are asked of Kite over HTTP. Each call takes about half a second of a child's start-up."""

    def __init__(self, *, rest_url: str, login_url: str, api_key: str, api_secret: str, timeout: float = 10.0) -> None:
        self._rest_url = rest_url
        self._login_url = login_url
        self._api_key = api_key
        self._api_secret = api_secret
        self._timeout = timeout

    def login_page(self, state: str) -> str:
        """Where a person logs in; Kite brings `state` back to the callback."""
        query = urlencode({"v": 3, "api_key": self._api_key, "redirect_params": urlencode({"state": state})})
        return f"{self._login_url}{'&' if urlsplit(self._login_url).query else '?'}{query}"

    async def exchange(self, request_token: str) -> Session:
        """The access token for the request token that a login brought; works once."""
        answer = await self._ask("exchange", request_token=request_token, api_secret=self._api_secret)
        match answer:
            case {"outcome": "ok", "access_token": str(token), "user_id": str(user_id), "login_time": str(when)}:
                return Session(token, user_id, datetime.fromisoformat(when).replace(tzinfo=KITE_TIME) if when else None)
            case {"outcome": "configuration" | "refused" as reason, "text": str(text)}:
                raise BrokerRefused(reason, text)
            case _:
                raise BrokerUnreachable(_text(answer))

    async def probe(self, access_token: str) -> Probe:
        """Whether the token still works; only Kite's own token error makes it dead."""
        try:
            answer = await self._ask("probe", access_token=access_token)
        except BrokerUnreachable as error:
            return Probe(Verdict.UNKNOWN, error.text)
        match answer:
            case {"outcome": "ok", "user_id": str(user_id)}:
                return Probe(Verdict.GOOD, user_id=user_id)
            case {"outcome": "dead"}:
                return Probe(Verdict.DEAD, _text(answer))
            case _:
                return Probe(Verdict.UNKNOWN, _text(answer))

    async def invalidate(self, access_token: str) -> None:
        """Make the token worthless at the broker, as a logout does."""
        answer = await self._ask("invalidate", access_token=access_token)
        if answer.get("outcome") != "ok":
            raise BrokerUnreachable(_text(answer))

    async def dump(self, needs: Needs, *, day: date, now: datetime, lines: Mapping[str, int]) -> Dump:
        """What is needed of the day's dump of instruments; `lines` are those that the last good one had.

        Raises DumpError when it is not whole, BrokerUnreachable when there is none.
        """
        request = {
            "root": self._rest_url,
            "timeout": self._timeout,
            "deadline": DUMP_PATIENCE,
            "day": day.isoformat(),
            "underlyings": sorted(needs.underlyings),
            "symbols": sorted(needs.symbols),
            "tokens": sorted(needs.tokens),
            "lines": dict(lines),
        }
        answer = await self._converse(DUMP_CHILD, request, DUMP_PATIENCE)
        match answer:
            case {"outcome": "ok", "late": late, "lines": dict(counts), "instruments": list(rows)}:
                return Dump(day, now, counts, tuple(from_row(row) for row in rows), str(late) if late else None)
            case {"outcome": "refused", "text": str(text)}:
                raise DumpError(text)
            case _:
                raise BrokerUnreachable(_text(answer))

    async def _ask(self, verb: str, **secrets: str) -> dict[str, object]:
        request = {"do": verb, "root": self._rest_url, "timeout": self._timeout, "api_key": self._api_key, **secrets}
        return await self._converse(CHILD, request, self._timeout)

    async def _converse(self, child_module: str, request: dict[str, object], patience: float) -> dict[str, object]:
        # -P: the directory we were started in is no place for modules. Ours are found where this process finds them,
        # be it a wheel, a virtual environment, an editable install or --user.
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                child_module,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=self._environment(),
            )
        except OSError as error:
            raise BrokerUnreachable(f"{sys.executable} could not be started: {error.strerror}") from None
        try:
            async with asyncio.timeout(patience):
                said, _ = await child.communicate(json.dumps(request).encode())
        except TimeoutError:
            raise BrokerUnreachable(f"Kite did not answer within {patience:g} s") from None
        finally:
            await _end(child)
        try:
            answer = json.loads(said)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BrokerUnreachable(
                f"the helper that speaks to Kite failed (exit status {child.returncode}); "
                f"is kiteconnect installed? Try: {sys.executable} -c 'import kiteconnect'"
            ) from None
        return answer

    def _environment(self) -> dict[str, str]:
        kept = PLACES if _is_here(self._rest_url) else (*PLACES, *PROXIES)
        modules = os.pathsep.join(path for path in sys.path if path)
        # A `default` line in somebody's ~/.netrc would take the place of Kite's own authorization header.
        set_here = {"PYTHONPATH": modules, "NETRC": os.devnull}
        return {name: os.environ[name] for name in kept if name in os.environ} | set_here


async def _end(child: Process) -> None:
    """Kill the child unless it has gone by itself, and see it gone if it goes soon."""
    if child.returncode is None:
        child.kill()
        try:
            async with asyncio.timeout(LAST):
                await child.wait()
        except TimeoutError:  # a process that hangs in the kernel; what brought us here is told, and the loop reaps it
            log.warning("kite.child_not_gone", pid=child.pid, after=LAST)


def _text(answer: dict[str, object]) -> str:
    return str(answer.get("text") or "Kite's answer could not be read")


def _is_here(url: str) -> bool:
    """Whether this is a simulator on this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
