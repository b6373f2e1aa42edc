"""The daemon: every long-lived object is made here, on one screen; then they run until somebody says stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from tradewarden import __version__
from tradewarden.feed.brokers.kite import MOST_INSTRUMENTS
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.studies.quotes import Quotes
from tradewarden.feed.tick import Tick
from tradewarden.http.app import Http
from tradewarden.http.backup import Backups
from tradewarden.http.gaps import Gaps
from tradewarden.http.instruments import Instruments
from tradewarden.http.market import Market
from tradewarden.http.metrics import Figures
from tradewarden.http.query import MOST_BYTES, SECONDS, Query
from tradewarden.http.quotes import QuotesDoor
from tradewarden.http.retention import RetentionDoor
from tradewarden.http.run_metrics import RunTally
from tradewarden.http.service_metrics import of_services
from tradewarden.http.sink_metrics import of_sinks
from tradewarden.http.sinks import Sinks
from tradewarden.http.token import TokenDoor
from tradewarden.http.validate import Validate
from tradewarden.machines.account import FEEDING
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.freshness import Freshness
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.accounts import Accounts
from tradewarden.orchestrator.auth import EXCHANGE, AuthDriver
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper
from tradewarden.orchestrator.checks.flow import Flows
from tradewarden.orchestrator.checks.stores import StoresCheck
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.coupling import Coupling
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.dump_file import DumpFile
from tradewarden.orchestrator.facts import World
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.forecast import Forecaster
from tradewarden.orchestrator.freshness import FreshnessDriver
from tradewarden.orchestrator.gap import GapWatch
from tradewarden.orchestrator.gap_tally import GapTally
from tradewarden.orchestrator.heartbeat import LAG_BOUNDS, Heartbeat
from tradewarden.orchestrator.instruments import InstrumentsDriver
from tradewarden.orchestrator.jobs import JobsDriver
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.notify import Notifier, Pulse
from tradewarden.orchestrator.query import Questions
from tradewarden.orchestrator.report import Reports
from tradewarden.orchestrator.rule_files import listed, load_rules
from tradewarden.orchestrator.rules_keeper import RulesKeeper
from tradewarden.orchestrator.sink_group import SinkGroup
from tradewarden.orchestrator.statedir import admin_token, control_socket
from tradewarden.wiring.accounts import member, rest_of, secret_of
from tradewarden.wiring.alerts import alarm
from tradewarden.wiring.job_doors import job_doors
from tradewarden.wiring.jobs import jobs_of
from tradewarden.wiring.journal import nanoseconds
from tradewarden.wiring.people import people_doors
from tradewarden.wiring.recording import recorder_of, retention_of, sealer_of, sinks_of, validations_of
from tradewarden.wiring.services import doors_of, flows_of
from tradewarden.wiring.stream import Carrier, carrier, limits_of
from tradewarden.wiring.vanguard import Vanguard

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.orchestrator.alerts import Alerts
    from tradewarden.settings import Settings

LAST_LOGIN = 2.5  # seconds that a login under way gets when the daemon stops

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """The daemon's parts, wired."""

    market: MarketDriver
    keeper: CalendarKeeper
    auth: AuthDriver
    feed: FeedDriver
    stream: Carrier
    accounts: Accounts
    reports: Reports
    heartbeat: Heartbeat
    http: Http
    notifier: Notifier
    gaps: GapWatch
    ledger: Ledger
    members: Membership
    instruments: InstrumentsDriver
    rule_files: RulesKeeper
    freshness: FreshnessDriver
    alerts: Alerts | None
    recorder: Recorder | None
    sinks: SinkGroup | None
    programs: DeskDriver
    jobs: JobsDriver
    flows: Flows

    def reload(self) -> None:
        """SIGHUP: read tokens, calendars, rules, services and the clock again, dial again after a 400.

        Of the services only those are restarted whose description has changed.
        """
        self.notifier.reloading()
        self.feed.machine.forgive()
        for token in self.accounts.tokens():
            token.read_files()
        self.keeper.read_files()
        self.rule_files.read_files()
        self.programs.reload_soon(by="SIGHUP")
        self.notifier.ready()


def wire(  # noqa: PLR0915 - the whole desk is wired on one screen: one line a part
    settings: Settings, calendar: Calendar, clock: Clock, ahead: Vanguard
) -> Desk:
    """Make every long-lived object of the daemon and tie them together."""
    state, spawn = settings.state_dir, ahead.spawn
    ledger, journal, programs = ahead.ledger, ahead.journal, ahead.programs
    coupling = Coupling()
    market = MarketDriver(
        settings.segments, calendar, clock, coupling.settle, lead=timedelta(minutes=settings.feed.lead_minutes)
    )
    keeper = CalendarKeeper(state, market, clock)
    rests = {name: rest_of(account) for name, account in settings.every_account.items()}
    accounts = Accounts(
        {
            name: member(name, settings, broker=broker, clock=clock, spawn=spawn, changed=coupling.settle)
            for name, broker in rests.items()
        }
    )
    auth, rest = accounts.feeding, rests[FEEDING]
    fixed = listed(settings.feed.instruments)
    rules = [*fixed, *load_rules(settings.feed.rules)]
    instruments = InstrumentsDriver(
        rules,
        broker=rest,
        keep=DumpFile(state / "instruments.json"),
        clock=clock,
        spawn=spawn,
        trading_day=lambda day: any(market.calendar.trading_day(segment, day) for segment in settings.segments),
        dump_after=time.fromisoformat(settings.feed.dump_after),
    )
    names, quotes = Names(state / FILE), Quotes(lambda: nanoseconds(clock))

    def hand_on(ticks: list[Tick]) -> None:
        quotes.take(ticks, feed.doubtful)
        instruments.ticks(ticks)

    feed = FeedDriver(
        FeedWatchdog(random.random),
        clock,
        spawn,
        coupling.settle,
        usable_since=lambda: auth.usable_since,
        instruments=len(instruments.wanted),
        on_ticks=hand_on,
        freshness=Freshness(limits_of(settings)),
        oldest_tick=market.oldest_tick,
    )
    sealer = None if journal is None else sealer_of(journal, settings, clock, spawn)
    recorder = (
        None if journal is None else recorder_of(journal, settings, market, ledger, sealer, clock=clock, spawn=spawn)
    )
    if recorder is not None:
        feed.record, recorder.changed = recorder.record, coupling.settle
    sinks = None if recorder is None else sinks_of(settings, recorder, names, clock, sealer)
    flows = flows_of(settings, feed, recorder, clock, spawn)
    programs.meet(World(market, accounts, clock, flows), flows)
    stream, connections = carrier(settings, rules, subscriptions=instruments.wanted, events=feed)
    feed.attach(stream, coupling)
    notifier, retention = Notifier(), retention_of(settings, names, clock, spawn)
    gaps = GapWatch(feed, market, ledger, name=settings.feed.source, instruments=instruments.wanted)
    named = settings.feed.freshness.by_token
    freshness = FreshnessDriver(
        feed.freshness,
        feed,
        market,
        clock,
        stream=stream,
        write=partial(ledger.add_gap, settings.feed.source),
        class_of=lambda token: named.get(token) or instruments.class_of(token),
    )
    freshness.follow(instruments.wanted)
    instruments.attach(stream.set_subscriptions, feed.follow, gaps.follow, freshness.follow)
    rule_files = RulesKeeper(fixed, settings.feed.rules, instruments, capacity=connections * MOST_INSTRUMENTS)
    heartbeat = Heartbeat(
        clock,
        beats=[*(token.look for token in accounts.tokens()), feed.look, instruments.look, freshness.look, keeper.look],
        jumps=[market.sync, *(token.clock_jumped for token in accounts.tokens())],
    )
    pulse = Pulse(
        notifier,
        seconds=lambda: clock.mono_ns() / 1e9,
        lag=lambda: heartbeat.lag,
        overdue=lambda: max(feed.overdue(), *(token.overdue() for token in accounts.tokens())),
    )
    forecaster = Forecaster(market, settings.segments, clock)
    lasts = forecaster.of if settings.feed.source == "kite" else lambda _auth: "lasts"  # what dies is a broker's token
    reports = Reports(market, auth, feed, clock, heartbeat.age, forecast=lasts, further=accounts.further)
    reports.instruments = instruments.health
    reports.desk, programs.changed = programs.shown, reports.refresh
    reports.gaps = GapTally(ledger, clock, gaps.so_far).today
    reports.subscribe(lambda picture: notifier.status(_status_line(picture)))
    members = Membership(state / "ledger.db", now=clock.now)
    file = LedgerFile(state / "ledger.db")
    traders = lambda: [each.name for each in members.people.traders()]  # noqa: E731 - one line a part
    jobs = jobs_of(settings, programs, file, lambda: market.calendar, traders, clock=clock, spawn=spawn)
    http = Http(
        host=settings.http.host,
        port=settings.http.port,
        listeners=ahead.listeners,
        commands=ahead.commands,
        reports=reports,
        login=accounts,
        verifier=accounts,
        admin_token=admin_token(state, secret_of(settings.http.admin_token)),
        public_url=settings.http.public_url,
        cors_origins=settings.http.cors_origins,
        fail_code=settings.http.health_fail_code,
        control_path=control_socket(state),
        clock=clock,
        version=__version__,
        figures=Figures(
            machines={"auth": auth.machine, "feed": feed.machine}
            | {f"auth.{name}": token.machine for name, token in accounts.further.items()}
            | {f"market.{session.segment}": session for session in market.sessions},
            lost=feed.lost_total,
            lag=heartbeat,
            lag_bounds=LAG_BOUNDS,
            parts=[
                *([] if sinks is None else [lambda: of_sinks(sinks.reports())]),
                lambda: of_services(programs.report()),
                RunTally(jobs).families,
            ],
        ),
        parts=[
            Gaps(ledger, gaps.so_far),
            Sinks(lambda: reports.picture),
            QuotesDoor(quotes, names, clock),
            RetentionDoor(retention),
            Market(keeper, clock, settings.segments),
            Instruments(instruments.report, freshness),
            TokenDoor(accounts, clock),
            Backups(state, clock),
            Validate(validations := validations_of(settings), clock),
            Query(Questions(state, state / "journal", seconds=SECONDS, most_bytes=MOST_BYTES)),
            *doors_of(programs, jobs, settings, clock),
            *people_doors(members, settings.http, clock),
            *job_doors(jobs, file, lambda: market.calendar, settings.job_segment, clock),
        ],
        programs=programs,
        members=members,
        record=members.audit,
        jobs=jobs,
    )
    alerts = alarm(settings, reports, forecaster, clock, spawn)
    if alerts is not None:
        jobs.alert = alerts.job
    settled = [gaps.look, programs.settle, jobs.settle, reports.refresh]
    if recorder is not None:
        reports.journal = recorder.report
        settled.insert(0, recorder.follow)
        heartbeat.beats.append(recorder.look)
    if sinks is not None:
        reports.sinks = sinks.reports
        heartbeat.beats += [sinks.look, StoresCheck(validations, clock, spawn, reports=reports).look]
    coupling.join(market, auth, feed, settled=settled)
    heartbeat.beats += [flows.look, programs.look, jobs.look, ledger.look, members.look]
    heartbeat.beats += [reports.look, pulse.beat, retention.look]
    return Desk(
        market,
        keeper,
        auth,
        feed,
        stream,
        accounts,
        reports,
        heartbeat,
        http,
        notifier,
        gaps,
        ledger,
        members,
        instruments,
        rule_files,
        freshness,
        alerts,
        recorder,
        sinks,
        programs,
        jobs,
        flows,
    )


async def run(
    settings: Settings,
    calendar: Calendar,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[Desk], None] = lambda _desk: None,
    *,
    ahead: Vanguard | None = None,
) -> None:
    """Wake the desk, keep it running until `stop` is set, and put it to rest; `ahead` has gone before.

    Raises CannotListenError when a door is taken, LedgerError, JournalError and KeepersError when nothing can be kept
    in their directories; anything else that is raised is a fault of ours.
    """
    if ahead is None:
        async with Vanguard(settings, clock) as own:
            await run(settings, calendar, clock, stop, ready, ahead=own)
        return
    spawn = ahead.spawn
    desk = wire(settings, calendar, clock, ahead)
    try:
        await desk.http.start()
        spawn(desk.heartbeat.run(), name="heartbeat")
        if desk.recorder is not None:
            spawn(desk.recorder.run(), name="journal.sync")
        if desk.sinks is not None:
            desk.sinks.begin(spawn)
        desk.instruments.look()
        desk.market.sync()
        for token in desk.accounts.tokens():
            token.begin()
        ahead.begin()
        desk.jobs.begin()
        desk.notifier.ready()
        ready(desk)
        await _either(stop, ahead.failed)
    finally:
        await rest(desk, ahead.deeds)
    if ahead.failed.done():
        raise ahead.failed.result()


async def rest(desk: Desk, deeds: set[asyncio.Task[None]]) -> None:
    """Put the desk to rest: say so, end the feed and whatever is under way, then close the door."""
    desk.notifier.stopping()
    desk.reports.stop()
    desk.jobs.end()
    desk.programs.end()
    desk.http.close_streams()
    for token in desk.accounts.tokens():
        token.disarm()
    for part in (desk.market, desk.feed):
        part.disarm()
    if desk.alerts is not None:
        desk.alerts.disarm()
    desk.stream.close()
    logins = [deed for deed in deeds if deed.get_name() == EXCHANGE]
    if logins:
        await asyncio.wait(logins, timeout=LAST_LOGIN)
    for deed in tuple(deeds):
        deed.cancel()
    await desk.http.stop()
    await desk.flows.close()
    await desk.stream.aclose()
    if desk.recorder is not None:
        await desk.recorder.close()  # no tick comes any more: the last ones are brought to the disk
    desk.freshness.end()
    desk.gaps.end()
    desk.members.close()
    desk.ledger.close()
    desk.notifier.close()


async def _either(stop: asyncio.Event, failed: asyncio.Future[Exception]) -> None:
    """Wait for the word to stop, or for a fault of ours."""
    failed.add_done_callback(lambda _: stop.set())
    await stop.wait()


def _status_line(picture: Picture) -> str:
    segment = picture.market.segments[0]
    return f"auth {picture.auth.state} / feed {picture.feed.state} / market {segment.state}"
