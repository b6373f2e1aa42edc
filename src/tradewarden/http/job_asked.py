"""Whose job a request means, and what becomes of a request that is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final

from tradewarden.http.jobs_port import Jobs
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person, Role
from tradewarden.orchestrator.orders import RefusedError

LONGEST: Final = 64  # characters of a name
_JOB: Final = Member("a job's name is expected", 1, LONGEST, "buy_orders", "the job, as the configuration calls it")
_WHOSE: Final = "the trader whose jobs are meant; empty are the desk's own, and without it a trader's own or the desk's"
Name = Annotated[str, _JOB]
NameOrNone = Annotated[str | None, _JOB]
User = Annotated[str | None, Member("the name of whose job is meant is expected", None, LONGEST, "asha", _WHOSE)]
_OF_OTHERS: Final = (
    "this is another's: you see and run your own jobs; ask an admin for what belongs to others or to the desk"
)


def whose(person: Person, user: str | None) -> str:
    """The person whose job is meant; when nobody is named a trader means the own ones, an admin the desk's.

    Raises the problem of somebody who may not see these.
    """
    if user is None:
        return "" if person.role is Role.ADMIN else person.name
    if not person.sees(user):
        raise ProblemError(403, "forbidden", detail=_OF_OTHERS)
    return user


def instance(name: str, user: str) -> str:
    """A job and whose it is, for the record."""
    return f"{name} of {user}" if user else name


def job_of(jobs: Jobs, person: Person, name: str, user: str) -> JobReport:
    """The job of this name and person. Raises the problem that says which there are."""
    reports = jobs.reports(person)
    for each in reports:
        if (each.name, each.user) == (name, user):
            return each
    if users := [each.user for each in reports if each.name == name and each.user]:
        known = ", ".join(users)
        detail = f"{name} is a job of each trader: say for whom in user (--user NAME); known are {known}"
        if user:
            detail = f"{user[:LONGEST]!r} has no job {name}; of those who have it, known are {known}"
        raise ProblemError(404, "unknown-job", detail=detail)
    if user and any(each.name == name for each in reports):
        detail = f"{name} is the desk's own job, and no trader's: leave user out (--user)"
        raise ProblemError(404, "unknown-job", detail=detail)
    raise unknown(name, reports)


def unknown(name: str, reports: Sequence[JobReport]) -> ProblemError:
    """No job that this person may see has the name."""
    known = ", ".join(dict.fromkeys(each.name for each in reports))
    there = (
        f"known are {known}" if known else "none is there for you; an admin adds one as [services.NAME] with a schedule"
    )
    return ProblemError(404, "unknown-job", detail=f"no job is called {name[:LONGEST]!r}; {there}")


@contextmanager
def refusals() -> Iterator[None]:
    """What the desk refuses becomes 409 with its reason."""
    try:
        yield
    except RefusedError as refused:
        raise ProblemError(409, "refused", detail=str(refused)) from None
