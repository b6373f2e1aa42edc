"""The ledger's tables of jobs, from version 2 on: runs, how far schedules were looked at, their edits, signals."""

from __future__ import annotations

from typing import Final

# Two indexes cover each run once, by what asked for it: the first is the promise that a due time has one outcome.
JOBS: Final = """
    CREATE TABLE jobs (             -- a job of the desk, or of one trader
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        user TEXT NOT NULL,         -- empty: the desk's own
        seen INTEGER,               -- each due time up to here has its run; this and all times: microseconds, UTC
        latest INTEGER,             -- the run that began last
        latest_once INTEGER,        -- the same among those that somebody wanted once
        restored INTEGER,           -- when a backup was put back: what was due before may have run without a record
        UNIQUE (job, user)
    ) STRICT;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job INTEGER NOT NULL REFERENCES jobs (id),
        trigger TEXT NOT NULL CHECK (trigger IN ('schedule', 'after', 'once', 'desk')),
        due INTEGER NOT NULL,
        by TEXT NOT NULL,
        outcome TEXT NOT NULL
            CHECK (outcome IN ('queued', 'running', 'success', 'failed', 'timeout', 'skipped', 'missed')),
        reason TEXT,
        claimed INTEGER NOT NULL,
        started INTEGER,
        ended INTEGER,
        until INTEGER,
        lasts INTEGER NOT NULL DEFAULT 0,  -- 1: it is kept up until then
        code INTEGER,
        pid INTEGER,                -- with ticks and boot the lease, as long as it is open
        ticks INTEGER,
        boot TEXT,
        details TEXT                -- JSON
    ) STRICT;
    CREATE UNIQUE INDEX runs_open ON runs (job) WHERE outcome IN ('queued', 'running');
    CREATE UNIQUE INDEX runs_due ON runs (job, due) WHERE trigger IN ('schedule', 'after');
    CREATE INDEX runs_asked ON runs (job, due) WHERE trigger IN ('once', 'desk');
    CREATE INDEX runs_by_outcome ON runs (job, outcome, due);
    CREATE TABLE schedule_edits (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        user TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        text TEXT,                  -- the new schedules, a line each, empty: as configured; none: as before
        enabled INTEGER,            -- none: as before
        applied INTEGER,            -- none: waits for the desk's next start
        applied_by TEXT
    ) STRICT;
    CREATE INDEX schedule_edits_by_job ON schedule_edits (job, user, id);
    CREATE INDEX schedule_edits_pending ON schedule_edits (id) WHERE applied IS NULL;
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
    CREATE VIEW history AS          -- for people with a shell; the program reads the tables
        SELECT runs.id, jobs.job, jobs.user, trigger, datetime(due / 1000000, 'unixepoch') AS due, outcome, reason, by,
            datetime(started / 1000000, 'unixepoch') AS started, datetime(ended / 1000000, 'unixepoch') AS ended, code
        FROM runs JOIN jobs ON jobs.id = runs.job;
"""

# Seconds that the machine had slept since its boot when the run began: what it sleeps later is no time of the run.
SLEPT: Final = "ALTER TABLE runs ADD COLUMN slept REAL"
