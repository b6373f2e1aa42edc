"""One row a run, from its claim to its end: whoever asks, and however often, a job runs once at a time."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile, stamp
from tradewarden.orchestrator.ledger_restored import NUMBERED
from tradewarden.orchestrator.run_claims import Passed, advanced, claimed, number_of, passed
from tradewarden.orchestrator.run_history import INDEXES, RunHistory
from tradewarden.orchestrator.run_row import IS_OPEN, details_text

MOST_WAITING: Final = 1000  # deeds that wait for the disk; the oldest go first
_FINISH: Final = (
    "UPDATE runs SET outcome = ?1, reason = coalesce(coalesce(?2, reason) || '; ' || ?3, ?3, ?2, reason), code = ?4,"  # noqa: S608
    f" ended = ?5, details = ?6, pid = NULL, ticks = NULL, boot = NULL WHERE id = ?7 AND {IS_OPEN}"
)
_TAKE: Final = (
    "UPDATE runs SET pid = ?, ticks = ?, boot = ?"
    " WHERE id = ? AND outcome = 'queued' AND pid IS ? AND ticks IS ? AND boot IS ?"
)
_PRUNE: Final = [  # along an index from the oldest due time on: what is kept is not read
    f"DELETE FROM runs WHERE id IN (SELECT id FROM runs INDEXED BY {index}"  # noqa: S608
    f" WHERE job = ? AND due < ? AND {condition} AND NOT ({IS_OPEN}) LIMIT ?)"
    for index, condition in INDEXES
]

Deed = Callable[[sqlite3.Connection], bool]

log = structlog.get_logger()


class Runs(RunHistory):
    """The claims of all jobs. What asks for a run raises LedgerError when the disk does not take it: it is not given.

    What a run came to has happened already: while the disk does not take that, it waits in memory for `look`.
    """

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        super().__init__(file)
        self._now = now
        self._waiting: deque[tuple[Deed, Callable[[], None] | None]] = deque(maxlen=MOST_WAITING)
        self._trouble: LedgerError | None = None

    # What asks for a run

    def give(self, wanted: Claim) -> Run | Refused:
        """A run that waits to start, or why there is none; that is stored too, unless the due time has its run."""
        self._settle()
        with self._file.write() as db:
            return claimed(db, wanted, self._now())

    def account(
        self,
        job: str,
        user: str,
        to: datetime,
        *,
        missed: Iterable[tuple[datetime, str]] = (),
        claim: Claim | None = None,
        by: str = "schedule",
    ) -> tuple[list[Run], Run | Refused | None]:
        """All due times up to `to` at once: those that were missed, with the reasons, and the one that is to run now.

        Nothing of it is written unless all is. Due times that are on record already stay as they are.
        """
        self._settle()
        with self._file.write() as db:
            now = self._now()  # another daemon may have been waited for
            past = [
                passed(db, Passed(job=job, user=user, due=due, reason=reason, by=by), now) for due, reason in missed
            ]
            given = None if claim is None else claimed(db, claim, now)
            advanced(db, job, user, to)
            return [run for run in past if run is not None], given

    def miss(
        self,
        job: str,
        user: str,
        due: datetime,
        reason: str,
        *,
        by: str = "schedule",
        trigger: Trigger = Trigger.SCHEDULE,
        outcome: Outcome = Outcome.MISSED,
    ) -> Run | None:
        """A due time without a run, missed or skipped; none when it is on record already."""
        self._settle()
        over = Passed(job=job, user=user, due=due, reason=reason, by=by, trigger=trigger, outcome=outcome)
        with self._file.write() as db:
            return passed(db, over, self._now())

    def advance(self, job: str, user: str, to: datetime) -> None:
        """Each due time of this job up to then has its run; never goes back."""
        with self._file.write() as db:
            advanced(db, job, user, to)

    def advance_all(self, marks: Mapping[tuple[str, str], datetime]) -> None:
        """The same for many jobs and their users, in one write: a sync of the disk each would hold up the desk."""
        with self._file.write() as db:
            for (job, user), to in marks.items():
                advanced(db, job, user, to)

    def set_back(self, job: str, user: str, to: datetime) -> None:
        """The clock was far ahead: what was missed of the time after `to` was not, and is looked at again."""
        with self._file.write() as db:
            db.execute(
                "DELETE FROM runs WHERE job = ? AND trigger = 'schedule' AND outcome = 'missed' AND due > ?",
                (number_of(db, job, user), stamp(to)),
            )
            db.execute("UPDATE jobs SET seen = ? WHERE job = ? AND user = ?", (stamp(to), job, user))

    def keep_marks(self, of: Collection[tuple[str, str]]) -> None:
        """Of all other jobs it is forgotten how far they were looked at: should they come back, they begin anew."""
        marked = self._file.read("SELECT job, user FROM jobs WHERE seen IS NOT NULL", ())
        if gone := [(job, user) for job, user in marked if (job, user) not in of]:
            with self._file.write() as db:
                db.executemany("UPDATE jobs SET seen = NULL WHERE job = ? AND user = ?", gone)

    def pass_over(self, run_id: int) -> None:
        """Numbers up to this one were given by a ledger that is gone; a keeper would begin none of them again."""
        given = self._file.read("SELECT seq FROM sqlite_sequence WHERE name = 'runs'")
        if run_id <= (given[0][0] if given else 0):
            return
        with self._file.write() as db:
            db.execute(NUMBERED)
            db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'runs'", (run_id,))

    def take(self, run: Run, lease: Lease) -> bool:
        """Hold a queued run whose holder has died; false when somebody else was quicker."""
        old = run.lease
        values = (lease.pid, lease.ticks, lease.boot, run.id, *((old.pid, old.ticks, old.boot) if old else (None,) * 3))
        with self._file.write() as db:
            return bool(db.execute(_TAKE, values).rowcount)

    # What becomes of one

    def start(self, run_id: int, lease: Lease, *, at: datetime | None = None, slept: float | None = None) -> bool:
        """Its program runs, and holds it from now on; false when it did not wait to start.

        `slept`: seconds that the machine had slept by then since it began.
        """
        began = stamp(at or self._now())

        def deed(db: sqlite3.Connection) -> bool:
            changed = db.execute(
                "UPDATE runs SET outcome = 'running', reason = NULL, started = ?, pid = ?, ticks = ?, boot = ?,"
                " slept = ? WHERE id = ? AND outcome = 'queued'",
                (began, lease.pid, lease.ticks, lease.boot, slept, run_id),
            ).rowcount
            db.execute(
                "UPDATE jobs SET latest = runs.id, latest_once = iif(trigger = 'once', runs.id, latest_once)"
                " FROM runs WHERE jobs.id = runs.job AND runs.id = ? AND ?",
                (run_id, changed),
            )
            return bool(changed)

        return self._do(deed)

    def wait(self, run_id: int, reason: str | None) -> bool:
        """It waits for something else now; false when it does not wait to start."""
        values = (reason, run_id)
        return self._do(
            lambda db: bool(
                db.execute("UPDATE runs SET reason = ? WHERE id = ? AND outcome = 'queued'", values).rowcount
            )
        )

    def note(self, run_id: int, reason: str) -> bool:
        """Why it is asked to end, for a daemon that comes before it has; false when it is not running."""
        values = (reason, run_id)
        return self._do(
            lambda db: bool(
                db.execute("UPDATE runs SET reason = ? WHERE id = ? AND outcome = 'running'", values).rowcount
            )
        )

    def finish(
        self,
        run_id: int,
        outcome: Outcome,
        *,
        reason: str | None = None,
        remark: str | None = None,
        code: int | None = None,
        ended: datetime | None = None,
        details: Mapping[str, Any] | None = None,
        held: Lease | None = None,
        written: Callable[[], None] | None = None,
    ) -> bool:
        """It has ended, once and for all; false when it had already, or is no longer held by `held`.

        `remark` is said behind the reason; `written` is called once the disk has taken it.
        """
        if outcome.is_open:
            raise ValueError(f"run {run_id} cannot end as {outcome}")
        values = (outcome.value, reason, remark, code, stamp(ended or self._now()), details_text(details), run_id)
        question = _FINISH
        if held is not None:
            question += " AND pid = ?8 AND ticks = ?9 AND boot = ?10"
            values += (held.pid, held.ticks, held.boot)  # type: ignore[assignment]
        return self._do(lambda db: bool(db.execute(question, values).rowcount), written)

    def look(self) -> None:
        """Write down what waits for a disk that took nothing; called at each heartbeat."""
        while self._waiting:
            try:
                with self._file.write() as db:
                    self._waiting[0][0](db)
            except LedgerError as trouble:
                self._say(trouble)
                return
            _, written = self._waiting.popleft()
            if written is not None:
                written()
        self._trouble = None

    @property
    def waiting(self) -> int:
        """How much the disk has not taken yet."""
        return len(self._waiting)

    def prune(self, before: datetime, *, most: int = 500) -> int:
        """Forget runs that were due before then, of each job the oldest first and not more than so many: how many."""
        gone = 0
        with self._file.write() as db:
            for (number,) in db.execute("SELECT id FROM jobs").fetchall():
                for question in _PRUNE:
                    gone += db.execute(question, (number, stamp(before), most - gone)).rowcount
        return gone

    # Inside one write

    def _settle(self) -> None:
        """What has happened is written before anything new is asked; raises LedgerError while it cannot be."""
        self.look()
        if self._trouble is not None:
            raise self._trouble

    def _do(self, deed: Deed, written: Callable[[], None] | None = None) -> bool:
        """Now, or as soon as the disk takes it: then nothing is known that stands against it."""
        self.look()
        if not self._waiting:
            try:
                with self._file.write() as db:
                    done = deed(db)
            except LedgerError as trouble:
                self._say(trouble)
            else:
                if written is not None:
                    written()
                return done
        self._waiting.append((deed, written))
        return True

    def _say(self, trouble: LedgerError) -> None:
        if self._trouble is None:
            log.error("ledger.cannot_write", why=str(trouble), waiting=max(1, len(self._waiting)))
        self._trouble = trouble
