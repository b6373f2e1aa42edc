from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ticks import write_journal
from tradewarden.feed import cursor
from tradewarden.feed.sinks import parquet as parquet_module
from tradewarden.feed.sinks.parquet import Parquet
from tradewarden.machines.sink import SinkState
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.seal import Sealer

DEADLINE = 20.0
SEGMENT = 100_000  # bytes: about 390 records


class SetClock:
    """A clock that a test sets."""

    simulated = True

    def __init__(self) -> None:
        self.seconds = 1000.0

    def mono_ns(self) -> int:
        return int(self.seconds * 1e9)

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 9, 15, tzinfo=IST) + timedelta(seconds=self.seconds - 1000)


class Place:
    """A state directory with a journal and whoever seals it."""

    def __init__(self, path: Path, group: asyncio.TaskGroup) -> None:
        self.path, self.journal, self.clock = path, path / "journal", SetClock()
        self.deeds: list[asyncio.Task[None]] = []
        self._group = group

    def sealer(self, *, patience: float = 60.0, keep_days: int = 0) -> Sealer:
        parquet = Parquet(self.path, self.journal, patience=patience)
        return Sealer(parquet, self.journal, self.clock, self.spawn, keep_days=keep_days, uniform=lambda: 1.0)

    def spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.deeds.append(self._group.create_task(deed, name=name))
        return self.deeds[-1]

    async def look(self, sealer: Sealer) -> None:
        """A heartbeat, and whatever it began brought to its end."""
        sealer.look()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*self.deeds)

    def numbers(self) -> list[int]:
        files = (self.path / "ticks").rglob("*.parquet")
        return sorted(seq for path in files for seq in pq.read_table(path, columns=["seq"])["seq"].to_pylist())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with asyncio.TaskGroup() as group:
        yield Place(tmp_path, group)


async def test_finished_segments_are_sealed_and_the_one_that_is_written_is_not(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    sealer = place.sealer()
    await place.look(sealer)
    report = sealer.report()
    assert 600 < report.position < 1000
    assert place.numbers() == list(range(1, report.position + 1))
    assert (report.state, report.lag_ticks, report.needs_a_look) == (SinkState.WRITING, 0, False)
    assert (report.written_total, report.last_commit_at) == (report.position, place.clock.now())
    assert report.tables[0].bytes == sum(path.stat().st_size for path in (place.path / "ticks").rglob("*.parquet"))
    assert cursor.load(place.journal, "parquet") == report.position


async def test_the_journal_may_let_go_of_what_is_sealed_and_of_nothing_else(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    sealer = place.sealer()
    assert not sealer.safe(1, 100)
    await place.look(sealer)
    last = sealer.report().position
    assert sealer.safe(1, last)
    assert not sealer.safe(1, last + 1)
    assert place.sealer().safe(1, last)  # a daemon that has just started knows it, too


async def test_without_a_finished_segment_no_process_is_started(place: Place) -> None:
    write_journal(place.journal, 100)
    sealer = place.sealer()
    await place.look(sealer)
    await place.look(sealer)
    assert [deed.get_name() for deed in place.deeds] == ["parquet.tidy"]
    assert sealer.report().state is SinkState.WRITING


async def test_a_first_seal_that_takes_its_time_is_no_trouble(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    sealer = place.sealer()
    sealer.look()
    place.clock.seconds += 40
    sealer.look()
    assert not place.deeds[0].done()
    assert (sealer.report().state, sealer.report().needs_a_look) == (SinkState.WRITING, False)
    await place.look(sealer)


async def test_a_disk_that_does_not_take_it_is_tried_again_with_growing_pauses(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    (place.path / "ticks").write_text("in the way")
    sealer = place.sealer()
    pauses = []
    for _ in range(3):
        await place.look(sealer)
        report = sealer.report()
        assert report.retry_at is not None
        pauses.append((report.retry_at - place.clock.now()).total_seconds())
        begun = len(place.deeds)
        await place.look(sealer)
        assert len(place.deeds) == begun  # not before its time
        place.clock.seconds += pauses[-1]
    assert pauses == [0.5, 1, 2]
    assert (report.state, report.position, report.errors_last_hour) == (SinkState.BACKING_OFF, 0, 3)
    assert report.reason is not None
    assert str(place.path / "ticks") in report.reason
    (place.path / "ticks").unlink()
    await place.look(sealer)
    assert sealer.report().state is SinkState.WRITING
    assert place.numbers() == list(range(1, sealer.report().position + 1))


async def test_a_process_that_hangs_is_killed_and_nothing_is_wrong_afterwards(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    sealer = place.sealer(patience=0.05)
    await place.look(sealer)
    report = sealer.report()
    assert (report.state, report.reason) == (
        SinkState.BACKING_OFF,
        "the process that seals: it did not end within 0.05 s",
    )
    await place.look(patient := place.sealer())
    assert place.numbers() == list(range(1, patient.report().position + 1))


async def test_what_waits_for_minutes_makes_the_sink_one_that_is_behind(place: Place) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    (place.path / "ticks").write_text("in the way")
    sealer = place.sealer()
    await place.look(sealer)
    assert not sealer.report().needs_a_look
    place.clock.seconds += 60
    sealer.look()
    assert sealer.report().needs_a_look  # the store is away
    assert sealer.report().since == place.clock.now() - timedelta(seconds=60)
    assert sealer.report().lag_seconds == pytest.approx(60)
    assert sealer.report().lag_ticks > 600


@pytest.mark.parametrize(
    ("says", "state", "reason"),
    [
        ('{"misfit": "it needs the package pyarrow."}', SinkState.MISFIT, "it needs the package pyarrow."),
        ('{"trouble": "/x: No space left on device"}', SinkState.BACKING_OFF, "/x: No space left on device"),
        ("", SinkState.BACKING_OFF, "the process that seals ended with status 1: RuntimeError: boom"),
    ],
)
async def test_what_the_process_says_of_its_end_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, says: str, state: SinkState, reason: str
) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    (place.path / "stand_in.py").write_text(f"import sys\nprint({says!r}, end='')\nraise RuntimeError('boom')\n")
    monkeypatch.syspath_prepend(place.path)
    monkeypatch.setattr(parquet_module, "MODULE", "stand_in")
    sealer = place.sealer()
    await place.look(sealer)
    assert (sealer.report().state, sealer.report().reason) == (state, reason)


async def test_old_days_go_once_a_day_and_only_when_asked_for(place: Place) -> None:
    def put(day: str) -> None:
        hour = place.path / "ticks" / f"date={day}" / "hour=09"
        hour.mkdir(parents=True)
        (hour / "1.parquet").write_bytes(b"some")

    for day in ("2026-11-19", "2026-11-20", "2026-11-21", "2026-11-23"):
        put(day)

    def there() -> list[str]:
        return sorted(path.name[-2:] for path in (place.path / "ticks").glob("date=*"))

    await place.look(place.sealer())
    assert there() == ["19", "20", "21", "23"]
    sealer = place.sealer(keep_days=3)
    await place.look(sealer)
    assert there() == ["20", "21", "23"]
    place.clock.seconds += 400 * 86_400  # a clock that runs ahead empties no folder
    await place.look(sealer)
    assert there() == ["20", "21", "23"]
    put("2026-11-24")
    place.clock.seconds += 86_400
    await place.look(sealer)
    assert there() == ["21", "23", "24"]


async def test_a_folder_that_cannot_be_read_is_a_trouble_and_ends_nobody(place: Place) -> None:
    (place.path / "ticks").write_text("no folder")
    sealer = place.sealer(keep_days=3)
    await place.look(sealer)
    assert sealer.report().state is SinkState.BACKING_OFF
    assert "Not a directory" in str(sealer.report().reason)
    (place.path / "ticks").unlink()
    place.clock.seconds += 60
    await place.look(sealer)
    assert sealer.report().state is SinkState.WRITING


async def test_a_heartbeat_without_a_descriptor_to_spare_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    write_journal(place.journal, 1000, segment_bytes=SEGMENT)
    sealer = place.sealer()

    def out_of_files(_: Path) -> list[int]:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("tradewarden.orchestrator.seal.first_seqs", out_of_files)
        await place.look(sealer)
    await place.look(sealer)
    assert sealer.report().position > 600


def test_the_daemon_loads_neither_pyarrow_nor_duckdb_for_it() -> None:
    script = "import sys, tradewarden.orchestrator.seal; print({'pyarrow', 'duckdb'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=20
    ).stdout
    assert loaded == "set()\n"
