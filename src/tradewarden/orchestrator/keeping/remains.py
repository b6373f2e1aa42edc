"""What must end before anything new begins: what a life left behind, and what an earlier keeper did."""

from __future__ import annotations

import os
from _collections_abc import Callable, Container, Iterable

from tradewarden.orchestrator.keeping import family, signals
from tradewarden.orchestrator.keeping.family import Process

AGAIN = 0.05  # seconds between two rounds of SIGKILL
_CHASES = 10  # looks at who has come while the ones before were told: each may have forked and ended
_UNKILLABLE = 3.0  # seconds after the first of them: then a person has to be told
_DIGITS = 19
ONE_RUN = "run-"  # how the revision of a job's run begins: such a one is begun once, whoever asks how often
_TOLD = 3600.0  # seconds until that person is told again


class Remains:
    """The descendants of this keeper, and those processes that outlived the keeper before it."""

    def __init__(self, spared: Callable[[], int | None]) -> None:
        """`spared` is a child of the keeper's own, if there is one: no part of the service."""
        self._spared = spared
        self._earlier: list[Process] = []
        self._again: Callable[[], Iterable[Process]] = list
        self._said = signals.SIGKILL  # the last signal that all were sent
        self.kill_at: float | None = None
        self._killed_at: float | None = None

    def end_by(self, moment: float) -> None:
        """All of it is killed at this moment, or at an earlier one that was set before."""
        self.kill_at = moment if self.kill_at is None else min(moment, self.kill_at)

    def over(self) -> None:
        """Nothing is left: nothing has to be killed."""
        self.kill_at = self._killed_at = None

    def kill(self, now: float) -> str | None:
        """Kill all of it; `escalate` the first time, `unkillable` when it has not helped for long."""
        first = self._killed_at is None
        if self._killed_at is None:
            self._killed_at = now
        self.signal(signals.SIGKILL)
        self.kill_at = now + AGAIN
        if first:
            return "escalate"
        if now - self._killed_at > _UNKILLABLE:
            self._killed_at, self.kill_at = now + _TOLD, now + 1
            return "unkillable"
        return None

    def adopt(self, earlier: Iterable[Process], again: Callable[[], Iterable[Process]]) -> None:
        """These outlived their keeper: they and all that they started have to end.

        Their orphans come to somebody else: when the last of them has ended, `again` looks whether it left another.
        """
        self._earlier, self._again = list(earlier), again
        self._widen()

    def alive(self) -> list[int]:
        """Everything that still runs."""
        if self._earlier:
            self._widen()
            for each in self._earlier:
                if not each.lives:
                    each.close()
            self._earlier = [each for each in self._earlier if each.is_open] or self._heirs()
        return [*self._own(), *(each.pid for each in self._earlier)]

    def signal(self, number: int, but: Container[int] = ()) -> int:
        """Send a signal to all of it, save to those that have had it; how many were meant."""
        self._said = number
        meant = sum(process.signal(number) for process in self._earlier)
        told: set[int] = set()
        for _ in range(_CHASES):
            fresh = [pid for pid in self._own() if pid not in told and pid not in but]
            if not fresh:
                break
            told.update(fresh)
            pinned = [process for pid in fresh if (process := family.pin(pid)) is not None]
            still = set(self._own())  # pinned now, and ours still: no stranger under an old number
            for process in pinned:
                if process.pid in still:
                    meant += process.signal(number)
                process.close()
        return meant

    def _own(self) -> list[int]:
        spared = self._spared()
        return family.own(() if spared is None else (spared,))

    def _heirs(self) -> list[Process]:
        found = list(self._again())
        for each in found:
            each.signal(self._said)
        return found

    def _widen(self) -> None:
        known = {each.pid for each in self._earlier}
        for each in [each for each in self._earlier if each.lives]:
            for pid in family.descendants(each.pid):
                if pid not in known and (process := family.pin(pid)) is not None:
                    known.add(pid)
                    self._earlier.append(process)


def left_by_earlier(events: list[dict[str, str]], mark: bytes, boot: str) -> list[Process]:
    """What of this service outlived its keeper: by the mark it carries, or as the status log names the last life."""
    found = family.carriers(mark)
    start = unfinished(events)
    if start is None or start.get("boot") != boot:
        return found
    pid, began = number_of(start.get("pid")), number_of(start.get("ctime"))
    if pid in {0, 1, os.getpid()} or pid in {each.pid for each in found}:
        return found
    named = family.identified(pid, began)
    return [named, *found] if named is not None else found


def unfinished(events: list[dict[str, str]]) -> dict[str, str] | None:
    """The start of a life whose end nobody has written down, or that nobody knows to have begun."""
    failed = False
    for event in reversed(events):
        match event["ev"]:
            case "start":
                return event
            case "exit":
                return None
            case "starting":
                return None if failed else event
            case "start_failed" if event.get("rev", "").startswith(ONE_RUN):
                failed = True
    return None


def is_spent(events: list[dict[str, str]], revision: str) -> bool:
    """Whether this one run of a job (`run-ID`) has begun, may have, or could not: no second keeper does it again."""
    if not revision.startswith(ONE_RUN):
        return False
    spent = False
    for event in events:
        if event.get("rev") == revision:
            match event["ev"]:
                case "start":
                    return True
                case "starting":
                    spent = True
                case "start_failed":
                    spent = event.get("again") == "null"  # else nothing has begun, and its keeper would try again
    return spent


def number_of(text: str | None) -> int:
    """A whole number as a status log has it; 0 when it is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < _DIGITS else 0
