"""One run's hands: reads what its keeper writes, tells it what to do, and keeps in the ledger how it ended."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, assert_never

import structlog

from tradewarden.machines.job import Job, Trader
from tradewarden.machines.job_deed import Began, Deed, Fence, Keep, Over, Stop, Waits
from tradewarden.machines.job_run import JobRun, Now, Phase, Rules, run_of
from tradewarden.machines.kept import Happening, Started
from tradewarden.machines.run import Lease, Outcome, Run
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.environment import UnresolvedError
from tradewarden.orchestrator.job_result import forget, handed_back, prepare, result_file
from tradewarden.orchestrator.job_spec import as_run, fence_for, instance_of, spec_for, until_of
from tradewarden.orchestrator.keepers import Keepers, KeepersError, Spec
from tradewarden.orchestrator.runs import Runs

PATIENCE: Final = 8.0  # seconds for a keeper to come
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_GOOD: Final = frozenset({Outcome.SUCCESS})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHost:
    """What all jobs of a desk share."""

    keepers: Keepers
    runs: Runs
    clock: Clock
    spawn: Spawn
    state: Path
    log_dir: Path
    learned: Callable[[str], None]  # hears of each secret
    lease: Lease  # this daemon's
    uptime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)  # seconds since the machine began
    wall: Callable[[], float] = time.time  # the clock that keepers go by, whatever the desk's shows
    awake: Callable[[], float] = time.monotonic  # the same without those that it slept, as the loop's clock counts

    def slept(self) -> float:
        """Seconds that the machine has slept since it began."""
        return round(max(0.0, self.uptime() - self.awake()), 3)

    def age(self, life: Started, slept_before: float | None) -> float:
        """How long a process has lived while the machine was awake; of another boot nobody can tell.

        `slept_before`: what `slept` said when it began; none: nobody wrote that down, and no sleep is left out.
        """
        if life.boot != self.lease.boot:
            return 0.0
        asleep = 0.0 if slept_before is None else max(0.0, self.slept() - slept_before)
        return max(0.0, self.uptime() - life.ticks / _TICKS - asleep)


class RunDriver:
    """One open run; `barrier` says what keeps it from beginning, `told` is called after each change."""

    def __init__(
        self,
        run: Run,
        job: Job,
        trader: Trader,
        rules: Rules,
        host: JobHost,
        *,
        barrier: Callable[[Job], str | None],
        told: Callable[[RunDriver], None],
    ) -> None:
        self.run, self.rules, self._trader, self._host = run, rules, trader, host
        self.instance = instance_of(job, trader, host.state)
        self._barrier, self._told = barrier, told
        self._machine = JobRun(run, rules)
        self._known: frozenset[Happening] = frozenset()  # told already, when it was taken over
        self._owes_stop = False
        self._slept = run.slept  # of the machine, when it was asked to begin
        self._news = host.keepers.follow(self.instance.name)  # what was before is another run's, or found by `adopt`

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._machine.phase is Phase.OVER

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.run.outcome is Outcome.QUEUED

    @property
    def deadlines(self) -> tuple[datetime | None, float | None]:
        """When to look again: by the wall's clock, and by the one that never jumps."""
        closes = self.run.until if self.rules.is_window or self._machine.phase is Phase.WAITS else None
        return closes, self._machine.deadline

    # Facts

    def begin(self) -> None:
        """It was claimed a moment ago."""
        prepare(result_file(self._host.keepers.run_dir, self.run), self.instance.user)
        self._do(self._look)

    def adopt(self, *, ending: str | None = None) -> None:
        """An earlier daemon had it: find out what became of it; `ending`: why it is to go on no more."""
        keepers, name = self._host.keepers, self.instance.name
        held = self._probe() is not False
        past = keepers.last(name)
        self._known = frozenset(past)
        mine = [each for each in past if isinstance(each, Started) and run_of(each.revision) == self.run.id]
        holder = mine[-1] if mine else self.run.lease
        same = holder is None or holder.boot == self._host.lease.boot
        told = [self._shifted(each) for each in past]
        self._do(
            lambda now: self._machine.adopt(told, is_held=held, same_boot=same, age=self._age, now=now), while_away=True
        )
        if ending is not None:
            self.end(Outcome.FAILED, ending)
        self.look()

    def look(self) -> None:
        """Read what its keeper has written, and whether it still lives; then see what time it is."""
        if self.is_over:
            return
        held = self._probe()  # the lock first: whoever has dropped it has written its last line
        news = [each for each in self._news.read() if each not in self._known]
        for each in news:
            age = self._age(each) if isinstance(each, Started) else 0.0
            self._do(partial(self._machine.kept, self._shifted(each), age))
        if held is not None and not (held is False and any(isinstance(each, Started) for each in news)):
            self._do(partial(self._machine.held, held))
        self._do(self._look)
        if self._owes_stop and not self.is_over:
            self._stop()

    def end(self, outcome: Outcome, reason: str) -> None:
        """It has to end, and counts as this; another daemon may be the one that sees it."""
        if not (self.is_over or self.waits or self._machine.is_ending):
            self._host.runs.note(self.run.id, reason)
        self._do(lambda _: self._machine.end(outcome, reason))

    def close_at(self, until: datetime) -> None:
        """Its window closes at another moment than when it was claimed."""
        self.run = replace(self.run, until=until)
        self._machine.run = replace(self._machine.run, until=until)

    def redefine(self, job: Job, trader: Trader) -> None:
        """Its description has changed; what has begun goes on by the one that it began with."""
        if self.waits and self._machine.phase is Phase.WAITS:
            self.instance, self._trader = instance_of(job, trader, self._host.state), trader

    def _age(self, life: Started) -> float:
        return self._host.age(life, self._slept)

    def _look(self, now: Now) -> list[Deed]:
        waits = self._machine.phase is Phase.WAITS
        return self._machine.look(self._barrier(self.instance) if waits else None, now)

    def _probe(self) -> bool | None:
        """Whether a keeper of it lives; none when there is no descriptor to spare."""
        try:
            return self._host.keepers.held(self.instance.name)
        except OSError:
            return None

    # Deeds

    def _do(self, fact: Callable[[Now], list[Deed]], *, while_away: bool = False) -> None:
        if self.is_over:
            return
        clock = self._host.clock
        for deed in fact(Now(clock.now(), clock.mono_ns() / 1e9)):
            self._perform(deed, while_away=while_away)

    def _perform(self, deed: Deed, *, while_away: bool) -> None:
        match deed:
            case Keep(revision):
                self._host.spawn(self._keep(revision), name=f"job.{self.instance.name}.keep")
            case Fence():
                self._host.spawn(self._keep(None), name=f"job.{self.instance.name}.fence")
            case Stop():
                self._stop()
            case Began(lease, at):
                self._began(lease, at)
            case Waits(reason):
                self._waits(reason)
            case Over():
                self._over(deed, while_away=while_away)
            case _:
                assert_never(deed)

    def _stop(self) -> None:
        self._owes_stop = not self._host.keepers.command(self.instance.name, "stop")

    def _began(self, lease: Lease, at: datetime) -> None:
        if self.run.outcome is Outcome.QUEUED:
            self._host.runs.start(self.run.id, lease, at=at, slept=self._slept)
            late = round((at - self.run.due).total_seconds(), 3)
            log.info("job.started", **self._words(), pid=lease.pid, trigger=str(self.run.trigger), late=late)
            self.run = replace(
                self.run, outcome=Outcome.RUNNING, reason=None, started=at, lease=lease, slept=self._slept
            )
        else:
            log.info("job.again", **self._words(), pid=lease.pid, life=self._machine.lives)
            self.run = replace(self.run, lease=lease)
        self._told(self)

    def _waits(self, reason: str) -> None:
        before, self.run = self.run.reason, replace(self.run, reason=reason)
        if before is not None and reason.partition(":")[0] == before.partition(":")[0]:
            return  # how far it is from holding changes at each beat
        self._host.runs.wait(self.run.id, reason)
        log.info("job.waits", **self._words(), reason=reason)
        self._told(self)

    def _over(self, over: Over, *, while_away: bool) -> None:
        ended = over.at or self._host.clock.now()
        result = result_file(self._host.keepers.run_dir, self.run)
        back = handed_back(result)
        details, remark = back.details, back.remark(result)
        self._host.runs.finish(
            self.run.id,
            over.outcome,
            reason=over.reason,
            remark=remark,
            code=over.code,
            ended=ended,
            details=details or None,
            written=partial(forget, result),
        )
        self.run = replace(
            self.run,
            outcome=over.outcome,
            reason="; ".join(filter(None, [over.reason, remark])) or None,
            code=over.code,
            ended=ended,
            lease=None,
            details=details,
        )
        words = {"outcome": str(over.outcome), "reason": self.run.reason, "code": over.code}
        words |= {"while_away": True} if while_away else {}
        if over.outcome in _GOOD:
            log.info("job.ended", **self._words(), **words)
        else:
            log.warning("job.ended", **self._words(), **words)
        self._told(self)

    def _words(self) -> dict[str, object]:
        return {"job": self.run.job, "run": self.run.id} | ({"user": self.run.user} if self.run.user else {})

    async def _keep(self, revision: str | None) -> None:
        """Ask for a keeper; without a revision for one that only ends what is left."""
        why = None
        if self.waits:
            self._slept = self._host.slept()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._host.keepers.keep(self._spec(revision))
        except (UnresolvedError, KeepersError) as trouble:
            why = str(trouble)
        except TimeoutError:
            why = f"the keepers did not answer within {PATIENCE:g} s"
        if why is not None:
            log.warning("job.no_keeper", **self._words(), why=why)
        self._do(lambda _: self._machine.answered(why))
        self.look()

    def _spec(self, revision: str | None) -> Spec:
        host = self._host
        file = host.log_dir / f"{self.instance.name}.log"
        if revision is None:
            return fence_for(self.instance, file)
        result = result_file(host.keepers.run_dir, self.run)
        spec = spec_for(
            self.run, self.instance, self._trader, state=host.state, log=file, result=result, learned=host.learned
        )
        is_window = self.rules.is_window
        until = until_of(self.run, host.clock.now(), host.wall(), is_window=is_window)
        return as_run(spec, revision, is_window=is_window, until=until)

    def _shifted(self, happening: Happening) -> Happening:
        """Keepers go by the world's clock; a desk in a rehearsal does not."""
        if not self._host.clock.simulated:
            return happening
        return replace(happening, at=happening.at + (self._host.clock.now() - datetime.now(UTC)))
