"""The command line: what a person types, and what the exit status says."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewarden import __version__

if TYPE_CHECKING:
    from tradewarden.machines.calendar import Calendar
    from tradewarden.settings import Settings

BAD_DATA = 65
BAD_CONFIGURATION = 78
SINKS = ("sqlite", "redis", "mysql", "influx", "zmq", "nats")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    return command(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradewarden", description=__doc__ and "The warden of a trading desk.")
    parser.add_argument("--version", action="version", version=f"tradewarden {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    _add_config(add("run", _run, "run the daemon"))

    demo = add("demo", _demo, "run the daemon on a simulated broker, a minute before the market opens")
    demo.add_argument("--port", type=int, default=8700, help="the desk's port; the simulated broker takes the next one")
    demo.add_argument("--at", type=_moment, help="when the desk's clock starts (ISO 8601; IST without an offset)")
    demo.add_argument("--auto-login", action="store_true", help="start with a good token instead of asking for a login")

    check = add("check", _check, "check the configuration; exit status 78 and one sentence per problem")
    _add_config(check)

    selftest = add(
        "selftest", _selftest, "one plain line per machine and for the health answer: working, or what is wrong"
    )
    selftest.add_argument("--url", help="a running daemon; without it a demo desk is started and tried")

    status = add("status", _status, "what a running daemon says: the headline, then the machines")
    _add_config(status)
    status.add_argument("--url", help="where the daemon listens; default: its control socket")
    status.add_argument("--watch", type=float, metavar="SECONDS", help="say it again every so often")
    status.add_argument("--json", action="store_true", help="the health answer as it is")

    gaps = add("gaps", _gaps, "when data was due and did not come, newest first")
    _add_config(gaps)
    gaps.add_argument("--url", help="where the daemon listens; default: its control socket")
    gaps.add_argument("--limit", type=int, default=20, help="how many to tell (default 20)")
    gaps.add_argument("--json", action="store_true", help="as one JSON object")

    _add_stores(add)

    streamed = add("instruments", _instruments, "what is streamed, which rule wants it, and how fresh the dump is")
    _add_config(streamed)
    streamed.add_argument("--url", help="where the daemon listens; default: its control socket")
    streamed.add_argument("--json", action="store_true", help="as one JSON object")

    query = add("query", _query, "a question in SQL about the recorded ticks; no daemon needs to run")
    _add_config(query)
    query.add_argument("sql", help="such as \"FROM bars WHERE symbol = 'INFY'\"; - reads standard input")
    query.add_argument("--rows", type=int, default=1000, help="how many to tell (default 1000)")
    query.add_argument("--seconds", type=float, default=60.0, help="how long it may take (default 60)")
    query.add_argument("--json", action="store_true", help="as one JSON object")

    _add_logins(add)

    decode = add("decode", _decode, "one WebSocket frame of the broker, as one JSON object a tick")
    decode.add_argument("broker", choices=["kite"])
    decode.add_argument("file", help="- reads standard input")

    simulate = add("simulate", _simulate, "only the simulated broker, for your own programs")
    _describe_simulate(simulate)

    rehearse = add("rehearse", _rehearse, "play a script of a trading day through the real machines in virtual time")
    rehearse.add_argument("file", help="JSON Lines, see docs/rehearsals.md; - reads standard input")

    _add_backups(add)
    _add_validate(add)
    _add_retention(add)

    calendar = add("calendar", _calendar, "the days of the markets: look one up, check a file, add a holiday")
    _add_calendar(calendar.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="deed"))
    return parser


def _add_logins(add: Callable[..., argparse.ArgumentParser]) -> None:
    login = add("login", _login, "log in to the broker from this terminal")

    verify = add("verify", _verify, "ask the broker, through the daemon, whether the token is good")
    verify.add_argument("--json", action="store_true", help="the answer as it is")

    logout = add("logout", _logout, "forget the broker's token and make it worthless at the broker")

    token_error = add("token-error", _token_error, "tell the daemon that another program met a dead token")
    token_error.add_argument("type", help="the broker's name of the error, such as TokenException")
    token_error.add_argument("message", nargs="?", default="", help="the broker's words")
    token_error.add_argument("--generation", type=int, help="of the token that was refused; default: the present one")

    for sub in (login, verify, logout, token_error):
        sub.add_argument(
            "--config", type=Path, help="default: ./tradewarden.toml, then /etc/tradewarden/tradewarden.toml"
        )
        sub.add_argument(
            "--account", metavar="NAME", help="one of [accounts]; default: the one that the ticks come with"
        )


def _add_config(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--config", type=Path, help="default: ./tradewarden.toml, then /etc/tradewarden/tradewarden.toml")


def _add_stores(add: Callable[..., argparse.ArgumentParser]) -> None:
    sink = add("sink", _sink, "carry the journal to one store in a process of its own")
    _add_config(sink)
    sink.add_argument("name", choices=SINKS, help="what follows [sinks. in the settings, which say process = own")
    sink.add_argument("--from", dest="bus", choices=["redis"], help="carry a bus instead, as one writer of a fleet")
    sink.add_argument("--group", type=_word, default="writers", help="the fleet's name (default writers)")
    sink.add_argument("--consumer", type=_word, help="this writer's own name in it; default: host and process")

    stream = add("feed", _feed, "the ticks of a bus as JSON lines, one a tick, from now on")
    stream.add_argument("bus", choices=["redis", "zmq"])
    _add_config(stream)
    stream.add_argument("--url", help="such as redis://10.0.0.5:6379/0; default: what the settings say of that bus")
    stream.add_argument("--count", type=_count, help="end after so many ticks")

    stores = add("sinks", _sinks, "how each store does: its state, its lag, what it holds")
    _add_config(stores)
    stores.add_argument("--url", help="where the daemon listens; default: its control socket")
    stores.add_argument("--json", action="store_true", help="as one JSON object")

    latest = add("quotes", _quotes, "the latest quote of each instrument, from the daemon's memory")
    latest.add_argument("only", nargs="*", metavar="NAME", help="such as NSE:INFY or a token; default: all")
    _add_config(latest)
    latest.add_argument("--url", help="where the daemon listens; default: its control socket")
    latest.add_argument("--json", action="store_true", help="as one JSON object")


def _add_validate(add: Any) -> None:
    stores = add("validate", _validate, "compare the stores with the journal, record by record; nothing is changed")
    _add_config(stores)
    named = ["full", "influxdb", *SINKS, "parquet"]
    stores.add_argument("store", nargs="?", default="full", choices=named, help="full (default): all that are enabled")
    stores.add_argument(
        "--minutes", type=float, default=10, help="how far back from the last tick to look (default 10)"
    )
    stores.add_argument("--since", type=_moment, help="look from then on (ISO 8601; IST without an offset)")
    stores.add_argument("--until", type=_moment, help="and up to then")
    stores.add_argument("--json", action="store_true", help="as one JSON object")


def _add_retention(add: Any) -> None:
    kept = add("retention", _retention, "what the stores keep for how long; cleanup lets go of what is too old")
    kept.add_argument(
        "deed", choices=["create", "list", "stats", "cleanup"], help="create makes the stores' rules hold"
    )
    _add_config(kept)
    kept.add_argument("--url", help="where the daemon listens; default: its control socket")
    kept.add_argument("--store", help="only this one")
    kept.add_argument("--json", action="store_true", help="as one JSON object")


def _add_backups(add: Any) -> None:
    backup = add("backup", _backup, "ledger, tokens, own calendars and journal as one tar file; the daemon may run")
    _add_config(backup)
    backup.add_argument("file", help="- writes to standard output")
    backup.add_argument("--ticks", action="store_true", help="the recorded ticks beyond the journal too")

    restore = add("restore", _restore, "put a backup back; the daemon must not run")
    _add_config(restore)
    restore.add_argument("file", help="- reads standard input")
    restore.add_argument("--force", action="store_true", help="move what is in the state directory aside")


def _add_calendar(deeds: Any) -> None:
    def add(name: str, text: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = deeds.add_parser(name, help=text, description=text)
        return sub

    def segments(sub: argparse.ArgumentParser, text: str) -> None:
        sub.add_argument("--segment", dest="segments", action="append", default=[], metavar="SEGMENT", help=text)

    def as_json(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--json", action="store_true", help="as one JSON object")

    day = add("day", "one day, phase by phase, and who says so")
    day.add_argument("date", type=_date, help="such as 2026-11-10")
    coming = add("next", "where each segment stands now, and when that changes")
    segments(day, "may be given several times; default: the desk's own, else NSE_EQ and NFO")
    segments(coming, "may be given several times; default: the desk's own, else NSE_EQ and NFO")
    coming.add_argument("--all", action="store_true", help="every segment that there is a calendar for")
    for sub in (day, coming):
        as_json(sub)
    check = add("check", "read the desk's own calendar files; exit status 65 and one sentence per fault")
    check.add_argument("files", nargs="*", type=Path, help="files to read as if they lay in calendar.d")
    as_json(check)
    new = add("add", "write a holiday into calendar.d; a running daemon follows it within a second")
    new.add_argument("date", type=_date, help="such as 2026-11-30")
    new.add_argument("name", help="such as 'Election day'")
    segments(new, "may be given several times; default: shares and their derivatives at NSE and BSE")
    new.add_argument("--open-from", metavar="HH:MM", help="only the day up to then is closed: an evening-only holiday")
    new.add_argument("--open-until", metavar="HH:MM", help="only the day after it is closed: a half day")
    new.add_argument(
        "--session",
        choices=["regular", "special", "muhurat", "mock"],
        help="no holiday but a session, with the usual hours or those of --open-from and --open-until",
    )
    new.add_argument("--source", help="who announced it")
    order = add("override", "tell a running daemon what a segment is for a while, whatever the calendar says")
    order.add_argument("segment")
    order.add_argument("--state", help="closed, pre_open, live, closing_auction, post_close, halted")
    order.add_argument("--expect", help="how much data is due: none, sparse, dense")
    order.add_argument("--until", help="15:30, a date and time, or +90 for minutes from now; at most seven days")
    order.add_argument("--reason", help="why: others will read it")
    order.add_argument("--lift", action="store_true", help="take the order back")
    order.add_argument("--url", help="where the daemon listens; default: its control socket")
    as_json(order)
    for sub in (day, coming, check, new, order):
        sub.add_argument(
            "--config", type=Path, help="default: ./tradewarden.toml, then /etc/tradewarden/tradewarden.toml"
        )


def _word(text: str) -> str:
    if not text.replace("-", "").replace("_", "").replace(".", "").isalnum() or not text.isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is no name of letters, digits, dots and dashes")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-30") from None


def _moment(text: str) -> datetime:
    from tradewarden.orchestrator.clock import IST

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date and time such as 2026-11-23T09:14") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _live(scene: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    """Play a scene until SIGTERM or Ctrl-C; a second signal ends everything at once."""

    async def play() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask() -> None:
            if stop.is_set():
                os._exit(1)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask)
        await scene(stop)

    asyncio.run(play())
    return 0


def _complain(*sentences: str) -> None:
    for sentence in sentences:
        print(f"tradewarden: {sentence}", file=sys.stderr)


def _say(line: str) -> None:
    print(line, flush=True)


def _configured(config: Path | None, *, lenient: bool = False) -> tuple[Settings, Calendar] | None:
    """The settings and the calendar, or nothing once every problem has been told.

    `lenient` leaves bad calendar files out: the daemon says so all day, but a slip of last night keeps no desk shut.
    """
    from tradewarden.machines.calendar_file import CalendarError
    from tradewarden.orchestrator.calendar import load_calendar, load_good_files
    from tradewarden.settings import load, state_directory
    from tradewarden.settings_sources import ConfigError

    try:
        state = load(config).state_dir
    except ConfigError:
        state = state_directory()  # told below, with everything else that is wrong
    try:
        calendar = load_good_files(state) if lenient else load_calendar(state)
        return load(config, known_segments=calendar.segments), calendar
    except CalendarError as error:
        _complain(*str(error).splitlines())
    except ConfigError as error:
        _complain(*error.problems)
    return None


def _keep_private() -> None:
    """What the daemon writes is nobody else's; systemd's unit says so too."""
    os.umask(0o077)


def _take_all_descriptors() -> None:
    """A thousand descriptors, the usual soft limit, are few for a desk with many readers: take what the host allows."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        return  # a sandbox forbids it: the desk runs with what it has


def _configured_apart(config: Path | None) -> tuple[Settings, Calendar] | None:
    """The same for the daemon, which keeps the values and not the reader."""
    from tradewarden.settings_apart import plain, said_apart

    def ask() -> tuple[Settings, Calendar] | None:
        configured = _configured(config, lenient=True)
        return configured and (plain(configured[0]), configured[1])

    return said_apart(ask)


def _run(parsed: argparse.Namespace) -> int:
    from tradewarden.lean import import_structlog

    import_structlog()
    configured = _configured_apart(parsed.config)
    if configured is None:
        return BAD_CONFIGURATION
    from tradewarden import daemon, log
    from tradewarden.feed.journal import JournalError
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.orchestrator.ledger import LedgerError
    from tradewarden.orchestrator.statedir import StateDirectoryError, claim

    settings, calendar = configured
    log.configure(settings.log.level)

    def ready(desk: daemon.Desk) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, desk.reload)

    _take_all_descriptors()
    _keep_private()
    try:
        with claim(settings.state_dir):
            return _live(lambda stop: daemon.run(settings, calendar, SystemClock(), stop, ready))
    except (StateDirectoryError, LedgerError, JournalError, daemon.CannotListenError) as error:
        _complain(str(error))
        return 1


def _sink(parsed: argparse.Namespace) -> int:
    from tradewarden.lean import import_structlog

    import_structlog()
    from tradewarden.settings_apart import plain, said_apart

    def ask() -> Settings | None:
        settings = _settings(parsed.config)
        return settings and plain(settings)

    settings = said_apart(ask)
    if settings is None:
        return BAD_CONFIGURATION
    from tradewarden import log
    from tradewarden.sink_command import SinkTakenError, alone, objection, sink, values_of

    section = getattr(settings.sinks, parsed.name)
    if parsed.bus is not None:
        log.configure(settings.log.level)
        return _fleet(parsed, settings, values_of(section), values_of(settings.sinks.redis))
    problem = objection(parsed.name, section)
    if problem is not None:
        _complain(problem)
        return BAD_CONFIGURATION
    log.configure(settings.log.level)
    values = values_of(section)
    try:
        with alone(parsed.name, settings.state_dir):
            return _live(lambda stop: sink(parsed.name, values, settings.state_dir, stop))
    except SinkTakenError as error:
        _complain(str(error))
        return 1


def _fleet(parsed: argparse.Namespace, settings: Settings, values: dict[str, Any], bus: dict[str, Any]) -> int:
    from tradewarden.fleet_command import STORES, fleet
    from tradewarden.sink_command import SinkTakenError, alone

    if parsed.name not in STORES:
        _complain(f"a fleet writes to {' or '.join(STORES)}: {parsed.name} wants its ticks in order, from one writer.")
        return BAD_CONFIGURATION
    group, consumer = parsed.group, parsed.consumer or f"{socket.gethostname()}-{os.getpid()}"
    try:
        with alone(f"{parsed.name}.{group}.{consumer}", settings.state_dir):
            return _live(
                lambda stop: fleet(
                    parsed.name, values, bus, group=group, consumer=consumer, state=settings.state_dir, stop=stop
                )
            )
    except SinkTakenError as error:
        _complain(str(error))
        return 1


def _feed(parsed: argparse.Namespace) -> int:
    from tradewarden.feed_command import feed, place_of

    settings = _settings(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    place, well = place_of(parsed.bus, parsed.url, settings), True

    async def read(stop: asyncio.Event) -> None:
        nonlocal well
        state = settings.state_dir
        well = await feed(parsed.bus, place, count=parsed.count, state=state, stop=stop, say=_say, complain=_complain)

    _live(read)
    return 0 if well else 1


def _demo(parsed: argparse.Namespace) -> int:
    from tradewarden.lean import import_structlog

    import_structlog()
    from tradewarden import log
    from tradewarden.daemon import CannotListenError
    from tradewarden.demo import START, demo
    from tradewarden.orchestrator.clock import ShiftedClock
    from tradewarden.simulator.kite import PortError

    start = parsed.at or START
    log.configure("warning", stream=sys.stderr, clock=ShiftedClock(start).now if sys.stderr.isatty() else None)
    try:
        return _live(
            lambda stop: demo(port=parsed.port, start=start, auto_login=parsed.auto_login, stop=stop, say=_say)
        )
    except (CannotListenError, PortError) as error:
        reason = (error.strerror or str(error)).partition(";")[0]
        desk, other = parsed.port, parsed.port + 10
        _complain(
            f"{reason}. The demo takes two ports, {desk} for the desk and {desk + 1} for the simulated broker:"
            f" choose another pair with `make run PORT={other}`, or `tradewarden demo --port {other}`."
        )
        return 1


def _check(parsed: argparse.Namespace) -> int:
    configured = _configured(parsed.config)
    if configured is None:
        return BAD_CONFIGURATION
    from tradewarden.settings import FILES
    from tradewarden.settings_sources import find

    settings, _ = configured
    for warning in settings.warnings():
        _complain(f"warning: {warning}")
    for problem in _about_rules(settings):
        _complain(f"warning: {problem}")
    source = parsed.config or find(FILES)
    where = f"read from {source.absolute()}" if source else "no file was found, so these are the defaults"
    _say(f"The configuration is good: {', '.join(settings.segments)}, port {settings.http.port}; {where}.")
    servers = [name for name in SINKS if name != "sqlite" and getattr(settings.sinks, name).enabled]
    if servers:
        _say(f"Nobody was asked: whether {', '.join(servers)} can be reached, `tradewarden sinks` tells once it runs.")
    return 0


def _about_rules(settings: Settings) -> tuple[str, ...]:
    from tradewarden.orchestrator.dump_file import DumpFile
    from tradewarden.orchestrator.instruments import forecast
    from tradewarden.orchestrator.rule_files import astray, load_rules

    rules = load_rules(settings.feed.rules)
    return *astray(rules, settings.segments), *forecast(rules, DumpFile(settings.state_dir / "instruments.json"))


def _selftest(parsed: argparse.Namespace) -> int:
    from tradewarden import log
    from tradewarden.selftest import selftest

    log.configure("error", stream=sys.stderr)
    return 0 if asyncio.run(selftest(parsed.url, _say)) else 1


def _settings(config: Path | None) -> Settings | None:
    """The settings alone, for a command that asks a daemon; nothing once every problem has been told."""
    from tradewarden.settings import load
    from tradewarden.settings_sources import ConfigError

    try:
        return load(config)
    except ConfigError as error:
        _complain(*error.problems)
        return None


def _settings_with(parsed: argparse.Namespace) -> Settings | None:
    """The settings, if they have the account that was named; nothing once every problem has been told."""
    settings = _settings(parsed.config)
    if settings is None or parsed.account is None or parsed.account in settings.every_account:
        return settings
    _complain(f"--account: {parsed.account!r} is no account; known are {', '.join(settings.every_account)}.")
    return None


def _door(parsed: argparse.Namespace) -> tuple[str | None, Path | None] | None:
    """Where to ask the daemon: the URL that was typed, or what the settings say; nothing when these are wrong."""
    from tradewarden.control import door

    if parsed.url is not None:
        return parsed.url, None
    settings = _settings(parsed.config)
    return None if settings is None else door(settings)


def _status(parsed: argparse.Namespace) -> int:
    from tradewarden.status import status

    place = _door(parsed)
    return (
        BAD_CONFIGURATION
        if place is None
        else asyncio.run(status(*place, as_json=parsed.json, every=parsed.watch, say=_say))
    )


def _gaps(parsed: argparse.Namespace) -> int:
    from tradewarden.gaps_command import gaps

    place = _door(parsed)
    return (
        BAD_CONFIGURATION
        if place is None
        else asyncio.run(gaps(*place, limit=parsed.limit, as_json=parsed.json, say=_say))
    )


def _retention(parsed: argparse.Namespace) -> int:
    from tradewarden.retention_command import retention

    place = _door(parsed)
    if place is None:
        return BAD_CONFIGURATION
    return asyncio.run(retention(*place, deed=parsed.deed, store=parsed.store, as_json=parsed.json, say=_say))


def _sinks(parsed: argparse.Namespace) -> int:
    from tradewarden.sinks_command import sinks

    place = _door(parsed)
    return BAD_CONFIGURATION if place is None else asyncio.run(sinks(*place, as_json=parsed.json, say=_say))


def _quotes(parsed: argparse.Namespace) -> int:
    from tradewarden.quotes_command import quotes

    place = _door(parsed)
    if place is None:
        return BAD_CONFIGURATION
    return asyncio.run(quotes(*place, only=parsed.only, as_json=parsed.json, say=_say))


def _instruments(parsed: argparse.Namespace) -> int:
    from tradewarden.instruments_command import instruments

    place = _door(parsed)
    return BAD_CONFIGURATION if place is None else asyncio.run(instruments(*place, as_json=parsed.json, say=_say))


def _query(parsed: argparse.Namespace) -> int:
    from tradewarden.orchestrator.query import Questions
    from tradewarden.query_command import MOST_BYTES, query

    settings = _settings(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    state = settings.state_dir
    questions = Questions(state, state / "journal", seconds=parsed.seconds, most_bytes=MOST_BYTES)
    sql = sys.stdin.read() if parsed.sql == "-" else parsed.sql
    rows = max(1, parsed.rows)
    return asyncio.run(query(questions, sql, rows=rows, as_json=parsed.json, say=_say, complain=_complain))


def _validate(parsed: argparse.Namespace) -> int:
    from tradewarden.sink_command import values_of
    from tradewarden.validate_command import run, span_of, wanted

    settings = _settings(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    running = [name for name in (*SINKS, "parquet") if getattr(settings.sinks, name).enabled]
    names = wanted(parsed.store, running)
    if strange := [name for name in names if name not in running]:
        _complain(f"{strange[0]} is not enabled: set sinks.{strange[0]}.enabled, or name one of {', '.join(running)}.")
        return BAD_CONFIGURATION
    stores = {name: values_of(getattr(settings.sinks, name)) for name in names}
    span = span_of(parsed.since, parsed.until, parsed.minutes, settings.state_dir / "journal")
    if span is None:
        _complain("that time ends before it begins: give --since an earlier moment, or more --minutes.")
        return BAD_CONFIGURATION
    return asyncio.run(run(stores, settings.state_dir, span, as_json=parsed.json, say=_say))


def _backup(parsed: argparse.Namespace) -> int:
    from tradewarden.backup_command import backup

    settings = _settings(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    return backup(settings.state_dir, parsed.file, ticks=parsed.ticks, say=_complain)


def _restore(parsed: argparse.Namespace) -> int:
    from tradewarden.backup_command import restore

    _keep_private()
    settings = _settings(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    return restore(settings.state_dir, parsed.file, force=parsed.force, say=_complain)


def _login(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_login import login

    settings = _settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(login(settings, parsed.account, say=_say, ask=sys.stdin.readline))


def _verify(parsed: argparse.Namespace) -> int:
    from tradewarden.verify_command import verify

    settings = _settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(verify(settings, parsed.account, as_json=parsed.json, say=_say))


def _logout(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_logout import logout

    settings = _settings_with(parsed)
    return BAD_CONFIGURATION if settings is None else asyncio.run(logout(settings, parsed.account, say=_say))


def _token_error(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_logout import token_error

    settings = _settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(token_error(settings, parsed.type, parsed.message, parsed.generation, parsed.account, say=_say))


def _decode(parsed: argparse.Namespace) -> int:
    from tradewarden.feed.brokers.decoder import frame_to_kite_json

    try:
        frame = sys.stdin.buffer.read() if parsed.file == "-" else Path(parsed.file).read_bytes()
    except OSError as trouble:
        _complain(f"{parsed.file}: {trouble.strerror}")
        return 1
    ticks, faults = frame_to_kite_json(frame)
    for tick in ticks:
        sys.stdout.buffer.write(tick + b"\n")
    sys.stdout.flush()
    _complain(*faults)
    return BAD_DATA if faults else 0


def _describe_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("broker", choices=["kite"])
    simulate.add_argument("--port", type=int, default=8701)
    simulate.add_argument(
        "--redirect-url", default="http://127.0.0.1:8700/auth/callback", help="where a login returns to"
    )
    simulate.add_argument("--api-key", default="demokey")
    simulate.add_argument("--api-secret", default="demosecret")
    simulate.add_argument("--user-id", default="AB1234")
    simulate.add_argument(
        "--replay", type=Path, metavar="CSV", help="a recorded day: ticks, or minute bars with volume"
    )


def _simulate(parsed: argparse.Namespace) -> int:
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.simulator.kite import KiteSimulator, PortError, serve
    from tradewarden.simulator.replay import ReplayError

    def opened(simulator: KiteSimulator) -> None:
        _say(f"Simulated Kite at {simulator.url}; api key {parsed.api_key}, logins return to {parsed.redirect_url}")

    try:
        return _live(
            lambda stop: serve(
                parsed.port,
                now=SystemClock().now,
                stop=stop,
                redirect_url=parsed.redirect_url,
                api_key=parsed.api_key,
                api_secret=parsed.api_secret,
                user_id=parsed.user_id,
                replay=parsed.replay,
                opened=opened,
            )
        )
    except PortError as error:
        _complain(error.strerror or str(error))
        return 1
    except ReplayError as error:
        _complain(str(error))
        return BAD_DATA


def _rehearse(parsed: argparse.Namespace) -> int:
    import json

    from tradewarden import log
    from tradewarden.rehearse import ScriptError, rehearse

    log.configure("error", stream=sys.stderr)
    try:
        script = sys.stdin.buffer.read() if parsed.file == "-" else Path(parsed.file).read_bytes()
        lines = script.decode("utf-8-sig").split("\n")
        met = rehearse(lines, say=lambda line: print(json.dumps(line)), complain=_complain)
    except (ScriptError, UnicodeDecodeError) as mistake:
        _complain(f"{parsed.file}: {mistake}")
        return BAD_DATA
    except OSError as trouble:
        _complain(f"{parsed.file}: {trouble.strerror}")
        return 1
    return 0 if met else 1


def _calendar(parsed: argparse.Namespace) -> int:
    from tradewarden.calendar_command import give, run, state_of
    from tradewarden.machines.calendar_file import CalendarError
    from tradewarden.orchestrator.clock import SystemClock

    now = SystemClock().now()
    if parsed.deed == "override":
        place = _door(parsed)
        return BAD_CONFIGURATION if place is None else give(parsed, *place, now, say=_say, complain=_complain)
    state = state_of(parsed.config)
    try:
        return run(parsed, state, now, say=_say, complain=_complain)
    except CalendarError as error:
        _complain(*error.problems)
        return BAD_DATA
    except OSError as trouble:
        _complain(f"{trouble.filename or state}: {trouble.strerror}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
