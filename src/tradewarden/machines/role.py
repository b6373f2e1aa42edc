"""Who may do what: the roles of people, the scopes of their tokens, and what a path needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person is to the desk; each may what the ones before may."""

    VIEWER = "viewer"  # sees how the desk does
    TRADER = "trader"  # and runs the own jobs
    ADMIN = "admin"  # and everything else


class Scope(StrEnum):
    """What an API token is for; it never gives more than its person has."""

    READ = "read"  # whatever only tells
    RUN = "run"  # the own jobs: run once, start, stop
    VERIFY = "verify"  # ask the broker about the token
    ADMIN = "admin"  # all that its person may


class Need(StrEnum):
    """Who may use a path."""

    ANYBODY = "anybody"
    MACHINE = "machine"  # a program on this machine that is no proxy, or an admin
    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


_ORDER = tuple(Role)
_LEAST = {Need.MACHINE: Role.ADMIN, Need.VIEWER: Role.VIEWER, Need.TRADER: Role.TRADER, Need.ADMIN: Role.ADMIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whoever asks: a signed-in person, a person's token, the admin token or the control socket."""

    name: str  # empty for the admin token and the control socket
    role: Role
    by: str  # for the record: "asha", "asha's token nightly", "command line", "admin token from 10.0.0.7"
    scopes: frozenset[Scope] | None = None  # of a token; none: all that the role may

    def may(self, need: Need, scope: Scope) -> bool:
        """Whether the role and the scopes reach so far; `scope` is the one that the path belongs to."""
        if need is Need.ANYBODY:
            return True
        reaches = _ORDER.index(self.role) >= _ORDER.index(_LEAST[need])
        return reaches and (self.scopes is None or scope in self.scopes or Scope.ADMIN in self.scopes)

    def sees(self, user: str) -> bool:
        """Whether this person may see the jobs, output and history of `user`; empty are the desk's own, an admin's."""
        return self.role is Role.ADMIN or (user != "" and user == self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A person who asks, and by which right: a browser's session, or something that no other site can send."""

    person: Person
    session: str | None = None  # the digest of the browser's cookie
    csrf: str | None = None  # what a browser must bring besides, for whatever changes something
    proven: datetime | None = None  # when the password was given, of a browser's session
    must_change: bool = False  # the password is a one-time one: nothing else before that
