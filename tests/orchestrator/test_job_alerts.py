"""What people are told of a job that failed or was missed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from tradewarden.http.account_words import account_words
from tradewarden.http.banner import banner
from tradewarden.machines.alert import AlertRules, Message
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.orchestrator.alerts import Alerts
from tradewarden.orchestrator.clock import IST

DUE = datetime(2026, 11, 23, 16, 5, tzinfo=IST)
RUN = Run(
    id=1,
    job="buy",
    user="asha",
    trigger=Trigger.SCHEDULE,
    due=DUE,
    by="schedule",
    outcome=Outcome.FAILED,
    reason="it ended with code 3",
)


class Sink:
    """A way out that notes down what goes by it."""

    name = "sink"

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    async def send(self, message: Message, text: str) -> None:
        self.got.append((message.code, text))


class Clock:
    """Stands still until it is told."""

    simulated = True
    at = DUE

    def now(self) -> datetime:
        return self.at

    def mono_ns(self) -> int:
        return 0


def test_a_failed_job_is_told_of_and_not_at_each_of_its_runs(tmp_path: Path) -> None:
    async def scene() -> None:
        sink, clock, tasks = Sink(), Clock(), list[asyncio.Task[None]]()

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            tasks.append(asyncio.create_task(deed, name=name))
            return tasks[-1]

        alerts = Alerts(
            AlertRules(time(8, 15)),
            clock,
            spawn,
            senders=[sink],
            words=banner,
            accounts={},
            account_words=account_words,
            session=lambda: None,
            link="http://127.0.0.1:8700/login",
            path=tmp_path / "alerts.json",
        )
        alerts.job(RUN)
        clock.at = DUE + timedelta(minutes=9, seconds=59)
        alerts.job(RUN)
        alerts.job(replace(RUN, user="ravi", outcome=Outcome.MISSED))
        clock.at = DUE + timedelta(minutes=10)
        alerts.job(RUN)
        await asyncio.gather(*tasks)
        told = "buy@asha: failed, due at 16:05:00\nit ended with code 3"
        missed = "buy@ravi: missed, due at 16:05:00\nit ended with code 3"
        assert sink.got == [("jobs.failed", told), ("jobs.missed", missed), ("jobs.failed", told)]

    asyncio.run(scene())
