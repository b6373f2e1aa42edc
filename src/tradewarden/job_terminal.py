"""A terminal that asks about jobs: the daemon is reached or not, and what is told of a job that it does not know."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

from tradewarden.control import RefusedError, UnreachableError
from tradewarden.desk_command import UNAVAILABLE, Terminal
from tradewarden.screen import Line

Body = dict[str, Any]
OPEN: Final = ("queued", "running")  # outcomes of a run that has not ended


async def reached(terminal: Terminal, deed: Callable[[], Awaitable[int]]) -> int:
    """The deed's exit status, or what is told when the daemon says no or is not there."""
    try:
        async with terminal.control:
            return await deed()
    except RefusedError as refused:
        terminal.complain(str(refused))
        return 1
    except UnreachableError as error:
        terminal.complain(str(error))
        return UNAVAILABLE


def say(terminal: Terminal, body: Body, lines: Callable[[], list[Line]]) -> None:
    """The answer as it is, for programs, or as lines."""
    terminal.screen.say(*([json.dumps(body)] if terminal.as_json else lines()))


def unknown(name: str, jobs: Sequence[Body], user: str | None) -> str:
    """No job of this name, or none of this person."""
    whose = sorted({job["user"] for job in jobs if job["name"] == name})
    if whose == [""] and user:
        return f"{name} is the desk's own job: leave --user out."
    if whose:
        return f"{user!r} has no job {name}; of those who have it, known are {', '.join(whose)}."
    known = ", ".join(dict.fromkeys(job["name"] for job in jobs)) or "none"
    return f"no job is called {name!r}; known are {known}."


def now() -> datetime:
    """The moment, as this machine tells the time."""
    return datetime.now().astimezone()
