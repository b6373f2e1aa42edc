"""What admins have changed of the schedules: who, when, what, and whether it holds already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp

_SELECT: Final = "SELECT id, job, user, at, by, text, enabled, applied, applied_by FROM schedule_edits"
_PENDING: Final = f"{_SELECT} WHERE applied IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of one job's schedules, or all of its changes together; none: as before."""

    id: int
    job: str
    user: str
    at: datetime
    by: str
    text: tuple[str, ...] | None  # the schedules; empty: as the configuration says
    enabled: bool | None
    applied: datetime | None  # none: from the desk's next start on
    applied_by: str | None = None


class Edits:
    """The changes of the schedules, none ever forgotten. Raises LedgerError when the file takes or tells nothing."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now

    def add(
        self, job: str, user: str, *, text: Sequence[str] | None, enabled: bool | None, by: str, applied: bool
    ) -> Edit:
        """A change, which holds now or waits for the desk's next start."""
        now = stamp(self._now())
        lines = None if text is None else "\n".join(text)
        with self._file.write() as db:
            number = db.execute(
                "INSERT INTO schedule_edits (job, user, at, by, text, enabled, applied, applied_by)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (job, user, now, by, lines, enabled, now if applied else None, by if applied else None),
            ).lastrowid
            return _told(db.execute(f"{_SELECT} WHERE id = ?", (number,)).fetchone())

    def history(self, job: str, user: str, *, limit: int = 50) -> list[Edit]:
        """The changes of one job, the newest first."""
        rows = self._file.read(
            f"{_SELECT} WHERE job = ? AND user = ? ORDER BY id DESC LIMIT ?",
            (job, user, limit),
        )
        return [_told(row) for row in rows]

    def current(self, job: str, user: str) -> Edit | None:
        """All changes that hold, as one: the last word about the schedules, and the last about being enabled."""
        rows = self._file.read(f"{_SELECT} WHERE job = ? AND user = ? AND applied IS NOT NULL ORDER BY id", (job, user))
        return _together([_told(row) for row in rows])

    def latest(self) -> dict[tuple[str, str], Edit]:
        """The last change that holds of each job and trader that has one."""
        last = "SELECT max(id) FROM schedule_edits WHERE applied IS NOT NULL GROUP BY job, user"
        rows = self._file.read(f"{_SELECT} WHERE id IN ({last})")
        return {(edit.job, edit.user): edit for edit in map(_told, rows)}

    def pending(self) -> list[Edit]:
        """The changes that wait for the desk's next start, the oldest first."""
        return [_told(row) for row in self._file.read(f"{_PENDING} ORDER BY id")]

    def apply_pending(self, by: str) -> list[Edit]:
        """The desk starts: they hold from now on."""
        now = stamp(self._now())
        with self._file.write() as db:
            waiting = [row[0] for row in db.execute(f"{_PENDING} ORDER BY id")]
            db.execute("UPDATE schedule_edits SET applied = ?, applied_by = ? WHERE applied IS NULL", (now, by))
            return [_told(db.execute(f"{_SELECT} WHERE id = ?", (number,)).fetchone()) for number in waiting]


def _together(edits: Sequence[Edit]) -> Edit | None:
    """The last of them, with what earlier ones say where it is silent."""
    if not edits:
        return None
    texts = [edit.text for edit in edits if edit.text is not None]
    words = [edit.enabled for edit in edits if edit.enabled is not None]
    return replace(edits[-1], text=texts[-1] if texts else None, enabled=words[-1] if words else None)


def _told(row: Sequence[Any]) -> Edit:
    number, job, user, at, by, text, enabled, applied, applied_by = row
    return Edit(
        id=number,
        job=job,
        user=user,
        at=moment(at),
        by=by,
        text=None if text is None else tuple(text.splitlines()),
        enabled=None if enabled is None else bool(enabled),
        applied=None if applied is None else moment(applied),
        applied_by=applied_by,
    )
