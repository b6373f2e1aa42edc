"""What a keeper's status log tells of its service: the present life, how the last one ended, how many there were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    Happening,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)
from tradewarden.machines.service import Restarts

UNKNOWN_END: Final = "it ended and nobody saw how"


class Past:
    """One service's past, as far as it was read; tell it every line in order."""

    def __init__(self, restarts: Restarts, happenings: Iterable[Happening] = ()) -> None:
        self.restarts = restarts
        self.last: Happening | None = None  # lost output is no turn in a life
        self.life: Started | None = None  # the present one
        self.lives = 0  # since it was last asked to start
        self.ended: Exited | StartFailed | None = None  # how the last one ended, or why there was none
        self.killed = False  # the last one did not stop in its time
        self.next_start_at: datetime | None = None
        self._crashes: list[datetime] = []
        for each in happenings:
            self.hear(each)

    def hear(self, happening: Happening) -> None:
        """The next line of its status log."""
        match happening:
            case OutputLost():
                return
            case Started():
                self._begin(happening)
            case Exited() | StartFailed():
                self._end(happening)
            case Escalated():
                self.killed = True
            case Gone() | Paused():
                self.life = self.next_start_at = None
            case Stopping():
                pass
        self.last = happening

    def _begin(self, started: Started) -> None:
        self.life, self.lives = started, started.life
        self.killed, self.next_start_at = False, None
        if started.life == 1:
            self._crashes.clear()

    def _end(self, ended: Exited | StartFailed) -> None:
        self.life, self.ended, self.next_start_at = None, ended, ended.again_at
        if isinstance(ended, Exited):
            if ended.asked or ended.fenced:
                return
            if ended.up >= self.restarts.min_uptime:
                self._crashes.clear()
        self._crashes.append(ended.at)

    @property
    def attempt(self) -> int:
        """Which try the next start is, of those that its keeper may make within the window."""
        if not self._crashes:
            return 1
        since = self._crashes[-1] - timedelta(seconds=self.restarts.window)
        return min(sum(at > since for at in self._crashes), self.restarts.attempts)

    @property
    def exit_code(self) -> int | None:
        """Of the last life that ended; negative: the signal."""
        return self.ended.code if isinstance(self.ended, Exited) else None

    def tell_end(self, signal: str, seconds: float) -> str:
        """How the last life ended, as a trader reads it; `signal` and `seconds` are what a stop gives it."""
        match self.ended:
            case None:
                return UNKNOWN_END
            case StartFailed(text=text):
                return f"it cannot be started: {text}"
            case Exited() as exited:
                return _ending(exited, signal, seconds, killed=self.killed) + _left(exited)


def _ending(exited: Exited, signal: str, seconds: float, *, killed: bool) -> str:
    if killed:
        return f"killed after {span(seconds)}: it did not stop on SIG{signal}"
    if exited.fenced:
        return "it had outlived its keeper and was ended by the next one"
    match exited.code:
        case None:
            return UNKNOWN_END
        case code if code < 0:
            return f"ended by signal {-code} after {span(exited.up)}"
        case code:
            return f"exit code {code} after {span(exited.up)}"


def _left(exited: Exited) -> str:
    if not exited.left:
        return ""
    many = "1 process, which was" if exited.left == 1 else f"{exited.left} processes, which were"
    return f"; it went to the background and left {many} ended"


def span(seconds: float) -> str:
    """A length of time in two words."""
    whole = round(seconds)
    if seconds < 1:
        return f"{seconds:.1f} s"
    if whole < 120:  # noqa: PLR2004 - two minutes: shorter spans are better told in seconds
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{minutes} min" if minutes < 120 else f"{hours} h"  # noqa: PLR2004 - the same, in minutes
