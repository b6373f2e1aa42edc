"""The daemon: every long-lived object is made here, on one screen; then they run until somebody says stop."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from tradewarden import __version__, log
from tradewarden.feed import cursor
from tradewarden.feed.brokers.bus import BusStream, source_of
from tradewarden.feed.brokers.kite import MOST_INSTRUMENTS, KiteStream
from tradewarden.feed.brokers.kite_rest import KiteRest
from tradewarden.feed.brokers.kite_shards import CONNECTIONS, KiteShards
from tradewarden.feed.brokers.open_door import OpenDoor
from tradewarden.feed.journal import Journal
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.sinks.audited import AUDITED
from tradewarden.feed.sinks.parquet import Parquet, is_installed
from tradewarden.feed.sinks.registry import STORES, sink_of
from tradewarden.feed.sinks.retained import RETAINED, retained_of
from tradewarden.feed.studies.quotes import Quotes
from tradewarden.feed.tick import Mode, Tick
from tradewarden.http.account_words import account_words
from tradewarden.http.app import Http
from tradewarden.http.backup import Backups
from tradewarden.http.banner import banner
from tradewarden.http.gaps import Gaps
from tradewarden.http.instruments import Instruments
from tradewarden.http.market import Market
from tradewarden.http.metrics import Figures
from tradewarden.http.query import MOST_BYTES, SECONDS, Query
from tradewarden.http.quotes import QuotesDoor
from tradewarden.http.retention import RetentionDoor
from tradewarden.http.sink_metrics import of_sinks
from tradewarden.http.sinks import Sinks
from tradewarden.http.token import TokenDoor
from tradewarden.http.validate import Validate
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.freshness import Freshness, Limits
from tradewarden.machines.instruments import Rule, most
from tradewarden.machines.report import FEEDING, Picture
from tradewarden.orchestrator.account import Account
from tradewarden.orchestrator.accounts import Accounts, Member
from tradewarden.orchestrator.auth import EXCHANGE, AuthDriver
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper
from tradewarden.orchestrator.checks.stores import StoresCheck
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.coupling import Coupling
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.dump_file import DumpFile
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.forecast import Forecaster
from tradewarden.orchestrator.freshness import FreshnessDriver
from tradewarden.orchestrator.gap import GapWatch
from tradewarden.orchestrator.gap_tally import GapTally
from tradewarden.orchestrator.heartbeat import LAG_BOUNDS, Heartbeat
from tradewarden.orchestrator.instruments import InstrumentsDriver
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.login import Login
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.no_login import NoLogin
from tradewarden.orchestrator.notify import Notifier, Pulse
from tradewarden.orchestrator.query import Questions
from tradewarden.orchestrator.report import Reports
from tradewarden.orchestrator.retention import Retention
from tradewarden.orchestrator.rule_files import listed, load_rules
from tradewarden.orchestrator.rules_keeper import RulesKeeper
from tradewarden.orchestrator.seal import Sealer
from tradewarden.orchestrator.shelf import Shelf
from tradewarden.orchestrator.sink_group import SinkGroup
from tradewarden.orchestrator.sinks import SinkRunner
from tradewarden.orchestrator.statedir import admin_token, control_socket, token_file
from tradewarden.orchestrator.token import TokenStore
from tradewarden.orchestrator.validation import Validations
from tradewarden.sink_command import values_of

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from pydantic import SecretStr

    from tradewarden.orchestrator.alerts import Alerts
    from tradewarden.orchestrator.senders.delivery import Sender
    from tradewarden.settings import AccountSettings, AlertSettings, HttpSettings, Settings

LAST_LOGIN = 2.5  # seconds that a login under way gets when the daemon stops
MEGABYTE = 1_000_000
JOURNAL = "journal"  # in the state directory
QUIET = 60.0  # seconds between two lines about connections that cannot be taken

logger = structlog.get_logger()


Carrier = KiteStream | KiteShards | BusStream


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
    instruments: InstrumentsDriver
    rule_files: RulesKeeper
    freshness: FreshnessDriver
    alerts: Alerts | None
    recorder: Recorder | None
    sinks: SinkGroup | None

    def reload(self) -> None:
        """SIGHUP: read tokens, calendars, rules and the clock again, dial again after a 400; nothing is restarted."""
        self.notifier.reloading()
        self.feed.machine.forgive()
        for token in self.accounts.tokens():
            token.read_files()
        self.keeper.read_files()
        self.rule_files.read_files()
        self.notifier.ready()


def wire(
    settings: Settings, calendar: Calendar, clock: Clock, ledger: Ledger, spawn: Spawn, *, journal: Journal | None
) -> Desk:
    """Make every long-lived object of the daemon and tie them together."""
    state = settings.state_dir
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
    reports.gaps = GapTally(ledger, clock, gaps.so_far).today
    reports.subscribe(lambda picture: notifier.status(_status_line(picture)))
    http = Http(
        host=settings.http.host,
        port=settings.http.port,
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
            parts=[] if sinks is None else [lambda: of_sinks(sinks.reports())],
        ),
        parts=[
            Gaps(ledger, gaps.so_far),
            Sinks(lambda: reports.picture),
            QuotesDoor(quotes, names, clock),
            RetentionDoor(retention, public_url=settings.http.public_url),
            Market(keeper, clock, settings.segments),
            Instruments(instruments.report, freshness),
            TokenDoor(accounts, clock, public_url=settings.http.public_url),
            Backups(state, clock),
            Validate(validations := validations_of(settings), clock, public_url=settings.http.public_url),
            Query(
                Questions(state, state / "journal", seconds=SECONDS, most_bytes=MOST_BYTES),
                public_url=settings.http.public_url,
            ),
        ],
    )
    alerts = alarm(settings, reports, forecaster, clock, spawn)
    settled = [gaps.look, reports.refresh]
    if recorder is not None:
        reports.journal = recorder.report
        settled.insert(0, recorder.follow)
        heartbeat.beats.append(recorder.look)
    if sinks is not None:
        reports.sinks = sinks.reports
        heartbeat.beats += [sinks.look, StoresCheck(validations, clock, spawn, reports=reports).look]
    coupling.join(market, auth, feed, settled=settled)
    heartbeat.beats += [ledger.look, reports.refresh, pulse.beat, retention.look]
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
        instruments,
        rule_files,
        freshness,
        alerts,
        recorder,
        sinks,
    )


def journal_of(settings: Settings, clock: Clock) -> Journal | None:
    """The journal, if this desk keeps one; its numbers go on behind those that any store has. Raises JournalError."""
    told = settings.journal
    if not told.record:
        return None
    place = settings.state_dir / JOURNAL
    return Journal(
        place,
        after=max((seq or 0 for seq in cursor.everyone(place).values()), default=0),
        segment_bytes=told.segment_mb * MEGABYTE,
        segment_seconds=told.segment_minutes * 60,
        now_ns=lambda: nanoseconds(clock),
    )


def nanoseconds(clock: Clock) -> int:
    """The wall's time as records have it."""
    return int(clock.now().timestamp() * 1e9)


def sealer_of(journal: Journal, settings: Settings, clock: Clock, spawn: Spawn) -> Sealer | None:
    """Who turns finished segments into Parquet; nobody, unless that is wished and can be done."""
    told = settings.sinks.parquet
    if not told.enabled or not is_installed():
        return None
    parquet = Parquet(settings.state_dir, journal.directory)
    return Sealer(parquet, journal.directory, clock, spawn, keep_days=told.keep_days)


def recorder_of(
    journal: Journal,
    settings: Settings,
    market: MarketDriver,
    ledger: Ledger,
    sealer: Sealer | None,
    *,
    clock: Clock,
    spawn: Spawn,
) -> Recorder:
    """Who writes the journal, and takes old files of it away."""
    told = settings.journal
    shelf = Shelf(
        journal.directory,
        sinks=[name for name, store in STORES.items() if getattr(settings.sinks, name).enabled and not store.from_now],
        safe=None if sealer is None else sealer.safe,
        keep_bytes=told.keep_gb * 1000 * MEGABYTE,
        keep_seconds=told.keep_days * 86_400,
    )
    return Recorder(journal, market, ledger, shelf, clock=clock, spawn=spawn, segment_seconds=told.segment_minutes * 60)


def sinks_of(settings: Settings, recorder: Recorder, names: Names, clock: Clock, sealer: Sealer | None) -> SinkGroup:
    """Who carries the journal to the stores, here and in processes of their own."""
    journal = recorder.journal

    def latest() -> int:
        return journal.next_seq - 1

    def ahead(seq: int) -> bool:
        journal.go_on_after(seq)
        return True

    tables = {name: getattr(settings.sinks, name) for name in STORES}
    here = [name for name, table in tables.items() if table.enabled and table.process == "daemon"]
    apart = [name for name, table in tables.items() if table.enabled and table.process == "own"]
    runners = [
        SinkRunner(
            name,
            partial(sink_of, name, values_of(tables[name]), names=names, state_dir=settings.state_dir),
            journal.directory,
            clock,
            latest=latest,
            wake=journal.subscribe,
            from_now=STORES[name].from_now,
            ahead=ahead,
        )
        for name in here
    ]
    others = [] if sealer is None else [sealer]
    readers: list[SinkRunner | Sealer] = [*runners, *others]
    for reader in readers:
        reader.on_hole = recorder.tell
    return SinkGroup(runners, apart, journal.directory, clock, names=names, latest=latest, others=others)


def retention_of(settings: Settings, names: Names, clock: Clock, spawn: Spawn) -> Retention:
    """Whoever lets old ticks go, in the journal and in every store that is enabled."""
    tables = {name: getattr(settings.sinks, name) for name in RETAINED if name != JOURNAL}
    wanted = {name: values_of(table) for name, table in tables.items() if table.enabled}
    if settings.journal.record:
        wanted[JOURNAL] = values_of(settings.journal)
    stores = {
        name: partial(retained_of, name, values, names=names, state_dir=settings.state_dir)
        for name, values in sorted(wanted.items())
    }
    return Retention(stores, clock, spawn)


def tell_redis(settings: Settings, reports: Reports, spawn: Spawn) -> None:
    """Each new headline into Redis under the original's name, where the original's other names are kept too."""
    redis = settings.sinks.redis
    if not (redis.enabled and redis.originals):
        return
    from tradewarden.feed.redis_server import RedisServer  # noqa: PLC0415 - 6 MB with its library
    from tradewarden.orchestrator.alert_stream import AlertStream  # noqa: PLC0415

    server = RedisServer(redis.url, username=redis.username, password=secret_of(redis.password))
    reports.subscribe(AlertStream(server, spawn, broker=redis.broker, words=banner).look)


def validations_of(settings: Settings) -> Validations:
    """Whoever compares the stores that are enabled with the journal."""
    tables = {name: getattr(settings.sinks, name) for name in AUDITED}
    enabled = {name: values_of(table) for name, table in tables.items() if table.enabled}
    return Validations(enabled, settings.state_dir)


def limits_of(settings: Settings) -> Limits:
    """How long a single instrument may be silent."""
    told = settings.feed.freshness
    return Limits(told.index * SECOND, told.liquid * SECOND, told.illiquid * SECOND)


async def run(
    settings: Settings,
    calendar: Calendar,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[Desk], None] = lambda _desk: None,
) -> None:
    """Wake the desk, keep it running until `stop` is set, and put it to rest.

    Raises CannotListenError when the port is taken, LedgerError and JournalError when ledger or journal cannot be used;
    anything else that is raised is a fault of ours.
    """
    ledger, journal = Ledger(settings.state_dir / "ledger.db"), journal_of(settings, clock)
    async with asyncio.TaskGroup() as group:
        deeds: set[asyncio.Task[None]] = set()

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            task = group.create_task(deed, name=name)
            deeds.add(task)
            task.add_done_callback(deeds.discard)
            return task

        desk = wire(settings, calendar, clock, ledger, spawn, journal=journal)
        failed = _faults_of_callbacks()
        try:
            await _listen(desk, settings.http)
            spawn(desk.heartbeat.run(), name="heartbeat")
            if desk.recorder is not None:
                spawn(desk.recorder.run(), name="journal.sync")
            if desk.sinks is not None:
                desk.sinks.begin(spawn)
            desk.instruments.look()
            desk.market.sync()
            for token in desk.accounts.tokens():
                token.begin()
            desk.notifier.ready()
            ready(desk)
            await _either(stop, failed)
        except CannotListenError as trouble:
            failed.set_result(trouble)
        finally:
            await rest(desk, deeds)
    if failed.done():
        raise failed.result()


class CannotListenError(OSError):
    """The desk's door cannot be opened; the text says which, why and what to do."""


async def _listen(desk: Desk, http: HttpSettings) -> None:
    try:
        await desk.http.start()
    except OSError as trouble:
        if trouble.filename is not None:  # only the control socket has a place in the file system
            raise CannotListenError(
                f"cannot listen for commands at {trouble.filename}: {trouble.strerror}; "
                "remove what is there, or set state_dir (or RUNTIME_DIRECTORY)."
            ) from None
        reason = os.strerror(trouble.errno) if trouble.errno else str(trouble)
        raise CannotListenError(
            f"cannot listen at {http.host}:{http.port}: {reason}; stop the program that does, or set http.port."
        ) from None


async def rest(desk: Desk, deeds: set[asyncio.Task[None]]) -> None:
    """Put the desk to rest: say so, end the feed and whatever is under way, then close the door."""
    desk.notifier.stopping()
    desk.reports.stop()
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
    await desk.stream.aclose()
    if desk.recorder is not None:
        await desk.recorder.close()  # no tick comes any more: the last ones are brought to the disk
    desk.freshness.end()
    desk.gaps.end()
    desk.ledger.close()
    desk.notifier.close()


def _faults_of_callbacks() -> asyncio.Future[Exception]:
    """A fault in a timer's callback fails no task: it must stop the daemon all the same, so that it is restarted."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[Exception] = loop.create_future()
    quiet_until = 0.0

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal quiet_until
        fault = context.get("exception")
        if "socket" in context and isinstance(fault, OSError):
            # A listener without a descriptor to spare is told of a hundred times a second: a line a minute will do.
            if loop.time() >= quiet_until:
                quiet_until = loop.time() + QUIET
                logger.error("http.cannot_accept", why=fault.strerror, next_line_in=QUIET)
            return
        loop.default_exception_handler(context)
        if "handle" in context and isinstance(fault, Exception) and not failed.done():
            failed.set_result(fault)

    loop.set_exception_handler(note)
    return failed


async def _either(stop: asyncio.Event, failed: asyncio.Future[Exception]) -> None:
    """Wait for the word to stop, or for a fault of ours."""
    failed.add_done_callback(lambda _: stop.set())
    await stop.wait()


def rest_of(account: AccountSettings) -> KiteRest:
    """The broker's answers to one account's logins and questions."""
    return KiteRest(
        rest_url=account.rest_url,
        login_url=account.login_url,
        api_key=account.api_key or "",
        api_secret=secret_of(account.api_secret) or "",
    )


def member(
    name: str, settings: Settings, *, broker: KiteRest, clock: Clock, spawn: Spawn, changed: Callable[[], None]
) -> Member:
    """One broker account: its token, its files, its logins."""
    account = settings.every_account[name]
    if name == FEEDING and settings.feed.source != "kite":
        return guest(clock, spawn, changed)
    store = TokenStore(
        token_file(settings.state_dir, name),
        watched=account.token_files,
        exports=account.export_files,
        now=clock.now,
        user_id=account.user_id,
    )
    auth = AuthDriver(
        AuthToken(random.random),
        clock,
        spawn,
        changed,
        broker=broker,
        store=store,
        user_id=account.user_id,
        probe_hours=[time.fromisoformat(hour) for hour in account.probe_hours],
        learned=log.hide,
        account=name if settings.accounts else None,
    )
    possible = account.api_key and account.api_secret
    section = FEEDING if name == FEEDING else f"accounts.{name}"
    login = Login(auth, broker.login_page if possible else None, clock, section=section)
    return Member(auth, login, Account(auth, broker))


def guest(clock: Clock, spawn: Spawn, changed: Callable[[], None]) -> Member:
    """In the account's place on a desk that lives off a bus: there is nothing to log in to, so nobody is asked to."""
    door = OpenDoor()
    auth = AuthDriver(
        AuthToken(random.random),
        clock,
        spawn,
        changed,
        broker=door,
        store=NoLogin(clock.now),
        probe_hours=[],
        dies_daily=False,
    )
    return Member(auth, Login(auth, None, clock), Account(auth, door))


def carrier(
    settings: Settings, rules: Sequence[Rule], *, subscriptions: Mapping[int, Mode], events: FeedDriver
) -> tuple[Carrier, int]:
    """Where ticks come from, and over how many connections: the broker, or another desk's bus."""
    kite, wish = settings.kite, settings.feed
    if wish.source != "kite":
        password = secret_of(wish.password)
        source = source_of(
            wish.source, url=wish.url or "", broker=wish.broker, username=wish.username, password=password
        )
        return BusStream(source, subscriptions=subscriptions, events=events), 1
    many = most(rules) > MOST_INSTRUMENTS
    kind = KiteShards if many else KiteStream
    stream = kind(url=kite.ticker_url, api_key=kite.api_key or "", subscriptions=subscriptions, events=events)
    return stream, CONNECTIONS if many else 1


def secret_of(value: SecretStr | None) -> str | None:
    """The secret itself, hidden from the log from now on."""
    if value is None:
        return None
    log.hide(value.get_secret_value())
    return value.get_secret_value()


def alarm(settings: Settings, reports: Reports, forecaster: Forecaster, clock: Clock, spawn: Spawn) -> Alerts | None:
    """Whoever tells people; nobody, while no way out is configured. Redis hears of headlines where it wants to."""
    tell_redis(settings, reports, spawn)
    senders = senders_of(settings.alerts)
    if not senders:
        return None
    from tradewarden.machines.alert import AlertRules  # noqa: PLC0415 - 1.5 MB that a desk without alerts does not need
    from tradewarden.orchestrator.alerts import Alerts  # noqa: PLC0415

    alerts = Alerts(
        AlertRules(time.fromisoformat(settings.kite.warn_at)),
        clock,
        spawn,
        senders=senders,
        words=banner,
        accounts={
            name: AlertRules(time.fromisoformat(account.warn_at), account=name)
            for name, account in settings.accounts.items()
        },
        account_words=account_words,
        session=forecaster.session,
        link=f"{settings.http.public_url}/login",
        path=settings.state_dir / "alerts.json",
    )
    alerts.begin()
    reports.deliveries = alerts.report
    reports.subscribe(alerts.look)
    reports.subscribe_ages(alerts.look)
    return alerts


def senders_of(settings: AlertSettings) -> list[Sender]:
    """Every way out that is configured, the others not even loaded."""
    senders: list[Sender] = []
    if (url := secret_of(settings.webhook_url)) is not None:
        from tradewarden.orchestrator.senders.webhook import Webhook  # noqa: PLC0415

        senders.append(Webhook(url))
    token, chat = secret_of(settings.telegram_bot_token), settings.telegram_chat_id
    if token is not None and chat is not None:
        from tradewarden.orchestrator.senders.telegram import Telegram  # noqa: PLC0415

        senders.append(Telegram(api_url=settings.telegram_url, bot_token=token, chat_id=chat))
    if settings.emails:
        from tradewarden.orchestrator.senders.email import Email  # noqa: PLC0415

        senders.append(
            Email(
                host=settings.smtp_host or "",
                port=settings.smtp_port,
                security=settings.smtp_security,
                sender=settings.email_from or "",
                recipients=settings.email_to,
                user=settings.smtp_user,
                password=secret_of(settings.smtp_password),
            )
        )
    return senders


def _status_line(picture: Picture) -> str:
    segment = picture.market.segments[0]
    return f"auth {picture.auth.state} / feed {picture.feed.state} / market {segment.state}"
