"""The desk's jobs as far as HTTP and the command line see them, with the real runs, edits and standings behind them."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from yarl import URL

from pictures import ADMIN, Desk, all_well, at, serving
from tradewarden.http.app import Part
from tradewarden.http.compat_service import CompatService
from tradewarden.http.jobs_port import News
from tradewarden.http.metrics import Figures
from tradewarden.http.run_metrics import RunTally
from tradewarden.http.runs import RunsDoor
from tradewarden.http.schedules import SchedulesDoor
from tradewarden.http.signals import SignalsDoor
from tradewarden.http.standings import StandingsDoor
from tradewarden.machines.claim import Claim
from tradewarden.machines.job_report import EditAnswer, JobReport, Weighed
from tradewarden.machines.role import Person, Role, Scope, Visit
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.orders import RefusedError
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.signals import Signals, Stored, Untouched
from tradewarden.wiring.job_doors import counted

LEASE = Lease(4711, 99, "boot")
ANALYSIS, ORDERS, MONITOR = "analysis", "buy_orders", "sell_monitor"
PEOPLE = {
    "tw_asha": Person(name="asha", role=Role.TRADER, by="asha's token"),
    "tw_ravi": Person(name="ravi", role=Role.TRADER, by="ravi's token"),
    "tw_look": Person(name="look", role=Role.VIEWER, by="look's token"),
    "tw_read": Person(name="asha", role=Role.TRADER, by="asha's token", scopes=frozenset({Scope.READ})),
    "tw_boss": Person(name="boss", role=Role.ADMIN, by="boss's token"),
}


def bearer(token: str) -> dict[str, str]:
    """What somebody brings to be known."""
    return {"Authorization": f"Bearer {token}"}


class Members:
    """The people of this desk: each brings a token."""

    def by_cookie(self, cookie: str, *, use: bool) -> Visit | None:
        """Nobody has a browser."""
        return None if use else self.by_token(cookie)

    def by_token(self, token: str) -> Visit | None:
        """Whose it is."""
        return Visit(person=PEOPLE[token]) if token in PEOPLE else None

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Nobody changes."""


@dataclass(frozen=True)
class Ahead:
    """A run to come."""

    job: str
    at: datetime
    until: datetime | None = None
    reason: str | None = None
    user: str = ""


def a_job(name: str = ORDERS, user: str = "asha", **changes: Any) -> JobReport:
    """A trader's job that is due at 16:05; or what the changes say."""
    usual: dict[str, Any] = {
        "description": f"the {name}",
        "per_user": user != "",
        "does": "orders",
        "enabled": True,
        "stands": "unified",
        "schedules": ("at 16:05",),
        "next_due": at("16:05:00"),
    }
    return JobReport(name=name, user=user, **usual | changes)


def four() -> list[JobReport]:
    """The desk's analysis, two traders' orders, and a monitor of one of them."""
    return [
        a_job(ANALYSIS, "", does="work", schedules=("at 16:00",), next_due=at("16:00:00")),
        a_job(),
        a_job(user="ravi"),
        a_job(
            MONITOR, does="monitor", schedules=("between 09:15 and 15:30",), next_due=None, why_not="it is a holiday"
        ),
    ]


class Jobs:
    """What the daemon's driver of jobs is to the HTTP side; a run begins when a test says so."""

    def __init__(self, file: LedgerFile, reports: Sequence[JobReport]) -> None:
        self.now = at("10:00:00")
        self.runs = Runs(file, now=lambda: self.now)
        self.told = {(report.name, report.user): report for report in reports}
        self.asked: list[tuple[Any, ...]] = []
        self.refuses: str | None = None
        self.answer = EditAnswer(text="buy_orders: at 16:10 from now on")
        self.ahead: list[Ahead] = [
            Ahead(ANALYSIS, at("16:00:00"), at("18:00:00")),
            Ahead(ORDERS, at("16:05:00"), user="asha"),
        ]
        self.because: str | None = None  # what a run waits for before it begins
        self.weighing: Callable[[object], object] = lambda _what: None  # what takes long
        self.closed: list[str] = []  # why nothing that is handed over changes a signal
        self._news: list[News] = []

    def reports(self, person: Person) -> list[JobReport]:
        return [replace(report, **self._of(report)) for report in self.told.values() if person.sees(report.user)]

    def are_any(self) -> bool:
        return len(self.told) > 0

    def reports_of(self, user: str) -> list[JobReport]:
        """Those of one trader."""
        return self.reports(Person(name=user, role=Role.TRADER, by=user))

    def _of(self, report: JobReport) -> dict[str, Any]:
        found = self.runs.history(job=report.name, user=report.user, limit=10)
        ended = [run for run in found if not run.outcome.is_open and run.outcome is not Outcome.SKIPPED]
        return {"running": self.runs.running(report.name, report.user), "last": ended[0] if ended else None}

    def run_once(self, job: str, user: str, *, by: str) -> Run | Refused:
        self._note("run", job, user, by)
        self.now += timedelta(milliseconds=1)
        given = self.runs.give(
            Claim(job=job, user=user, trigger=Trigger.ONCE, due=self.now, by=by, lease=LEASE, because=self.because)
        )
        self.tell(given if isinstance(given, Run) else given.run)
        return given

    def begin(self, run_id: int) -> None:
        """Its program runs."""
        self.runs.start(run_id, LEASE)
        self.tell(self.runs.run(run_id))

    def end(self, run_id: int, outcome: Outcome = Outcome.SUCCESS, **how: Any) -> None:
        """It has ended, after 12 s."""
        self.now += timedelta(seconds=12)
        self.runs.finish(run_id, outcome, **how)
        self.tell(self.runs.run(run_id))

    def end_run(self, run_id: int, *, by: str) -> Run:
        self._note("end", run_id, by)
        self.end(run_id, Outcome.FAILED, reason=f"ended by {by}")
        run = self.runs.run(run_id)
        assert run is not None
        return run

    def stand(self, user: str, job: str, on: bool, *, by: str) -> str:  # noqa: FBT001 - as the port has it
        self._note("stand", user, job, on, by)
        return f"{user or 'the desk'}: {job or 'all'} {'on' if on else 'off'}"

    def weigh(self, _job: str, _text: Sequence[str] | None, *, dry: bool) -> Weighed | None:
        self.weighing(dry)
        return None

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
        assert weighed is None
        self._note("edit", job, user, None if text is None else tuple(text), enabled, dry, by)
        return self.answer

    def preview(self, person: Person, count: int) -> Sequence[Ahead]:
        self.weighing("preview")
        known = {name for name, user in self.told if person.sees(user)}  # in another thread than the ledger's
        return [each for each in self.ahead if each.job in known][:count]

    def history(self, person: Person, **filters: Any) -> list[Run]:
        return [run for run in self.runs.history(**filters) if person.sees(run.user)]

    def run(self, person: Person, run_id: int) -> Run | None:
        found = self.runs.run(run_id)
        return found if found is not None and person.sees(found.user) else None

    def subscribe(self, callback: News) -> None:
        self._news.append(callback)

    def tell(self, news: Run | JobReport | None) -> None:
        """Something has changed."""
        assert news is not None
        for callback in self._news:
            callback(news)

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refuses is not None:
            raise RefusedError(self.refuses)


@asynccontextmanager
async def serving_jobs(
    directory: Path, reports: Sequence[JobReport] | None = None, parts: Sequence[Part] = ()
) -> AsyncIterator[tuple[Desk, Jobs]]:
    """The real HTTP side with these jobs, and further parts; its control socket lies in the directory."""
    Ledger(directory / "ledger.db").close()
    file = LedgerFile(directory / "ledger.db")
    jobs = Jobs(file, four() if reports is None else reports)
    signals, clock = Signals(file, now=lambda: jobs.now), Moved(jobs)

    def hand_over(rows: Mapping[str, Any], run: int | None) -> Stored | Untouched:
        return Untouched(jobs.now.date(), jobs.closed[0]) if jobs.closed else signals.put(jobs.now.date(), rows, run)

    def today() -> date:
        return jobs.now.date()

    tally = RunTally(jobs)
    every = [
        *parts,
        SchedulesDoor(jobs, clock),
        RunsDoor(jobs, clock, partial(counted, file.path)),
        StandingsDoor(jobs),
        SignalsDoor(signals, hand_over, today),
        CompatService(jobs, clock),
    ]
    how: dict[str, Any] = {"parts": every, "jobs": jobs, "members": Members(), "clock": clock}
    how |= {"control_path": directory / "control", "figures": Figures(parts=[tally.families])}
    async with serving(all_well(now=jobs.now), **how) as desk:
        yield desk, jobs
    file.close()


class Moved:
    """The jobs' clock."""

    simulated = False

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def now(self) -> datetime:
        return self._jobs.now

    def mono_ns(self) -> int:
        return 0


ASHA, RAVI, LOOK, READ, BOSS = (bearer(f"tw_{name}") for name in ("asha", "ravi", "look", "read", "boss"))
ROOT = bearer(ADMIN)


class Client:
    """Asks the desk of a test as one person."""

    def __init__(self, session: ClientSession, desk: Desk) -> None:
        self.session, self.desk = session, desk

    async def __call__(self, method: str, path: str, who: dict[str, str], body: Any = None) -> tuple[int, Any]:
        url = URL(self.desk.url + path, encoded=True)
        data = None if body is None else io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, url, headers=who, data=data) as answer:
            return answer.status, await answer.json(content_type=None)
