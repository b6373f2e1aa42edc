"""A command that looks on at what the daemon does: Ctrl-C ends only the looking."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any

from tradewarden.commands.interrupt import CUT_SHORT
from tradewarden.commands.terminal import live, say

LEAVING = 1.0  # seconds for what somebody was looking on with


def look_on(work: Coroutine[Any, Any, int], then: str | None = None, *, tells: str = "services") -> int:
    """The work's exit status; Ctrl-C ends only the looking on, and says so."""
    status = CUT_SHORT

    async def scene(stop: asyncio.Event) -> None:
        nonlocal status
        task, asked = asyncio.create_task(work), asyncio.create_task(stop.wait())
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if task.done():
            status = task.result()
            return
        task.cancel()
        await asyncio.wait({task}, timeout=LEAVING)
        if then is not None:
            say(f"\n{then} `tradewarden {tells}` tells how it stands.")

    try:
        live(scene)
    except BrokenPipeError:  # whoever read it, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
