"""Whether a trader's desk as a whole, or single jobs of it, run on their schedules: seen and changed over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web

from tradewarden.http.body import answer, taken
from tradewarden.http.gate import told_of
from tradewarden.http.job_asked import NameOrNone, User, instance, job_of, refusals, whose
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.member import Member
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.job_report import JobReport


@dataclass(frozen=True)
class Stand:
    """Whether a desk as a whole, or one job of it, is to run on schedule."""

    on: Annotated[bool, Member("true or false is expected", says="whether it is to run on schedule")]
    job: NameOrNone = None
    user: User = None


class StandingsDoor:
    """/api/standings: a trader for the own desk, an admin for everybody's."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """How they stand, and the change."""

        async def get(request: web.Request) -> web.Response:
            return answer({"standings": standings(self._jobs.reports(who(request)))})

        async def post(request: web.Request) -> web.Response:
            person, wish = who(request), await taken(request, Stand)
            user, name = whose(person, wish.user), wish.job or ""
            told_of(request, target=instance(name or "the whole desk", user), detail="on" if wish.on else "off")
            if name:
                job_of(self._jobs, person, name, user)
            with refusals():
                text = self._jobs.stand(user, name, wish.on, by=person.by)
            return answer({"user": user, "job": name, "on": wish.on, "text": text})

        return [web.get("/api/standings", get), web.post("/api/standings", post)]


def standings(reports: Sequence[JobReport]) -> list[dict[str, Any]]:
    """Each person's desk: whether it runs as a whole, and how each job of it stands."""
    users = dict.fromkeys(report.user for report in reports)
    return [_of(user, [report for report in reports if report.user == user]) for user in users]


def _of(user: str, reports: Sequence[JobReport]) -> dict[str, Any]:
    return {
        "user": user,
        "whole": any(report.stands == "unified" for report in reports),
        "jobs": {report.name: report.stands for report in reports},
    }
