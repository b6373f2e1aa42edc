"""The gaps that the daemon has written down, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tradewarden.control import Control, RefusedError, UnreachableError

UNAVAILABLE = 69


async def gaps(url: str | None, socket: Path | None, *, limit: int, as_json: bool, say: Callable[[str], None]) -> int:
    """One line a gap, newest first; exit status 0, 1 when the question was wrong, 69 when no daemon answers."""
    try:
        async with Control(url=url, socket=socket) as control:
            body = await control.document("/api/gaps", "gaps", limit=str(limit))
    except RefusedError as error:
        say(str(error))
        return 1
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    for line in [json.dumps(body)] if as_json else _lines(body):
        say(line)
    return 0


def _lines(body: Mapping[str, Any]) -> Iterator[str]:
    told, gap = body["gaps"], body.get("open")
    if gap is not None:
        began = datetime.fromisoformat(gap["from"])
        yield f"{began:%a %d %b %Y %H:%M:%S}, still open  {gap['seconds']:>9.1f} s  {', '.join(gap['causes'])}"
    elif not told:
        yield "No gap is on record."
    for gap in told:
        began, ended = datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"])
        yield (
            f"{began:%a %d %b %Y %H:%M:%S} to {ended:%H:%M:%S}  {gap['seconds']:>9.1f} s"
            f"  {gap['instrumentCount']} instruments  {', '.join(gap['causes'])}"
        )
