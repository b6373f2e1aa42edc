"""The recorder keeps every tick before anybody sees it, holds nobody up, and owns up to every loss."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from ticks import ticks, write_journal
from tradewarden.feed.bus import Received
from tradewarden.feed.doubt import Doubt
from tradewarden.feed.journal import Journal
from tradewarden.feed.reader import Reader
from tradewarden.feed.record import Frame, Mark, Row, pack, rows
from tradewarden.feed.segment import Hole, file_name, first_seqs
from tradewarden.machines.gap import Gap
from tradewarden.machines.report import JournalReport
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.journal import Recorder
from tradewarden.orchestrator.ledger import RecordedGap
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.shelf import Shelf, Stock
from virtual_time import VirtualClock, run_virtually

LIVE = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
NSE, NFO, MCX = 1, 2, 7


class DiskFullError(OSError):
    """What the system says when there is no room."""

    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


@dataclass
class Bench:
    """A recorder among stand-ins."""

    recorder: Recorder
    journal: Journal
    clock: VirtualClock
    gaps: list[tuple[str, Gap, list[int]]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def rows(self, after: int = 0) -> list[Row]:
        reader = Reader(self.journal.directory, after=after)
        found = list(rows(reader.read(1 << 40)))
        reader.close()
        return found

    @property
    def report(self) -> JournalReport:
        return self.recorder.report()

    def in_sessions(self, **phases: str) -> None:
        """Where each segment of the desk stands."""
        self.sessions[:] = [
            SimpleNamespace(segment=segment, moment=SimpleNamespace(phase=phase)) for segment, phase in phases.items()
        ]
        self.recorder.follow()

    async def beat(self, seconds: float) -> None:
        """Let the heart beat for so long."""
        until = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < until:
            await asyncio.sleep(0.5)
            self.recorder.look()


def play(directory: Path, scene: Callable[[Bench], Coroutine[Any, Any, None]], **more: Any) -> Bench:
    async def on_stage() -> Bench:
        clock = VirtualClock(LIVE)
        sessions: list[Any] = []
        journal = Journal(directory, now_ns=lambda: round(clock.now().timestamp() * 1e9), **more)
        bench = cast("Bench", None)

        def add_gap(feed: str, gap: Gap, instruments: Sequence[int]) -> None:
            gaps.append((feed, gap, list(instruments)))

        def written(*, limit: int) -> list[RecordedGap]:
            return [RecordedGap(1, feed, gap, ()) for feed, gap, _ in gaps[-limit:]]

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            task = asyncio.create_task(deed, name=name)
            bench.tasks.append(task)
            return task

        gaps: list[tuple[str, Gap, list[int]]] = []
        recorder = Recorder(
            journal,
            cast("MarketDriver", SimpleNamespace(sessions=sessions)),
            cast("Any", SimpleNamespace(add_gap=add_gap, gaps=written)),
            Shelf(directory, sinks=(), safe=None, keep_bytes=1 << 40, keep_seconds=1e9),
            clock=clock,
            spawn=spawn,
            segment_seconds=more.get("segment_seconds", 3600.0),
        )
        bench = Bench(recorder, journal, clock, gaps, sessions=sessions)
        recorder.changed = lambda: bench.changes.append(recorder.report().state)
        await scene(bench)
        for task in bench.tasks:
            task.cancel()
        await asyncio.gather(*bench.tasks, return_exceptions=True)
        await recorder.close()
        return bench

    return run_virtually(on_stage)


def break_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int, _parts: Sequence[bytes]) -> int:
        raise DiskFullError

    monkeypatch.setattr("os.writev", refuse)


def test_ticks_are_recorded_with_the_desks_time_and_no_marks(tmp_path: Path) -> None:
    some = ticks(40)

    async def scene(bench: Bench) -> None:
        bench.recorder.record(some, {})
        assert [row[2:] for row in bench.rows()] == [row[2:] for row in _rows_of(some)]
        assert {row.received_ns for row in bench.rows()} == {round(LIVE.timestamp()) * 1_000_000_000}
        assert bench.report.records_total == bench.report.last_seq == 40

    play(tmp_path, scene)


def test_ticks_of_another_desk_keep_the_moment_at_which_that_desk_received_them(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.recorder.record(Received(ticks(3), first_seq=900, received_ns=1_795_578_300_123_456_789), {})

    bench = play(tmp_path, scene)
    assert [(row.seq, row.received_ns) for row in bench.rows()] == [(n, 1_795_578_300_123_456_789) for n in (1, 2, 3)]


def test_what_is_doubtful_is_recorded_with_its_mark_and_nothing_else_is(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.recorder.record(ticks(5), {1: [Doubt.FUTURE], 3: [Doubt.NOT_POSITIVE, Doubt.PAST]})
        assert [row.marks for row in bench.rows()] == [0, Mark.TIME, 0, Mark.PRICE | Mark.TIME, 0]

    play(tmp_path, scene)


def test_the_ticks_of_a_mock_session_are_not_recorded_those_of_a_real_market_beside_it_are(tmp_path: Path) -> None:
    nse, nfo, mcx = ticks(400)[:3]
    nse.token, nfo.token, mcx.token = 100 << 8 | NSE, 101 << 8 | NFO, 102 << 8 | MCX

    async def scene(bench: Bench) -> None:
        bench.in_sessions(NSE_EQ="mock", NFO="mock", MCX="live")
        bench.recorder.record([nse, mcx, nfo, mcx], {2: [Doubt.PAST], 3: [Doubt.FUTURE]})
        assert [(row.instrument, row.marks) for row in bench.rows()] == [(mcx.token, 0), (mcx.token, Mark.TIME)]
        bench.recorder.record([nse, nfo], {})
        assert bench.report.records_total == 2
        bench.in_sessions(NSE_EQ="live", NFO="live", MCX="live")
        bench.recorder.record([nse, nfo], {})
        assert bench.report.records_total == 4

    play(tmp_path, scene)


def test_a_desk_whose_every_segment_is_in_a_mock_session_records_nothing_at_all(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.in_sessions(NSE_EQ="mock", NFO="mock")
        bench.recorder.record(ticks(100), {})
        assert first_seqs(tmp_path) == []

    play(tmp_path, scene)


def test_a_full_disk_costs_what_comes_meanwhile_as_one_gap_and_recording_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ticks(30, instruments=3)

    async def scene(bench: Bench) -> None:
        bench.recorder.record(some, {})
        with monkeypatch.context() as broken:
            break_disk(broken)
            for _ in range(20):
                bench.recorder.record(some, {})
                await bench.beat(0.5)
            assert bench.report.state == "failed"
            assert bench.report.reason == f"{tmp_path}: No space left on device"
            assert bench.report.lost_total == 600
            assert bench.gaps == []
            bench.recorder.record(some, {})
        await asyncio.sleep(0.2)
        bench.recorder.record(some, {})
        bench.recorder.look()
        assert bench.report.state == "failed"  # a moment of success is no proof
        await bench.beat(2)
        assert bench.report.state == "recording"
        assert bench.report.reason is None
        assert [row.seq for row in bench.rows()] == list(range(1, 61))

    bench = play(tmp_path, scene)
    assert bench.changes == ["failed", "recording"]
    [(feed, gap, instruments)] = bench.gaps
    assert feed == "journal"
    assert gap.began == LIVE
    assert gap.causes == (f"{tmp_path}: No space left on device",)
    assert timedelta(seconds=10) <= gap.ended - gap.began <= timedelta(seconds=12)
    assert instruments == sorted({tick.token for tick in some})


def test_a_journal_that_failed_is_tried_again_without_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(bench: Bench) -> None:
        with monkeypatch.context() as broken:
            break_disk(broken)
            bench.recorder.record(ticks(10), {})
            await bench.beat(30)
            assert bench.report.state == "failed"
        await bench.beat(1)
        assert bench.report.state == "recording"
        bench.recorder.record(ticks(10), {})
        assert [row.seq for row in bench.rows()] == list(range(1, 11))

    bench = play(tmp_path, scene)
    assert bench.report.lost_total == 10


def test_a_loss_that_lasts_until_the_daemon_stops_is_written_down_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(bench: Bench) -> None:
        break_disk(monkeypatch)
        bench.recorder.record(ticks(10), {})

    bench = play(tmp_path, scene)
    assert [gap.causes for _, gap, _ in bench.gaps] == [(f"{tmp_path}: No space left on device", "daemon stopped")]


def test_a_hole_in_the_journal_is_written_down_once_with_its_times_and_its_place(tmp_path: Path) -> None:
    write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    content = bytearray(path.read_bytes())
    content[32 + 3 * 2600 + 500] ^= 1
    path.write_bytes(content)

    async def scene(bench: Bench) -> None:
        bench.recorder.tell(Hole(31, 40, "found again"))
        bench.recorder.tell(Hole(50, 60, "no segment holds them any more"))  # they went when they were old
        bench.recorder.tell(Hole(200, 210, "it rained"))
        bench.recorder._told.clear()  # as after a restart
        bench.recorder.tell(Hole(200, 210, "it rained"))

    bench = play(tmp_path, scene)
    found, later = bench.gaps
    assert found[0] == "journal"
    assert found[1].causes == (f"{file_name(1)} is damaged from byte 7832 to 10432", "numbers 31 to 40")
    assert (found[1].ended - found[1].began) == timedelta(milliseconds=20)
    assert later[1] == Gap(LIVE, LIVE, ("it rained", "numbers 200 to 210"))


def test_what_was_written_is_brought_to_the_disk_at_most_every_fifty_milliseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[float] = []

    async def scene(bench: Bench) -> None:
        monkeypatch.setattr(bench.journal, "sync", lambda: syncs.append(bench.clock.mono_ns() / 1e9))
        bench.tasks.append(asyncio.create_task(bench.recorder.run()))
        await bench.beat(10)
        assert syncs == []  # nothing to sync: no sync
        for _ in range(1000):
            bench.recorder.record(ticks(1), {})
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        monkeypatch.undo()

    play(tmp_path, scene)
    assert 2 < len(syncs) <= 21
    assert min(later - earlier for earlier, later in pairwise(syncs)) > 0.049


async def test_a_disk_that_hangs_holds_no_tick_up_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    hanging = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_fd: int) -> None:
        loop.call_soon_threadsafe(hanging.set)
        released.wait(20)

    clock = cast("Any", SimpleNamespace(now=lambda: LIVE, mono_ns=time.monotonic_ns))
    journal = Journal(tmp_path)
    recorder = Recorder(
        journal,
        cast("MarketDriver", SimpleNamespace(sessions=[])),
        cast("Any", None),
        cast("Any", SimpleNamespace(tidy=Stock, unread_total=0)),
        clock=clock,
        spawn=lambda deed, *, name: asyncio.create_task(deed, name=name),
        segment_seconds=3600,
    )
    monkeypatch.setattr("os.fdatasync", hang)
    running = asyncio.create_task(recorder.run())
    some = ticks(500)
    try:
        recorder.record(some, {})
        async with asyncio.timeout(10):
            await hanging.wait()
        begun = time.monotonic()
        for _ in range(20):
            recorder.record(some, {})
        assert time.monotonic() - begun < 5  # it would be 20 s and more if one of them had waited for the disk
        assert sum(frame.count for frame in Reader(tmp_path, after=0).read(1 << 40)) == 21 * 500
        monkeypatch.setattr("tradewarden.orchestrator.journal.SLOW", -1.0)
        recorder.look()
        assert recorder.report().state == "slow"
        monkeypatch.setattr("tradewarden.orchestrator.journal.LAST_SYNC", 0.05)
        running.cancel()
        await recorder.close()  # nor does it keep the daemon from stopping
    finally:
        released.set()


def test_a_sync_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    async def scene(bench: Bench) -> None:
        bench.tasks.append(asyncio.create_task(bench.recorder.run()))
        with monkeypatch.context() as broken:
            broken.setattr("os.fdatasync", refuse)
            bench.recorder.record(ticks(10), {})
            await _until(lambda: bench.journal.sync_failures_total >= 3)
            bench.recorder.look()
            assert bench.report.state == "failed"
            assert bench.report.reason == f"{tmp_path}: Input/output error"
        await _until(lambda: bench.journal.failed is None)
        await bench.beat(2)
        assert bench.report.state == "recording"

    bench = play(tmp_path, scene)
    assert bench.report.lost_total == 0
    assert bench.gaps == []


def test_a_segment_that_has_had_its_day_ends_without_ticks_too(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.recorder.record(ticks(10), {})
        await bench.beat(59)
        assert first_seqs(tmp_path) == [1]
        await bench.beat(2)
        assert first_seqs(tmp_path) == [1, 11]
        await bench.beat(200)
        assert first_seqs(tmp_path) == [1, 11]

    play(tmp_path, scene, segment_seconds=60.0)


def test_the_shelf_is_tidied_and_told_of_and_its_trouble_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(bench: Bench) -> None:
        bench.recorder.record(ticks(10), {})
        bench.recorder.look()
        await _until(lambda: bench.report.segments == 1)
        assert bench.report.kept_bytes == 32 + 40 + 10 * 256
        shelf = bench.recorder._shelf

        def fail() -> Stock:
            raise DiskFullError

        monkeypatch.setattr(shelf, "tidy", fail)
        with structlog.testing.capture_logs() as lines:
            for _ in range(4):
                await bench.beat(10.5)
                await _until(bench.recorder._is_idle)
        assert [line["event"] for line in lines] == ["journal.cannot_tidy"]  # the same trouble is told once
        monkeypatch.setattr(shelf, "tidy", lambda: Stock(7, 8, too_much=True))
        await bench.beat(11)
        await _until(lambda: bench.report.too_much)
        assert (bench.report.segments, bench.report.kept_bytes) == (7, 8)

    play(tmp_path, scene)


def test_a_disk_that_comes_and_goes_fills_neither_the_ledger_nor_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ticks(30, instruments=3)

    async def scene(bench: Bench) -> None:
        async def hiccup() -> None:
            with monkeypatch.context() as broken:
                break_disk(broken)
                bench.recorder.record(some, {})
            await bench.beat(0.5)
            bench.recorder.record(some, {})
            await bench.beat(1.5)

        for _ in range(150):  # five minutes
            await hiccup()
        await bench.beat(130)
        assert bench.report.state == "recording"
        early = len(bench.gaps)
        assert early <= 4
        await hiccup()
        assert len(bench.gaps) == early + 1  # calm again, it is believed at once

    bench = play(tmp_path, scene)
    assert bench.report.lost_total == 151 * 30


def test_numbers_go_on_behind_a_torn_tail_that_was_cut(tmp_path: Path) -> None:
    write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    path.write_bytes(path.read_bytes()[:-1])

    async def scene(bench: Bench) -> None:
        bench.recorder.record(ticks(10), {})
        assert [row.seq for row in bench.rows()] == list(range(1, 101))

    play(tmp_path, scene)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for what a thread does; a sleep of virtual time is none of the thread's."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.001)  # noqa: ASYNC251 - the loop's own time does not pass by itself
        await asyncio.sleep(0.05)


def _rows_of(some: Sequence[Any]) -> list[Row]:
    return list(rows([Frame(1, len(some), 0, b"".join(map(pack, some)))]))
