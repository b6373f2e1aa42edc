"""Faults of ours in a timer's callback: they fail no task, and must stop the daemon all the same."""

from __future__ import annotations

import asyncio
from typing import Any

from tradewarden.early_log import Logger, tell

QUIET = 60.0  # seconds between two lines about connections that cannot be taken

logger = Logger()


def faults_of_callbacks() -> asyncio.Future[Exception]:
    """The first of them in this event loop; the daemon ends by it, so that it is started again."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[Exception] = loop.create_future()
    quiet_until = 0.0

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal quiet_until
        fault = context.get("exception")
        if "socket" in context and isinstance(fault, OSError):
            # A listener without a descriptor to spare is told of a hundred times a second: a line a minute will do.
            if loop.time() >= quiet_until:
                quiet_until = loop.time() + QUIET
                logger.error("http.cannot_accept", why=fault.strerror, next_line_in=QUIET)
            return
        tell()  # whatever was said before it, and that it is told as the log tells things
        loop.default_exception_handler(context)
        if "handle" in context and isinstance(fault, Exception) and not failed.done():
            failed.set_result(fault)

    loop.set_exception_handler(note)
    return failed
