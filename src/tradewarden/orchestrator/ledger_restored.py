"""What a ledger that comes out of a backup must not begin again: open runs, due times since then, and sessions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.ledger_file import stamp
from tradewarden.orchestrator.run_row import IS_OPEN

UNKNOWN: Final = "a backup of the ledger was put back: whether it ran after that was made is not on record"
# A keeper begins a run of one number once: those that were given after the backup was made must not be given again.
BEYOND: Final = 1_000_000
_CLOSE: Final = (
    "UPDATE runs SET outcome = iif(outcome = 'queued', 'missed', 'failed'), reason = :unknown, ended = :now,"  # noqa: S608
    f" pid = NULL, ticks = NULL, boot = NULL WHERE {IS_OPEN}"
)
NUMBERED: Final = (  # where no run was given yet there is no last number either
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'runs', 0"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'runs')"
)
_SETTLE: Final = (  # each with the table that a ledger of an older version does not have
    ("runs", _CLOSE),
    ("runs", NUMBERED),
    ("runs", "UPDATE sqlite_sequence SET seq = seq + :beyond WHERE name = 'runs'"),
    ("jobs", "UPDATE jobs SET restored = :now"),
    ("sessions", "DELETE FROM sessions"),
)


def settle(path: Path, now: datetime) -> None:
    """Close what was open when the backup was made, and let nothing run that was due before now. Raises OSError."""
    values = {"unknown": UNKNOWN, "now": stamp(now), "beyond": BEYOND}
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            known = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table, statement in _SETTLE:
                if table in known:
                    db.execute(statement, values)
    except sqlite3.Error as trouble:
        raise OSError(f"{path.name} of the backup: {trouble}") from trouble
