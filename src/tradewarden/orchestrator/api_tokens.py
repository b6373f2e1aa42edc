"""API tokens: a person's leave for a program, for some purposes and some time, shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from tradewarden.machines.role import Scope
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp
from tradewarden.orchestrator.people import PeopleError

PREFIX: Final = "tw_"
MOST: Final = 50  # of one person
LONGEST_NAME: Final = 64
DAYS, MOST_DAYS = 90, 3650
TOUCH: Final = timedelta(minutes=10)
SHOWN: Final = timedelta(days=30)  # one that has ended is still listed for so long
_LONGEST: Final = 100

log = structlog.get_logger()


@dataclass(slots=True)
class Token:
    """One of them, without the secret."""

    id: int
    user: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    ends: datetime
    used: datetime | None
    written: datetime | None = None  # the last use that the ledger knows


class ApiTokens:
    """All that have not ended, in memory by their hashes. Each change raises LedgerError when it cannot be written."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        self._subscribers: list[Callable[[], None]] = []
        rows = file.read("SELECT digest, id, user, name, scopes, created, ends, used FROM tokens ORDER BY id")
        self._tokens = {digest: _token(*row) for digest, *row in rows}

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back when one was dropped."""
        self._subscribers.append(callback)

    def make(self, user: str, name: str, scopes: Collection[Scope], *, days: int = DAYS) -> tuple[str, Token]:
        """The secret, which is kept nowhere, and what is known of it. Raises PeopleError."""
        own = self.of(user)
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise PeopleError(f"the name of a token has 1 to {LONGEST_NAME} characters that can be shown")
        if not 0 < days <= MOST_DAYS:
            raise PeopleError(f"a token lasts 1 to {MOST_DAYS} days")
        if any(each.name == name for each in own):
            raise PeopleError(f"{user} has a token {name!r} already: drop that one, or give another name")
        if len(own) >= MOST:
            raise PeopleError(f"{user} has {MOST} tokens: drop some that are not used")
        secret, now = PREFIX + secrets.token_urlsafe(32), self._now()
        digest, ends, said = _digest(secret), now + timedelta(days=days), " ".join(sorted(scopes))
        with self._file.write() as db:
            number = db.execute(
                "INSERT INTO tokens (digest, user, name, scopes, created, ends) VALUES (?, ?, ?, ?, ?, ?)",
                (digest, user, name, said, stamp(now), stamp(ends)),
            ).lastrowid
        token = Token(number or 0, user, name, frozenset(scopes), now, ends, None)
        self._tokens[digest] = token
        return secret, token

    def find(self, secret: str) -> Token | None:
        """The token of this secret, if it has not ended."""
        if not secret.startswith(PREFIX) or len(secret) > _LONGEST:
            return None
        token, now = self._tokens.get(_digest(secret)), self._now()
        if token is None or token.ends <= now:
            return None
        token.used = now
        return token

    def of(self, user: str | None = None) -> list[Token]:
        """Those of one person, or all."""
        return sorted((each for each in self._tokens.values() if user in (None, each.user)), key=lambda each: each.id)

    def drop(self, number: int) -> None:
        """It does not work any more, from this moment on."""
        for digest, token in list(self._tokens.items()):
            if token.id == number:
                with self._file.write() as db:
                    db.execute("DELETE FROM tokens WHERE id = ?", (number,))
                del self._tokens[digest]
        for callback in self._subscribers:
            callback()

    def look(self) -> None:
        """Write down late uses, and forget what ended long ago; called at each heartbeat."""
        now = self._now()
        for token in [each for each in self._tokens.values() if now - each.ends > SHOWN]:
            self.drop(token.id)
        for token in self._tokens.values():
            if token.used is not None and (token.written is None or token.used - token.written > TOUCH):
                token.written = token.used
                try:
                    with self._file.write() as db:
                        db.execute("UPDATE tokens SET used = ? WHERE id = ?", (stamp(token.used), token.id))
                except LedgerError as trouble:
                    log.warning("ledger.cannot_write", why=str(trouble), waiting=0)


def _token(number: int, user: str, name: str, scopes: str, created: int, ends: int, used: int | None) -> Token:  # noqa: PLR0917 - a row
    last = None if used is None else moment(used)
    said = frozenset(Scope(each) for each in scopes.split())
    return Token(number, user, name, said, moment(created), moment(ends), last, last)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
