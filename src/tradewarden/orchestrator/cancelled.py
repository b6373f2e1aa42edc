"""Whether a task was told to end, though a library kept that to itself."""

from __future__ import annotations

import asyncio


def heed_cancel() -> None:
    """Raise CancelledError if this task was cancelled and goes on all the same.

    `asyncio.wait_for` of Python 3.11, with which the drivers of MySQL and NATS connect, returns what it waited for when
    that came in the moment of the cancellation (CPython issue 86296): whoever goes on then would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
