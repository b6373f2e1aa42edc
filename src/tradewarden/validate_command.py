"""`tradewarden validate`: the journal against the desk's stores, for a person at a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tradewarden.feed.names import FILE, Names
from tradewarden.feed.reader import Reader, tail
from tradewarden.orchestrator.validate import Span, validate
from tradewarden.orchestrator.validation import document, lines

GROUPS: Final = {"influxdb": "influx"}  # the originals' name for it
FULL: Final = "full"


def wanted(named: str, running: Sequence[str]) -> list[str]:
    """The stores that a word of the command line means: one of them, or all that run."""
    if named == FULL:
        return list(running)
    return [GROUPS.get(named, named)]


def span_of(since: datetime | None, until: datetime | None, minutes: float, journal: Path) -> Span | None:
    """From then until then; without an end up to the last tick, without a beginning so many minutes before.

    None when it would end before it begins.
    """
    end_ns = int(until.timestamp() * 1e9) if until is not None else last_received_ns(journal) + 1
    begin_ns = int(since.timestamp() * 1e9) if since is not None else end_ns - int(minutes * 60e9)
    return Span(begin_ns, end_ns) if begin_ns < end_ns else None


def last_received_ns(journal: Path) -> int:
    """When the newest tick was received, by the desk's own clock; now, when there is none."""
    last = tail(journal)
    reader = Reader(journal, after=last - 1)
    try:
        frames = reader.read(1)
    finally:
        reader.close()
    return frames[-1].received_ns if frames else time.time_ns()


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
