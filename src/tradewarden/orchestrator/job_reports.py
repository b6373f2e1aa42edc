"""How the desk's jobs do, for whoever may see them: what stands, what comes next, what ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from tradewarden.machines.day_book import Book
from tradewarden.machines.due import why_not
from tradewarden.machines.job_report import JobReport, Stands, Statistics
from tradewarden.machines.role import Person, Role
from tradewarden.machines.run import Outcome, Run
from tradewarden.machines.schedule import After, Schedule
from tradewarden.machines.schedule_preview import Coming, preview
from tradewarden.orchestrator.job import JobHost, RunDriver
from tradewarden.orchestrator.schedule_edits import Edit, Edits
from tradewarden.orchestrator.scheduled import Scheduled
from tradewarden.orchestrator.scheduler import Scheduler
from tradewarden.orchestrator.standings import WHOLE, Standings

Key = tuple[str, str]  # a job and its user

_ENDS: Final = (Outcome.SUCCESS, Outcome.FAILED, Outcome.TIMEOUT, Outcome.MISSED)  # a refusal is none of a job's own
AHEAD: Final = timedelta(minutes=2)  # by which a clock may have been put back before people are told


class JobReports:
    """What is known of the jobs; `JobPlans` has the verbs."""

    def __init__(
        self,
        host: JobHost,
        edits: Edits,
        standings: Standings,
        scheduler: Scheduler,
        book: Callable[[], Book],
    ) -> None:
        self._host, self.edits, self.standings, self.scheduler, self._book = host, edits, standings, scheduler, book
        self.scheduled: dict[Key, Scheduled] = {}
        self._hands: dict[Key, RunDriver] = {}
        self._last: dict[Key, Run | None] = {}
        self._pending: tuple[Edit, ...] = ()
        self._down: str | None = None  # who has stopped the desk

    def reports(self, person: Person) -> list[JobReport]:
        """How the jobs that this person may see do, in the order of the configuration."""
        return [self.report(each) for key, each in self.scheduled.items() if person.sees(key[1])]

    def are_any(self) -> bool:
        """Whether the desk has jobs at all, whoever asks."""
        return len(self.scheduled) > 0

    def report(self, each: Scheduled) -> JobReport:
        """How one does."""
        job, user = each.key
        now = self._host.clock.now()
        hand = self._hands.get(each.key)
        coming = self.scheduler.coming(each) if each.is_active else None
        return JobReport(
            name=job,
            user=user,
            description=each.job.description,
            per_user=each.job.per_user,
            does=str(each.job.does),
            enabled=each.enabled,
            stands=self.stands(each),
            schedules=tuple(schedule.text or str(schedule) for schedule in each.schedules),
            next_due=None if coming is None else coming.at,
            why_not=self._why_not(each, now) if hand is None else None,
            running=None if hand is None else hand.run,
            last=self._last_of(each.key),
            problem=each.unwritten
            or each.problem
            or self._rests(each)
            or self._paused(each, now)
            or self._behind(each, now),
            notice=self._notice(job, user),
        )

    def stands(self, each: Scheduled) -> Stands:
        """Whether it runs with its desk as a whole, by itself, or not at all."""
        if not each.stands:
            return "stopped"
        return "unified" if each.is_unified else "individual"

    def preview(self, person: Person, count: int) -> Sequence[Coming]:
        """The next runs of all jobs that this person may see, in the order of time, with the gaps; from any thread."""
        seen = {each.name: each for key, each in self.scheduled.items() if person.sees(key[1]) and each.is_active}
        own = {name: each.schedules for name, each in seen.items()}
        coming = preview(own, self._host.clock.now(), count, self._book())
        return [replace(each, job=seen[each.job].job.name, user=seen[each.job].user) for each in coming]

    def history(self, person: Person, *, user: str | None = None, **filters: Any) -> list[Run]:
        """The runs that this person may see, those that were due last first."""
        if person.role is not Role.ADMIN:
            if not person.name or user not in (None, person.name):
                return []
            user = person.name
        return self._host.runs.history(user=user, **filters)

    def run(self, person: Person, run_id: int) -> Run | None:
        """One of them."""
        found = self._host.runs.run(run_id)
        return found if found is not None and person.sees(found.user) else None

    def statistics(self, person: Person, job: str, user: str, since: datetime) -> Statistics:
        """What the runs of a job came to."""
        if not person.sees(user):
            return Statistics(since=since)
        return self._host.runs.statistics(job, user, since)

    def _last_of(self, key: Key) -> Run | None:
        if key not in self._last:
            job, user = key
            pages = [self._host.runs.history(job=job, user=user, outcome=each, limit=1) for each in _ENDS]
            found = [run for page in pages for run in page]
            self._last[key] = max(found, key=lambda run: (run.due, run.id), default=None)
        return self._last[key]

    def _why_not(self, each: Scheduled, now: datetime) -> str | None:
        """Why it does not run today, if nothing of it does."""
        if not each.enabled:
            return "it is disabled"
        if not each.stands:
            return "its schedule is switched off"
        own = [schedule for schedule in each.schedules if not isinstance(schedule.rule, After)]
        reasons = [why_not(schedule, _day(schedule, now), self._book()) for schedule in own]
        return reasons[0] if reasons and all(reason is not None for reason in reasons) else None

    @property
    def resting(self) -> str | None:
        """Why nothing is begun at present."""
        return self._down

    def _rests(self, each: Scheduled) -> str | None:
        if self._down is None or not each.is_active:
            return None
        return f"{self._down}: nothing of it begins before `tradewarden start --all`"

    def _paused(self, each: Scheduled, now: datetime) -> str | None:
        """Why it does not run in its open window, though it is kept up there."""
        at = self.scheduler.begins_at(each, now) if each.is_active and each.key not in self._hands else None
        if at is None or at <= now:
            return None
        return f"it has failed, and begins again at {at.astimezone(each.schedules[0].tz):%H:%M:%S}"

    def _behind(self, each: Scheduled, now: datetime) -> str | None:
        if each.seen is None or each.seen - now < AHEAD:
            return None
        return f"the clock was ahead: its due times up to {each.seen:%Y-%m-%d %H:%M} were looked at already"

    def _notice(self, job: str, user: str) -> str | None:
        waiting = [edit for edit in self._pending if edit.job == job and edit.user in ("", user)]
        if not waiting:
            return None
        last = waiting[-1]
        what = [] if last.text is None else [", ".join(last.text) or "as configured"]
        what += [] if last.enabled is None else ["enabled" if last.enabled else "disabled"]
        return f"from the desk's next start on: {'; '.join(what)} ({last.by})"

    def whole(self, user: str) -> bool:
        """Whether the desk of a trader, or the desk's own jobs, run as a whole."""
        return self.standings.of(user).get(WHOLE, not user)


def _day(schedule: Schedule, now: datetime) -> date:
    return now.astimezone(schedule.tz).date()
