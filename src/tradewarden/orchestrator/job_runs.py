"""The runs of the desk's jobs: begun when they are given, found again after a restart, and what follows their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from tradewarden.machines.claim import APART
from tradewarden.machines.condition import Flows, parse
from tradewarden.machines.day_book import Book
from tradewarden.machines.due import Due
from tradewarden.machines.due_day import not_that_day
from tradewarden.machines.gate import gate
from tradewarden.machines.job import TIMEOUT, Job, kept_as
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.job_run import Rules, run_of
from tradewarden.machines.kept import Exited, Started
from tradewarden.machines.run import Misfire, Outcome, Run, Trigger
from tradewarden.machines.schedule import After, Ended, Schedule
from tradewarden.machines.trading_window import BEGINS, window
from tradewarden.machines.window_run import DISABLED, GONE, NO_SUCH_JOB, OFF
from tradewarden.orchestrator.environment import missing
from tradewarden.orchestrator.job import JobHost, RunDriver
from tradewarden.orchestrator.job_plans import Around, JobPlans
from tradewarden.orchestrator.job_result import sweep
from tradewarden.orchestrator.lease import is_alive
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.run_numbers import highest
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.scheduled import Follower, Scheduled
from tradewarden.orchestrator.scheduler import Scheduler
from tradewarden.orchestrator.standings import Standings

News = Callable[[Run | JobReport], None]

MARGIN: Final = timedelta(seconds=5)  # by which keepers' words come later than the clock
_ENDED: Final[Mapping[Ended, frozenset[Outcome]]] = {
    Ended.SUCCEEDED: frozenset({Outcome.SUCCESS}),
    Ended.FAILED: frozenset({Outcome.FAILED, Outcome.TIMEOUT}),
    Ended.ENDED: frozenset({Outcome.SUCCESS, Outcome.FAILED, Outcome.TIMEOUT}),
}

log = structlog.get_logger()


class JobRuns(JobPlans):
    """Whoever holds the open runs; `JobsDriver` says when."""

    def __init__(self, host: JobHost, edits: Edits, standings: Standings, around: Around) -> None:
        scheduler = Scheduler(host.runs, host.lease, self, ZoneInfo(around.zone), book=around.book)
        super().__init__(host, edits, standings, scheduler, around)
        self._foreign: dict[int, Run] = {}  # open runs that another daemon holds
        self._dead: set[int] = set()  # of these whose holder was gone when we last looked
        self._seldom_at = 0.0  # when they are looked at again
        self._subscribers: list[News] = []
        self._owed: list[Follower] = []  # what follows another job, and the disk did not take
        self.alert: Callable[[Run], None] = lambda _run: None  # tells people

    def arm(self) -> None:
        """Something is to be done at another moment than before."""

    def owns(self, name: str) -> bool:
        """Whether a keeper of this name is a job's."""
        job = name.partition("@")[0]
        is_job = any(job == each.name for each in self._jobs)
        return is_job or any(name == hand.instance.name for hand in self._hands.values())

    # An earlier daemon's runs

    def _adopt(self) -> None:
        open_runs, run_dir = self._host.runs.open(), self._host.keepers.run_dir
        self._host.runs.pass_over(highest(run_dir))
        sweep(run_dir, {run.id for run in open_runs})
        for run in open_runs:
            self._take_over(run)
        for name in self._host.keepers.names():
            if self.owns(name) and not any(hand.instance.name == name for hand in self._hands.values()):
                self._end_stranger(name)

    def _take_over(self, run: Run) -> None:
        """Of a run that was open when we came: it is ours unless its holder lives and no keeper here has it."""
        if any(hand.run.id == run.id for hand in self._hands.values()):
            return
        ours = any(
            isinstance(each, Started) and run_of(each.revision) == run.id
            for each in self._host.keepers.last(kept_as(run.job, run.user))
        )
        if not ours and run.lease != self._host.lease and is_alive(run.lease):
            self._foreign[run.id] = run
            return
        try:
            is_others = run.outcome is Outcome.QUEUED and run.lease != self._host.lease
            if is_others and not self._host.runs.take(run, self._host.lease):
                self._foreign[run.id] = run  # somebody was quicker
                return
        except LedgerError:
            self._foreign[run.id] = run  # the disk takes nothing: at the next beat
            self._dead.add(run.id)
            self._seldom_at = 0.0
            return
        self._foreign.pop(run.id, None)
        job = next((each for each in self._jobs if each.name == run.job), None)
        job = job or Job(name=run.job, command=("true",), directory="/")
        hand = self._hands[run.job, run.user] = self._hand(run, job)
        hand.adopt(ending=self._why_ended(run))

    def _why_ended(self, run: Run) -> str | None:
        """What runs goes on, and what waits begins, only as long as its job does, and stands."""
        each = self.scheduled.get((run.job, run.user))
        if each is None:
            return GONE if not run.user else f"{run.user} {NO_SUCH_JOB}"
        if not each.enabled:
            return DISABLED
        if run.trigger is Trigger.ONCE:
            return None
        return OFF if not each.stands else None if run.outcome is Outcome.RUNNING else self._down

    def _end_stranger(self, name: str) -> None:
        """Something of a job runs that has no open run: it was claimed by nobody, or is recorded as ended."""
        if not self.owns(name):
            return
        lives: str | None = None
        for each in self._host.keepers.last(name):
            match each:
                case Started(revision=revision):
                    lives = revision
                case Exited():
                    lives = None
        number = None if lives is None else run_of(lives)
        if number is not None and not self._host.runs.may_be_open(number) and self._host.keepers.command(name, "stop"):
            log.warning("job.stranger", job=name, run=number)

    # Runs

    def barrier(self, scheduled: Scheduled) -> str | None:
        """What keeps an instance from beginning now."""
        return self._barrier(self.instance(scheduled.job, scheduled.user))

    def _barrier(self, job: Job) -> str | None:
        for key, hand in self._hands.items():
            if key not in self.scheduled and _is_former(hand.instance, job):
                return f"waits for {hand.instance.name}, its former name, to end"
        if self._around.is_program(job.name):
            return f"waits for the program of the name {job.name} to end"
        conditions = tuple(map(parse, job.conditions))
        sources = {each.source for each in conditions if isinstance(each, Flows)}
        reason = gate(job.needs, conditions, self._around.facts(sources)).reason
        return reason or missing(job, self._host.state)

    def given(self, run: Run, scheduled: Scheduled) -> None:
        """A run was claimed: begin it."""
        hand = self._hands[scheduled.key] = self._hand(run, scheduled.job)
        log.info("job.claimed", job=run.job, user=run.user, run=run.id, trigger=str(run.trigger), by=run.by)
        self._publish(run)
        hand.begin()
        self.arm()

    def passed(self, runs: Sequence[Run], scheduled: Scheduled) -> None:
        """Due times went by without a run; people are shown the last one."""
        last = runs[-1]
        missed = [run for run in runs if run.outcome is Outcome.MISSED and run.trigger is Trigger.SCHEDULE]
        scheduled.ended = missed[-1] if missed else scheduled.ended
        words = {"job": last.job, "user": last.user, "due": str(last.due), "reason": last.reason, "runs": len(runs)}
        log.warning("job.passed", outcome=str(last.outcome), **words)
        if last.outcome is not Outcome.SKIPPED:  # what was refused is in the history: how it did last is another run
            self._last[scheduled.key] = last
        self._publish(last)
        if last.outcome is Outcome.MISSED:
            self._alert(last, scheduled.job)

    def _hand(self, run: Run, job: Job) -> RunDriver:
        return RunDriver(
            run,
            job,
            self.trader(run.user),
            self._rules(run, job),
            self._host,
            barrier=self._barrier,
            told=lambda hand: self._heard(hand, job),
        )

    def _rules(self, run: Run, job: Job) -> Rules:
        return Rules(
            is_window=run.lasts,
            is_repaired=job.does.is_repaired,
            timeout=job.timeout if run.lasts else job.timeout or TIMEOUT,
            attempts=job.restarts.attempts,
        )

    def _heard(self, hand: RunDriver, job: Job) -> None:
        run = hand.run
        self._publish(run)
        if not hand.is_over:
            return
        self._last[run.job, run.user] = run
        if self._hands.get((run.job, run.user)) is hand:
            del self._hands[run.job, run.user]
        self._note_end(hand)
        if run.outcome in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.MISSED):
            self._alert(run, job)
        self._follow(run)

    def _note_end(self, hand: RunDriver) -> None:
        """What an open window asks about, once nothing runs any more."""
        run, each = hand.run, self.scheduled.get((hand.run.job, hand.run.user))
        if each is not None and hand.rules.is_window:
            each.ended = run
        if each is not None and run.trigger is Trigger.ONCE and run.started is not None:
            each.apart = run.started + APART

    def _alert(self, run: Run, job: Job) -> None:
        if job.misfire is Misfire.ALERT:
            self.alert(run)

    # One job after another

    def _follow(self, run: Run) -> None:
        """Begin what waits for this run to end as it did."""
        now = self._host.clock.now()
        self._owed += [each for each in self._followers(run) if not self.scheduler.after(each, now)]

    def _follow_on(self, now: datetime) -> None:
        """What the disk did not take when it was to follow."""
        owed, self._owed = self._owed, []
        for each in owed:
            mine = self.scheduled.get(each.scheduled.key)
            if mine is None or not mine.is_active:
                continue
            follower = replace(each, scheduled=mine)
            if not self.scheduler.after(follower, now, noticed=each.due.at):
                self._owed.append(follower)

    def _followers(self, run: Run) -> Iterator[Follower]:
        """Whoever waits for a run that ends like this, also on a day that is none of its own: it is told why."""
        if run.ended is None:
            return
        book, by = self._around.book(), f"after {kept_as(run.job, run.user)}"
        for each in tuple(self.scheduled.values()):
            if not each.is_active or (run.user and each.user not in ("", run.user)):
                continue
            waiting = [schedule for schedule in each.schedules if _waits_for(run, schedule)]
            reasons = [_why_not(run, schedule, book) for schedule in waiting]
            if waiting:
                chosen = reasons.index(None) if None in reasons else 0
                due = Due(run.ended, window(run.ended, book, waiting[chosen].segment)[1])
                yield Follower(each, due, by, reasons[chosen])

    def _catch_up(self, now: datetime) -> None:
        """A daemon that was killed between the end of a run and the begin of what waits for it."""
        waited = {s.rule.job for each in self.scheduled.values() for s in each.schedules if isinstance(s.rule, After)}
        for job in waited:
            for run in reversed(self._host.runs.history(job=job, since=now - timedelta(days=2), limit=20)):
                for each in self._followers(run):
                    kept = each.scheduled.kept
                    if kept is not None and each.due.at > kept - MARGIN and not self.scheduler.after(each, now):
                        self._owed.append(each)

    # What is told

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a run, and of how a job stands."""
        self._subscribers.append(callback)

    def _publish(self, news: Run | JobReport) -> None:
        for subscriber in self._subscribers:
            subscriber(news)


def _waits_for(run: Run, schedule: Schedule) -> bool:
    rule = schedule.rule
    return isinstance(rule, After) and rule.job == run.job and run.outcome in _ENDED[rule.ended]


def _why_not(run: Run, schedule: Schedule, book: Book) -> str | None:
    """Why the schedule does not hold on any day that the run counts for; nothing when it does."""
    reasons = [not_that_day(schedule, day, book) for day in sorted(_days(run, schedule))]
    return None if None in reasons else reasons[-1]


def _days(run: Run, schedule: Schedule) -> set[date]:
    """The days that a run may count for: on which it was due, and whose evening it ended in, over midnight."""
    ended = run.ended or run.due
    evening = ended - timedelta(hours=BEGINS.hour)
    return {moment.astimezone(schedule.tz).date() for moment in (run.due, ended, evening)}


def _is_former(gone: Job, job: Job) -> bool:
    """Whether this was the same job under another name; two of one job for two traders are two jobs."""
    (name, _, user), (new, _, other) = gone.name.partition("@"), job.name.partition("@")
    is_other = gone.name != job.name and not (name == new and user and other)
    return is_other and (gone.command, gone.directory) == (job.command, job.directory)
