"""How the desk's programs are kept: who holds them, what their conditions may ask about, and where that is measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tradewarden import log
from tradewarden.http.app import Part
from tradewarden.http.desk import DeskDoor
from tradewarden.http.log_stream import LogStream
from tradewarden.http.logs import LogsDoor
from tradewarden.http.services import Services
from tradewarden.orchestrator.accounts import Accounts
from tradewarden.orchestrator.checks.flow import Flows
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.facts import World
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.logs import Logs
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.outside import Outside
from tradewarden.orchestrator.reading import read_services
from tradewarden.orchestrator.service import Host
from tradewarden.orchestrator.wishes import FILE, Wishes
from tradewarden.sink_command import values_of

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import Settings

MEASURED = ("redis", "mysql", "influx")  # stores whose flow a condition may name


def doors_of(programs: DeskDriver, settings: Settings, clock: Clock) -> list[Part]:
    """Where the desk's programs and their logs are asked for over HTTP."""
    logs = Logs(settings.log_dir, log.redact)
    return [
        DeskDoor(programs),
        Services(programs, clock),
        LogStream(logs, programs, clock),  # before the next one, which has a path for any name
        LogsDoor(logs, programs, clock),
    ]


def flows_of(settings: Settings, feed: FeedDriver, recorder: Recorder | None, clock: Clock, spawn: Spawn) -> Flows:
    """Whoever measures how much flows, here and in the stores."""
    counts: dict[str, Callable[[], int]] = {"feed": lambda: feed.report().ticks_total}
    if recorder is not None:
        journal = recorder.journal
        counts["journal"] = lambda: journal.next_seq
    return Flows({name: values_of(getattr(settings.sinks, name)) for name in MEASURED}, counts, clock, spawn)


def programs_of(
    settings: Settings, market: MarketDriver, accounts: Accounts, flows: Flows, *, clock: Clock, spawn: Spawn
) -> DeskDriver:
    """Whoever starts, keeps and stops the desk's programs."""
    # Under systemd our own children end with us: there the keepers have a unit of their own.
    keepers = Keepers(settings.run_dir, settings.log_dir, now=clock.now, start_zygote="NOTIFY_SOCKET" not in os.environ)
    host = Host(
        keepers=keepers,
        clock=clock,
        spawn=spawn,
        state=settings.state_dir,
        log_dir=settings.log_dir,
        flows=flows,
        learned=log.hide,
        phase_seconds=settings.desk.phase_seconds,
    )
    return DeskDriver(
        settings.programs,
        host,
        World(market, accounts, clock, flows),
        Wishes(settings.state_dir / FILE),
        partial(read_services, settings.file),
        begins=settings.desk.start,
        outside=Outside(settings.file).changed,
    )
