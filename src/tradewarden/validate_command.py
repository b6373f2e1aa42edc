"""`tradewarden validate`: the journal against the desk's stores, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tradewarden.feed.names import FILE, Names
from tradewarden.orchestrator.validate import Span, validate
from tradewarden.orchestrator.validation import document, lines

GROUPS: Final = {"influxdb": "influx"}  # the originals' name for it
FULL: Final = "full"


def wanted(named: str, running: Sequence[str]) -> list[str]:
    """The stores that a word of the command line means: one of them, or all that run."""
    if named == FULL:
        return list(running)
    return [GROUPS.get(named, named)]


def span_of(since: datetime | None, until: datetime | None, minutes: float, now: datetime) -> Span:
    """From then until then; without a beginning the last minutes."""
    end = until or now + timedelta(seconds=1)
    begin = since or end - timedelta(minutes=minutes)
    return Span(int(begin.timestamp() * 1e9), int(end.timestamp() * 1e9))


async def run(
    stores: Mapping[str, Mapping[str, Any]], state: Path, span: Span, *, as_json: bool, say: Callable[[str], None]
) -> int:
    """One line for the journal and one a store; exit status 0 when all agree, 1 when not."""
    verdict = await validate(stores, state, span)
    told = document(verdict, Names(state / FILE))
    if as_json:
        say(json.dumps(told))
    else:
        for line in lines(told):
            say(line)
    return 0 if verdict.ok else 1
