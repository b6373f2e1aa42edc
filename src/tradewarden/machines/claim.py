"""Whether a job may run now: never beside a run of its own, nor right after one, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tradewarden.machines.past import span
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger

APART: Final = timedelta(minutes=2)  # between a run that somebody wanted once and whatever else asks for the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What asks for a run."""

    job: str
    user: str
    trigger: Trigger
    due: datetime
    by: str  # who asked, for the record
    lease: Lease  # of the daemon, until the program runs
    until: datetime | None = None  # when its window closes
    lasts: bool = False  # it is kept up until then
    because: str | None = None  # why it cannot start yet


def in_the_way(
    claim: Claim, now: datetime, *, open_run: Run | None, latest: Run | None, latest_once: Run | None
) -> Refused | None:
    """Why this run cannot be given, if anything stands in its way: what is open, what began last, and last by hand."""
    if open_run is not None:
        return Refused(_beside(claim, open_run, now), holder=open_run)
    before = latest if claim.trigger is Trigger.ONCE else latest_once
    if before is None or before.started is None:
        return None
    ago = now - before.started
    if abs(ago) >= APART:  # before the present, or after it: somebody has set the clock back since
        return None
    return Refused(_after(claim, before, max(ago, timedelta())), holder=before)


def _beside(claim: Claim, holder: Run, now: datetime) -> str:
    if holder.outcome is Outcome.QUEUED:
        waits = f"waits to start{f' ({holder.reason})' if holder.reason else ''}"
        return f"{claim.job} {waits} already" if claim.trigger is Trigger.ONCE else f"the run before it still {waits}"
    lasts = span(max(0.0, (now - (holder.started or now)).total_seconds()))
    if claim.trigger is Trigger.ONCE:
        return f"{claim.job} has been running for {lasts}: wait until it ends, or end that run"
    return f"the run before it had not ended: it had been running for {lasts}"


def _after(claim: Claim, before: Run, ago: timedelta) -> str:
    if claim.trigger is Trigger.ONCE:
        left = span((APART - ago).total_seconds())
        return f"{claim.job} began {span(ago.total_seconds())} ago: it may be run once again in {left}"
    return f"{before.by} ran it once {span(ago.total_seconds())} ago"
