"""The panel of the page that tells how the desk's jobs do; page.js says the same in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from tradewarden.http.job_signs import SIGNS, WORDS, after_what
from tradewarden.http.moments import clock_time
from tradewarden.http.schedules import status_of
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.run import Outcome, Run

_WELL = frozenset({Outcome.SUCCESS, Outcome.RUNNING})


def panel(jobs: Sequence[JobReport] | None, now: datetime) -> str:
    """The panel as HTML, of the jobs that somebody may see; hidden without any, since the first may come."""
    if jobs is None:
        return ""
    rows = "".join(_row(job, now) for job in jobs)
    return (
        f'<section class="recording services" id="jobs" aria-label="Jobs"{"" if jobs else " hidden"}><h2>Jobs</h2>'
        f'<p class="tally" id="jobs-tally">{escape(tally(jobs, now))}</p>'
        f'<ul class="stores programs" id="job-list">{rows}</ul></section>'
    )


def tally(jobs: Sequence[JobReport], now: datetime) -> str:
    """6 jobs, 1 running; next: buy_orders at 16:05."""
    running = sum(job.running is not None and job.running.outcome is Outcome.RUNNING for job in jobs)
    told = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    told += f", {running} running" if running else ""
    coming = [(job.next_due, job.name) for job in jobs if job.next_due is not None]
    if not coming:
        return f"{told}; none is due"
    due, name = min(coming)
    return f"{told}; next: {name} at {clock_time(due, now)}"


def _row(job: JobReport, now: datetime) -> str:
    return (
        f'<li data-status="{status_of(job)}"><span class="name">{escape(named(job))}</span> '
        f'<span class="sign" aria-hidden="true">{sign(job)}</span> '
        f'<span class="word">{escape(word(job))}</span> <span class="lag">{escape(times(job, now))}</span> '
        f'<span class="why">{escape(why(job))}</span></li>'
    )


def named(job: JobReport) -> str:
    """The job, and whose it is."""
    return f"{job.name} · {job.user}" if job.user else job.name


def sign(job: JobReport) -> str:
    """Of the run that is open, else of the last one."""
    if job.problem is not None:
        return "✕"
    run = job.running or job.last
    return "○" if run is None else SIGNS[run.outcome]


def word(job: JobReport) -> str:
    """How it stands, else what became of its last run."""
    if job.running is not None:
        return _capital(WORDS[job.running.outcome])
    if not job.enabled:
        return "Disabled"
    if job.stands == "stopped":
        return "Stopped"
    return "Never ran" if job.last is None else _capital(WORDS[job.last.outcome])


def times(job: JobReport, now: datetime) -> str:
    """Next 16:05, last 15:30."""
    after = after_what(job.schedules) if job.enabled and job.stands != "stopped" else None
    told = list(filter(None, [after])) if job.next_due is None else [f"next {clock_time(job.next_due, now)}"]
    if job.running is not None and job.running.started is not None:
        told.append(f"since {clock_time(job.running.started, now)}")
    elif job.last is not None:
        told.append(f"last {clock_time(_moment(job.last), now)}")
    return " · ".join(told)


def why(job: JobReport) -> str:
    """What keeps it from running, and what went wrong."""
    run = job.running or job.last
    told = [job.problem, job.notice, None if job.why_not is None else f"not today: {job.why_not}"]
    if run is not None and run.outcome not in _WELL and run.reason is not None:
        told.append(run.reason)
    return ". ".join(filter(None, told))


def _moment(run: Run) -> datetime:
    return run.started or run.due


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
