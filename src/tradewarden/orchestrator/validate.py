"""Compares the journal with every store, record by record, for a stretch of time; changes nothing anywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import orjson

from tradewarden.feed.reader import Reader
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.segment import Hole, first_seqs
from tradewarden.feed.sinks.audited import AUDITED, Audited, fingerprints
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.machines.audit import Audit

DEADLINE: Final = 60.0  # seconds for each thing that a store is asked
LATE_NS: Final = 10_000_000_000  # a record may be so long on its way into a store
LAGGING_NS: Final = 5_000_000_000  # a tick that comes so long after its exchange time came late


@dataclass(frozen=True, slots=True)
class Span:
    """Which records are looked at: received from then, up to but not at that moment, in nanoseconds since 1970."""

    since_ns: int
    until_ns: int


@dataclass(slots=True)
class Recorded:
    """What the journal itself has in the span."""

    first_seq: int = 0
    last_seq: int = 0
    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    marked: int = 0  # with an impossible price or time
    late: int = 0  # received long after their exchange time
    latest: tuple[int, float] | None = None  # the instrument that was latest, and by how many seconds
    by_instrument: dict[int, int] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Ticks a second, on average."""
        seconds = (self.last_ns - self.first_ns) / 1e9
        return self.records / seconds if seconds > 0 else float(self.records)


@dataclass(frozen=True, slots=True)
class Failure:
    """A store that could not be compared, and why."""

    store: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the journal has, and how each store compares with it."""

    journal: Recorded
    stores: tuple[Audit | Failure, ...]

    @property
    def ok(self) -> bool:
        """Whether the journal is whole in this span and every store agrees with it."""
        return not self.journal.holes and all(isinstance(each, Audit) and each.agrees for each in self.stores)


async def validate(
    stores: Mapping[str, Mapping[str, Any]], state: Path, span: Span, now_ns: Callable[[], int] = time.time_ns
) -> Verdict:
    """Compare these stores, by name with their settings' plain values, one after the other."""
    journal = state / "journal"
    recorded = await asyncio.to_thread(_recorded, journal, span)
    found: list[Audit | Failure] = []
    for name, values in stores.items():
        try:
            found.append(await _audit(name, _opened(name, values, state), journal, span, now_ns))
        except (SinkMisfitError, SinkUnavailableError) as trouble:
            found.append(Failure(name, str(trouble)))
        except TimeoutError:
            found.append(Failure(name, f"it did not answer within {DEADLINE:.0f} s"))
    return Verdict(recorded, tuple(found))


def _opened(name: str, values: Mapping[str, Any], state: Path) -> Audited:
    """The store's own way to be read back. Raises SinkMisfitError when its library is missing."""
    module, kind = AUDITED[name]
    try:
        return cast("Audited", getattr(import_module(module), kind)(**values, state_dir=state))
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("tradewarden"):
            raise
        raise SinkMisfitError(f"the package {missing.name} is missing: pip install 'tradewarden[{name}]'.") from None


async def _audit(name: str, store: Audited, journal: Path, span: Span, now_ns: Callable[[], int]) -> Audit:
    audit = Audit(name, note=store.note)
    excused = _set_aside(journal / "aside" / f"{name}.jsonl")
    try:
        position, oldest = await _asked(store.open(), store.position, store.kept_from)
        for frames in _portions(journal, span, store.portion):
            _count(audit, frames, position, oldest, now_ns() if store.in_time else 0)
            there = [part for frame in frames if (part := _between(frame, oldest, position)) is not None]
            if there:
                async with asyncio.timeout(DEADLINE):
                    theirs = await store.held(there)
                ours = dict(fingerprints(there))
                if store.newest_only:  # a store that keeps the newest of each instrument can lack nothing else
                    ours = {seq: ours[seq] for seq, _ in theirs if seq in ours}
                audit.compare(ours, theirs, excused)
    finally:
        await store.close()
    return audit


async def _asked(
    opening: Awaitable[None], position: Callable[[], Awaitable[int]], kept_from: Callable[[], Awaitable[int]]
) -> tuple[int, int]:
    async with asyncio.timeout(DEADLINE):
        await opening
        return await position(), await kept_from()


def _count(audit: Audit, frames: Sequence[Frame], position: int, oldest: int, now_ns: int) -> None:
    """What the store need not have: it has let go of it, or it is still on its way."""
    for frame in frames:
        audit.let_go += max(0, min(frame.last_seq, oldest - 1) - frame.first_seq + 1)
        waiting = max(0, frame.last_seq - max(position, frame.first_seq - 1))
        audit.waiting += waiting
        if now_ns - frame.received_ns > LATE_NS:
            audit.late += waiting


def _between(frame: Frame, oldest: int, position: int) -> Frame | None:
    """The part of a frame that the store should have."""
    first, last = max(frame.first_seq, oldest), min(frame.last_seq, position)
    if first > last:
        return None
    size = len(frame.records) // frame.count
    start, stop = first - frame.first_seq, last + 1 - frame.first_seq
    return Frame(first, stop - start, frame.received_ns, frame.records[start * size : stop * size])


# The journal


def _recorded(journal: Path, span: Span) -> Recorded:
    found = Recorded()
    reader = Reader(journal, after=_before(journal, span.since_ns))
    try:
        for frames in _within(reader, span, 10_000):
            for frame in frames:
                _add(found, frame)
        found.holes = [hole for hole in reader.holes if found.first_seq < hole.first_seq < found.last_seq]
    finally:
        reader.close()
    return found


def _portions(journal: Path, span: Span, portion: int) -> Iterator[list[Frame]]:
    """The records of the span again, about so many at once; those that came meanwhile too."""
    reader = Reader(journal, after=_before(journal, span.since_ns))
    try:
        yield from _within(reader, span, portion)
    finally:
        reader.close()


def _within(reader: Reader, span: Span, portion: int) -> Iterator[list[Frame]]:
    while frames := reader.read(portion):
        there = [frame for frame in frames if span.since_ns <= frame.received_ns < span.until_ns]
        if there:
            yield there
        if frames[-1].received_ns >= span.until_ns:
            return


def _before(journal: Path, since_ns: int) -> int:
    """A number behind which all records of the span are, found without reading what is older."""
    firsts = first_seqs(journal)
    for first, following in pairwise(firsts):
        reader = Reader(journal, after=following - 1)
        try:
            frames = reader.read(1)
        finally:
            reader.close()
        if frames and frames[0].received_ns >= since_ns:
            return first - 1
    return firsts[-1] - 1 if firsts else 0


def _add(found: Recorded, frame: Frame) -> None:
    if not found.records:
        found.first_seq, found.first_ns = frame.first_seq, frame.received_ns
    found.last_seq, found.last_ns = frame.last_seq, frame.received_ns
    found.records += frame.count
    for row in rows([frame]):
        found.by_instrument[row.instrument] = found.by_instrument.get(row.instrument, 0) + 1
        found.marked += row.marks != 0
        if row.exchange_ns and frame.received_ns - row.exchange_ns > LAGGING_NS:
            found.late += 1
            seconds = (frame.received_ns - row.exchange_ns) / 1e9
            if found.latest is None or seconds > found.latest[1]:
                found.latest = (row.instrument, seconds)


def _set_aside(path: Path) -> set[int]:
    """The numbers that the store refused for good."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        try:
            found.add(int(orjson.loads(line)["seq"]))
        except (ValueError, KeyError, TypeError):
            continue  # the last line of a process that was killed
    return found
