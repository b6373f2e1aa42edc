"""How the desk's programs do, for a person at a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

from tradewarden.control import Control, RefusedError, UnreachableError
from tradewarden.screen import Line, Screen
from tradewarden.service_words import desk_line, folded, machine_lines, table

UNAVAILABLE = 69


async def services(
    control: Control, *, as_json: bool, every: float | None, screen: Screen, complain: Callable[[str], None]
) -> int:
    """A table, once or every so many seconds; exit status 0, 1 when one is down, 69 when no daemon answers."""
    async with control:
        while True:
            try:
                body = await control.document("/api/services", "services")
            except UnreachableError as error:
                status = 1 if isinstance(error, RefusedError) else UNAVAILABLE
                if every is None:
                    complain(str(error))
                    return status
                screen.show([Line(str(error), "✕", "fail")])
            else:
                if as_json:
                    screen.say(json.dumps(body))
                elif not body["services"] and every is None and (jobs := await _jobs(control)):
                    screen.say(
                        f"No service is kept up here, and there are {jobs}: `tradewarden schedules` tells of them."
                    )
                elif every is None:
                    screen.say(*lines(body, screen.columns))
                else:
                    screen.show(list(lines(body, screen.columns)))
                if every is None:
                    return 1 if any(service["status"] != "pass" for service in body["services"]) else 0
            await asyncio.sleep(every)


async def _jobs(control: Control) -> str:
    """14 jobs; nothing on a desk without any, or of somebody who sees none."""
    names = await job_names(control)
    return "" if not names else f"{len(names)} job{'' if len(names) == 1 else 's'}"


async def job_names(control: Control) -> set[str]:
    """What runs on a schedule, as far as whoever asks may see it."""
    try:
        found = (await control.get("/api/schedules")).body
    except UnreachableError:
        return set()
    return {job["name"] for job in (found or {}).get("jobs", ())}


def lines(body: dict[str, Any], columns: int | None = None) -> Iterator[Line]:
    """The desk, its services, the machine; no line longer than so many characters."""
    if not body["services"]:
        yield Line("No service is configured: each is a table [services.NAME] in tradewarden.toml.")
        return
    yield from folded(desk_line(body), columns)
    yield from table(body["services"], columns)
    for line in machine_lines(body):
        yield from folded(line, columns)
