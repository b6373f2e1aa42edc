"""The way of a login: out to the broker with a one-time state, back with a request token."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tradewarden.machines.backoff import SECOND
from tradewarden.orchestrator.auth import AuthDriver, LoggedIn, LoginFailed
from tradewarden.orchestrator.clock import Clock

PENDING = 8  # logins begun and not ended
PATIENCE = 600 * SECOND


class LoginNotPossibleError(Exception):
    """No login can be begun; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a login ended: logged_in, refused, other_account, configuration, unknown_state, unreachable or cancelled."""

    kind: str
    user_id: str | None
    text: str
    account: str | None = None  # whose login it was, on a desk with several accounts


@dataclass(frozen=True, slots=True)
class _Begun:
    """A login that was begun: by which address, and until when it may end."""

    whose: str
    until: int


def _spare(pending: Mapping[str, _Begun], whose: str) -> str:
    """Which pending login makes room for a new one: the oldest of the address that has begun most.

    So whoever begins many loses only their own. A newcomer can cost somebody the only login they have, but only one,
    and only when eight addresses are at it at once.
    """
    counts = Counter(begun.whose for begun in pending.values())
    return max(pending, key=lambda state: (counts[pending[state].whose], pending[state].whose == whose))


class Login:
    """Logins that were begun here. A callback without a pending state never reaches the token's machine."""

    def __init__(
        self, auth: AuthDriver, login_page: Callable[[str], str] | None, clock: Clock, *, section: str = "kite"
    ) -> None:
        self._auth = auth
        self._login_page = login_page
        self._clock = clock
        self._section = section
        self._pending: dict[str, _Begun] = {}

    def begin(self, whose: str = "") -> str:
        """The broker's login page for a new login of this address. Raises LoginNotPossibleError without an api key."""
        if self._login_page is None:
            missing = f"{self._section}.api_key and {self._section}.api_secret"
            raise LoginNotPossibleError(f"{missing} are not set: see the README on connecting Kite.")
        now = self._clock.mono_ns()
        alive = {state: begun for state, begun in self._pending.items() if now < begun.until}
        if len(alive) >= PENDING:
            del alive[_spare(alive, whose)]
        state = secrets.token_urlsafe(32)
        self._pending = alive | {state: _Begun(whose, now + PATIENCE)}
        return self._login_page(state)

    def knows(self, state: str) -> bool:
        """Whether a login with this state was begun here."""
        return state in self._pending

    async def finish(self, query: Mapping[str, str]) -> Outcome:
        """Take the broker's answer; each state works once, for ten minutes."""
        begun = self._pending.pop(query.get("state", ""), None)
        if begun is None or self._clock.mono_ns() >= begun.until:
            text = (
                "This login was not begun here, took longer than ten minutes or was used before. Nothing was changed."
            )
            return Outcome("unknown_state", None, text, self._auth.account)
        request_token = query.get("request_token")
        if query.get("status", "success") != "success" or not request_token:
            text = "The broker did not complete the login. Nothing was changed."
            return Outcome("cancelled", None, text, self._auth.account)
        match await self._auth.login(request_token):
            case LoggedIn(user_id):
                return Outcome("logged_in", user_id, f"Logged in as {user_id}.", self._auth.account)
            case LoginFailed(reason, text):
                return Outcome(reason, None, text, self._auth.account)
