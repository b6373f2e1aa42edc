"""How the desk records: the journal, who writes, seals and shortens it, and who carries it to the stores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tradewarden.feed.journal import Journal
from tradewarden.feed.names import Names
from tradewarden.feed.sinks.audited import AUDITED
from tradewarden.feed.sinks.parquet import Parquet, is_installed
from tradewarden.feed.sinks.registry import STORES, sink_of
from tradewarden.feed.sinks.retained import RETAINED, retained_of
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.retention import Retention
from tradewarden.orchestrator.seal import Sealer
from tradewarden.orchestrator.shelf import Shelf
from tradewarden.orchestrator.sink_group import SinkGroup
from tradewarden.orchestrator.sinks import SinkRunner
from tradewarden.orchestrator.validation import Validations
from tradewarden.sink_command import values_of
from tradewarden.wiring.journal import JOURNAL, MEGABYTE

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import Settings


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


def validations_of(settings: Settings) -> Validations:
    """Whoever compares the stores that are enabled with the journal."""
    tables = {name: getattr(settings.sinks, name) for name in AUDITED}
    enabled = {name: values_of(table) for name, table in tables.items() if table.enabled}
    return Validations(enabled, settings.state_dir)
