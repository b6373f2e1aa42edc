"""Who is signed in: browsers' sessions, known by the hash of their cookie, ended here whenever that must be."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp

IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=7)
TOUCH: Final = timedelta(minutes=5)  # how old the ledger's word of a session's last use may be
MOST: Final = 20  # of one person: the one unused for longest ends
_COOKIE: Final = 32  # bytes

log = structlog.get_logger()


@dataclass(slots=True)
class Session:
    """One browser of one person."""

    digest: str
    user: str
    csrf: str
    created: datetime
    used: datetime
    address: str
    written: datetime  # the last use that the ledger knows

    def is_over(self, now: datetime) -> bool:
        """Whether it was unused for too long, or is too old."""
        return now - self.used > IDLE or now - self.created > LONGEST


class Sessions:
    """All of them, in memory; the ledger lets them outlive the daemon."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        rows = file.read("SELECT digest, user, csrf, created, used, address FROM sessions")
        self._sessions = {
            digest: Session(digest, user, csrf, moment(created), moment(used), address, moment(used))
            for digest, user, csrf, created, used, address in rows
        }
        self._gone: set[str] = set()  # ended, and the ledger has not taken it yet
        self._is_stuck = False

    def begin(self, user: str, address: str) -> tuple[str, Session]:
        """The cookie of a new one. A ledger that takes nothing keeps nobody out: it lasts as long as the daemon."""
        cookie, now = secrets.token_urlsafe(_COOKIE), self._now()
        session = Session(_digest(cookie), user, secrets.token_urlsafe(_COOKIE), now, now, address, now)
        own = sorted((each for each in self._sessions.values() if each.user == user), key=lambda each: each.used)
        for old in own[: max(0, len(own) - MOST + 1)]:
            self.end(old.digest)
        self._sessions[session.digest] = session
        values = (session.digest, user, session.csrf, stamp(now), stamp(now), address)
        self._wrote("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", values)
        return cookie, session

    def find(self, cookie: str, *, use: bool = True) -> Session | None:
        """The session of this cookie, if there is one; asking is a use of it."""
        session, now = self._sessions.get(_digest(cookie)), self._now()
        if session is None or session.is_over(now):
            return None
        if use:
            session.used = now
        return session

    def end(self, digest: str) -> None:
        """Signed out."""
        if self._sessions.pop(digest, None) is not None:
            self._gone.add(digest)
            self._sweep()

    def forget(self, user: str) -> None:
        """Signed out everywhere; the ledger has it already."""
        self._sessions = {digest: each for digest, each in self._sessions.items() if each.user != user}

    def is_familiar(self, user: str, address: str) -> bool:
        """Whether somebody is signed in as this person from there."""
        return any(each.user == user and each.address == address for each in self._sessions.values())

    def look(self) -> None:
        """Forget those that are over, and write down late uses; called at each heartbeat."""
        now = self._now()
        for session in [each for each in self._sessions.values() if each.is_over(now)]:
            self.end(session.digest)
        self._sweep()
        for session in self._sessions.values():
            if session.used - session.written > TOUCH:
                session.written = session.used
                self._wrote("UPDATE sessions SET used = ? WHERE digest = ?", (stamp(session.used), session.digest))

    def _sweep(self) -> None:
        self._gone = {
            digest for digest in self._gone if not self._wrote("DELETE FROM sessions WHERE digest = ?", (digest,))
        }

    def _wrote(self, statement: str, values: tuple[object, ...]) -> bool:
        try:
            with self._file.write() as db:
                db.execute(statement, values)
        except LedgerError as trouble:
            if not self._is_stuck:
                log.error("ledger.cannot_write", why=str(trouble), waiting=0)  # noqa: TRY400 - the text says it all
            self._is_stuck = True
        else:
            self._is_stuck = False
        return not self._is_stuck


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="surrogatepass")).hexdigest()
