"""The schedules of /api/v1/service: told in the original's fields, and changed as far as these can say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from aiohttp import web

from tradewarden.http.body import answer, fault, refuse, taken
from tradewarden.http.compat_words import rule_words, says_whole, schedule_text, schedule_words
from tradewarden.http.job_asked import refusals, unknown
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import who
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.schedule_edits import Edit

Latest = Callable[[], Mapping[tuple[str, str], Edit]]  # the last change of each job and trader
ROOT: Final = "/api/v1/service"
_MORE: Final = (
    "{0} runs {1}, which these fields cannot say and would lose: change it with POST /api/schedules/{0} or"
    " `tradewarden schedules {0} --set`"
)
_Time = Annotated[str, Member("a time such as 09:15 is expected", 5, 5, "16:05")]


@dataclass(frozen=True)
class Timetable:
    """A task's new schedule."""

    schedule_time: _Time
    enabled: bool = True
    is_hourly: bool = False
    is_continuous: bool = False
    end_time: Annotated[str | None, Member("a time such as 15:30 is expected", 5, 5, "15:30")] = None
    schedule_type: Annotated[Literal["daily", "once"], Member("known are daily, once")] = "daily"
    description: str | None = None


class Timetables:
    """Each task's schedule; a change of one holds for everybody who has the task."""

    def __init__(self, jobs: Jobs, clock: Clock, edits: Latest) -> None:
        self._jobs, self._clock, self._edits = jobs, clock, edits

    def routes(self) -> list[web.RouteDef]:
        """All of them, and a change."""
        return [web.get(f"{ROOT}/schedules", self._get), web.put(f"{ROOT}/schedules/{{task_name}}", self._put)]

    async def _get(self, request: web.Request) -> web.Response:
        return answer({"schedules": self._shown(who(request))})

    async def _put(self, request: web.Request) -> web.Response:
        person, wish, name = who(request), await taken(request, Timetable), request.match_info["task_name"]
        known = self._own(person)
        job = next((each for each in known if each.name == name), None)
        if job is None:
            raise unknown(name, known)
        text = self._changed(wish, job)
        with refusals():
            told = self._jobs.edit(name, "", text=text, enabled=wish.enabled, dry=False, by=person.by)
        refuse([fault("schedule_time", problem) for problem in told.problems])
        schedule = next(each for each in self._shown(person) if each["task_name"] == name)
        waits = told.holds == "next start"
        return answer({"success": True, "message": told.text, "schedule": schedule, "requires_restart": waits})

    def _changed(self, wish: Timetable, job: JobReport) -> list[str] | None:
        """The new schedule; nothing for one that was read and comes back as it was.

        Raises the problem of a present one that would be lost.
        """
        shown = rule_words(job.schedules, job.next_due)
        if all(getattr(wish, field) == value for field, value in shown.items()):
            return None
        if not says_whole(job.schedules):
            raise ProblemError(409, "refused", detail=_MORE.format(job.name, "; ".join(job.schedules)))
        return [self._text(wish)]

    def _text(self, wish: Timetable) -> str:
        try:
            return schedule_text(
                wish.schedule_time,
                wish.end_time,
                hourly=wish.is_hourly,
                continuous=wish.is_continuous,
                once=wish.schedule_type == "once",
                now=self._clock.now(),
            )
        except ValueError as trouble:
            refuse([fault("end_time", str(trouble))])
            raise

    def _own(self, person: Person) -> list[JobReport]:
        """Each job once: a schedule is the same for every trader."""
        return list({report.name: report for report in reversed(self._jobs.reports(person))}.values())[::-1]

    def _shown(self, person: Person) -> list[dict[str, Any]]:
        edits = self._edits()
        return [schedule_words(job, number, _last(edits, job)) for number, job in enumerate(self._own(person), 1)]


def _last(edits: Mapping[tuple[str, str], Edit], job: JobReport) -> Edit | None:
    """The last change that holds for it: everybody's, or the trader's alone."""
    those = [edits[key] for key in ((job.name, ""), (job.name, job.user)) if key in edits]
    return max(those, key=lambda edit: edit.id, default=None)
