"""The original's words for schedules, runs and jobs: its field names, and its four words for how a run ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.runs import details_of
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.run import Outcome, Run
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.schedule_edits import Edit

STATUS: Final = {
    Outcome.QUEUED: "running",
    Outcome.RUNNING: "running",
    Outcome.SUCCESS: "success",
    Outcome.FAILED: "failed",
    Outcome.TIMEOUT: "failed",
    Outcome.SKIPPED: "skipped",
    Outcome.MISSED: "skipped",
}
MARKET_END: Final = "15:30"  # where the original's hourly jobs end when nothing is said
_TIME: Final = r"(\d\d:\d\d)(?::\d\d)?"
_WHOLE: Final = r"\d\d:\d\d"
_AT: Final = re.compile(rf"at {_TIME}\b")
_BETWEEN: Final = re.compile(rf"between {_TIME} and {_TIME}\b")
_HOURLY: Final = re.compile(rf"hourly at :(\d\d)(?: between {_TIME} and {_TIME})?")
_ONCE: Final = re.compile(rf"once \S+ {_TIME}\b")


def schedule_words(report: JobReport, number: int, edit: Edit | None) -> dict[str, Any]:
    """One job's schedule; what the original cannot say stands in `schedule`, which is ours."""
    return {
        "id": number,
        "task_name": report.name,
        **rule_words(report.schedules, report.next_due),
        "enabled": report.enabled,
        "description": report.description,
        "updated_by": None if edit is None else edit.by,
        "updated_at": None if edit is None else iso(edit.at),
        "next_execution_at": iso_or_none(report.next_due),
        "schedule": list(report.schedules),
    }


def rule_words(schedules: Sequence[str], due: datetime | None) -> dict[str, Any]:
    """The first schedule as a time of day and flags; the time of the next run for one without such a time."""
    text = schedules[0] if schedules else ""
    words: dict[str, Any] = {
        "schedule_time": "00:00" if due is None else f"{due.astimezone(IST):%H:%M}",
        "is_hourly": False,
        "is_continuous": False,
        "end_time": None,
        "schedule_type": "daily",
    }
    if found := _BETWEEN.match(text):
        return words | {"schedule_time": found[1], "is_continuous": True, "end_time": found[2]}
    if found := _HOURLY.match(text):
        first = f"{found[2][:2] if found[2] else '00'}:{found[1]}"
        return words | {"schedule_time": first, "is_hourly": True, "end_time": found[3]}
    if found := _ONCE.match(text):
        return words | {"schedule_time": found[1], "schedule_type": "once"}
    if found := _AT.match(text):
        return words | {"schedule_time": found[1]}
    return words


def says_whole(schedules: Sequence[str]) -> bool:
    """Whether the original's fields say all of it, so that what is written back may take its place."""
    whole = (rf"at {_WHOLE}", rf"between {_WHOLE} and {_WHOLE}", rf"hourly at :\d\d between {_WHOLE} and {_WHOLE}")
    patterns = [*whole, rf"once \S+ {_WHOLE}"]
    return len(schedules) == 1 and any(re.fullmatch(pattern, schedules[0]) for pattern in patterns)


def schedule_text(at: str, end: str | None, *, hourly: bool, continuous: bool, once: bool, now: datetime) -> str:
    """The schedule that the original's fields mean. Raises ValueError for a window without an end."""
    if continuous:
        if end is None:
            raise ValueError("a continuous task needs an end_time")
        return f"between {at} and {end}"
    if hourly:
        return f"hourly at :{at[3:]} between {at} and {end or MARKET_END}"
    if not once:
        return f"at {at}"
    today = now.astimezone(IST)
    day = today.date() if f"{today:%H:%M}" < at else today.date() + timedelta(days=1)
    return f"once {day} {at}"


def task_words(run: Run) -> dict[str, Any]:
    """One run as a task's execution."""
    return {
        "id": run.id,
        "task_name": run.job,
        "executed_at": iso(run.started or run.due),
        "status": STATUS[run.outcome],
        "duration_seconds": round(run.seconds or 0.0, 3),
        "details": details_words(run),
    }


def details_words(run: Run) -> dict[str, Any]:
    """What the job handed back, and what the original has no field for."""
    return details_of(run) | {"outcome": run.outcome, "reason": run.reason, "trigger": run.trigger}


def service_words(report: JobReport) -> dict[str, Any]:
    """One job as an individual service."""
    running, shown = report.running, report.running or report.last
    is_running = running is not None and running.outcome is Outcome.RUNNING
    return {
        "task_name": report.name,
        "is_running": is_running,
        "started_at": iso_or_none(running.started) if running is not None else None,
        "last_execution_at": None if shown is None else iso(shown.started or shown.due),
        "next_execution_at": iso_or_none(report.next_due),
        "process_id": running.lease.pid if is_running and running is not None and running.lease is not None else None,
        "schedule_enabled": report.enabled,
        "last_execution_status": None if shown is None else STATUS[shown.outcome],
        "last_execution_duration": None if shown is None or shown.seconds is None else round(shown.seconds, 3),
        "last_execution_details": None if shown is None else details_words(shown),
    }
