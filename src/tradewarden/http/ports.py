"""What the HTTP side needs of the rest of the desk: the picture, the login and the question to the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from tradewarden.machines.report import Picture


class Reports(Protocol):
    """The desk's picture, and the news of its changes."""

    @property
    def picture(self) -> Picture:
        """The desk as it is now."""
        ...

    def subscribe(self, callback: Callable[[Picture], None]) -> object:
        """Call back with each new `seq`."""
        ...

    def subscribe_ages(self, callback: Callable[[Picture], None]) -> object:
        """Call back with each refresh that brought no new `seq`."""
        ...

    @property
    def beat_age(self) -> Callable[[], float]:
        """Seconds since the last heartbeat."""
        ...


class Outcome(Protocol):
    """How a login ended: a kind, whose it is, and a sentence for the person."""

    @property
    def kind(self) -> str:
        """logged_in, refused, other_account, configuration, unknown_state, unreachable or cancelled."""
        ...

    @property
    def user_id(self) -> str | None:
        """The account, once it is known."""
        ...

    @property
    def text(self) -> str:
        """What happened, in one sentence without secrets."""
        ...

    @property
    def account(self) -> str | None:
        """Whose login it was, on a desk with several accounts."""
        ...


class Login(Protocol):
    """The way of a login."""

    def begin(self, whose: str, account: str | None = None) -> str:
        """The broker's login page for one new login of this address, into this account.

        Raises LoginNotPossibleError or UnknownAccountError.
        """
        ...

    async def finish(self, query: Mapping[str, str]) -> Outcome:
        """Take the broker's answer."""
        ...


class Verified(Protocol):
    """What the broker said of the held token."""

    @property
    def verdict(self) -> str:
        """Valid, rejected, unreachable, pending (asked already) or none (no token is held)."""
        ...

    @property
    def checked_at(self) -> datetime:
        """When the answer came."""
        ...

    @property
    def started_at(self) -> datetime:
        """When the question was asked."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """When the token is expected to die."""
        ...

    @property
    def state(self) -> str:
        """The state of the token's machine after the answer."""
        ...


class Verifier(Protocol):
    """Whoever can ask the broker."""

    async def verify(self, account: str | None = None) -> Verified:
        """Ask the broker now. Raises UnknownAccountError."""
        ...
