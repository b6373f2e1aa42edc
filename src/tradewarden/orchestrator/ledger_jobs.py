"""The ledger's tables of jobs, from version 2 on: runs, how far schedules were looked at, their edits, signals."""

from __future__ import annotations

from typing import Final

JOBS: Final = """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        user TEXT NOT NULL,         -- empty: the desk's own
        trigger TEXT NOT NULL,
        due INTEGER NOT NULL,       -- this and all times: microseconds since 1970, UTC
        by TEXT NOT NULL,
        outcome TEXT NOT NULL
            CHECK (outcome IN ('queued', 'running', 'success', 'failed', 'timeout', 'skipped', 'missed')),
        reason TEXT,
        claimed INTEGER,
        started INTEGER,
        ended INTEGER,
        until INTEGER,
        code INTEGER,
        pid INTEGER,
        ticks INTEGER,
        boot TEXT,
        details TEXT                -- JSON
    ) STRICT;
    CREATE UNIQUE INDEX runs_claim ON runs (job, user) WHERE outcome IN ('queued', 'running');
    CREATE UNIQUE INDEX runs_due ON runs (job, user, due) WHERE trigger IN ('schedule', 'after');
    CREATE INDEX runs_by_job ON runs (job, user, id);
    CREATE TABLE watermarks (       -- each due time up to here has its run
        job TEXT NOT NULL,
        user TEXT NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (job, user)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE schedule_edits (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        user TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        text TEXT,                  -- the new schedules, a line each; none: as before
        enabled INTEGER,            -- none: as before
        applied INTEGER             -- none: waits for the desk's next start
    ) STRICT;
    CREATE INDEX schedule_edits_by_job ON schedule_edits (job, user, id);
    CREATE TABLE standings (        -- whether a trader's desk (no job), or one job of it, runs on schedule
        user TEXT NOT NULL,
        job TEXT NOT NULL,
        stands INTEGER NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        PRIMARY KEY (user, job)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE signals (
        day TEXT NOT NULL,          -- the trading day, its window begins at 09:00
        symbol TEXT NOT NULL,
        data TEXT NOT NULL,         -- JSON, as the analysis gave it
        run INTEGER,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        PRIMARY KEY (day, symbol)
    ) STRICT, WITHOUT ROWID;
"""
