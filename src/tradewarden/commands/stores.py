"""The recorded ticks: carried, asked, compared, let go."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from tradewarden.commands.argument import SINKS, Adder, add_config, add_door, count, moment, word
from tradewarden.commands.configured import door_of, settings_of
from tradewarden.commands.terminal import BAD_CONFIGURATION, complain, live, say

if TYPE_CHECKING:
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _sink(parsed: argparse.Namespace) -> int:
    from tradewarden.lean import import_structlog, keep_heap_small

    keep_heap_small()
    import_structlog()
    from tradewarden.settings_apart import plain, said_apart

    def ask() -> Settings | None:
        settings = settings_of(parsed.config)
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
        complain(problem)
        return BAD_CONFIGURATION
    log.configure(settings.log.level)
    values = values_of(section)
    try:
        with alone(parsed.name, settings.state_dir):
            return live(lambda stop: sink(parsed.name, values, settings.state_dir, stop))
    except SinkTakenError as error:
        complain(str(error))
        return 1


def _fleet(parsed: argparse.Namespace, settings: Settings, values: dict[str, Any], bus: dict[str, Any]) -> int:
    from tradewarden.fleet_command import STORES, fleet
    from tradewarden.sink_command import SinkTakenError, alone

    if parsed.name not in STORES:
        complain(f"a fleet writes to {' or '.join(STORES)}: {parsed.name} wants its ticks in order, from one writer.")
        return BAD_CONFIGURATION
    group, consumer = parsed.group, parsed.consumer or f"{socket.gethostname()}-{os.getpid()}"
    try:
        with alone(f"{parsed.name}.{group}.{consumer}", settings.state_dir):
            return live(
                lambda stop: fleet(
                    parsed.name, values, bus, group=group, consumer=consumer, state=settings.state_dir, stop=stop
                )
            )
    except SinkTakenError as error:
        complain(str(error))
        return 1


def _feed(parsed: argparse.Namespace) -> int:
    from tradewarden.feed_command import feed, place_of

    settings = settings_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    place, well = place_of(parsed.bus, parsed.url, settings), True

    async def read(stop: asyncio.Event) -> None:
        nonlocal well
        state = settings.state_dir
        well = await feed(parsed.bus, place, count=parsed.count, state=state, stop=stop, say=say, complain=complain)

    live(read)
    return 0 if well else 1


def _sinks(parsed: argparse.Namespace) -> int:
    from tradewarden.sinks_command import sinks

    return asyncio.run(sinks(*door_of(parsed), as_json=parsed.json, say=say))


def _quotes(parsed: argparse.Namespace) -> int:
    from tradewarden.quotes_command import quotes

    return asyncio.run(quotes(*door_of(parsed), only=parsed.only, as_json=parsed.json, say=say))


def _query(parsed: argparse.Namespace) -> int:
    from tradewarden.orchestrator.query import Questions
    from tradewarden.query_command import MOST_BYTES, query

    settings = settings_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    state = settings.state_dir
    questions = Questions(state, state / "journal", seconds=parsed.seconds, most_bytes=MOST_BYTES)
    sql = sys.stdin.read() if parsed.sql == "-" else parsed.sql
    rows = max(1, parsed.rows)
    return asyncio.run(query(questions, sql, rows=rows, as_json=parsed.json, say=say, complain=complain))


def _validate(parsed: argparse.Namespace) -> int:
    from tradewarden.sink_command import values_of
    from tradewarden.validate_command import run, span_of, wanted

    settings = settings_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    running = [name for name in (*SINKS, "parquet") if getattr(settings.sinks, name).enabled]
    names = wanted(parsed.store, running)
    if strange := [name for name in names if name not in running]:
        complain(f"{strange[0]} is not enabled: set sinks.{strange[0]}.enabled, or name one of {', '.join(running)}.")
        return BAD_CONFIGURATION
    stores = {name: values_of(getattr(settings.sinks, name)) for name in names}
    span = span_of(parsed.since, parsed.until, parsed.minutes, settings.state_dir / "journal")
    if span is None:
        complain("that time ends before it begins: give --since an earlier moment, or more --minutes.")
        return BAD_CONFIGURATION
    return asyncio.run(run(stores, settings.state_dir, span, as_json=parsed.json, say=say))


def _retention(parsed: argparse.Namespace) -> int:
    from tradewarden.retention_command import retention

    told = retention(*door_of(parsed), deed=parsed.deed, store=parsed.store, as_json=parsed.json, say=say)
    return asyncio.run(told)


def add_stores(add: Adder) -> None:
    """What carries ticks, and how each store does."""
    sink = add("sink", _sink, "carry the journal to one store in a process of its own")
    add_config(sink)
    sink.add_argument("name", choices=SINKS, help="what follows [sinks. in the settings, which say process = own")
    sink.add_argument("--from", dest="bus", choices=["redis"], help="carry a bus instead, as one writer of a fleet")
    sink.add_argument("--group", type=word, default="writers", help="the fleet's name (default writers)")
    sink.add_argument("--consumer", type=word, help="this writer's own name in it; default: host and process")

    stream = add("feed", _feed, "the ticks of a bus as JSON lines, one a tick, from now on")
    stream.add_argument("bus", choices=["redis", "zmq"])
    add_config(stream)
    stream.add_argument("--url", help="such as redis://10.0.0.5:6379/0; default: what the settings say of that bus")
    stream.add_argument("--count", type=count, help="end after so many ticks")

    stores = add("sinks", _sinks, "how each store does: its state, its lag, what it holds")
    add_door(stores)

    latest = add("quotes", _quotes, "the latest quote of each instrument, from the daemon's memory")
    latest.add_argument("only", nargs="*", metavar="NAME", help="such as NSE:INFY or a token; default: all")
    add_door(latest)


def add_validate(add: Adder) -> None:
    """The comparison."""
    stores = add("validate", _validate, "compare the stores with the journal, record by record; nothing is changed")
    add_config(stores)
    named = ["full", "influxdb", *SINKS, "parquet"]
    stores.add_argument("store", nargs="?", default="full", choices=named, help="full (default): all that are enabled")
    stores.add_argument(
        "--minutes", type=float, default=10, help="how far back from the last tick to look (default 10)"
    )
    stores.add_argument("--since", type=moment, help="look from then on (ISO 8601; IST without an offset)")
    stores.add_argument("--until", type=moment, help="and up to then")
    stores.add_argument("--json", action="store_true", help="as one JSON object")


def add_retention(add: Adder) -> None:
    """What is kept for how long."""
    kept = add("retention", _retention, "what the stores keep for how long; cleanup lets go of what is too old")
    kept.add_argument(
        "deed", choices=["create", "list", "stats", "cleanup"], help="create makes the stores' rules hold"
    )
    kept.add_argument("--store", help="only this one")
    add_door(kept)


def add_query(add: Adder) -> None:
    """Questions about the ticks."""
    query = add("query", _query, "a question in SQL about the recorded ticks; no daemon needs to run")
    add_config(query)
    query.add_argument("sql", help="such as \"FROM bars WHERE symbol = 'INFY'\"; - reads standard input")
    query.add_argument("--rows", type=int, default=1000, help="how many to tell (default 1000)")
    query.add_argument("--seconds", type=float, default=60.0, help="how long it may take (default 60)")
    query.add_argument("--json", action="store_true", help="as one JSON object")
