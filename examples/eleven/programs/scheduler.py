#!/usr/bin/env python3
"""The scheduler: says which of the day's jobs is next; the jobs themselves are not its business here.

scheduler.py FILE        where the plan of the day is written, for whoever wants to read it
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from life import Life

IST = ZoneInfo("Asia/Kolkata")
JOBS = {"08:45": "instruments of the day", "09:00": "pre-market check", "15:20": "square-off", "16:00": "end of day"}


def next_job(now: datetime) -> tuple[datetime, str]:
    """The next job, today or tomorrow."""
    for days in (0, 1):
        for hour, name in JOBS.items():
            at = datetime.combine(now.date() + timedelta(days=days), datetime.strptime(hour, "%H:%M").time(), IST)  # noqa: DTZ007 - the zone is beside it
            if at > now:
                return at, name
    raise AssertionError("a day has at least one job")


def schedule(file: Path) -> None:
    """Say what is next, until somebody says stop."""
    life, told = Life(), None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(JOBS, indent=2) + "\n", encoding="utf-8")
    life.say(f"{len(JOBS)} jobs a day, written to {file}")
    while not life.stopping:
        now = datetime.now(IST)
        at, name = next_job(now)
        minutes = int((at - now).total_seconds() // 60)
        life.status(f"next: {name} at {at:%H:%M}, in {minutes // 60} h {minutes % 60} min", minutes=minutes)
        if told != at:
            told = at
            life.say(f"next: {name} at {at:%a %H:%M} IST")
        life.wait(1.0)
    life.say("stopped")


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: scheduler.py FILE")
    schedule(Path(sys.argv[1]))
