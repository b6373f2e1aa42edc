"""Whatever is killed when: every due time ends in exactly one outcome, and no job runs in two copies. Real keepers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kept import lives, until
from kept_jobs import Place, job, kept_jobs
from tradewarden.machines.claim import Claim
from tradewarden.machines.job import Does
from tradewarden.machines.kept import Started
from tradewarden.machines.run import Lease, Outcome, Run, Trigger
from tradewarden.orchestrator.job import JobHost
from tradewarden.orchestrator.keepers import Keepers, Spec
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.runs import Runs

NOTE = "echo $TRADEWARDEN_RUN >> {}/ran"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def note(place: Place) -> str:
    return NOTE.format(place.state)


def hung(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> asyncio.Event:
    """The daemon gets no further than to its question for a keeper, or than to the answer; set once it is there."""
    there, real = asyncio.Event(), Keepers.keep

    async def keep(self: Keepers, spec: Spec) -> None:
        if after:
            await real(self, spec)
        there.set()
        await asyncio.sleep(1000)

    monkeypatch.setattr(Keepers, "keep", keep)
    return there


@pytest.mark.parametrize("when", ["before it asks for a keeper", "before it has the answer"])
def test_a_daemon_killed_between_claim_and_start_leaves_one_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    buy = job("buy", f"{note(place)}; sleep 0.3")

    async def scene() -> None:
        with monkeypatch.context() as patch:
            async with kept_jobs(place, buy, killed=True) as kept:
                asked = hung(patch, after=when == "before it has the answer")
                kept.driver.run_once("buy", "", by="asha")
                await asyncio.wait_for(asked.wait(), 10)
        async with kept_jobs(place, buy) as kept:
            await kept.until_outcomes("buy", "success")
            assert place.ran() == ["1"]

    asyncio.run(scene())


@pytest.mark.parametrize(("code", "outcome"), [(0, "success"), (3, "failed")])
def test_what_ended_while_no_daemon_was_there_is_recorded_as_its_keeper_saw_it(
    place: Place, code: int, outcome: str
) -> None:
    script = f"{note(place)}; echo '{{\"orders\": 2}}' > $TRADEWARDEN_RESULT_FILE; sleep 0.3; exit {code}"
    buy = job("buy", script)

    async def scene() -> None:
        async with kept_jobs(place, buy, killed=True) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "running")
        until(lambda: not kept.keepers.held("buy"))
        await asyncio.sleep(0.5)  # its end lies as far back as that, and not at the next daemon's begin
        async with kept_jobs(place, buy) as kept:
            run = kept.only("buy")
            assert (run.outcome, run.code, dict(run.details)) == (outcome, code, {"orders": 2})
            assert run.seconds is not None
            assert 0.25 < run.seconds < 0.8, "its end is that of the process, not of the next daemon"
        async with kept_jobs(place, buy) as kept:
            assert kept.outcomes() == [outcome]
            assert place.ran() == ["1"]

    asyncio.run(scene())


def test_a_run_goes_on_over_a_daemon_that_is_killed_and_its_timeout_goes_on_with_it(place: Place) -> None:
    slow = job("slow", f"{note(place)}; exec sleep 1000", timeout=2)

    async def scene() -> None:
        async with kept_jobs(place, slow, killed=True) as kept:
            kept.driver.run_once("slow", "", by="asha")
            await kept.until_outcomes("slow", "running")
            before = kept.only("slow")
        place.clock.shift += timedelta(hours=1)  # the wall's clock has nothing to say about it
        async with kept_jobs(place, slow) as kept:
            assert kept.only("slow").lease == before.lease
            began = time.monotonic()
            await kept.until_outcomes("slow", "timeout")
            assert time.monotonic() - began < 2.5
            assert place.ran() == ["1"]
            assert kept.only("slow").reason == "it did not end within 2 s"

    asyncio.run(scene())


@pytest.mark.parametrize("is_there", [True, False])
def test_the_timeout_of_a_run_leaves_out_what_the_machine_slept_whether_a_daemon_was_there_or_not(
    place: Place, *, is_there: bool
) -> None:
    slow = job("slow", f"{note(place)}; exec sleep 1000", timeout=2)

    async def scene() -> None:
        began = time.monotonic()
        async with kept_jobs(place, slow, killed=True) as kept:
            kept.driver.run_once("slow", "", by="asha")
            await kept.until_outcomes("slow", "running")
            place.asleep += 3600 if is_there else 0
            kept.driver.look()
            assert kept.outcomes() == ["running"]
        place.asleep += 0 if is_there else 3600
        async with kept_jobs(place, slow) as kept:
            assert kept.outcomes() == ["running"], "it has not used its time"
            await kept.until_outcomes("slow", "timeout")
            assert 1.9 < time.monotonic() - began < 3.5

    asyncio.run(scene())


@dataclass
class Machine:
    """Its clocks, as far as they tell how old a process is."""

    up: float = 5000.0
    awake: float = 4000.0

    def sleeps(self, seconds: float) -> None:
        self.up += seconds

    def passes(self, seconds: float) -> None:
        self.up += seconds
        self.awake += seconds

    def host(self) -> JobHost:
        """A daemon of this boot, that only tells ages."""
        nothing: Any = None
        lease = Lease(1, 1, "boot")
        words = dict.fromkeys(("keepers", "runs", "clock", "spawn", "state", "log_dir", "learned"), nothing)
        return JobHost(lease=lease, uptime=lambda: self.up, awake=lambda: self.awake, **words)


def test_a_life_is_as_old_as_the_machine_was_awake_in_it() -> None:
    machine, hertz = Machine(), os.sysconf("SC_CLK_TCK")
    host = machine.host()
    life = Started(
        keeper=6, pid=7, ticks=round(machine.up * hertz), boot="boot", revision="run-1", life=1, at=datetime.now(UTC)
    )
    before = host.slept()
    assert before == 1000.0
    machine.passes(10)
    assert host.age(life, before) == 10.0
    machine.sleeps(3600)
    machine.passes(5)
    assert host.age(life, before) == 15.0
    assert host.age(life, None) == 3615.0, "nobody has written down how long the machine had slept before"
    assert host.age(life, 99_999.0) == 3615.0, "nor does it wake up earlier"
    assert host.age(replace(life, boot="another"), before) == 0.0
    assert host.age(replace(life, ticks=life.ticks + 99 * hertz), before) == 0.0


@pytest.mark.parametrize("code", [0, 1])
def test_why_a_run_was_ended_is_known_to_the_next_daemon(place: Place, code: int) -> None:
    watch = job("watch", f"trap 'sleep 0.2; exit {code}' TERM; {note(place)}; while :; do sleep 0.02; done")

    async def scene() -> None:
        async with kept_jobs(place, watch, killed=True) as kept:
            kept.driver.run_once("watch", "", by="asha")
            await kept.until_outcomes("watch", "running")
            await kept.until_ran("1")
            kept.driver.down(by="asha")  # and now the daemon is killed
        async with kept_jobs(place, watch) as kept:
            await kept.until_outcomes("watch", "failed")
            assert kept.only("watch").reason == "ended by asha, with the desk"

    asyncio.run(scene())


@pytest.mark.parametrize("does", [Does.ORDERS, Does.MONITOR])
def test_a_run_whose_keeper_was_killed_is_ended_and_only_a_monitor_begins_again(place: Place, does: Does) -> None:
    watch = job("watch", f"{note(place)}; exec sleep 1000", place.between(-60, 600), does=does)

    async def scene() -> None:
        async with kept_jobs(place, watch) as kept:
            await kept.until_outcomes("watch", "running")
            await kept.until_ran("1")
            first = kept.of("watch").running
            assert first is not None
            assert first.lease is not None
            os.kill(keeper_of(first.lease), signal.SIGKILL)
            if does is Does.MONITOR:
                await kept.until_ran("1", "1")
                assert kept.outcomes() == ["running"]
            else:
                await kept.until_outcomes("watch", "failed")
                assert "its keeper was killed" in (kept.only("watch").reason or "")
                assert place.ran() == ["1"]
            assert not lives(first.lease.pid), "never two copies"

    asyncio.run(scene())


def keeper_of(lease: Lease) -> int:
    return int(Path(f"/proc/{lease.pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_run_that_the_machine_did_not_outlive_has_failed_and_a_monitor_begins_again(place: Place) -> None:
    jobs = (
        job("buy", f"{note(place)}", place.at(3600)),
        job("watch", f"{note(place)}; exec sleep 1000", place.between(-60, 600), does=Does.MONITOR),
    )

    async def scene() -> None:
        async with kept_jobs(place, *jobs[:1], killed=True) as kept:
            now, earlier = place.clock.now(), Lease(4_000_000, 1, "another boot")
            for name, until_ in (("buy", None), ("watch", now + timedelta(minutes=5))):
                run = kept.runs.give(
                    Claim(
                        job=name,
                        user="",
                        trigger=Trigger.DESK,
                        due=now,
                        by="test",
                        lease=earlier,
                        until=until_,
                        lasts=name == "watch",
                    )
                )
                kept.runs.start(run.id, earlier)  # type: ignore[union-attr]
        async with kept_jobs(place, *jobs) as kept:
            await kept.until(lambda: kept.only("buy").outcome is Outcome.FAILED)
            assert kept.only("buy").reason == "the machine was restarted while it ran"
            await kept.until_ran("2")
            assert kept.only("watch").outcome is Outcome.RUNNING

    asyncio.run(scene())


def test_a_run_that_cannot_be_written_down_does_not_begin_and_does_once_it_can(place: Place) -> None:
    buy = job("buy", note(place))

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            status = kept.keepers.run_dir / "buy.status"
            status.mkdir()  # as good as a full disk
            kept.driver.run_once("buy", "", by="asha")
            await kept.until(lambda: kept.only("buy").reason)
            assert kept.only("buy").reason == (
                "its keeper left before it began: see whether the disk of desk.run_dir is full"
            )
            assert (kept.outcomes(), place.ran()) == (["queued"], [])
            status.rmdir()
            await kept.until_outcomes("buy", "success")
            assert place.ran() == ["1"]

    asyncio.run(scene())


def test_a_run_that_another_daemon_holds_is_left_alone_until_that_one_has_died(place: Place) -> None:
    buy = job("buy", note(place))

    async def scene() -> None:
        other = await asyncio.create_subprocess_exec("sleep", "1000")
        ticks = int(Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19])
        held = Lease(other.pid, ticks, place.lease.boot)
        async with kept_jobs(place, buy) as kept:
            run = kept.runs.give(
                Claim(job="buy", user="", trigger=Trigger.ONCE, due=place.clock.now(), by="test", lease=held)
            )
            assert run.id == 1  # type: ignore[union-attr]
        async with kept_jobs(place, buy) as kept:
            refused = kept.driver.run_once("buy", "", by="asha")
            assert not hasattr(refused, "outcome"), "the claim holds, whoever has it"
            other.kill()
            await other.wait()
            kept.driver._seldom_at = 0.0
            kept.driver.look()
            assert kept.outcomes()[0] == "queued", "whoever hands over may hold it in a moment"
            kept.driver._seldom_at = 0.0
            await kept.until(lambda: kept.outcomes()[0] == "success")
            assert place.ran() == ["1"]

    asyncio.run(scene())


def test_whatever_runs_under_a_jobs_name_without_an_open_run_is_ended(place: Place) -> None:
    buy = job("buy", f"{note(place)}; exec sleep 1000")

    async def scene() -> None:
        async with kept_jobs(place, buy, killed=True) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "running")
            pid = kept.only("buy").lease
            kept.runs.finish(1, Outcome.FAILED, reason="somebody wrote into the ledger")
        assert pid is not None
        async with kept_jobs(place, buy) as kept:
            await kept.until(lambda: not lives(pid.pid))
            assert kept.outcomes() == ["failed"]

    asyncio.run(scene())


def test_a_ledger_that_begins_anew_gives_no_number_that_a_keeper_has_had(place: Place) -> None:
    buy = job("buy", note(place))

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "success")
        for file in place.state.glob("ledger.db*"):
            file.unlink()  # as the error about a broken one says
        async with kept_jobs(place, buy) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "success")
            assert place.ran() == ["1", "2"]

    asyncio.run(scene())


def test_a_run_that_the_disk_does_not_let_be_taken_over_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    buy = job("buy", f"{note(place)}; sleep 0.5; {note(place)}")
    refused: list[int] = []
    place.lease, real = replace(place.lease, ticks=1), Runs.take

    def take(runs: Runs, run: Run, lease: Lease) -> bool:
        if not refused:
            refused.append(run.id)
            raise LedgerError("the disk is full")
        return real(runs, run, lease)

    async def scene() -> None:
        with monkeypatch.context() as patch:
            async with kept_jobs(place, buy, killed=True) as kept:
                patch.setattr(Runs, "start", lambda *_, **__: True)  # it is killed before that is written down
                kept.driver.run_once("buy", "", by="asha")
                await kept.until_ran("1")
        place.lease = replace(place.lease, ticks=2)
        monkeypatch.setattr(Runs, "take", take)
        async with kept_jobs(place, buy) as kept:
            await kept.until_outcomes("buy", "success")
            assert (place.ran(), refused) == (["1", "1"], [1])

    asyncio.run(scene())


def test_a_run_is_followed_to_its_end_whoever_else_reads_what_its_keeper_writes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy = job("buy", f"{note(place)}; sleep 0.3")

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            look = kept.driver.look

            def late() -> None:
                kept.keepers.read("buy")  # a program of this name has come, and its driver reads that too
                look()

            monkeypatch.setattr(kept.driver, "woken", lambda _: None)
            monkeypatch.setattr(kept.driver, "look", late)
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "success")
            assert place.ran() == ["1"]

    asyncio.run(scene())


def test_due_times_while_nobody_was_there_are_missed_but_for_the_last_that_still_has_time(place: Place) -> None:
    each = job("each", note(place), f"every 1s {place.between(-3600, 3600).removesuffix(' on all days')} on all days")

    async def scene() -> None:
        async with kept_jobs(place, each) as kept:
            await kept.until(lambda: "success" in kept.outcomes())
        done = len(place.ran())
        place.clock.shift += timedelta(seconds=30)
        async with kept_jobs(place, each) as kept:
            await kept.until(lambda: len(kept.history()) > done + 28)
            missed = [run for run in kept.history() if run.outcome is Outcome.MISSED]
            assert 22 <= len(missed) <= 34
            assert "nobody looked at the clock from" in (missed[0].reason or "")
            dues = [run.due for run in kept.history()]
            assert dues == sorted(set(dues))
            gaps = {(b - a).total_seconds() for a, b in pairwise(dues)}
            assert gaps == {1.0}, "no due time is silent"

    asyncio.run(scene())
