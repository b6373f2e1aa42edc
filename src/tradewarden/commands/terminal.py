"""What every command needs of the terminal: words out, an exit status, an end by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

USAGE = 2  # as argparse has it
BAD_DATA = 65
BAD_CONFIGURATION = 78


def say(line: str) -> None:
    """One line of the answer."""
    print(line, flush=True)


def complain(*sentences: str) -> None:
    """What went wrong, one sentence a line, beside the answer."""
    for sentence in sentences:
        print(f"tradewarden: {sentence}", file=sys.stderr)


def live(scene: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    """Play a scene until SIGTERM or Ctrl-C; a second signal ends everything at once."""
    import asyncio  # noqa: PLC0415 - 25 ms that many a command has no use for

    async def play() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask() -> None:
            if stop.is_set():
                os._exit(1)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask)
        await scene(stop)

    asyncio.run(play())
    return 0


def keep_private() -> None:
    """What the daemon writes is nobody else's; systemd's unit says so too."""
    os.umask(0o077)
