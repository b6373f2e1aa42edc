"""The people of the desk: who they are, what they are to it, and the hashes of their passwords."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tradewarden.machines.role import Role
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp
from tradewarden.orchestrator.passwords import one_time

NAME: Final = re.compile(r"[a-z0-9_]{1,32}")
FIRST: Final = "admin"
ONE_TIME: Final = timedelta(days=3)  # a one-time password may lie in a journal or a chat: it does not work for ever
MOST: Final = 1000
NAMES: Final = "a name has 1 to 32 of a-z, 0-9 and _"


class PeopleError(Exception):
    """This cannot be done to this person; the text says why and what to do."""


class NobodyError(PeopleError):
    """No person has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person."""

    name: str
    role: Role
    password: str = field(repr=False)  # its hash
    one_time_until: datetime | None  # none: the password is the person's own
    enabled: bool
    created: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Trader:
    """Somebody who has own instances of the jobs that are each trader's."""

    name: str


class People:
    """All of them, in memory and in the ledger. Each change raises LedgerError when it cannot be written."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        self._subscribers: list[Callable[[], None]] = []
        self.on_change: Callable[[str], None] = lambda _name: None
        self._users = {row[0]: _user(row) for row in file.read("SELECT * FROM users ORDER BY name")}

    def users(self) -> tuple[User, ...]:
        """Everybody, by name."""
        return tuple(self._users[name] for name in sorted(self._users))

    def user(self, name: str) -> User | None:
        """The person of this name."""
        return self._users.get(name)

    def traders(self) -> tuple[Trader, ...]:
        """The enabled traders, by name."""
        return tuple(Trader(user.name) for user in self.users() if user.enabled and user.role is Role.TRADER)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back when somebody came, was disabled or enabled, has another role or another password."""
        self._subscribers.append(callback)

    def first(self) -> str | None:
        """On a desk that has nobody: make an admin, and give the one-time password, which is kept nowhere."""
        return None if self._users else self.add(FIRST, Role.ADMIN, by="first start")

    def add(self, name: str, role: Role, *, by: str) -> str:
        """Somebody new; the one-time password is given here and kept nowhere. Raises PeopleError."""
        if not NAME.fullmatch(name):
            raise PeopleError(f"{name[:64]!r} is no name: {NAMES}")
        if name in self._users:
            raise PeopleError(
                f"{name} is there already: `tradewarden user list` tells the role and whether it is enabled"
            )
        if len(self._users) >= MOST:
            raise PeopleError(f"a desk has at most {MOST} people")
        password, kept = one_time()
        until = self._now() + ONE_TIME
        self._put(
            User(
                name=name,
                role=role,
                password=kept,
                one_time_until=until,
                enabled=True,
                created=self._now(),
                created_by=by,
            )
        )
        return password

    def change(self, name: str, *, role: Role | None = None, enabled: bool | None = None) -> User:
        """Another role, out or in again. Raises PeopleError of the last admin, NobodyError."""
        user = self.named(name)
        changed = replace(
            user, role=user.role if role is None else role, enabled=user.enabled if enabled is None else enabled
        )
        if changed == user:
            return user
        if _leads(user) and not _leads(changed) and sum(map(_leads, self._users.values())) == 1:
            raise PeopleError(f"{name} is the last admin who is enabled: make somebody else one first")
        self._put(changed)
        return changed

    def renew(self, name: str) -> str:
        """A new one-time password in place of the old password. Raises NobodyError."""
        password, kept = one_time()
        self._put(replace(self.named(name), password=kept, one_time_until=self._now() + ONE_TIME))
        return password

    def own(self, name: str, kept: str) -> None:
        """A password of the person's own choice, as its hash. Raises NobodyError."""
        self._put(replace(self.named(name), password=kept, one_time_until=None))

    def named(self, name: str) -> User:
        """The person of this name. Raises NobodyError."""
        user = self._users.get(name)
        if user is None:
            known = ", ".join(sorted(self._users)[:20]) or "nobody"
            raise NobodyError(f"nobody is called {name[:64]!r}; known are {known}")
        return user

    def _put(self, user: User) -> None:
        before = self._users.get(user.name)
        with self._file.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    user.name,
                    user.role,
                    user.password,
                    None if user.one_time_until is None else stamp(user.one_time_until),
                    user.enabled,
                    stamp(user.created),
                    user.created_by,
                ),
            )
            if before is not None:  # whatever changed, whoever is signed in signs in anew
                db.execute("DELETE FROM sessions WHERE user = ?", (user.name,))
        self._users[user.name] = user
        self.on_change(user.name)
        for callback in self._subscribers:
            callback()


def _leads(user: User) -> bool:
    return user.enabled and user.role is Role.ADMIN


def _user(row: tuple[str, str, str, int | None, int, int, str]) -> User:
    name, role, password, until, enabled, created, by = row
    return User(
        name=name,
        role=Role(role),
        password=password,
        one_time_until=None if until is None else moment(until),
        enabled=bool(enabled),
        created=moment(created),
        created_by=by,
    )
