"""The system's signals as plain numbers: the enumerations of `signal` would be a tenth of each keeper's memory."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` is made of
from _collections_abc import Callable, Iterable

SIGHUP: int = _signal.SIGHUP
SIGINT: int = _signal.SIGINT
SIGQUIT: int = _signal.SIGQUIT
SIGKILL: int = _signal.SIGKILL
SIGPIPE: int = _signal.SIGPIPE
SIGTERM: int = _signal.SIGTERM
SIGCHLD: int = _signal.SIGCHLD
SIGCONT: int = _signal.SIGCONT
SIGSTOP: int = _signal.SIGSTOP
SIGTSTP: int = _signal.SIGTSTP
ALL: frozenset[int] = frozenset(_signal.valid_signals())

send: Callable[[int, int], None] = _signal.pidfd_send_signal


def ignore(number: int) -> None:
    """Let this signal do nothing here, and in whatever begins from here."""
    _signal.signal(number, _signal.SIG_IGN)


def heed(number: int) -> None:
    """Let this signal do what it does by itself."""
    _signal.signal(number, _signal.SIG_DFL)


def block(numbers: Iterable[int]) -> None:
    """Let these signals wait, and no others."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, numbers)
