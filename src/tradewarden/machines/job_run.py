"""One run of a job from its claim to its end: what its keeper wrote and what time it is become what is to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from errno import EBUSY
from signal import Signals
from typing import Final

from tradewarden.machines.job_deed import Began, Deed, Fence, Keep, Over, Stop, Waits
from tradewarden.machines.kept import Escalated, Exited, Gone, Happening, Paused, Started, StartFailed
from tradewarden.machines.past import span
from tradewarden.machines.run import Lease, Outcome, Run

ASK_AGAIN: Final = 0.4  # seconds at least between two questions for a keeper
LINGERS: Final = 2.0  # seconds after which a keeper that began nothing is still about an earlier run
PAUSES: Final = 5  # times that, at most, between two keepers that left before it began
_LEFT: Final = "waits for what an earlier run of it left behind to end"
_UNSEEN: Final = "its keeper was killed, and nobody saw how it ended"
_SILENT: Final = "its keeper left before it began: see whether the disk of desk.run_dir is full"
_AWAY: Final = "tradewarden was not there to begin it"
_RESTARTED: Final = "the machine was restarted while it ran"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the run may: from the job's description."""

    is_window: bool = False  # it is kept up until its window closes
    is_repaired: bool = False  # a crash is followed by another life
    timeout: float | None = None  # seconds
    attempts: int = 5  # keepers that may be lost before it is given up


@dataclass(frozen=True, slots=True)
class Now:
    """The present by both clocks."""

    wall: datetime
    mono: float  # seconds


class Phase(StrEnum):
    """Where it stands."""

    WAITS = "waits"  # for a condition, or for a keeper that can be had
    ASKED = "asked"  # a keeper was asked for, and has begun nothing yet
    RUNS = "runs"
    RESTS = "rests"  # a life of it ended: its keeper says what comes next
    FENCED = "fenced"  # a keeper was asked for that only ends what is left
    OVER = "over"


class JobRun:
    """The run; tell it what happened, in the order in which it did, and do what it answers."""

    def __init__(self, run: Run, rules: Rules) -> None:
        self.run, self.rules = run, rules
        self.phase = Phase.WAITS
        self.lives = 0
        self._attempt, self._begun = 1, run.started is not None
        self._ending: Over | None = None
        self._life: Started | None = None
        self._exit: Exited | None = None
        self._deadline: float | None = None  # of its timeout
        self._asking, self._ask_at, self._is_killed = False, 0.0, False
        self._in_vain, self._why = 0, run.reason  # keepers that left before it began; what it waits for

    @property
    def revision(self) -> str:
        """What its keeper writes beside each start of it."""
        return f"run-{self.run.id}" + (f".{self._attempt}" if self._attempt > 1 else "")

    @property
    def is_ending(self) -> bool:
        """Whether it was asked to end."""
        return self._ending is not None

    @property
    def deadline(self) -> float | None:
        """When by the clock that never jumps something is to be done, as far as that is known."""
        return self._deadline if self.phase in (Phase.RUNS, Phase.RESTS) and self._ending is None else None

    # Facts

    def adopt(
        self,
        happenings: Sequence[Happening],
        *,
        is_held: bool,
        same_boot: bool,
        age: Callable[[Started], float],
        now: Now,
    ) -> list[Deed]:
        """An earlier daemon had it: this is all that keepers of that name have written, and how old a life of it is."""
        mine = [place for place, each in enumerate(happenings) if self._is_mine(each)]
        self.phase = Phase.ASKED if is_held and same_boot else Phase.WAITS
        deeds: list[Deed] = []
        for each in happenings[mine[0] :] if mine else ():
            deeds += self.kept(each, age(each) if isinstance(each, Started) else 0.0, now)
        if not self._begun or self.phase is Phase.OVER or (mine and same_boot):
            return deeds
        if is_held and same_boot:  # somebody removed the status log
            self.phase = Phase.RUNS
            return self.end(Outcome.FAILED, "what its keeper wrote down was lost")
        return [*deeds, *self._lost(_UNSEEN if same_boot else _RESTARTED)]

    def kept(self, happening: Happening, age: float, now: Now) -> list[Deed]:  # noqa: PLR0911 - a line an event
        """Its keeper wrote something down; `age`: how long the process has lived that this is about."""
        match happening:
            case Started() if self._is_mine(happening):
                return self._started(happening, age, now)
            case StartFailed(again_at=None) if self._is_mine(happening):
                return self._over(Outcome.FAILED, f"it could not begin: {happening.text}", at=happening.at)
            case StartFailed(again_at=None, revision="", errno=number) if self.phase is Phase.ASKED and number != EBUSY:
                return self._over(Outcome.FAILED, f"it could not begin: {happening.text}", at=happening.at)
            case Exited() if self._life is not None and happening.pid == self._life.pid:
                return self._exited(happening)
            case Escalated():
                self._is_killed = self._life is not None or self._exit is not None
            case Paused(attempts=attempts, window=window) if self.phase is Phase.RESTS:
                return self.end(Outcome.FAILED, f"it ended {attempts} times within {span(window)}; {self._how()}")
            case Gone() if self.phase in (Phase.RESTS, Phase.FENCED):
                return self._settled()
            case _:
                pass
        return []

    def held(self, is_held: bool, now: Now) -> list[Deed]:  # noqa: FBT001, PLR0911 - a fact, and a line a phase
        """Whether a keeper of that name lives; told after all that it wrote."""
        if self._asking:
            return []
        if is_held:
            is_in_the_way = self.phase is Phase.ASKED and now.mono >= self._ask_at + LINGERS
            return self._waits(_LEFT) if is_in_the_way else []
        match self.phase:
            case Phase.RUNS:
                return [self._ask(Phase.FENCED, now)]
            case Phase.RESTS:
                return self._settled()
            case Phase.ASKED if now.mono >= self._ask_at:
                return self._unheard(now) if self._ending is None else self._finish(self._ending)
            case Phase.FENCED if now.mono >= self._ask_at:
                return [self._ask(self.phase, now)]
            case _:
                return []

    def answered(self, why: str | None) -> list[Deed]:
        """The question for a keeper has its answer: none, or why there can be none at present."""
        self._asking = False
        if why is None or self.phase is not Phase.ASKED:
            return []
        self.phase = Phase.WAITS
        return self._waits(why)

    def look(self, barrier: str | None, now: Now) -> list[Deed]:
        """Time has passed, and this keeps it from beginning."""
        closes = self.run.until
        is_closed = closes is not None and now.wall >= closes
        match self.phase:
            case Phase.WAITS if now.mono >= self._ask_at or is_closed or self._ending is not None:
                return self._wait(barrier, now, is_closed=is_closed)
            case Phase.ASKED if is_closed and self.rules.is_window:
                return self.end(Outcome.FAILED, "its window closed before it could begin")
            case Phase.RUNS | Phase.RESTS:
                if self._deadline is not None and now.mono >= self._deadline:
                    return self.end(Outcome.TIMEOUT, f"it did not end within {span(self.rules.timeout or 0)}")
                if is_closed and self.rules.is_window:
                    return self.end(Outcome.SUCCESS, "its window closed")
        return []

    def end(self, outcome: Outcome, reason: str) -> list[Deed]:
        """It has to end, and counts as this then; what has not begun counts as missed."""
        if self.phase is Phase.OVER or self._ending is not None:
            return []
        self._ending = Over(outcome, reason)
        if self.phase is Phase.WAITS:
            return self._finish(self._ending)
        return [Stop()] if self.phase is not Phase.FENCED else []

    # What follows

    def _wait(self, barrier: str | None, now: Now, *, is_closed: bool) -> list[Deed]:
        if self._ending is not None:
            return self._finish(self._ending)
        if is_closed:
            if self._begun:
                return self._over(Outcome.FAILED, f"{_UNSEEN}, and its time is over")
            why = _SILENT if self._in_vain else _AWAY
            return self._over(Outcome.MISSED, f"it could not begin in time: {barrier or self._why or why}")
        if barrier is None:
            return [self._ask(Phase.ASKED, now)]
        return self._waits(barrier)

    def _unheard(self, now: Now) -> list[Deed]:
        """A keeper has left and began nothing: another was in its way, or no disk takes that it begins."""
        self.phase, self._ask_at = Phase.WAITS, now.mono + ASK_AGAIN * min(self._in_vain, PAUSES)
        self._in_vain += 1
        return self._waits(_SILENT) if self._in_vain > 1 else []

    def _waits(self, reason: str) -> list[Deed]:
        if self._begun:
            return []
        self._why = reason
        return [Waits(reason)]

    def _ask(self, phase: Phase, now: Now) -> Deed:
        self.phase, self._asking, self._ask_at = phase, True, now.mono + ASK_AGAIN
        return Fence() if phase is Phase.FENCED else Keep(self.revision)

    def _started(self, life: Started, age: float, now: Now) -> list[Deed]:
        self._attempt = max(self._attempt, _attempt(life.revision))
        self.lives += 1
        self.phase, self._life, self._exit, self._is_killed, self._begun = Phase.RUNS, life, None, False, True
        if self.rules.timeout is not None and self._deadline is None:
            self._deadline = now.mono + max(0.0, self.rules.timeout - age)
        began = Began(Lease(life.pid, life.ticks, life.boot), life.at)
        return [began, Stop()] if self._ending is not None else [began]

    def _exited(self, ended: Exited) -> list[Deed]:
        self.phase, self._life, self._exit = Phase.RESTS, None, ended
        is_last = ended.code == 0 or (ended.code is not None and not self.rules.is_repaired)
        if self._ending is None and not ended.asked and not ended.left and is_last:
            return self._settled()
        return []  # what it left behind ends first, or its keeper begins it again, or says that it will not

    def _settled(self) -> list[Deed]:
        """No keeper has it any more."""
        ended, self._life = self._exit, None
        if ended is None or (ended.code is None and not ended.asked):
            return self._lost(_UNSEEN)
        if ended.asked or (self._ending is not None and self.rules.is_repaired):
            return self._finish(replace(self._ending or self._asked(ended), code=ended.code, at=ended.at))
        if ended.code == 0:
            late = None if self._ending is None else f"it had ended before it could be asked to: {self._ending.reason}"
            return self._over(Outcome.SUCCESS, late, 0, ended.at)
        return self._over(Outcome.FAILED, self._how(), ended.code, ended.at)

    def _lost(self, why: str) -> list[Deed]:
        """Nobody knows how it ended; a monitor or a feed begins again while its time lasts."""
        if self._ending is not None:
            return self._finish(self._ending)
        if self.rules.is_repaired and self._attempt < self.rules.attempts:
            self._attempt += 1
            self.phase, self._exit = Phase.WAITS, None
            return []
        return self._over(Outcome.FAILED, why)

    def _asked(self, ended: Exited) -> Over:
        """Somebody ended it, and nobody remembers why: a daemon that was killed then, or a person with a shell."""
        closes, timeout = self.run.until, self.rules.timeout
        if self.rules.is_window and closes is not None and ended.at >= closes:
            return Over(Outcome.SUCCESS, "its window closed")
        if timeout is not None and ended.up >= timeout:
            return Over(Outcome.TIMEOUT, f"it did not end within {span(timeout)}")
        return Over(Outcome.FAILED, self.run.reason or "it was ended by hand")

    def _how(self) -> str:
        code = None if self._exit is None else self._exit.code
        lives = f" after {self.lives} lives" if self.lives > 1 else ""
        if code is None:
            return f"{_UNSEEN}{lives}"
        return (f"it ended with code {code}" if code > 0 else f"it was ended by {_signal(-code)}") + lives

    def _finish(self, ending: Over) -> list[Deed]:
        killed = ", and it was killed with all that it started" if self._is_killed else ""
        outcome = ending.outcome if self._begun else Outcome.MISSED
        return self._over(outcome, f"{ending.reason}{killed}", ending.code, ending.at)

    def _over(
        self, outcome: Outcome, reason: str | None, code: int | None = None, at: datetime | None = None
    ) -> list[Deed]:
        self.phase = Phase.OVER
        return [Over(outcome, reason, code, at)]

    def _is_mine(self, happening: Happening) -> bool:
        return isinstance(happening, Started | StartFailed) and run_of(happening.revision) == self.run.id


def run_of(revision: str) -> int | None:
    """Which run a keeper's revision belongs to; none when it is no job's."""
    number = revision.removeprefix("run-").partition(".")[0]
    return int(number) if revision.startswith("run-") and number.isdecimal() and number.isascii() else None


def _attempt(revision: str) -> int:
    number = revision.partition(".")[2]
    return int(number) if number.isdecimal() and number.isascii() else 1


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
