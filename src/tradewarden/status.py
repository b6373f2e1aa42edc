"""What a running daemon says, for a person at a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tradewarden.control import Control, UnreachableError
from tradewarden.service_words import brief

GLYPHS = {"pass": "●", "warn": "!", "fail": "✕"}
UNAVAILABLE = 69
LABELS = {
    "auth:token": "auth",
    "feed:stream": "feed",
    "market:session": "market",
    "journal:write": "journal",
    "services:supervised": "desk",
    "sinks:lag": "store",
}


async def status(
    url: str | None, socket: Path | None, *, as_json: bool, every: float | None, say: Callable[[str], None]
) -> int:
    """Say it once, or every so many seconds; exit status 0, 1 when the answer is fail, 69 when there is none."""
    async with Control(url=url, socket=socket) as control:
        while True:
            try:
                health = await control.document("/api/system/health", "headline", http="200")
            except UnreachableError as error:
                say(str(error))
                if every is None:
                    return UNAVAILABLE
            else:
                told = [json.dumps(health)] if as_json else lines(health, url, await _services(control))
                for line in told:
                    say(line)
                if every is None:
                    return 1 if health["status"] == "fail" else 0
            await asyncio.sleep(every)


async def _services(control: Control) -> list[str]:
    """A line a service, for who may see them."""
    try:
        body = await control.document("/api/services", "services")
    except UnreachableError:
        return []
    told = [brief(service, max(len(each["name"]) for each in body["services"])) for service in body["services"]]
    return [f"    {line.sign} {line.text}" for line in told]


def lines(health: dict[str, Any], url: str | None = None, services: Sequence[str] = ()) -> list[str]:
    """The headline, then one line a machine, a store and a service, then what a person can do."""
    headline = health["headline"]
    told = [f"{GLYPHS[health['status']]} {headline['text']}  ({headline['code']} since {_clock(headline['since'])})"]
    for name, label in LABELS.items():
        for check in health["checks"].get(name, []):
            part = f" {check['componentId']}" if "componentId" in check else ""
            state, since = check.get("state", check["observedValue"]), _clock(check["time"])
            told.append(f"  {GLYPHS[check['status']]} {label:<7}{part} {state} since {since}")
    return [*told, *services, *_to_do(health, url)]


def _to_do(health: dict[str, Any], url: str | None) -> Iterator[str]:
    """What a person can do, for each account that needs it; the headline's first."""
    checks = [health["headline"], *health["checks"].get("auth:token", [])]
    links = dict.fromkeys(check["action"]["href"] for check in checks if "action" in check)
    for link in links:
        page = f"open {url.rstrip('/')}{link}" if url else "press the button of the desk's page"
        account = dict(parse_qsl(urlsplit(link).query)).get("account")
        which = "" if account is None else f" --account {account}"
        yield f"  to do: {page}, or run `tradewarden login{which}`"


def _clock(stamp: str) -> str:
    return f"{stamp[:19].replace('T', ' ')} IST"
