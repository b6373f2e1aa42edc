"""The ledger's file for all who read and write it many times a day: one connection, whole writes, and no long wait."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tradewarden.orchestrator.ledger import LedgerError

WAIT: Final = 0.1  # seconds for another program that writes: the desk stands still meanwhile
IMPATIENT: Final = 1.0  # seconds after it was waited for in vain: until then nobody waits again
CACHE_KB: Final = 512
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class LedgerFile:
    """A ledger that `Ledger` has made or upgraded. What is written stays written when the power goes."""

    def __init__(self, path: Path, *, wait: float = WAIT, mono: Callable[[], float] = time.monotonic) -> None:
        self.path, self._wait, self._mono = path, wait, mono
        self._patient_at = -math.inf
        with self._told():
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
            self._patience(wait)
            self._db.execute("PRAGMA synchronous = FULL")  # a claim that is lost would be given again
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KB}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One whole write, alone in the file; all or nothing. Raises LedgerError."""
        with self._told():
            self._begin()
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    def read(self, question: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of an answer. Raises LedgerError."""
        with self._told():
            return self._db.execute(question, values).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _begin(self) -> None:
        hurried = self._mono() < self._patient_at
        if hurried:
            self._patience(0)
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            if not hurried:
                self._patient_at = self._mono() + IMPATIENT
            raise
        finally:
            if hurried:
                self._patience(self._wait)

    def _patience(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a promise of the ledger's that its own code has broken
        except sqlite3.Error as trouble:
            raise LedgerError(f"{self.path}: {trouble}; {_advice(trouble)}.") from trouble


def _advice(trouble: sqlite3.Error) -> str:
    match getattr(trouble, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program is writing in it: nothing was written, try again"
        case sqlite3.SQLITE_FULL:
            return "nothing was written: make room on its disk"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return "nothing was written: may this user write in its directory?"
        case _:
            return "nothing was written: look after its disk, or restore a backup"


def stamp(moment: datetime) -> int:
    """A moment as the ledger keeps it."""
    return (moment - EPOCH) // MICROSECOND


def moment(stamped: int) -> datetime:
    """A moment that the ledger kept, in UTC."""
    return EPOCH + timedelta(microseconds=stamped)
