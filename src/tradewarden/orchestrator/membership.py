"""Who is behind a cookie, a token, or a name with its password: people, sessions and tokens taken together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tradewarden.machines.role import Person, Visit
from tradewarden.orchestrator.api_tokens import ApiTokens
from tradewarden.orchestrator.audit import BEHALF, Audit
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.passwords import Passwords
from tradewarden.orchestrator.people import People, User
from tradewarden.orchestrator.sessions import Session, Sessions


class Membership:
    """Everything about people that a ledger holds; one a daemon."""

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = LedgerFile(path), now
        self.people = People(self._file, now=now)
        self.sessions = Sessions(self._file, now=now)
        self.tokens = ApiTokens(self._file, now=now)
        self.audit = Audit(self._file, now=now)
        self.passwords = Passwords()
        self._subscribers: list[Callable[[], None]] = []
        self.people.on_change = self.sessions.forget
        self.people.subscribe(self._changed)
        self.tokens.subscribe(self._changed)

    def by_cookie(self, cookie: str, *, use: bool = True) -> Visit | None:
        """Whose session this is; nobody's once it is over or its person is disabled."""
        session = self.sessions.find(cookie, use=use)
        user = None if session is None else self.people.user(session.user)
        if session is None or user is None or not user.enabled:
            return None
        return Visit(
            person=Person(name=user.name, role=user.role, by=user.name),
            session=session.digest,
            csrf=session.csrf,
            proven=session.created,
            must_change=user.one_time_until is not None,
        )

    def by_token(self, secret: str) -> Visit | None:
        """Whose API token this is; nobody's once it has ended or its person is disabled."""
        token = self.tokens.find(secret)
        user = None if token is None else self.people.user(token.user)
        if token is None or user is None or not user.enabled:
            return None
        by = f"{user.name}{BEHALF}{token.name}"
        return Visit(person=Person(name=user.name, role=user.role, by=by, scopes=token.scopes))

    async def proven(self, name: str, password: str) -> User | None:
        """The person of this name, if this is the password. Raises BusyError."""
        user = self.people.user(name)
        fits = await self.passwords.fits(password, None if user is None else user.password)
        if not fits or user is None or self.people.user(name) is not user or not user.enabled:
            return None  # the third: something about them changed meanwhile
        late = user.one_time_until is not None and self._now() > user.one_time_until
        return None if late else user

    async def choose(self, user: User, password: str) -> bool:
        """The person's own password from now on, unless something about them changed meanwhile. Raises BusyError."""
        kept = await self.passwords.sealed(password)
        if self.people.user(user.name) is not user:
            return False
        self.people.own(user.name, kept)
        return True

    def sign_in(self, user: User, address: str, *, instead_of: str | None) -> tuple[str, Session]:
        """The cookie of a new session, and the end of the one that the browser had."""
        if instead_of is not None:
            self.sign_out(instead_of)
        return self.sessions.begin(user.name, address)

    def sign_out(self, digest: str) -> None:
        """The end of a session."""
        self.sessions.end(digest)
        self._changed()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back when somebody may no longer what they might before."""
        self._subscribers.append(callback)

    def look(self) -> None:
        """Write down and forget what is due; called at each heartbeat."""
        self.sessions.look()
        self.tokens.look()
        self.audit.look()

    def close(self) -> None:
        """Let go of the ledger."""
        self.look()
        self._file.close()

    def _changed(self) -> None:
        for callback in self._subscribers:
            callback()
