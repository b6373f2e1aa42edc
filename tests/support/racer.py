"""One of several processes that want the same runs: a daemon with all due times, or people who want them once.

racer.py LEDGER daemon|people DUE_TIMES STOP_AT claim|start|half|-: asks so often, and writes what became of it.
With STOP_AT it stands still for good in that many-th run of its own, right behind the claim or the start; with `half`
it waits for a word in the middle.

A run holds the lock of a file of its job while it lasts: the kernel's word, not the ledger's, for one at a time. The
clock of all racers runs alike and fast: two minutes are a few hundredths of a second.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.lease import is_alive, own_lease
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs

FIRST = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
JOBS = [(job, user) for job in ("analysis", "buy_orders") for user in ("", "asha", "ravi", "meena")]
FASTER = 4000


def now() -> datetime:
    """A time that all processes share."""
    return FIRST + timedelta(seconds=time.monotonic() * FASTER)


def due_times(count: int) -> list[datetime]:
    """So many for each job."""
    return [FIRST + timedelta(minutes=5) * number for number in range(count)]


class Racer:
    """Asks, runs what it is given, and clears away what the dead have left."""

    def __init__(self, ledger: Path, folder: Path, stop_at: int, stop_in: str) -> None:
        file = LedgerFile(ledger, wait=60)
        file.read("PRAGMA synchronous = OFF")  # the power stays on
        self.runs, self.folder, self.lease = Runs(file, now=now), folder, own_lease()
        self.stop_at, self.stop_in = stop_at, stop_in
        self.seen: Counter[str] = Counter()

    def ask(self, job: str, user: str, trigger: Trigger, due: datetime) -> None:
        """Once, and again where only a dead holder was in the way."""
        answer = self.claimed(job, user, trigger, due)
        if isinstance(answer, Refused) and self.is_cleared(answer) and trigger is Trigger.ONCE:
            answer = self.claimed(job, user, trigger, due)
        if isinstance(answer, Refused):
            self.seen["refused" if answer.run else "known"] += 1
            return
        self.seen["given"] += 1
        self.lasts(answer)

    def claimed(self, job: str, user: str, trigger: Trigger, due: datetime) -> Run | Refused:
        self.seen["asked"] += 1
        claim = Claim(job=job, user=user, trigger=trigger, due=due, by=f"racer {os.getpid()}", lease=self.lease)
        if trigger is not Trigger.SCHEDULE:
            return self.runs.give(claim)
        _, given = self.runs.account(job, user, due, claim=claim)  # as the scheduler asks: with how far it has looked
        assert given is not None
        return given

    def is_cleared(self, answer: Refused) -> bool:
        holder = answer.holder
        if holder is None or not holder.outcome.is_open or is_alive(holder.lease):
            return False
        self.seen["cleared"] += self.runs.finish(
            holder.id, Outcome.FAILED, reason="its process has died", held=holder.lease
        )
        return True

    def lasts(self, run: Run) -> None:
        with (self.folder / f"{run.job}.{run.user}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.seen["double"] += 1
                return
            self.stand("claim")
            self.runs.start(run.id, self.lease)
            self.stand("start")
            fcntl.flock(file, fcntl.LOCK_UN)
        self.seen["unfinished"] += not self.runs.finish(run.id, Outcome.SUCCESS, code=0)

    def stand(self, where: str) -> None:
        if where == self.stop_in and self.seen["given"] == self.stop_at:
            say("standing")
            time.sleep(600)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    ledger, kind, count, stop_at, stop_in = sys.argv[1:]
    racer = Racer(Path(ledger), Path(ledger).parent, int(stop_at), stop_in)
    say("ready")
    sys.stdin.readline()  # all begin together
    for nth, due in enumerate(due_times(int(count))):
        if stop_in == "half" and nth == int(count) // 2:
            say("half of them")
            sys.stdin.readline()
        for job, user in JOBS:
            if kind == "daemon":
                racer.ask(job, user, Trigger.SCHEDULE, due)
            else:
                racer.ask(job, user, Trigger.ONCE, now())
    say(json.dumps(racer.seen))


if __name__ == "__main__":
    main()
