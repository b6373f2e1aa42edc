"""A job runs once at a time, each due time has one outcome, and what happened is written once the disk takes it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.ledger import Ledger, LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.ledger_restored import UNKNOWN, settle
from tradewarden.orchestrator.runs import Runs

DUE = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
DAEMON, PROGRAM, OTHER = Lease(100, 7, "boot"), Lease(101, 8, "boot"), Lease(102, 9, "boot")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Wall:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = DUE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    return path


@pytest.fixture
def runs(path: Path, wall: Wall) -> Iterator[Runs]:
    file = LedgerFile(path)
    yield Runs(file, now=wall)
    file.close()


def asked(runs: Runs, trigger: Trigger = Trigger.SCHEDULE, due: datetime = DUE, *, user: str = "") -> Run | Refused:
    by = "asha" if trigger is Trigger.ONCE else "schedule"
    return runs.give(Claim(job="buy_orders", user=user, trigger=trigger, due=due, by=by, lease=DAEMON))


def given(runs: Runs, trigger: Trigger = Trigger.SCHEDULE, due: datetime = DUE, *, user: str = "") -> Run:
    run = asked(runs, trigger, due, user=user)
    assert isinstance(run, Run)
    return run


def refused(runs: Runs, trigger: Trigger = Trigger.SCHEDULE, due: datetime = DUE) -> Refused:
    answer = asked(runs, trigger, due)
    assert isinstance(answer, Refused)
    return answer


def over(runs: Runs, trigger: Trigger, *, due: datetime = DUE) -> Run:
    run = given(runs, trigger, due)
    assert runs.start(run.id, PROGRAM)
    assert runs.finish(run.id, Outcome.SUCCESS, code=0)
    return run


def test_a_run_is_one_row_from_its_claim_to_its_end(runs: Runs, wall: Wall) -> None:
    until = DUE + timedelta(hours=1)
    run = runs.give(
        Claim(
            job="buy_orders",
            user="asha",
            trigger=Trigger.SCHEDULE,
            due=DUE,
            by="schedule",
            lease=DAEMON,
            until=until,
            because="no feed",
        )
    )
    assert isinstance(run, Run)
    assert run.outcome is Outcome.QUEUED
    assert (run.reason, run.lease, run.claimed, run.until) == ("no feed", DAEMON, DUE, until)
    assert runs.wait(run.id, "no token")
    assert [(each.id, each.reason) for each in runs.open()] == [(run.id, "no token")]
    wall.now += SECOND
    assert runs.start(run.id, PROGRAM)
    begun = runs.running("buy_orders", "asha")
    assert begun is not None
    assert (begun.outcome, begun.reason, begun.started, begun.lease) == (Outcome.RUNNING, None, DUE + SECOND, PROGRAM)
    wall.now += MINUTE
    assert runs.finish(run.id, Outcome.FAILED, reason="exit code 3", code=3, details={"orders": [1, 2]})
    ended = runs.run(run.id)
    assert ended is not None
    assert (ended.outcome, ended.reason, ended.code, ended.seconds) == (Outcome.FAILED, "exit code 3", 3, 60.0)
    assert dict(ended.details) == {"orders": [1, 2]}
    assert ended.lease is None
    assert runs.open() == []


def test_what_has_ended_never_changes(runs: Runs) -> None:
    run = over(runs, Trigger.SCHEDULE)
    before = runs.run(run.id)
    assert not runs.finish(run.id, Outcome.FAILED, reason="too late")
    assert not runs.start(run.id, PROGRAM)
    assert not runs.wait(run.id, "something")
    assert runs.run(run.id) == before


def test_what_has_started_does_not_start_again(runs: Runs) -> None:
    run = given(runs)
    assert runs.start(run.id, PROGRAM)
    assert not runs.start(run.id, OTHER)
    assert not runs.wait(run.id, "something")
    assert runs.open()[0].lease == PROGRAM


def test_nothing_ends_as_open(runs: Runs) -> None:
    run = given(runs)
    with pytest.raises(ValueError, match="cannot end as queued"):
        runs.finish(run.id, Outcome.QUEUED)


def test_a_due_time_has_one_run_and_asking_again_writes_nothing(runs: Runs) -> None:
    run = given(runs)
    again = refused(runs)
    assert again.run is None
    assert again.holder == run
    assert again.reason == "its run of that time is on record: queued"
    runs.finish(run.id, Outcome.SUCCESS)
    assert refused(runs).reason.endswith("success")
    assert refused(runs, Trigger.AFTER).reason.endswith("success")
    assert len(runs.history()) == 1


def test_two_people_and_two_jobs_do_not_stand_in_each_others_way(runs: Runs) -> None:
    assert given(runs, user="asha").id != given(runs, user="ravi").id
    assert isinstance(
        runs.give(Claim(job="eod", user="asha", trigger=Trigger.SCHEDULE, due=DUE, by="schedule", lease=DAEMON)), Run
    )


@pytest.mark.parametrize("trigger", Trigger)
def test_an_open_run_refuses_every_other_one_and_the_refusal_is_kept(runs: Runs, trigger: Trigger) -> None:
    run = given(runs)
    runs.start(run.id, PROGRAM)
    answer = refused(runs, trigger, DUE + MINUTE)
    assert answer.holder is not None
    assert answer.holder.id == run.id
    assert answer.run is not None
    assert (answer.run.outcome, answer.run.trigger, answer.run.reason) == (Outcome.SKIPPED, trigger, answer.reason)
    assert answer.run.lease is None
    assert runs.run(answer.run.id) == answer.run


def test_a_second_wish_within_two_minutes_is_refused_whatever_began(runs: Runs, wall: Wall) -> None:
    over(runs, Trigger.SCHEDULE)
    wall.now += 40 * SECOND
    assert refused(runs, Trigger.ONCE, wall.now).reason == "buy_orders began 40 s ago: it may be run once again in 80 s"
    wall.now += 80 * SECOND
    assert isinstance(asked(runs, Trigger.ONCE, wall.now), Run)


@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.AFTER, Trigger.DESK])
def test_a_due_time_within_two_minutes_of_a_wish_is_skipped(runs: Runs, wall: Wall, trigger: Trigger) -> None:
    over(runs, Trigger.ONCE)
    wall.now += 40 * SECOND
    assert refused(runs, trigger, DUE + 40 * SECOND).reason == "asha ran it once 40 s ago"
    wall.now += 80 * SECOND
    assert isinstance(asked(runs, trigger, DUE + 120 * SECOND), Run)


def test_due_times_that_are_seconds_apart_are_not_held_apart(runs: Runs) -> None:
    over(runs, Trigger.SCHEDULE)
    over(runs, Trigger.SCHEDULE, due=DUE + SECOND)
    assert isinstance(asked(runs, Trigger.AFTER, DUE + 2 * SECOND), Run)


def test_a_wish_that_came_to_nothing_keeps_nobody_waiting(runs: Runs) -> None:
    run = given(runs, Trigger.ONCE)
    runs.finish(run.id, Outcome.FAILED, reason="there is no such program")
    assert isinstance(asked(runs, Trigger.ONCE), Run)


def test_late_due_times_and_the_one_that_runs_are_written_together(runs: Runs, wall: Wall) -> None:
    wall.now = DUE + 2 * MINUTE
    claim = Claim(job="buy_orders", user="", trigger=Trigger.SCHEDULE, due=DUE, by="schedule", lease=DAEMON)
    late = [(DUE - 2 * MINUTE, "the daemon was away"), (DUE - MINUTE, "the daemon was away")]
    missed, run = runs.account("buy_orders", "", wall.now, missed=late, claim=claim)
    assert [(each.due, each.outcome, each.reason) for each in missed] == [
        (due, Outcome.MISSED, why) for due, why in late
    ]
    assert isinstance(run, Run)
    assert run.outcome is Outcome.QUEUED
    assert runs.watermark("buy_orders", "") == wall.now
    assert runs.account("buy_orders", "", wall.now, missed=late, claim=claim)[0] == []
    assert len(runs.history()) == 3


def test_of_due_times_that_cannot_all_be_written_none_is(runs: Runs, path: Path, wall: Wall) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON runs WHEN new.outcome = 'queued'"
            " BEGIN SELECT raise(ABORT, 'full'); END"
        )
    claim = Claim(job="buy_orders", user="", trigger=Trigger.SCHEDULE, due=DUE, by="schedule", lease=DAEMON)
    with pytest.raises(sqlite3.IntegrityError):
        runs.account("buy_orders", "", wall.now, missed=[(DUE - MINUTE, "away")], claim=claim)
    assert runs.history() == []
    assert runs.watermark("buy_orders", "") is None


def test_the_mark_of_what_was_looked_at_never_goes_back(runs: Runs) -> None:
    assert runs.watermark("buy_orders", "") is None
    runs.advance("buy_orders", "", DUE)
    runs.advance("buy_orders", "", DUE - MINUTE)
    assert runs.watermark("buy_orders", "") == DUE
    assert runs.watermark("buy_orders", "asha") is None


def test_the_marks_of_many_jobs_are_written_at_once(runs: Runs) -> None:
    runs.advance("eod", "asha", DUE + MINUTE)
    runs.advance_all({("buy_orders", ""): DUE, ("eod", "asha"): DUE})
    assert (runs.watermark("buy_orders", ""), runs.watermark("eod", "asha")) == (DUE, DUE + MINUTE)


def test_a_missed_due_time_is_kept_once_and_never_over_its_run(runs: Runs) -> None:
    missed = runs.miss("buy_orders", "", DUE, "the desk was stopped")
    assert missed is not None
    assert (missed.outcome, missed.reason, missed.started) == (Outcome.MISSED, "the desk was stopped", None)
    assert runs.miss("buy_orders", "", DUE, "again") is None
    skipped = runs.miss("buy_orders", "", DUE + MINUTE, "2026-11-24 is a holiday", outcome=Outcome.SKIPPED)
    assert skipped is not None
    assert skipped.outcome is Outcome.SKIPPED
    assert refused(runs).holder == missed


def test_a_queued_run_of_a_dead_daemon_is_taken_by_one_other_only(runs: Runs) -> None:
    run = given(runs)
    assert runs.take(run, OTHER)
    assert not runs.take(run, PROGRAM)
    assert runs.open()[0].lease == OTHER


def test_a_run_is_closed_for_its_dead_holder_and_for_no_other(runs: Runs) -> None:
    run = given(runs)
    assert not runs.finish(run.id, Outcome.FAILED, reason="its holder died", held=OTHER)
    runs.start(run.id, PROGRAM)
    assert not runs.finish(run.id, Outcome.FAILED, reason="its holder died", held=DAEMON)
    assert runs.finish(run.id, Outcome.FAILED, reason="its holder died", held=PROGRAM)
    assert isinstance(asked(runs, due=DUE + MINUTE), Run)


def test_numbers_of_runs_are_never_given_again(runs: Runs) -> None:
    last = over(runs, Trigger.SCHEDULE)
    assert runs.prune(DUE + MINUTE) == 1
    assert given(runs).id > last.id


def test_a_new_ledger_gives_no_number_that_keepers_know(runs: Runs) -> None:
    runs.pass_over(70)
    assert given(runs).id == 71
    runs.pass_over(3)
    assert given(runs, user="asha").id == 72


# A disk that takes nothing


def locked(path: Path) -> sqlite3.Connection:
    """Somebody else who writes and does not come to an end."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_no_run_is_given_while_the_ledger_takes_nothing(runs: Runs, path: Path) -> None:
    with closing(locked(path)), pytest.raises(LedgerError, match=r"ledger\.db: .*another program is writing in it"):
        asked(runs)
    assert isinstance(asked(runs), Run)


def test_what_happened_while_the_ledger_took_nothing_is_written_in_its_order_afterwards(runs: Runs, path: Path) -> None:
    run = given(runs)
    with closing(locked(path)):
        assert runs.start(run.id, PROGRAM)
        assert runs.finish(run.id, Outcome.SUCCESS, code=0)
        assert runs.waiting == 2
        runs.look()
        assert runs.waiting == 2
        assert [each.outcome for each in runs.open()] == [Outcome.QUEUED]
    assert isinstance(asked(runs, due=DUE + MINUTE), Run)  # which writes what waits first
    ended = runs.run(run.id)
    assert ended is not None
    assert (ended.outcome, ended.started, ended.code) == (Outcome.SUCCESS, DUE, 0)
    assert runs.waiting == 0


def test_nothing_new_is_asked_before_what_happened_is_written(runs: Runs, path: Path) -> None:
    run = given(runs)
    with closing(locked(path)):
        runs.finish(run.id, Outcome.SUCCESS)
        with pytest.raises(LedgerError, match="try again"):
            asked(runs, due=DUE + MINUTE)


def test_a_desk_of_many_jobs_waits_once_for_a_program_that_does_not_come_to_an_end(path: Path) -> None:
    mono = 0.0

    def waited(file: LedgerFile) -> float:
        begun = time.monotonic()
        with pytest.raises(LedgerError, match="try again"), file.write():
            pass
        return time.monotonic() - begun

    file = LedgerFile(path, wait=0.5, mono=lambda: mono)
    with closing(locked(path)):
        assert waited(file) >= 0.4
        assert sum(waited(file) for _ in range(20)) < 0.4
        mono = 2.0  # a beat later
        assert waited(file) >= 0.4
    with file.write():
        pass
    file.close()


def test_a_full_disk_is_told_as_one_and_costs_nothing_that_was_written(
    path: Path, wall: Wall, capsys: pytest.CaptureFixture[str]
) -> None:
    file = LedgerFile(path)
    runs = Runs(file, now=wall)
    run = given(runs)
    pages = file.read("PRAGMA page_count")[0][0]
    file.read(f"PRAGMA max_page_count = {pages}")
    late = [(DUE + minute * MINUTE, "a reason that takes some room") for minute in range(1, 1000)]
    with pytest.raises(LedgerError, match="full; nothing was written: make room on its disk"):
        runs.account("buy_orders", "", DUE, missed=late)
    assert runs.finish(run.id, Outcome.FAILED, reason="long " * 2000)
    assert runs.waiting == 1
    assert "ledger.cannot_write" in capsys.readouterr().out
    file.read("PRAGMA max_page_count = 100000")
    runs.look()
    assert runs.waiting == 0
    assert runs.open() == []
    assert file.read("PRAGMA integrity_check") == [("ok",)]
    file.close()


def test_a_ledger_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.db: .*may this user write in its directory"):
        LedgerFile(tmp_path / "ledger.db")


def test_a_ledger_that_is_no_database_any_more_is_a_sentence(path: Path) -> None:
    path.write_bytes(b"not a database, but a letter to my mother" * 100)
    with pytest.raises(LedgerError, match="restore a backup"):
        LedgerFile(path)


# Claims what is due, and stands still in the middle of that write.
HALFWAY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Trigger
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.run_claims import claimed
due = datetime.fromisoformat(sys.argv[2])
claim = Claim(job="buy_orders", user="", trigger=Trigger.SCHEDULE, due=due, by="schedule", lease=own_lease())
with LedgerFile(Path(sys.argv[1])).write() as db:
    claimed(db, claim, due)
    print("claimed", flush=True)
    sys.stdin.readline()
"""


def test_a_daemon_that_is_killed_in_the_middle_of_a_write_has_written_nothing_and_holds_nobody_up(
    runs: Runs, path: Path
) -> None:
    command = [sys.executable, "-c", HALFWAY, str(path), DUE.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        assert runs.history() == []
        with pytest.raises(LedgerError, match="try again"):
            asked(runs)
        process.kill()
        process.wait(10)
    assert isinstance(asked(runs), Run)
    assert len(runs.history()) == 1


# A backup that was put back


def test_after_a_restore_nothing_runs_again_that_may_have_run_and_nothing_is_missed_in_silence(
    runs: Runs, path: Path, wall: Wall
) -> None:
    queued = given(runs)
    running = given(runs, user="asha")
    runs.start(running.id, PROGRAM)
    wall.now += 30 * MINUTE
    settle(path, wall.now)
    assert runs.open() == []
    for run, outcome in ((queued, Outcome.MISSED), (running, Outcome.FAILED)):
        closed = runs.run(run.id)
        assert closed is not None
        assert (closed.outcome, closed.reason, closed.lease) == (outcome, UNKNOWN, None)
    lost = refused(runs, due=DUE + 10 * MINUTE)
    assert lost.run is not None
    assert lost.run.id > 1000  # the numbers between were given after the backup was made
    assert (lost.run.outcome, lost.run.reason) == (Outcome.MISSED, UNKNOWN)
    assert isinstance(asked(runs, due=DUE + 31 * MINUTE), Run)


def test_a_backup_without_runs_takes_no_numbers_twice_either(runs: Runs, path: Path, wall: Wall) -> None:
    settle(path, wall.now)
    assert given(runs, due=DUE + MINUTE).id > 1000


# What is forgotten


def test_old_runs_go_a_few_at_a_time_and_open_ones_stay(runs: Runs) -> None:
    for minute in range(10):
        runs.miss("buy_orders", "", DUE + minute * MINUTE, "away")
    waiting = given(runs, user="asha")
    assert runs.prune(DUE + 8 * MINUTE, most=5) == 5
    assert runs.prune(DUE + 8 * MINUTE, most=5) == 3
    assert runs.prune(DUE + 8 * MINUTE, most=5) == 0
    assert len(runs.history(user="")) == 2
    assert runs.prune(DUE + 60 * MINUTE, most=5) == 2
    assert [run.id for run in runs.history()] == [waiting.id]


def test_what_is_kept_does_not_keep_what_is_too_old(runs: Runs) -> None:
    for minute in range(600, 606):  # the clock was ahead once
        runs.miss("buy_orders", "", DUE + minute * MINUTE, "away")
    for minute in range(10):
        runs.miss("buy_orders", "", DUE + minute * MINUTE, "away")
        runs.miss("buy_orders", "", DUE + minute * MINUTE, "away", trigger=Trigger.ONCE)
    assert runs.prune(DUE + 60 * MINUTE, most=5) == 5
    assert runs.prune(DUE + 60 * MINUTE) == 15
    assert len(runs.history()) == 6


def test_why_a_run_is_to_end_stands_with_it_while_it_runs(runs: Runs) -> None:
    first = given(runs)
    assert not runs.note(first.id, "ended by asha")
    runs.start(first.id, PROGRAM)
    assert runs.note(first.id, "ended by asha")
    assert runs.open()[0].reason == "ended by asha"
    runs.finish(first.id, Outcome.FAILED)
    assert not runs.note(first.id, "ended by ravi")
    assert runs.history()[0].reason == "ended by asha"


def test_a_run_may_be_open_unless_the_ledger_says_that_it_is_not(runs: Runs, path: Path) -> None:
    first = given(runs)
    assert runs.may_be_open(first.id)
    assert not runs.may_be_open(first.id + 1)
    runs.finish(first.id, Outcome.FAILED)
    assert not runs.may_be_open(first.id)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE runs RENAME TO lost")
    assert runs.may_be_open(first.id)
