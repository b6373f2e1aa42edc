"""What must be remembered: one SQLite file with a version, upgraded at start after a copy is taken."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tradewarden.early_log import Logger
from tradewarden.orchestrator.ledger_jobs import JOBS, SLEPT
from tradewarden.orchestrator.ledger_people import PEOPLE

if TYPE_CHECKING:  # 15 ms with the machine that makes gaps, which the start of programs need not wait for
    from tradewarden.machines.gap import Gap

# One entry a version: what turns the ledger of the version before into this one.
UPGRADES: tuple[str, ...] = (
    """
    CREATE TABLE gaps (
        id INTEGER PRIMARY KEY,
        feed TEXT NOT NULL,
        began TEXT NOT NULL,
        ended TEXT NOT NULL,
        causes TEXT NOT NULL,       -- JSON, in the order in which they came up
        instruments TEXT NOT NULL   -- JSON, the tokens that were subscribed
    ) STRICT;
    CREATE INDEX gaps_by_end ON gaps (ended);
    """,
    JOBS,
    PEOPLE,
    SLEPT,
)

MOST_WAITING = 1000  # gaps that wait for the disk; the oldest go first

log = Logger()


class LedgerError(Exception):
    """The ledger cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RecordedGap:
    """One gap as it was written down."""

    id: int
    feed: str
    gap: Gap
    instruments: tuple[int, ...]


class Ledger:
    """The desk's memory. Writes take well under a millisecond: WAL, and no wait for the disk at each of them."""

    def __init__(self, path: Path, *, upgrades: Sequence[str] = UPGRADES) -> None:
        self._path = path
        self._waiting: deque[tuple[str, ...]] = deque(maxlen=MOST_WAITING)
        self._is_stuck = False
        _keep_private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as trouble:
            raise LedgerError(f"{path}: {trouble}; is its directory there, and may this user write in it?") from trouble
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._upgrade(upgrades)
        except sqlite3.Error as trouble:
            self._db.close()  # an upgrade that failed half-way is rolled back with it
            raise LedgerError(f"{path}: {trouble}; move it away to begin a new one.") from trouble
        except LedgerError:
            self._db.close()
            raise

    @property
    def version(self) -> int:
        """The version of the file."""
        found = self._db.execute("PRAGMA user_version").fetchone()
        return int(found[0])

    def _upgrade(self, upgrades: Sequence[str]) -> None:
        version = self.version
        if version > len(upgrades):
            raise LedgerError(
                f"{self._path} was written by a newer tradewarden (version {version}, this one knows {len(upgrades)}):"
                " install that one again, or move the file away."
            )
        if version == len(upgrades):
            return
        if version:
            copy = self._path.with_name(f"{self._path.name}.v{version}")
            copy.unlink(missing_ok=True)
            self._db.execute("VACUUM INTO ?", (str(copy),))
            copy.chmod(0o600)
            log.info("ledger.upgrade", src=version, dst=len(upgrades), copy=str(copy))
        for number, statements in enumerate(upgrades[version:], version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {number}; COMMIT;")

    def add_gap(self, feed: str, gap: Gap, instruments: Sequence[int]) -> None:
        """Write down a gap that has ended; while the disk does not take it, it waits in memory."""
        self._waiting.append(
            (
                feed,
                gap.began.isoformat(),
                gap.ended.isoformat(),
                json.dumps(gap.causes, separators=(",", ":")),
                json.dumps(list(instruments), separators=(",", ":")),
            )
        )
        self.look()

    def look(self) -> None:
        """Write down what waits for a disk that took nothing; called at each heartbeat."""
        while self._waiting:
            try:
                self._db.execute(
                    "INSERT INTO gaps (feed, began, ended, causes, instruments) VALUES (?, ?, ?, ?, ?)",
                    self._waiting[0],
                )
            except sqlite3.OperationalError as trouble:  # a full disk must not stop the desk that goes on without it
                if not self._is_stuck:
                    log.error("ledger.cannot_write", why=str(trouble), waiting=len(self._waiting))  # noqa: TRY400
                self._is_stuck = True
                return
            self._is_stuck = False
            self._waiting.popleft()

    def gaps(self, *, limit: int = 100) -> list[RecordedGap]:
        """The last gaps, newest first. Raises LedgerError."""
        from tradewarden.machines.gap import Gap  # noqa: PLC0415 - see above

        try:
            rows = self._db.execute(
                "SELECT id, feed, began, ended, causes, instruments FROM gaps ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        except sqlite3.Error as trouble:
            raise LedgerError(f"{self._path}: {trouble}; look after its disk, or restore a backup.") from trouble
        return [
            RecordedGap(
                number,
                feed,
                Gap(datetime.fromisoformat(began), datetime.fromisoformat(ended), tuple(json.loads(causes))),
                tuple(json.loads(instruments)),
            )
            for number, feed, began, ended, causes, instruments in rows
        ]

    def seconds_lost(self, since: datetime) -> tuple[int, float]:
        """How many gaps have ended since then, and how long they were together."""
        rows = self._db.execute("SELECT began, ended FROM gaps WHERE ended >= ?", (since.isoformat(),)).fetchall()
        lost = (
            (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds() for began, ended in rows
        )
        return len(rows), sum(lost)

    def close(self) -> None:
        """Let go of the file, after a last try to write down what waits."""
        self.look()
        self._db.close()


def _keep_private(path: Path) -> None:
    """Nobody else reads it, whoever made it and under whichever mask: it has hashes of passwords."""
    with suppress(OSError):  # SQLite says better why this file cannot be
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for file in path.parent.glob(f"{path.name}*"):  # its log, and the copies from before an upgrade
        with suppress(OSError):
            file.chmod(0o600)
