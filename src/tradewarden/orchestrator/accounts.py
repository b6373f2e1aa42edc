"""The broker accounts of one desk by their names; the first one feeds the ticks, the others serve other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tradewarden.machines.account import FEEDING
from tradewarden.orchestrator.account import Account, LoggedOut
from tradewarden.orchestrator.auth import AuthDriver, Verified
from tradewarden.orchestrator.login import Login, Outcome


class UnknownAccountError(LookupError):
    """There is no such account; the text names those that there are, and does not repeat what was asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """One account: its token, its logins, and what others may tell it."""

    auth: AuthDriver
    login: Login
    account: Account


class Accounts:
    """All accounts of the desk. Whoever names none means the first."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = dict(members)

    @property
    def feeding(self) -> AuthDriver:
        """The token that the feed streams with."""
        return self._members[FEEDING].auth

    @property
    def further(self) -> dict[str, AuthDriver]:
        """The tokens that no feed depends on, by the account's name."""
        return {name: member.auth for name, member in self._members.items() if name != FEEDING}

    def tokens(self) -> Iterator[AuthDriver]:
        """Every token, the feeding one first."""
        return (member.auth for member in self._members.values())

    def _of(self, name: str | None) -> Member:
        member = self._members.get(FEEDING if name is None else name)
        if member is None:
            raise UnknownAccountError(f"no account has this name; known are {', '.join(self._members)}")
        return member

    # What people and other programs ask for. Each raises UnknownAccountError.

    def begin(self, whose: str = "", account: str | None = None) -> str:
        """The broker's login page for a new login of this account. Raises LoginNotPossibleError."""
        return self._of(account).login.begin(whose)

    async def finish(self, query: Mapping[str, str]) -> Outcome:
        """Take the broker's answer to a login; its one-time state says whose it is."""
        logins = [member.login for member in self._members.values()]
        state = query.get("state", "")
        return await next((login for login in logins if login.knows(state)), logins[0]).finish(query)

    async def verify(self, account: str | None = None) -> Verified:
        """Ask the broker now whether the account's token is good."""
        return await self._of(account).auth.verify()

    def generation(self, account: str | None = None) -> int:
        """Of the account's token; 0 when none is held."""
        return self._of(account).account.generation

    def reported_dead(self, generation: int | None, account: str | None = None) -> str:
        """Another program saw the broker's token error; says in one word what came of it."""
        return self._of(account).account.reported_dead(generation)

    async def end_session(self, account: str | None = None) -> LoggedOut:
        """Forget the account's token and kill it at the broker."""
        return await self._of(account).account.end_session()
