"""How jobs and their runs are told on a terminal: columns, times in India, and every reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tradewarden.http.job_signs import SIGNS, TONES, WORDS, after_what
from tradewarden.http.moments import clock_time
from tradewarden.screen import Line
from tradewarden.service_words import folded, lasting

Job = Mapping[str, Any]  # as GET /api/schedules tells it
Cells = tuple[str, ...]
Ran = Mapping[str, Any]  # a run, as GET /api/runs tells it

_JOBS: Final = ("JOB", "FOR", "STANDS", "NEXT", "LAST", "AT")
_RUNS: Final = ("RUN", "JOB", "FOR", "DUE", "ASKED BY", "OUTCOME", "LATE", "TOOK", "")
_COMING: Final = ("AT", "JOB", "FOR", "")
_LATE: Final = 1.0  # seconds that are worth a word
_STANDS: Final = {"unified": "on", "individual": "on by itself", "stopped": "stopped"}
_ENDED: Final = {"success": "ended with success", "timeout": "took too long"}
_ASKED: Final = {"schedule": "schedule", "after": "another job", "once": "once", "desk": "desk"}


def job_lines(body: Mapping[str, Any], columns: int | None = None, *, whole: bool = False) -> Iterator[Line]:
    """Every job, and below it what keeps it from running; `whole` tells its schedules, too."""
    jobs, now = body["jobs"], datetime.fromisoformat(body["time"])
    if not jobs:
        yield Line("There is no job: each is a table [services.NAME] with a schedule in tradewarden.toml.")
        return
    rows = [_job_cells(job, now) for job in jobs]
    for job, line in zip([None, *jobs], _table(_JOBS, rows), strict=True):
        yield from folded(Line(line, " ") if job is None else Line(line, *_sign(job)), columns)
        for note in [] if job is None else _notes(job, whole=whole):
            yield from folded(Line(f"  {note}", " "), columns)


def run_lines(runs: Sequence[Ran], now: datetime, columns: int | None = None) -> Iterator[Line]:
    """A line a run, the newest first."""
    if not runs:
        yield Line("No run fits: `tradewarden history` without a filter lists the newest ones.")
        return
    for run, line in zip([None, *runs], _table(_RUNS, [_run_cells(run, now) for run in runs]), strict=True):
        sign, tone = (" ", "") if run is None else (SIGNS.get(run["outcome"], "!"), TONES.get(run["outcome"], "soft"))
        yield from folded(Line(line, sign, tone), columns)


def coming_lines(
    coming: Sequence[Mapping[str, Any]], now: datetime, columns: int | None = None, jobs: Sequence[Job] = ()
) -> Iterator[Line]:
    """What comes next, with the gaps and their reasons, and which of the jobs wait for another one instead."""
    waiting = [
        Line(f"{kept_as({'job': job['name'], 'user': job['user']})} comes {after}.")
        for job in jobs
        if (after := _after(job))
    ]
    if not coming and waiting:
        yield from waiting
        return
    if not coming:
        yield Line("Nothing comes: no job that is enabled has a time within sight.")
        return
    rows = [(_moment(each["at"], now), each["job"], each["user"], each["reason"] or "") for each in coming]
    for each, line in zip([None, *coming], _table(_COMING, rows), strict=True):
        sign = " " if each is None or each["reason"] is None else "·"
        yield from folded(Line(line, sign, "soft"), columns)
    yield from waiting


def ended_line(run: Ran) -> Line:
    """The buy_orders of asha failed after 3 s: ended with code 1."""
    took = "" if run["seconds"] is None else f" after {lasting(run['seconds'])}"
    why = "" if run["reason"] is None else f": {run['reason']}"
    said = _ENDED.get(run["outcome"], WORDS[run["outcome"]])
    return Line(f"{job_of(run)} {said}{took}{why}", SIGNS[run["outcome"]], TONES.get(run["outcome"], "soft"))


def job_of(run: Ran) -> str:
    """buy_orders of asha; analysis."""
    return f"{run['job']} of {run['user']}" if run["user"] else str(run["job"])


def kept_as(run: Ran) -> str:
    """The name of its log."""
    return f"{run['job']}@{run['user']}" if run["user"] else str(run["job"])


def standing_lines(standings: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Asha's desk runs as a whole; the desk itself: stopped, buy_orders runs by itself."""
    if not standings:
        yield Line("There is no job, so nothing stands: each is a table [services.NAME] with a schedule.")
    for desk in standings:
        whose = f"{desk['user']}'s desk" if desk["user"] else "The desk's own jobs"
        single = [name for name, stands in desk["jobs"].items() if stands == "individual"]
        if desk["whole"]:
            yield Line(f"{whose}: on as a whole ({', '.join(desk['jobs'])})", "●", "pass")
        elif single:
            yield Line(f"{whose}: off as a whole, on by itself: {', '.join(single)}", "●", "warn")
        else:
            yield Line(f"{whose}: off, nothing runs on its schedule", "○", "soft")


def _sign(job: Job) -> tuple[str, str]:
    if job["running"] is not None:
        return SIGNS[job["running"]["outcome"]], "pass"
    if job["problem"] is not None:
        return "✕", "fail"
    if job["last"] is None:
        return "○", "soft"
    return SIGNS[job["last"]["outcome"]], TONES.get(job["last"]["outcome"], "soft")


def _job_cells(job: Job, now: datetime) -> Cells:
    run = job["running"] or job["last"]
    stands = _STANDS.get(job["stands"], job["stands"]) if job["enabled"] else "disabled"
    due = (_after(job) or "-") if job["nextDue"] is None else _moment(job["nextDue"], now)
    last, at = (
        ("never ran", "") if run is None else (WORDS[run["outcome"]], _moment(run["startedAt"] or run["due"], now))
    )
    return job["name"], job["user"], str(stands), due, last, at


def _after(job: Job) -> str | None:
    """What it waits for, if it waits for another job."""
    return after_what(job["schedules"]) if job["enabled"] and job["stands"] != "stopped" else None


def _notes(job: Job, *, whole: bool) -> Iterator[str]:
    """What a person wants to know below its line."""
    if whole:
        yield from filter(None, [job["description"]])
        yield from job["schedules"]
        yield from _figures(job.get("statistics"))
    yield from filter(None, [job["problem"], job["notice"]])
    if job["whyNot"] is not None:
        yield f"not today: {job['whyNot']}{_way_on(job)}"
    shown = job["running"] or job["last"]
    if shown is not None and shown["reason"] is not None and shown["outcome"] != "success":
        yield f"{WORDS[shown['outcome']]}: {shown['reason']}"


def _way_on(job: Job) -> str:
    """The command after which it runs on its schedule again."""
    if not job["enabled"]:
        return f"; `tradewarden schedules {job['name']} --enable` lets it run again"
    if job["stands"] == "stopped":
        whose = f" --user {job['user']}" if job["user"] else ""
        return f"; `tradewarden standing on{whose}` lets it run"
    return ""


def _figures(told: Mapping[str, Any] | None) -> Iterator[str]:
    """In 30 days: 20 success, 1 failed, 95 % of those that ran; 12 s usually, 40 s at most."""
    counts = {} if told is None else {word: count for word, count in told["outcomes"].items() if count}
    if told is None or not counts:
        return
    since = datetime.fromisoformat(told["since"])
    text = f"since {since.day} {since:%b}: {', '.join(f'{count} {WORDS[word]}' for word, count in counts.items())}"
    if told["successRate"] is not None:
        text += f", {told['successRate']:.0%} of those that ran did well"
    seconds = told["seconds"]
    if seconds["max"] is not None:
        text += f"; {lasting(seconds['p50'])} usually, {lasting(seconds['max'])} at most"
    yield text


def _run_cells(run: Ran, now: datetime) -> Cells:
    late = run["lateSeconds"]
    return (
        str(run["id"]),
        run["job"],
        run["user"],
        _moment(run["due"], now),
        run["by"] if run["trigger"] == "once" else _ASKED.get(run["trigger"], ""),
        WORDS[run["outcome"]],
        "" if late is None or late < _LATE else lasting(late),
        "" if run["seconds"] is None else lasting(run["seconds"]),
        run["reason"] or "",
    )


def _moment(stamp: str, now: datetime) -> str:
    return clock_time(datetime.fromisoformat(stamp), now, seconds=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The head and the rows in columns; a column that is empty everywhere is left out."""
    shown = [column for column in range(len(head)) if any(row[column] for row in rows)]
    widths = {column: max(len(row[column]) for row in (head, *rows)) for column in shown}
    for row in (head, *rows):
        yield "  ".join(f"{row[column]:<{widths[column]}}" for column in shown).rstrip()
