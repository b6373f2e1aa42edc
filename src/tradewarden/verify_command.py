"""The question whether the broker's token is good, from a terminal: the daemon asks the broker now."""

from __future__ import annotations

import json
from collections.abc import Callable

from tradewarden.control import Control, UnreachableError, told
from tradewarden.settings import Settings

UNAVAILABLE = 69
PATIENCE = 25.0  # seconds; the daemon itself gives the broker 20

_SAYS = {
    "valid": "The token is good.",
    "rejected": "The broker does not accept the token: log in.",
    "none": "No token is held: log in.",
    "pending": "The broker is being asked already; ask again in a few seconds.",
}


async def verify(settings: Settings, account: str | None = None, *, as_json: bool, say: Callable[[str], None]) -> int:
    """Say what the broker says of the token; exit status 0 when it is good, 1 when not, 69 when no daemon answers."""
    question = {} if account is None else {"account": account}
    try:
        async with Control.of(settings) as control:
            answer = await control.post("/api/system/health/auth/verify", question, patience=PATIENCE)
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    verdict = answer.body.get("verdict")
    say(json.dumps(answer.body) if as_json else _SAYS.get(verdict) or told(answer.body))
    return 0 if verdict == "valid" else 1
