"""Jobs: their schedules, their runs, whether they run at all; and what may be asked of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta

from tradewarden.http.body import Nothing
from tradewarden.http.models.document import Absent, Document, Moment, Status
from tradewarden.http.operation import LEDGER, Operation, Told, ok
from tradewarden.http.runs import Counted, Once, Wanted
from tradewarden.http.schedules import Ahead, Bulk, Edit
from tradewarden.http.standings import Stand
from tradewarden.machines.run import Outcome, Trigger


class RunTold(Document):
    """One run: who asked for it, when it was due, how it ended and why."""

    id: Annotated[int, Meta(description="its number, of one row from claim to end")]
    job: str
    user: Annotated[str, Meta(description="whose; empty for the desk's own")]
    trigger: Annotated[
        Trigger, Meta(description="what asked for it: its schedule, another job, a person, or the desk's start")
    ]
    due: Annotated[Moment, Meta(description="when it was to begin, or was asked for")]
    by: Annotated[str, Meta(description="who asked")]
    outcome: Annotated[Outcome, Meta(description="how it stands (queued, running) or ended")]
    reason: Annotated[str | None, Meta(description="why it waits, or ended like this")]
    claimed_at: Annotated[Moment | None, Meta(description="since when its row is there")]
    started_at: Annotated[Moment | None, Meta(description="when its program began; null for one that never did")]
    ended_at: Annotated[Moment | None, Meta(description="null while it is open")]
    until: Annotated[Moment | None, Meta(description="when its time is over: the end of its window")]
    seconds: Annotated[float | None, Meta(description="from start to end")]
    late_seconds: Annotated[
        float | None, Meta(description="from due to start; null for what was due by no clock, or never began")
    ]
    exit_code: Annotated[int | None, Meta(description="of its program; null when it was ended by a signal or by us")]
    pid: Annotated[int | None, Meta(description="of its program, while it runs")]
    details: Annotated[dict[str, Any], Meta(description="what the job handed back in its result file")]


class Seconds(Document):
    """How long the runs took."""

    p50: float | None
    p95: float | None
    max: float | None


class Lateness(Document):
    """How late they started."""

    p50: float | None
    p99: float | None


class StatisticsTold(Document, kw_only=True):
    """What the runs of a job came to."""

    since: Moment
    outcomes: dict[str, int]
    success_rate: float | None
    seconds: Seconds
    late_seconds: Lateness
    job: str | Absent = UNSET
    user: str | Absent = UNSET


class JobTold(Document):
    """One job: when it is due, what it did last, and why it does not run when it does not."""

    name: str
    user: Annotated[str, Meta(description="whose; empty for the desk's own")]
    description: str
    per_user: Annotated[bool, Meta(description="whether each trader has one of their own")]
    does: Annotated[str, Meta(description="orders, monitor, feed or work: what becomes of it when it ends by itself")]
    enabled: Annotated[bool, Meta(description="whether an admin lets it run at all")]
    stands: Annotated[
        Literal["unified", "individual", "stopped"],
        Meta(
            description="unified: on schedule with the desk as a whole; individual: by itself; stopped: not on schedule"
        ),
    ]
    status: Annotated[Status, Meta(description="fail: it can never run; warn: its last run went wrong")]
    schedules: Annotated[list[str], Meta(description="in the words of the configuration, or of whoever changed them")]
    next_due: Annotated[Moment | None, Meta(description="null when nothing is within sight, or it follows another job")]
    why_not: Annotated[str | None, Meta(description="why it does not run today")]
    running: Annotated[RunTold | None, Meta(description="its run that is queued or running")]
    last: Annotated[RunTold | None, Meta(description="its newest run that ended; what was refused is none")]
    problem: Annotated[str | None, Meta(description="what keeps it from running")]
    notice: Annotated[str | None, Meta(description="an edit that waits for the desk's next start")]


class JobsTold(Document):
    """Every job that you may see."""

    time: Moment
    jobs: list[JobTold]


class ComingTold(Document):
    """A run to come, or a day without one and the reason; no user is the desk's own."""

    job: str
    user: str
    at: Moment
    until: Moment | None
    reason: str | None


class PreviewTold(Document):
    """What comes next."""

    coming: list[ComingTold]


class EditTold(Document, kw_only=True):
    """What became of an edit, or would become of it."""

    text: str
    holds: Literal["now", "next start"]
    dry: bool
    would: list[Moment]
    problems: list[str] | Absent = UNSET


class BulkTold(Document):
    """What became of each edit, by job."""

    jobs: dict[str, EditTold]


class RunsTold(Document):
    """A page of runs, newest first; `before` leads to the next page."""

    runs: list[RunTold]
    before: int | None


class StatisticsByJob(Document):
    """What the runs came to, job by job."""

    since: Moment
    statistics: list[StatisticsTold]


class Standing(Document):
    """How a person's desk stands; no user is the desk's own."""

    user: str
    whole: bool
    jobs: dict[str, Literal["unified", "individual", "stopped"]]


class StandingsTold(Document):
    """Each desk that you may see."""

    standings: list[Standing]


class Stood(Document):
    """What was changed."""

    user: str
    job: str
    on: bool
    text: str


_NO_JOB = "no job that you may see has this name"
_OTHERS = "this is another's"

_OPERATIONS = {
    ("GET", "/api/schedules"): Operation(
        says="Every job that you may see: its schedules, when it is due, why it does not run",
        answers=ok("the jobs", JobsTold),
    ),
    ("POST", "/api/schedules"): Operation(
        says="Enables or disables many jobs",
        body=Bulk,
        example={"names": ["buy_orders", "analysis"], "enabled": False},
        answers=ok("what became of each", BulkTold),
        refusals={404: _NO_JOB, 409: "the desk refuses, and why"},
    ),
    ("GET", "/api/schedules/preview"): Operation(
        says="The next runs, with the reason for each gap",
        query=Ahead,
        answers=ok("what comes", PreviewTold),
        asks="?count=10",
    ),
    ("POST", "/api/schedules/{job}"): Operation(
        says="Another schedule for a job, or whether it is enabled",
        more="`dry` changes nothing and tells what it would have done last month.",
        body=Edit,
        example={"schedule": "at 16:00 on trading days of NSE_EQ", "dry": True},
        answers=ok("what became of it", EditTold),
        refusals={404: _NO_JOB, 409: "the desk refuses, and why"},
    ),
    ("GET", "/api/runs"): Operation(
        says="What ran and what became of it, newest first",
        query=Wanted,
        answers=ok("a page", RunsTold),
        refusals={403: _OTHERS},
        asks="?job=analysis&outcome=failed&limit=20",
    ),
    ("GET", "/api/runs/statistics"): Operation(
        says="What the runs of each job came to",
        query=Counted,
        answers=ok("job by job", StatisticsByJob),
        refusals={403: _OTHERS},
        asks="?job=analysis&since=30d",
    ),
    ("GET", "/api/runs/{id}"): Operation(
        says="One run",
        answers=ok("the run", RunTold),
        refusals={404: "no run that you may see has this number"},
    ),
    ("POST", "/api/runs"): Operation(
        says="Runs a job once, now, unless a run stands in the way",
        body=Once,
        example={"job": "analysis"},
        answers={202: Told("it is given", RunTold)},
        refusals={
            403: _OTHERS,
            404: _NO_JOB,
            409: "a run stands in the way: `holder` is that run, `run` the stored refusal",
        },
    ),
    ("POST", "/api/runs/{id}/stop"): Operation(
        says="Ends a run that is under way; it counts as failed",
        body=Nothing,
        answers=ok("the run", RunTold),
        refusals={404: "no run that you may see has this number", 409: "it has ended already"},
    ),
    ("GET", "/api/standings"): Operation(
        says="Whether each desk runs as a whole, and how each job of it stands",
        answers=ok("the desks", StandingsTold),
    ),
    ("POST", "/api/standings"): Operation(
        says="Lets a desk as a whole, or one job of it, run on schedule or not",
        body=Stand,
        example={"on": True, "user": "asha"},
        answers=ok("what was changed", Stood),
        refusals={403: _OTHERS, 404: _NO_JOB, 409: "the desk refuses, and why"},
    ),
}
OPERATIONS = {named: replace(each, refusals={**LEDGER, **each.refusals}) for named, each in _OPERATIONS.items()}
