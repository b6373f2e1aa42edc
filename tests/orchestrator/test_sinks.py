"""The runner of a sink, with a store in memory that makes every trouble on demand."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sink_contract import frames
from tradewarden.feed import cursor
from tradewarden.feed.journal import Journal
from tradewarden.feed.record import Frame
from tradewarden.feed.segment import Hole, file_name
from tradewarden.feed.sinks.sink import (
    Batching,
    SetAside,
    Sink,
    SinkMisfitError,
    SinkUnavailableError,
    Stored,
    Written,
)
from tradewarden.orchestrator import sinks
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.sinks import SinkRunner
from virtual_time import VirtualClock, run_virtually

FEW = Batching(records=20, seconds=1.0)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=IST)


@dataclass
class Shelf:
    """A store in memory: what it holds survives its sinks."""

    kept: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)  # how many records each write brought
    trouble: Exception | None = None  # raised by whatever is asked of it
    refuses: frozenset[int] = frozenset()
    honest: bool = True
    slow: float = 0.0
    deaf: bool = False  # its driver keeps a cancellation to itself, as asyncio.wait_for of Python 3.11 may
    opened: int = 0
    closed: int = 0


class ShelfSink:
    """A sink to it."""

    name = "shelf"

    def __init__(self, shelf: Shelf, batching: Batching) -> None:
        self.shelf, self.batching = shelf, batching

    async def open(self) -> None:
        self.shelf.opened += 1
        await self._linger()
        self._fail()

    async def position(self) -> int | None:
        return max(self.shelf.kept, default=0) if self.shelf.honest else None

    async def write(self, some: Sequence[Frame]) -> Written:
        await asyncio.sleep(self.shelf.slow)
        await self._linger()
        self._fail()
        numbers = [seq for frame in some for seq in range(frame.first_seq, frame.last_seq + 1)]
        self.shelf.batches.append(len(numbers))
        self.shelf.kept += [seq for seq in numbers if seq not in self.shelf.refuses]
        aside = tuple(SetAside(seq, "too large") for seq in numbers if seq in self.shelf.refuses)
        return Written(len(numbers) - len(aside), aside)

    async def tables(self) -> list[Stored]:
        return [Stored("shelf", len(self.shelf.kept), None)]

    async def close(self) -> None:
        self.shelf.closed += 1

    async def _linger(self) -> None:
        if self.shelf.deaf:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(10)

    def _fail(self) -> None:
        if self.shelf.trouble is not None:
            raise self.shelf.trouble


@dataclass
class Stage:
    """A journal, a shelf and the runner between them."""

    journal: Journal
    shelf: Shelf
    runner: SinkRunner
    clock: VirtualClock
    directory: Path

    def receive(self, count: int, each: int = 10) -> None:
        """So many records come in now."""
        for frame in frames(self.journal.next_seq, count, each=each):
            self.journal.append(frame.records, frame.count, self.now_ns())

    def lose(self, count: int) -> None:
        """So many records are given their numbers, and a disk loses them."""
        first = self.journal.next_seq
        self.journal.roll()
        self.receive(count, each=count)
        self.journal.roll()
        (self.directory / file_name(first)).unlink()

    def now_ns(self) -> int:
        return int(self.clock.now().timestamp() * 1e9)

    async def until(self, holds: Callable[[], bool], within: float = 120.0) -> None:
        """Wait, looking as the heartbeat does."""
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(0.5)
                self.runner.look()

    async def until_kept(self, seq: int) -> None:
        await self.until(lambda: bool(self.shelf.kept) and self.shelf.kept[-1] == seq)


@asynccontextmanager
async def stage(
    folder: Path, shelf: Shelf | None = None, *, batching: Batching = FEW, **how: Any
) -> AsyncIterator[Stage]:
    clock = VirtualClock(NOW)
    store = shelf or Shelf()
    journal = Journal(folder / "journal", now_ns=lambda: int(clock.now().timestamp() * 1e9))

    def make() -> Sink:
        return ShelfSink(store, batching)

    known: dict[str, Any] = {
        "latest": lambda: journal.next_seq - 1,
        "wake": journal.subscribe,
        "uniform": lambda: 0.5,
    }
    runner = SinkRunner("shelf", make, journal.directory, clock, **(known | how))
    task = asyncio.create_task(runner.run())
    try:
        yield Stage(journal, store, runner, clock, journal.directory)
    finally:
        task.cancel()
        await asyncio.wait({task})
        journal.close()


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtually(scene)


def test_what_is_received_is_written_in_order_and_the_figures_say_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(100)
            await at.until_kept(100)
            report = at.runner.report()
            assert at.shelf.kept == list(range(1, 101))
            assert (report.state, report.position, report.lag_ticks, report.lag_seconds) == ("writing", 100, 0, 0)
            assert report.written_total == 100
            assert report.last_commit_at is not None
            assert report.latency_p50 is not None
            assert 0 <= report.latency_p50 <= 1.1
            assert report.rate > 0
            assert not report.needs_a_look
            await asyncio.sleep(61)
            at.runner.look()
            await at.until(lambda: at.runner.report().tables[0].rows == 100)

    play(scene)


def test_a_batch_is_written_when_enough_wait_or_the_oldest_has_waited_long_enough(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(5, each=1)
            await asyncio.sleep(0.6)
            at.receive(5, each=1)
            await asyncio.sleep(0.3)
            assert at.shelf.batches == []
            await asyncio.sleep(0.2)
            assert at.shelf.batches == [10]
            at.receive(40, each=10)
            await asyncio.sleep(0.01)
            assert at.shelf.batches == [10, 20, 20]

    play(scene)


def test_a_sink_that_is_behind_takes_more_at_once_and_never_more_than_it_may(tmp_path: Path) -> None:
    async def scene() -> None:
        shelf = Shelf(trouble=SinkUnavailableError("gone"))
        async with stage(tmp_path, shelf, batching=Batching(records=20, seconds=1.0, records_behind=100)) as at:
            at.receive(1000)
            await asyncio.sleep(1)
            shelf.trouble = None
            await at.until_kept(1000)
            assert shelf.batches[:3] == [20, 40, 80]
            assert max(shelf.batches) == 100
            at.receive(7)
            await at.until_kept(1007)
            at.receive(30)
            await at.until_kept(1037)
            assert shelf.batches[-2:] == [20, 10]

    play(scene)


def test_a_store_that_is_away_is_tried_again_with_backoff_and_catches_up_with_nothing_lost(tmp_path: Path) -> None:
    async def scene() -> None:
        shelf = Shelf(trouble=SinkUnavailableError("connection refused"))
        async with stage(tmp_path, shelf) as at:
            at.receive(30)
            await at.until(lambda: at.runner.report().needs_a_look)
            report = at.runner.report()
            assert (report.state, report.reason, report.last_error) == (
                "backing_off",
                "connection refused",
                "connection refused",
            )
            assert report.lag_ticks == 30
            assert report.lag_seconds > 10
            assert report.retry_at is not None
            await asyncio.sleep(600)
            assert 100 < shelf.opened < 150  # half of ten seconds between two, with the jitter of this test
            assert shelf.closed == shelf.opened
            assert at.runner.report().errors_last_hour == shelf.opened
            shelf.trouble = None
            await at.until_kept(30)
            await at.until(lambda: at.runner.report().state == "writing")
            assert shelf.kept == list(range(1, 31))

    play(scene)


def test_a_store_that_comes_and_goes_all_day_fills_no_log(tmp_path: Path) -> None:
    async def scene() -> None:
        with capture_logs() as lines:
            async with stage(tmp_path) as at:
                for second in range(1800):
                    at.shelf.trouble = SinkUnavailableError(f"broken pipe {second}") if second % 3 else None
                    at.receive(2, each=1)
                    await asyncio.sleep(1)
                at.shelf.trouble = None
                await at.until_kept(3600)
        assert at.shelf.kept == list(range(1, 3601))
        assert 0 < len(lines) <= 31 * 6

    play(scene)


def test_a_store_that_does_not_fit_is_told_at_once_and_looked_at_once_a_minute(tmp_path: Path) -> None:
    async def scene() -> None:
        shelf = Shelf(trouble=SinkMisfitError("wrong password for user desk."))
        with capture_logs() as lines:
            async with stage(tmp_path, shelf) as at:
                at.receive(5)
                await asyncio.sleep(601)
                report = at.runner.report()
        assert (report.state, report.reason, report.needs_a_look) == ("misfit", "wrong password for user desk.", True)
        assert 10 <= shelf.opened <= 11
        assert next(line["dst"] for line in lines if line["event"] == "sink.state") == "misfit"
        assert len(lines) <= 11

    play(scene)


def test_a_fault_in_a_sink_is_a_state_too_and_ends_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        with capture_logs() as lines:
            async with stage(tmp_path, Shelf(trouble=KeyError("column"))) as at:
                at.receive(5)
                await asyncio.sleep(30)
                assert at.runner.report().reason == "KeyError: 'column'"
                at.shelf.trouble = None
                await at.until_kept(5)
        assert [line["event"] for line in lines].count("sink.fault") == 1

    play(scene)


def test_a_store_that_never_answers_is_left_after_its_deadline(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, Shelf(slow=1000.0)) as at:
            at.receive(5)
            await asyncio.sleep(sinks.DEADLINE + 1.1)
            assert at.runner.report().state == "backing_off"
            assert "did not answer within 30 s" in (at.runner.report().reason or "")
            at.shelf.slow = 0
            await at.until_kept(5)

    play(scene)


def test_what_the_store_refuses_is_set_aside_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, Shelf(refuses=frozenset({3, 17}))) as at:
            at.receive(30)
            await at.until_kept(30)
            assert at.runner.report().set_aside_total == 2
            lines = (at.directory / "aside" / "shelf.jsonl").read_text().splitlines()
            told = [json.loads(line) for line in lines]
            assert [(line["seq"], line["reason"]) for line in told] == [(3, "too large"), (17, "too large")]
            assert told[0]["record"]["instrument"] == 256 * 1003 + 1
            assert at.runner.report().written_total == 28

    play(scene)


def test_the_cursor_is_kept_after_the_commit_at_most_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, batching=Batching(records=1, seconds=0.0, records_behind=1)) as at:
            saves: list[int] = []
            save = cursor.save

            def counted(directory: Path, name: str, seq: int) -> None:
                saves.append(seq)
                save(directory, name, seq)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(cursor, "save", counted)
                for _ in range(50):
                    at.receive(1)
                    await asyncio.sleep(0.1)
                    assert (cursor.load(at.directory, "shelf") or 0) <= len(at.shelf.kept)
                assert 4 <= len(saves) <= 7
        assert cursor.load(at.directory, "shelf") == 50

    play(scene)


def test_a_store_that_cannot_tell_goes_on_from_the_cursor(tmp_path: Path) -> None:
    async def scene() -> None:
        shelf = Shelf(honest=False)
        async with stage(tmp_path, shelf) as at:
            at.receive(10)
            await at.until_kept(10)
        async with stage(tmp_path, shelf) as at:
            at.receive(10)
            await at.until_kept(20)
        assert shelf.kept == list(range(1, 21))

    play(scene)


def test_a_store_that_only_passes_on_begins_with_what_comes(tmp_path: Path) -> None:
    async def scene() -> None:
        shelf = Shelf(honest=False, trouble=SinkUnavailableError("not yet"))
        async with stage(tmp_path, shelf, from_now=True) as at:
            at.receive(10)
            await asyncio.sleep(1)
            shelf.trouble = None
            await at.until(lambda: at.runner.report().state == "writing")
            at.receive(5)
            await at.until_kept(15)
        assert shelf.kept == list(range(11, 16))

    play(scene)


def test_what_the_store_says_counts_more_than_the_cursor(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(30)
            await at.until_kept(30)
        shelf = Shelf(kept=list(range(1, 11)))  # an old backup of it
        async with stage(tmp_path, shelf):
            await asyncio.sleep(3)
        assert shelf.kept == list(range(1, 31))

    play(scene)


def test_a_store_that_is_ahead_of_the_journal_is_named_unless_the_journal_goes_on_after_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, Shelf(kept=[500])) as at:
            at.receive(5)
            await asyncio.sleep(1)
            assert "up to number 500, but the journal ends at 5" in (at.runner.report().reason or "")
            assert at.runner.report().state == "misfit"
        assert cursor.load(at.directory, "shelf") == 500  # so that the next start numbers on from there

        def lift(seq: int) -> bool:
            lifted.append(seq)
            return True

        lifted: list[int] = []
        async with stage(tmp_path / "2", Shelf(kept=[500]), ahead=lift) as at:
            await asyncio.sleep(1)
            assert lifted == [500]
            assert at.runner.report().state == "writing"

    play(scene)


def test_what_the_journal_has_no_more_is_counted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(5)
            await at.until_kept(5)
            at.lose(100)  # numbers that never reached the disk
            at.receive(10)
            await at.until_kept(115)
            assert at.runner.report().missed_total == 100

    play(scene)


def test_numbers_that_were_never_given_are_missed_by_nobody(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(5)
            await at.until_kept(5)
            at.journal.go_on_after(105)  # another store had them, from a journal that was lost
            at.lose(10)
            at.receive(10)
            await at.until_kept(125)
            assert at.runner.report().missed_total == 10

    play(scene)


def test_a_hole_is_counted_once_however_often_what_is_behind_it_is_tried(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            found: list[Hole] = []
            at.runner.on_hole = found.append
            at.receive(5)
            await at.until_kept(5)
            at.shelf.trouble = SinkUnavailableError("gone")
            at.lose(5)
            at.receive(5)
            await asyncio.sleep(60)
            assert at.runner.report().missed_total == 0
            at.shelf.trouble = None
            await at.until_kept(15)
            assert at.runner.report().missed_total == 5
            assert [(hole.first_seq, hole.last_seq) for hole in found] == [(6, 10)]

    play(scene)


def test_a_new_store_has_missed_nothing_of_what_went_before_it_came(tmp_path: Path) -> None:
    async def scene() -> None:
        journal = Journal(tmp_path / "journal", after=1000)
        for frame in frames(1001, 10):
            journal.append(frame.records, frame.count, frame.received_ns)
        journal.close()
        async with stage(tmp_path) as at:
            await at.until_kept(1010)
            assert at.runner.report().missed_total == 0

    play(scene)


def test_before_the_store_was_asked_nobody_knows_of_a_lag(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(30)
            await at.until_kept(30)
        cursor.save(at.directory, "shelf", 10)  # the last one that a kill left; the store has more
        async with stage(tmp_path, at.shelf) as again:
            again.runner.look()
            assert again.runner.report().lag_seconds == 0
            await again.until(lambda: again.runner.report().position == 30)
            assert not again.runner.report().needs_a_look

    play(scene)


def test_a_sink_in_a_process_of_its_own_finds_new_records_without_being_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, wake=None, process="own", batching=Batching(records=20, seconds=0.001)) as at:
            at.receive(3)
            await asyncio.sleep(0.2)
            assert at.shelf.kept == [1, 2, 3]
            assert at.runner.report().process == "own"

    play(scene)


def test_a_store_that_cannot_be_left_properly_and_does_not_tell_its_size_is_carried_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(_: ShelfSink) -> list[Stored]:
        raise SinkMisfitError("it forbids to tell: an administrator has to ask.")

    async def broken(_: ShelfSink) -> None:
        raise KeyError("values")

    monkeypatch.setattr(ShelfSink, "tables", forbidden)
    monkeypatch.setattr(ShelfSink, "close", broken)

    async def scene() -> None:
        async with stage(tmp_path) as at:
            at.receive(10)
            await at.until_kept(10)
            assert at.runner.report().state == "writing"
            at.shelf.trouble = SinkUnavailableError("away")
            at.receive(10)
            await at.until(lambda: at.runner.report().state == "backing_off")
            at.shelf.trouble = None
            await at.until_kept(20)

    play(scene)


def test_a_heartbeat_without_a_descriptor_to_spare_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_files(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    async def scene() -> None:
        async with stage(tmp_path, Shelf(trouble=SinkUnavailableError("away"))) as at:
            await at.until(lambda: at.runner.report().state == "backing_off")
            at.receive(10)
            with monkeypatch.context() as patch:
                patch.setattr("tradewarden.feed.segment.os.open", out_of_files)
                at.runner.look()
                assert at.runner.report().lag_ticks == 10
            await asyncio.sleep(5)
            at.runner.look()
            assert at.runner.report().lag_seconds >= 5

    play(scene)


def test_what_a_store_has_from_a_journal_that_was_lost_hides_no_ticks_of_this_one_silently(tmp_path: Path) -> None:
    """It was away while the new journal gave numbers that it has already: those ticks never reach it."""

    async def scene() -> None:
        shelf = Shelf(kept=list(range(1, 1001)), trouble=SinkUnavailableError("away"))
        async with stage(tmp_path, shelf) as at:
            at.receive(1500)
            await at.until(lambda: at.runner.report().state == "backing_off")
            shelf.trouble = None
            with capture_logs() as told:
                await at.until_kept(1500)
            assert at.runner.report().missed_total == 1000
            (missed,) = [line for line in told if line["event"] == "sink.missed"]
            assert (missed["first"], missed["last"]) == (1, 1000)
            assert "other ticks under these numbers" in missed["why"]
            for end in (1530, 1560):
                shelf.trouble = SinkUnavailableError("away")
                at.receive(30)
                await at.until(lambda: at.runner.report().state == "backing_off")
                shelf.trouble = None
                await at.until_kept(end)
            assert at.runner.report().missed_total == 1000

    play(scene)


@pytest.mark.parametrize("trouble", [None, SinkUnavailableError("away"), SinkMisfitError("not ours")])
@pytest.mark.parametrize("after", [5.0, 15.0])
def test_it_ends_when_told_to_though_the_store_keeps_that_to_itself(
    tmp_path: Path, trouble: SinkUnavailableError | SinkMisfitError | None, after: float
) -> None:
    """In the middle of connecting, and in the middle of a write."""

    async def scene() -> None:
        shelf = Shelf(deaf=True)
        async with asyncio.timeout(60), stage(tmp_path, shelf) as at:
            at.receive(100)
            await asyncio.sleep(after)
            assert shelf.opened == 1
            shelf.trouble = trouble

    play(scene)
