"""What people ask of the desk's jobs: run one once, end a run, let a desk stand or not, change a schedule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NoReturn

import structlog

from tradewarden.machines.condition import Facts
from tradewarden.machines.day_book import Book
from tradewarden.machines.due import Due
from tradewarden.machines.job import Job, Trader, kept_as
from tradewarden.machines.job_report import EditAnswer, Weighed
from tradewarden.machines.run import Outcome, Refused, Run, Trigger
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_limits import Limits
from tradewarden.machines.schedule_problems import circles, problems
from tradewarden.orchestrator.dry_runs import newest, too_many
from tradewarden.orchestrator.job import JobHost
from tradewarden.orchestrator.job_reports import JobReports
from tradewarden.orchestrator.job_spec import instance_of
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.orders import RefusedError
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.scheduled import Scheduled
from tradewarden.orchestrator.scheduler import Scheduler
from tradewarden.orchestrator.standings import WHOLE, Standings

PATIENCE: Final = timedelta(minutes=5)  # that a run which somebody wants once waits for what it needs
LAST_MONTH: Final = timedelta(days=30)
MOST: Final = 1000  # moments that a dry edit tells

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the jobs ask of the rest of the daemon."""

    facts: Callable[[Collection[str]], Facts]  # of the flows that are named
    is_program: Callable[[str], bool]  # whether a program of this name is kept, or on its way out
    book: Callable[[], Book]
    segments: Callable[[], Collection[str]]  # those that have a calendar
    segment: str  # of a schedule that names none
    zone: str  # the same
    traders: Callable[[], Sequence[str]]
    people: Mapping[str, Trader]
    keep: timedelta  # how long the history is kept
    forget: Callable[[date], object] = lambda _day: None  # what jobs handed over before this day
    limits: Limits = field(default_factory=Limits)  # that schedules have to keep to


class JobPlans(JobReports):
    """The verbs; each answers at once and may raise RefusedError, whose text says why not and what can be done."""

    def __init__(self, host: JobHost, edits: Edits, standings: Standings, scheduler: Scheduler, around: Around) -> None:
        super().__init__(host, edits, standings, scheduler, around.book)
        self._around = around
        self._jobs: tuple[Job, ...] = ()

    def define(self, jobs: Sequence[Job]) -> None:
        """These are the jobs from now on."""

    def up(self) -> None:
        """Somebody starts the desk again."""

    # Plans

    def plan(self, traders: Sequence[str]) -> None:
        """What is scheduled: each job as it is configured, with what people have said of it. Raises LedgerError."""
        self._pending = tuple(self.edits.pending())
        standings = {user: self.standings.of(user) for user in ("", *traders)}
        plans = {}
        for job in self._jobs:
            for user in traders if job.per_user else ("",):
                each = plans[job.name, user] = self._scheduled(job, user)
                each.is_unified = standings[user].get(WHOLE, not user)
                each.stands = each.is_unified or standings[user].get(job.name, False)
        self.scheduled = plans

    def _scheduled(self, job: Job, user: str) -> Scheduled:
        edits = [edit for whose in dict.fromkeys(("", user)) if (edit := self.edits.current(job.name, whose))]
        enabled = [edit.enabled for edit in edits[:1] if edit.user == "" and edit.enabled is not None] or [job.enabled]
        enabled += [edit.enabled for edit in edits if edit.user and edit.enabled is not None]
        texts = [edit.text for edit in edits if edit.text]
        problem, schedules = None, job.schedules
        if texts:
            try:
                schedules = self._parsed(texts[-1])
            except ValueError as error:
                problem = f"the schedule that somebody set cannot be read any more: {error}"
        known = self._around.segments()
        strange = [each.segment for each in schedules if each.segment not in known]
        if strange:
            problem = f"its schedule goes by {strange[0]}, which has no calendar; known: {', '.join(sorted(known))}"
            schedules = tuple(each for each in schedules if each.segment in known)
        return Scheduled(job=job, user=user, schedules=schedules, enabled=all(enabled), problem=problem)

    def _parsed(self, lines: Iterable[str]) -> tuple[Schedule, ...]:
        from tradewarden.machines.schedule_words import parse  # noqa: PLC0415 - memory for what happens seldom

        around = self._around
        known = around.segments()
        return tuple(parse(line, segment=around.segment, zone=around.zone, known_segments=known) for line in lines)

    def instance(self, job: Job, user: str) -> Job:
        """The job as it is one trader's."""
        return instance_of(job, self.trader(user), self._host.state)

    def trader(self, user: str) -> Trader:
        """What a trader's own jobs get."""
        return self._around.people.get(user, Trader(name=user))

    # Verbs

    def run_once(self, job: str, user: str, *, by: str) -> Run | Refused:
        """Run it now, unless a run stands in the way."""
        each = self._known(job, user)
        if not each.enabled:
            raise RefusedError(f"{each.name} is disabled: enable it first.")
        now = self._host.clock.now()
        with_patience = Due(now, now + PATIENCE)
        try:
            given = self.scheduler.ask(each, Trigger.ONCE, with_patience, by=by)
        except LedgerError as trouble:
            raise RefusedError(f"{trouble}") from None
        hand = self._hands.get(each.key)
        return hand.run if isinstance(given, Run) and hand is not None and hand.run.id == given.id else given

    def end_run(self, run_id: int, *, by: str) -> Run:
        """Stop what runs; it counts as failed, and as missed if it has not begun."""
        hand = next((hand for hand in self._hands.values() if hand.run.id == run_id), None)
        if hand is None:
            try:
                run = self._host.runs.run(run_id)
            except LedgerError as trouble:
                raise RefusedError(f"{trouble}") from None
            if run is None:
                raise RefusedError(f"there is no run {run_id}.")
            if run.outcome.is_open:
                raise RefusedError(f"run {run_id} belongs to another daemon: end it there.")
            raise RefusedError(f"run {run_id} has ended: {run.outcome}.")
        log.info("job.order", verb="end", job=hand.instance.name, run=run_id, by=by)
        hand.end(Outcome.FAILED, f"ended by {by}")
        return hand.run

    def stand(self, user: str, job: str, on: bool, *, by: str) -> str:  # noqa: FBT001 - on or off is what is said
        """Let a person's desk as a whole (no job), or one job of it, run on schedule or not: a sentence."""
        mine = [each for key, each in self.scheduled.items() if key[1] == user]
        if user and user not in self._around.traders():
            raise RefusedError(f"there is no trader {user!r}; known: {', '.join(self._around.traders()) or 'none'}.")
        whose = f"{user}'s desk" if user else "the desk"
        try:
            was = self.whole(user)
            if not job:
                self._set(user, {WHOLE: on, **({each.job.name: False for each in mine} if on else {})}, mine, by)
                if on and not user:
                    self.up()
                return f"{whose[0].upper()}{whose[1:]} {self._said(on=on, was=was)} as a whole.{self._yet(on=on)}"
            each = self._known(job, user)
            if was:
                raise RefusedError(f"{whose} runs as a whole, and {job} with it: stop that first, or run {job} once.")
            before = each.stands
            self._set(user, {job: on}, [each], by)
        except LedgerError as trouble:
            raise RefusedError(f"{trouble}") from None
        return f"{job} {self._said(on=on, was=before)}{f' for {user}' if user else ''}, by itself.{self._yet(on=on)}"

    def _yet(self, *, on: bool) -> str:
        resting = self.resting if on else None
        return "" if resting is None else f" But {resting}, and nothing begins before `tradewarden start --all`."

    def weigh(self, job: str, text: Sequence[str] | None, *, dry: bool) -> Weighed | None:
        """What is wrong with these schedules, and what they would have done; none of a job that there is not.

        It may take long, touches nothing and goes in any thread.
        """
        described = self._described(job)
        return None if described is None else self._weighed(described, text, dry=dry)

    def _weighed(self, job: Job, text: Sequence[str] | None, *, dry: bool) -> Weighed:
        faults, schedules = self._faults(job, text)
        if faults or not dry:
            return Weighed(problems=tuple(faults))
        now = self._host.clock.now()
        found = newest(schedules, now - LAST_MONTH, now, self._book(), most=MOST)
        return Weighed(would=tuple(due.at for due in found))

    def edit(
        self,
        job: str,
        user: str,
        *,
        text: Sequence[str] | None,
        enabled: bool | None,
        dry: bool,
        by: str,
        weighed: Weighed | None = None,
    ) -> EditAnswer:
        """Another schedule (none at all: as configured), or whether it is enabled; `dry` only tells."""
        described = self._described(job)
        if described is None:
            self._unknown(job)
        if user:
            self._known(job, user)
        holds = described.edits
        found, name = weighed or self._weighed(described, text, dry=dry), kept_as(job, user)
        if found.problems:
            return EditAnswer(text=f"Nothing was changed: {found.problems[0]}.", holds=holds, problems=found.problems)
        if dry:
            would = found.would
            count = f"more than {MOST:,}" if len(would) > MOST else len(would)
            told = f"{name} would have run {count} times in the last {LAST_MONTH.days} days."
            return EditAnswer(text=told, holds=holds, would=would[-MOST:])
        if text is None and enabled is None:
            return EditAnswer(text="Nothing was to be changed.", holds=holds)
        before = self._standing_of(job, user)
        try:
            self.edits.add(job, user, text=text, enabled=enabled, by=by, applied=holds == "now")
            log.info("job.edited", job=name, by=by, schedules=text, enabled=enabled, holds=holds)
            self.define(self._jobs)
        except LedgerError as trouble:
            raise RefusedError(f"{trouble}") from None
        when = "from now on" if holds == "now" else "from the desk's next start on"
        if holds == "now" and before and before == (after := self._standing_of(job, user)):
            return EditAnswer(text=f"Nothing changes by that: {name} {' and '.join(dict.fromkeys(after.values()))}.")
        what = [] if text is None else [f"runs {'; '.join(text)}" if text else "runs as the configuration says"]
        what += [] if enabled is None else ["is enabled" if enabled else "is disabled"]
        return EditAnswer(text=f"{name} {' and '.join(what)} {when}.", holds=holds)

    def _standing_of(self, job: str, user: str) -> dict[tuple[str, str], str]:
        """What holds of a job for whom, in words."""
        return {
            key: f"runs {_words(each.schedules)} and is {'enabled' if each.enabled else 'disabled'}"
            for key, each in self.scheduled.items()
            if key[0] == job and user in ("", key[1])
        }

    def _faults(self, job: Job, text: Sequence[str] | None) -> tuple[list[str], tuple[Schedule, ...]]:
        """What is wrong with these schedules, and what they are."""
        if not text:
            return [], job.schedules
        try:
            schedules = self._parsed(text)
        except ValueError as error:
            return [str(error)], ()
        told = {each.name: each.schedules for each in self._jobs} | {job.name: schedules}
        now, limits = self._host.clock.now(), self._around.limits
        try:
            if (wrong := too_many(schedules, now, self._book())) is not None:
                return [wrong], ()
        except OverflowError:
            return ["nothing can be due at the ends of time: write a year from 1970 on"], ()
        return [*problems(schedules, after=now, book=self._book(), limits=limits), *circles(told)], schedules

    def _set(self, user: str, standings: dict[str, bool], those: Iterable[Scheduled], by: str) -> None:
        now = self._host.clock.now()
        for each in those:
            if not each.is_active:
                self.scheduler.begin_anew(each, now)  # what was due before does not count
        self.standings.set(user, standings, by=by)
        log.info("job.standing", user=user, standings=standings, by=by)
        self.define(self._jobs)

    @staticmethod
    def _said(*, on: bool, was: bool) -> str:
        if on:
            return "runs on schedule already" if was else "runs on schedule from now on"
        return "runs on schedule no more" if was else "does not run on schedule"

    def _known(self, job: str, user: str) -> Scheduled:
        each = self.scheduled.get((job, user))
        if each is not None:
            return each
        described = self._described(job)
        if described is None:
            self._unknown(job)
        if described.per_user is (user != "") and (not user or user in self._around.traders()):
            raise RefusedError(f"{kept_as(job, user)} is new, or the ledger could not be read: ask again in a moment.")
        if not described.per_user:
            raise RefusedError(f"{job} is the desk's own, and no trader's.")
        if not user:
            raise RefusedError(
                f"{job} runs for a trader: say for whom; known: {', '.join(self._around.traders()) or 'none'}."
            )
        raise RefusedError(f"there is no trader {user!r}; known: {', '.join(self._around.traders()) or 'none'}.")

    def _described(self, job: str) -> Job | None:
        return next((each for each in self._jobs if each.name == job), None)

    def _unknown(self, job: str) -> NoReturn:
        known = ", ".join(each.name for each in self._jobs) or "none"
        raise RefusedError(f"there is no job {job!r}; known: {known}.")


def _words(schedules: Iterable[Schedule]) -> str:
    return "; ".join(each.text or str(each) for each in schedules)
