"""Who did what, and who was refused what: one row each, however hard somebody knocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import structlog

from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp

BEHALF: Final = "'s token "  # between a person's name and the token's, where a token did it
KEEP: Final = timedelta(days=400)
KEEP_REFUSED: Final = timedelta(days=14)
WINDOW: Final = timedelta(minutes=1)  # the same refusal again within it is only counted
MOST_KINDS: Final = 20  # of refusals in a window, and of what was in vain; what comes besides is counted together
MOST_WAITING: Final = 1000  # rows that wait for the disk; the oldest go first
PRUNED: Final = 6000  # rows an hour: more than can be written by knocking
_PRUNE_EACH: Final = timedelta(hours=1)
_OTHERS: Final = {False: ("many", "other refusals", "", False), True: ("many", "other things in vain", "", True)}
_INSERT: Final = "INSERT INTO audit (at, by, action, target, allowed, detail) VALUES (?, ?, ?, ?, ?, ?)"
_NAMES: Final = """
    WITH RECURSIVE names (name) AS (
        SELECT min(by) FROM audit WHERE by >= ? AND by < ?
        UNION ALL
        SELECT (SELECT min(by) FROM audit WHERE by > name AND by < ?) FROM names WHERE name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL"""  # one step in the index for each, however many rows it has

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    id: int
    at: datetime
    by: str
    action: str
    target: str
    allowed: bool
    detail: str | None


class Audit:
    """The record. What was done is written at once, what was refused or in vain with the next heartbeat."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        self._waiting: deque[tuple[object, ...]] = deque(maxlen=MOST_WAITING)
        self._again: dict[tuple[str, str, str, bool], int] = {}
        self._window, self._pruned = now(), now() - _PRUNE_EACH
        self._is_stuck = False

    def add(
        self, by: str, action: str, target: str, *, allowed: bool, detail: str | None = None, in_vain: bool = False
    ) -> None:
        """One row; the same refusal again and again, or the same thing in vain, becomes a count."""
        if allowed and not in_vain:
            self._put(by, action, target, allowed=True, detail=detail)
            self._write()
            return
        key = (by, action, target, allowed)
        if key not in self._again and sum(kind[-1] is allowed for kind in self._again) >= MOST_KINDS:
            others = _OTHERS[allowed]
            self._again[others] = self._again.get(others, 0) + 1
            return
        if key not in self._again:
            self._put(by, action, target, allowed=allowed, detail=detail)
        self._again[key] = self._again.get(key, -1) + 1

    def look(self) -> None:
        """Write down what waits, tell what was only counted, let go of what is old; called at each heartbeat."""
        now = self._now()
        if not timedelta() <= now - self._window < WINDOW:
            counted, self._again, self._window = self._again, {}, now
            for (by, action, target, allowed), count in counted.items():
                if count:
                    self._put(by, action, target, allowed=allowed, detail=f"{count} times more within a minute")
        self._write()
        if not timedelta() <= now - self._pruned < _PRUNE_EACH:
            self._pruned = now
            self._prune(now)

    def entries(
        self, *, by: str | None = None, refused: bool = False, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """The last rows, the newest first; a person's tokens act for the person. Raises LedgerError."""
        self.look()
        where, told = "id < ?", [before if before is not None else 1 << 62, limit]
        if refused:
            where += " AND allowed = 0"
        if by is None:
            return self._page(where, told)
        pages = [self._page(f"by = ? AND {where}", [name, *told]) for name in (by, *self._tokens_of(by))]
        return sorted(chain(*pages), key=lambda entry: -entry.id)[:limit]

    def _page(self, where: str, told: list[Any]) -> list[Entry]:
        question = f"SELECT * FROM audit WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our words
        return [
            Entry(row[0], moment(row[1]), row[2], row[3], row[4], bool(row[5]), row[6])
            for row in self._file.read(question, told)
        ]

    def _tokens_of(self, name: str) -> list[str]:
        """The tokens of a person that have done anything, as the rows say it."""
        first, behind = f"{name}{BEHALF}", f"{name}{BEHALF[:-1]}!"
        return [row[0] for row in self._file.read(_NAMES, (first, behind, behind))]

    def _put(self, by: str, action: str, target: str, *, allowed: bool, detail: str | None) -> None:
        self._waiting.append((stamp(self._now()), _plain(by), _plain(action), _plain(target), allowed, detail))

    def _write(self) -> None:
        if not self._waiting:
            return
        try:
            with self._file.write() as db:
                db.executemany(_INSERT, self._waiting)
        except LedgerError as trouble:  # a full disk must not stop the desk that goes on without it
            if not self._is_stuck:
                log.error("ledger.cannot_write", why=str(trouble), waiting=len(self._waiting))  # noqa: TRY400
            self._is_stuck = True
        else:
            self._is_stuck = False
            self._waiting.clear()

    def _prune(self, now: datetime) -> None:
        try:
            with self._file.write() as db:
                for which, keep in (("", KEEP), ("WHERE allowed = 0", KEEP_REFUSED)):
                    oldest = f"SELECT id, at FROM audit {which} ORDER BY id LIMIT ?"  # noqa: S608 - our words
                    gone = f"DELETE FROM audit WHERE id IN (SELECT id FROM ({oldest}) WHERE at < ?)"  # noqa: S608
                    db.execute(gone, (PRUNED, stamp(now - keep)))
        except LedgerError as trouble:
            log.warning("ledger.cannot_write", why=str(trouble), waiting=len(self._waiting))


def _plain(text: str) -> str:
    """Text that SQLite takes: half characters are none."""
    return text.encode(errors="replace").decode()
