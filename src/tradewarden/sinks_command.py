"""How each store does, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tradewarden.control import Control, RefusedError, UnreachableError

UNAVAILABLE = 69


async def sinks(url: str | None, socket: Path | None, *, as_json: bool, say: Callable[[str], None]) -> int:
    """A few lines a store; exit status 0, 1 when one needs a look, 69 when no daemon answers."""
    try:
        async with Control(url=url, socket=socket) as control:
            body = await control.document("/api/sinks", "sinks")
    except RefusedError as error:
        say(str(error))
        return 1
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    told: list[dict[str, Any]] = body["sinks"]
    if as_json:
        say(json.dumps(body))
    else:
        for line in _lines(told):
            say(line)
    return 1 if any(sink["status"] != "pass" for sink in told) else 0


def _lines(told: list[dict[str, Any]]) -> Iterator[str]:
    if not told:
        yield "No store is configured: ticks are in the journal only."
    for sink in told:
        sign = "●" if sink["status"] == "pass" else "!"
        own = ", a process of its own" if sink["process"] == "own" else ""
        waits = (
            "nothing waits" if not sink["lagTicks"] else f"{sink['lagTicks']:,} ticks wait, {sink['lagSeconds']:.1f} s"
        )
        yield f"{sign} {sink['name']:<8} {sink['state'].replace('_', ' ')}, {waits}{own}"
        yield f"    {_work(sink)}"
        if sink.get("reason"):
            yield f"    {sink['reason']}"
        for table in sink.get("tables", []):
            rows = "" if table["rows"] is None else f"{table['rows']:,} rows"
            size = "" if table["bytes"] is None else f"{table['bytes'] / 1e6:,.1f} MB"
            yield f"    {table['name']:<24} {rows:>20} {size:>14}".rstrip()


def _work(sink: dict[str, Any]) -> str:
    parts = [f"{sink['written']:,} ticks written", f"{sink['ticksPerSecond']:,.0f} a second"]
    p50, p99 = sink["commitSeconds"]["p50"], sink["commitSeconds"]["p99"]
    if p50 is not None:
        parts.append(f"safe after {p50 * 1000:,.1f} ms, at most {p99 * 1000:,.1f} ms for 99 of 100")
    for name, words in (("setAside", "refused"), ("missed", "missed"), ("dropped", "dropped")):
        if sink[name]:
            parts.append(f"{sink[name]:,} {words}")
    if sink["errorsLastHour"]:
        parts.append(f"{sink['errorsLastHour']:,} errors in the last hour")
    return ", ".join(parts)
