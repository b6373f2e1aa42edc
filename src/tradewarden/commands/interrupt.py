"""Ctrl-C ends a command at once and without a word, in the middle of its imports too."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

CUT_SHORT = 130  # the exit status of what Ctrl-C ended
TIDYING = 2  # whole seconds for what a command tidies up, and for a library that takes the interrupt for its own


def until_interrupted(command: Callable[[], int]) -> int:
    """The command's exit status; a second Ctrl-C, or one that a library swallows, ends the process as it is."""
    before = signal.getsignal(signal.SIGINT)
    if before in (None, signal.SIG_IGN):  # whoever started it wants it to run on
        return command()
    with suppress(ValueError):  # only the first thread is told of signals
        signal.signal(signal.SIGINT, _interrupt)
    try:
        status = command()
    except KeyboardInterrupt:
        return CUT_SHORT  # what is still left to be done has until the alarm
    except BaseException:
        _put_back(before)
        raise
    _put_back(before)
    return status


def _put_back(before: Callable[[int, FrameType | None], object] | int | None) -> None:
    with suppress(ValueError):
        signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGALRM, _leave)
    signal.alarm(TIDYING)
    raise KeyboardInterrupt


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(CUT_SHORT)
