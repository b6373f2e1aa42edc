"""The gaps that the daemon has written down, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

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
    told = body["gaps"]
    if as_json:
        say(json.dumps(body))
    elif not told:
        say("No gap is on record.")
    else:
        for gap in told:
            began, ended = datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"])
            say(
                f"{began:%a %d %b %Y %H:%M:%S} to {ended:%H:%M:%S}  {gap['seconds']:>9.1f} s"
                f"  {gap['instrumentCount']} instruments  {', '.join(gap['causes'])}"
            )
    return 0
