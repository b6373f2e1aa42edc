"""The desk's people in the ledger itself, for a command while no daemon runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradewarden.http.audit import entry_document
from tradewarden.http.people import user_document
from tradewarden.http.tokens import refuse_useless, token_document
from tradewarden.machines.password import why_not
from tradewarden.machines.role import Role, Scope
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.people import PeopleError

Document = dict[str, Any]


class LedgerOffice:
    """Does and writes down what the daemon would."""

    def __init__(self, members: Membership, *, by: str) -> None:
        self._members, self._by = members, by

    async def users(self) -> list[Document]:
        """Everybody."""
        return [self._told(user.name) for user in self._members.people.users()]

    async def add(self, name: str, role: str) -> Document:
        """Somebody new, with a one-time password."""
        password = self._members.people.add(name, Role(role), by=self._by)
        self._record("user add", name, role)
        return self._told(name) | {"oneTimePassword": password}

    async def change(self, name: str, **what: Any) -> Document:
        """Another role, enabled or not, a password, or a new one-time one."""
        people, password = self._members.people, what.get("password")
        people.named(name)
        if password is not None and (wrong := why_not(password, name)) is not None:
            raise PeopleError(wrong)
        role = what.get("role")
        people.change(name, role=None if role is None else Role(role), enabled=what.get("enabled"))
        told = {"oneTimePassword": people.renew(name)} if what.get("oneTime") else {}
        if password is not None:
            people.own(name, await self._members.passwords.sealed(password))
        changed = [f"{key} {what[key]}" for key in ("role", "enabled") if key in what]
        self._record("user change", name, ", ".join([*changed, *(["new password"] if told or password else [])]))
        return self._told(name) | told

    async def tokens(self) -> list[Document]:
        """All API tokens."""
        return [token_document(token) for token in self._members.tokens.of()]

    async def make(self, user: str, name: str, scopes: Sequence[str], days: int) -> Document:
        """A new one, with its secret."""
        wanted = [Scope(each) for each in scopes]
        refuse_useless(self._members.people.named(user), wanted)
        secret, token = self._members.tokens.make(user, name, wanted, days=days)
        self._record("token add", f"{user}: {name}", " ".join(sorted(scopes)))
        return token_document(token) | {"token": secret}

    async def drop(self, number: int) -> Document:
        """The end of one."""
        for token in self._members.tokens.of():
            if token.id == number:
                self._members.tokens.drop(number)
                self._record("token drop", f"{token.user}: {token.name}", "")
                return token_document(token)
        raise PeopleError(f"no token has the number {number}; `tradewarden token list` lists them")

    async def entries(self, *, by: str | None, refused: bool, limit: int) -> list[Document]:
        """The record, newest first."""
        return [entry_document(each) for each in self._members.audit.entries(by=by, refused=refused, limit=limit)]

    def _told(self, name: str) -> Document:
        user = self._members.people.named(name)
        return user_document(user) | {"tokens": len(self._members.tokens.of(name))}

    def _record(self, action: str, target: str, detail: str) -> None:
        self._members.audit.add(self._by, action, target, allowed=True, detail=detail or None)
