"""How the desk's programs are shown, and how what their conditions may ask about is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tradewarden import log
from tradewarden.http.app import Part
from tradewarden.http.desk import DeskDoor
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.log_stream import LogStream
from tradewarden.http.logs import LogsDoor
from tradewarden.http.services import Services
from tradewarden.orchestrator.checks.flow import Flows
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.logs import Logs
from tradewarden.sink_command import values_of

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import Settings

MEASURED = ("redis", "mysql", "influx")  # stores whose flow a condition may name


def doors_of(programs: DeskDriver, jobs: Jobs, settings: Settings, clock: Clock) -> list[Part]:
    """Where the desk's programs and the logs of all are asked for over HTTP."""
    logs = Logs(settings.log_dir, log.redact)
    return [
        DeskDoor(programs),
        Services(programs, clock),
        LogStream(logs, programs, clock, jobs),  # before the next one, which has a path for any name
        LogsDoor(logs, programs, clock, jobs),
    ]


def flows_of(settings: Settings, feed: FeedDriver, recorder: Recorder | None, clock: Clock, spawn: Spawn) -> Flows:
    """Whoever measures how much flows, here and in the stores."""
    counts: dict[str, Callable[[], int]] = {"feed": lambda: feed.report().ticks_total}
    if recorder is not None:
        journal = recorder.journal
        counts["journal"] = lambda: journal.next_seq
    return Flows({name: values_of(getattr(settings.sinks, name)) for name in MEASURED}, counts, clock, spawn)
