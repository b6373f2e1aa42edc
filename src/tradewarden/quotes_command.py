"""The latest quotes that the daemon has in memory, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tradewarden.control import Control, RefusedError, UnreachableError

UNAVAILABLE = 69
IST = ZoneInfo("Asia/Kolkata")


async def quotes(
    url: str | None, socket: Path | None, *, only: Sequence[str], as_json: bool, say: Callable[[str], None]
) -> int:
    """One line an instrument; exit status 0, 1 when the question was wrong, 69 when no daemon answers."""
    wanted = {"only": ",".join(only)} if only else {}
    try:
        async with Control(url=url, socket=socket) as control:
            body = await control.document("/api/quotes", "quotes", **wanted)
    except RefusedError as error:
        say(str(error))
        return 1
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    if as_json:
        say(json.dumps(body))
    elif not body["quotes"]:
        say("No tick of these has come since the daemon started." if only else "No tick has come yet.")
    else:
        for quote in sorted(body["quotes"], key=lambda each: str(each["symbol"])):
            say(_line(quote))
    return 0


def _line(quote: dict[str, Any]) -> str:
    at = datetime.fromisoformat(quote["received_at"]).astimezone(IST)
    change = ""
    if quote.get("close"):
        change = f"{(quote['last_price'] - quote['close']) * 100 / quote['close']:+.2f} %"
    volume = f"{quote['volume']:,}" if "volume" in quote else ""
    marks = f"  doubtful: {', '.join(quote['marks'])}" if "marks" in quote else ""
    return (
        f"{at:%H:%M:%S}  {quote['symbol']:<28} {quote['last_price']:>14,.2f} {change:>9} {volume:>16}{marks}".rstrip()
    )
