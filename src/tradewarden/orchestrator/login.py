"""The way of a login: out to the broker with a one-time state, back with a request token."""

from __future__ import annotations

import secrets
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


class Login:
    """Logins that were begun here. A callback without a pending state never reaches the token's machine."""

    def __init__(self, auth: AuthDriver, login_page: Callable[[str], str] | None, clock: Clock) -> None:
        self._auth = auth
        self._login_page = login_page
        self._clock = clock
        self._pending: dict[str, int] = {}

    def begin(self) -> str:
        """The broker's login page for one new login. Raises LoginNotPossibleError without an api key."""
        if self._login_page is None:
            raise LoginNotPossibleError(
                "kite.api_key and kite.api_secret are not set: see the README on connecting Kite."
            )
        now = self._clock.mono_ns()
        alive = [(state, until) for state, until in self._pending.items() if now < until]
        state = secrets.token_urlsafe(32)
        self._pending = dict(alive[-(PENDING - 1) :]) | {state: now + PATIENCE}
        return self._login_page(state)

    async def finish(self, query: Mapping[str, str]) -> Outcome:
        """Take the broker's answer; each state works once, for ten minutes."""
        until = self._pending.pop(query.get("state", ""), None)
        if until is None or self._clock.mono_ns() >= until:
            text = (
                "This login was not begun here, took longer than ten minutes or was used before. Nothing was changed."
            )
            return Outcome("unknown_state", None, text)
        request_token = query.get("request_token")
        if query.get("status", "success") != "success" or not request_token:
            return Outcome("cancelled", None, "The broker did not complete the login. Nothing was changed.")
        match await self._auth.login(request_token):
            case LoggedIn(user_id):
                return Outcome("logged_in", user_id, f"Logged in as {user_id}.")
            case LoginFailed(reason, text):
                return Outcome(reason, None, text)
