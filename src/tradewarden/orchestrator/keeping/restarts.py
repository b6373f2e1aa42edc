"""When a service that ended is started again by its keeper alone, and until when it may be.

Waits are counted on the monotonic clock: a wall clock that steps back neither holds a restart up nor hurries it.
"""

from __future__ import annotations

from _collections_abc import Callable

from tradewarden.orchestrator.keeping.brief import Brief

PAUSE = "pause"  # too often: wait for a word
LEAVE = "leave"  # nothing more to do
_ALL = float("inf")
_LONGEST_ROW = 40  # doublings; far above every cap


class Restarts:
    """The crashes of one service and what follows from them; `uniform` is chance between 0 and 1."""

    def __init__(self, brief: Brief, uniform: Callable[[], float]) -> None:
        self._brief, self._uniform = brief, uniform
        self._row = 0  # crashes without a long life between them
        self.recent: list[float] = []

    def forget(self) -> None:
        """Somebody asked for a start: what was before does not count."""
        self._row = 0
        self.recent = []

    def ended(self, now: float, up: float, *, well: bool) -> float | str:
        """A life ended by itself: seconds until the next one, or PAUSE, or LEAVE."""
        brief = self._brief
        if (brief.once and well) or brief.restart == "never" or (brief.restart == "failure" and well):
            return LEAVE
        if up >= brief.min_uptime:
            self._row = 0
        return self._count(now) or self._wait()

    def failed(self, now: float, *, passing: bool) -> float | str:
        """No life could begin; `passing`: for want of memory or processes, which is nobody's fault."""
        if passing:
            return self._wait(at_least=2)
        if self._brief.restart == "never":
            return LEAVE
        return self._count(now) or self._wait(at_least=2)

    def _count(self, now: float) -> str | None:
        brief = self._brief
        if brief.attempts <= 0:
            return None  # for ever
        since = now - (_ALL if brief.once else brief.window)  # a step has so many attempts in all
        self.recent = [*(each for each in self.recent if each > since), now]
        if brief.attempts <= len(self.recent):
            return LEAVE if brief.once else PAUSE
        return None

    def _wait(self, at_least: int = 1) -> float:
        self._row = min(max(self._row + 1, at_least), _LONGEST_ROW)
        if self._row == 1:
            return 0.0  # the first crash is repaired at once
        return self._uniform() * min(self._brief.cap, self._brief.base * 2.0 ** (self._row - 2))


class Leave:
    """Whether the keeper may start its service by itself: always, never, or until a moment.

    A moment has passed when either clock says so, the wall's or the machine's: in doubt nothing is started.
    """

    def __init__(self, until: float | None, wall: float, running: float) -> None:
        self._wall_end = until
        self._running_end = None if until is None else running + (until - wall)

    def holds(self, wall: float, running: float) -> bool:
        """`running` is a clock that nobody sets and that goes on while the machine sleeps."""
        if self._wall_end is None or self._running_end is None:
            return True
        return wall < self._wall_end and running < self._running_end


def leave_of(word: str, wall: float, running: float) -> Leave | None:
    """The permission in a command's words (`until=EPOCH`, `always`, `never`); none when they say nothing known."""
    match word.partition("="):
        case ("always", _, _):
            return Leave(None, wall, running)
        case ("never", _, _):
            return Leave(0.0, wall, running)
        case ("until", "=", epoch):
            try:
                return Leave(float(epoch), wall, running)
            except ValueError:
                return None
    return None
