"""The ledger's tables of people, from version 3 on: users, sessions, API tokens, and the audit of what was done."""

from __future__ import annotations

from typing import Final

PEOPLE: Final = """
    CREATE TABLE users (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'trader', 'admin')),
        password TEXT NOT NULL,     -- a hash, with its parameters and salt
        one_time_until INTEGER,     -- a one-time password works until then; none: it is the person's own
        enabled INTEGER NOT NULL,
        created INTEGER NOT NULL,   -- this and all times: microseconds since 1970, UTC
        created_by TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sessions (
        digest TEXT PRIMARY KEY,    -- of the cookie
        user TEXT NOT NULL,
        csrf TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        address TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number that was dropped never means another one
        digest TEXT NOT NULL UNIQUE,
        user TEXT NOT NULL,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,       -- separated by blanks
        created INTEGER NOT NULL,
        ends INTEGER NOT NULL,
        used INTEGER
    ) STRICT;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        allowed INTEGER NOT NULL,
        detail TEXT
    ) STRICT;
    CREATE INDEX audit_by_time ON audit (at);
    CREATE INDEX audit_by_whom ON audit (by);  -- and below it by number, as every index
    CREATE INDEX audit_refused ON audit (allowed) WHERE allowed = 0;
"""
