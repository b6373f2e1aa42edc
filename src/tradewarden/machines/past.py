"""What a keeper's status log tells of its service: the present life, how the last one ended, how many there were."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
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
from tradewarden.machines.service import Again, Kind, Service

_PASSING: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EMFILE})
UNKNOWN_END: Final = "it ended and nobody saw how"


class Past:
    """One service's past, as far as it was read; tell it every line in order."""

    def __init__(self, service: Service, happenings: Iterable[Happening] = ()) -> None:
        self.service = service
        self.last: Happening | None = None  # lost output is no turn in a life
        self.life: Started | None = None  # the present one
        self.lives = 0  # since somebody started it, whoever kept it
        self.ended: Exited | StartFailed | None = None  # how the last one ended, or why there was none
        self.killed = False  # the last one did not stop in its time
        self.next_start_at: datetime | None = None
        self.lost_lines = 0  # of its output, which no disk took
        self._losing: OutputLost | None = None  # as long as none takes any
        self._crashes: list[datetime] = []
        self._counts: int | None = None  # the keeper whose count of crashes it is
        self._other: int | None = None  # an earlier keeper that had to leave while the present one was here
        for each in happenings:
            self.hear(each)

    def hear(self, happening: Happening) -> None:
        """The next line of its status log."""
        if self.is_of_another(happening):
            self._other = happening.keeper
            return
        match happening:
            case OutputLost():
                self._lose(happening)
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

    def _lose(self, lost: OutputLost) -> None:
        known = self._losing
        goes_on = known is not None and (known.keeper, known.since) == (lost.keeper, lost.since)
        self.lost_lines += max(0, lost.lines - (known.lines if known is not None and goes_on else 0))
        self._losing = lost if lost.lasting else None

    def _begin(self, started: Started) -> None:
        self.life, self.lives = started, started.life
        if self._losing is not None and self._losing.keeper != started.keeper:
            self._losing = None  # whoever lost it was killed and can tell no more
        self.killed, self.next_start_at = False, None
        if started.life == 1 or started.keeper != self._counts:
            self._crashes.clear()
        self._counts = started.keeper

    def _end(self, ended: Exited | StartFailed) -> None:
        self.life, self.ended, self.next_start_at = None, ended, ended.again_at
        if not _is_excused(ended):
            self._crashes.append(ended.at)

    def is_of_another(self, happening: Happening) -> bool:
        """Whether an earlier keeper, whose files were deleted, says it while the next one keeps the present life."""
        if self.life is None or happening.keeper == self.life.keeper:
            return False
        match happening:
            case Exited(pid=pid) | Stopping(pid=pid) | Escalated(pid=pid):
                return pid != self.life.pid
            case Gone() | Paused():
                return happening.keeper == self._other
            case _:
                return False

    @property
    def keeper(self) -> int | None:
        """Who wrote the last line."""
        return None if self.last is None else self.last.keeper

    @property
    def is_unended(self) -> bool:
        """Whether its keepers' last words tell of something that runs, or that had to be told to end."""
        match self.last:
            case Started() | Stopping() | Escalated() | StartFailed(errno=errno.EBUSY):
                return True
            case Exited(left=left):
                return left > 0
            case _:
                return False

    @property
    def attempt(self) -> int:
        """Which of the starts that its keeper may make by itself within the window comes next; a step has no window."""
        restarts, crashes = self.service.restarts, self._crashes
        window = timedelta.max if self.service.kind is Kind.STEP else timedelta(seconds=restarts.window)
        recent = sum(crashes[-1] - at < window for at in crashes)
        return min(max(recent, 1), restarts.attempts)

    @property
    def exit_code(self) -> int | None:
        """Of the last life that ended; negative: the signal."""
        return self.ended.code if isinstance(self.ended, Exited) else None

    @property
    def is_final(self) -> bool:
        """Whether nothing is to follow the end of the last life, as its keeper sees it."""
        match self.ended:
            case Exited(again_at=None, asked=False, code=int(code)):
                well = code == 0 and self.service.restarts.when is not Again.ALWAYS
            case StartFailed(again_at=None):
                well = False
            case _:
                return False
        return well or self.service.kind is Kind.STEP or self.service.restarts.when is Again.NEVER

    def tell_end(self) -> str:
        """How the last life ended, as a trader reads it."""
        match self.ended:
            case Exited() as exited:
                return (self._killing() if self.killed else _ending(exited)) + _left(exited)
            case StartFailed(text=text):
                return f"it cannot be started: {text}"
            case None:
                return self._killing() if self.killed else UNKNOWN_END

    def tell_loss(self, zone: tzinfo) -> str | None:
        """What its log takes no more, as a trader reads it; none while it has room."""
        lost = self._losing
        if lost is None:
            return None
        return f"its log finds no room: {lost.lines} lines lost since {lost.since.astimezone(zone):%H:%M}"

    def _killing(self) -> str:
        return f"killed after {span(self.service.stop_seconds)}: it did not stop on SIG{self.service.stop_signal}"


def _is_excused(ended: Exited | StartFailed) -> bool:
    """Whether its keeper does not count it: somebody wanted it, nobody saw it, or the machine had nothing to spare."""
    if isinstance(ended, StartFailed):
        return ended.errno in _PASSING
    return ended.asked or ended.code is None


def _ending(exited: Exited) -> str:
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
