"""Whether the broker's token is good: evidence decides, the clock only hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from statemachine import State

from tradewarden.machines.backoff import SECOND, Backoff
from tradewarden.machines.statechart import Machine

ANSWER_LIMIT = 15 * SECOND  # for an exchange and for a probe
NEAR_EXPIRY = 1800 * SECOND


@dataclass(frozen=True, slots=True)
class Token:
    """One access token of one broker account.

    `generation` follows `minted_at`: a newer token has a higher one, and a value keeps its own for ever.
    """

    value: str = field(repr=False)
    generation: int
    minted_at: datetime
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verify:
    """Ask the broker whether this token is good."""

    token: Token


@dataclass(frozen=True, slots=True)
class Exchange:
    """Turn the request token of a login into an access token; `login` numbers the logins, only the newest counts."""

    request_token: str = field(repr=False)
    login: int = 0


@dataclass(frozen=True, slots=True)
class ReadToken:
    """Look at the token files again."""


class AuthToken(Machine):
    """The broker's token: who must log in, and when nobody has to."""

    unknown = State(initial=True)
    required = State()
    exchanging = State()
    verifying = State()
    valid = State()
    expiring = State()
    expired = State()

    token_found = (
        unknown.to(verifying, on="take")
        | required.to(verifying, on="take")
        | exchanging.to(verifying, on="take")
        | verifying.to(verifying, internal=True, on="take")
        | valid.to(verifying, on="take")
        | expiring.to(verifying, on="take")
        | expired.to(verifying, on="take")
    )
    token_missing = (
        unknown.to(required, on="drop")
        | exchanging.to(exchanging, internal=True, on="drop")
        | verifying.to(required, on="drop")
        | valid.to(required, on="drop")
        | expiring.to(required, on="drop")
        | expired.to(required, on="drop")
    )
    logout = (
        unknown.to(required, on="waive")
        | exchanging.to(exchanging, internal=True, on="waive")
        | verifying.to(required, on="waive")
        | valid.to(required, on="waive")
        | expiring.to(required, on="waive")
        | expired.to(required, on="waive")
    )
    login_callback = (
        unknown.to(exchanging, on="exchange")
        | required.to(exchanging, on="exchange")
        | exchanging.to(exchanging, internal=True, on="exchange")
        | verifying.to(exchanging, on="exchange")
        | valid.to(exchanging, on="exchange")
        | expiring.to(exchanging, on="exchange")
        | expired.to(exchanging, on="exchange")
    )
    exchange_ok = (
        unknown.to(expiring, cond="ends_soon", on="accept")
        | unknown.to(valid, on="accept")
        | required.to(expiring, cond="ends_soon", on="accept")
        | required.to(valid, on="accept")
        | exchanging.to(expiring, cond="ends_soon", on="accept")
        | exchanging.to(valid, on="accept")
        | verifying.to(expiring, cond="ends_soon", on="accept")
        | verifying.to(valid, on="accept")
        | valid.to(expiring, cond="ends_soon", on="accept")
        | valid.to(valid, internal=True, on="accept")
        | expiring.to(expiring, internal=True, cond="ends_soon", on="accept")
        | expiring.to(valid, on="accept")
        | expired.to(expiring, cond="ends_soon", on="accept")
        | expired.to(valid, on="accept")
    )
    exchange_failed = exchanging.to(verifying, cond="holds", on="ask") | exchanging.to(required, on="explain")
    exchange_late = exchanging.to(verifying, cond="holds", on="ask") | exchanging.to(required, on="explain")
    verify_ok = (
        unknown.to(expiring, cond="is_near", on="confirm")
        | unknown.to(valid, on="confirm")
        | exchanging.to(exchanging, internal=True, cond="holds", on="confirm")
        | exchanging.to(exchanging, internal=True, on="restore")
        | verifying.to(expiring, cond="is_near", on="confirm")
        | verifying.to(valid, on="confirm")
        | valid.to(expiring, cond="is_near", on="confirm")
        | valid.to(valid, internal=True, on="confirm")
        | expiring.to(expiring, internal=True, cond="is_near", on="confirm")
        | expiring.to(valid, on="confirm")
        | expired.to(expiring, cond="is_near", on="restore")
        | expired.to(valid, on="restore")
    )
    rejected = (
        unknown.to(expired, on="bury")
        | exchanging.to(exchanging, internal=True, on="bury")
        | verifying.to(expired, on="bury")
        | valid.to(expired, on="bury")
        | expiring.to(expired, on="bury")
    )
    refused = (
        unknown.to(verifying, on="doubt")
        | exchanging.to(exchanging, internal=True, on="doubt")
        | verifying.to(verifying, internal=True, on="doubt")
        | valid.to(verifying, on="doubt")
        | expiring.to(verifying, on="doubt")
    )
    unreachable = (
        exchanging.to(exchanging, internal=True, on="shrug")
        | verifying.to(unknown, on="shrug")
        | valid.to(valid, internal=True, on="shrug")
        | expiring.to(expiring, internal=True, on="shrug")
    )
    verify_late = verifying.to(unknown, on="shrug")
    recheck = unknown.to(verifying, cond="holds", on="ask") | unknown.to(unknown, internal=True, on="look")
    near = valid.to(expiring)
    past = (  # where nobody asks anew, the others still must hear that the token may not be dialled any more
        expiring.to(verifying, on="ask")
        | unknown.to(unknown, internal=True)
        | exchanging.to(exchanging, internal=True)
        | verifying.to(verifying, internal=True)
    )
    probe_hour = valid.to(valid, internal=True, on="probe") | expiring.to(expiring, internal=True, on="probe")

    def __init__(self, uniform: Callable[[], float], backoff: Backoff | None = None) -> None:
        self.held: Token | None = None
        self.rejected_token: Token | None = None
        self.doubted = False  # a feed was refused with the held token and nobody knows yet why
        self.confirmed = False  # a probe said good since the last refusal
        self.verdict: str | None = None
        self.expires_at: int | None = None
        self.probe_at: int | None = None
        self.unsettled_since = 0
        self.failures = 0
        self.disowned: int | None = None  # the generation that turned out to be another account's
        self._waived = 0  # the generation that a person logged out of
        self._uniform = uniform
        self._backoff = backoff or Backoff()
        self._asked: int | None = None  # the generation that is being asked about
        self._asked_at = 0
        self._patient_from = 0
        self._exchange_at = 0
        self._login = 0
        self._tries = 0
        self._retry_at: int | None = None
        super().__init__()

    # What others may ask

    def usable(self, now: int) -> bool:
        """Whether a connection may be dialled with the held token: nobody doubts it and its hint is not over."""
        return self.held is not None and not self.doubted and (self.expires_at is None or now < self.expires_at)

    def is_new(self, token: Token) -> bool:
        """Whether this token is news: a dead value read again is none, nor is one that a person logged out of."""
        known = (t.generation for t in (self.held, self.rejected_token) if t is not None)
        return token.generation > max(self._waived, *known, 0)

    @property
    def retry_at(self) -> int | None:
        """When an unanswered question is asked again."""
        return self._retry_at if self.leaf in ("unknown", "valid", "expiring") else None

    def hint(self, *, expires_at: int | None, probe_at: int | None) -> None:
        """When the held token is expected to end, and when to ask next: facts that only move deadlines."""
        self.expires_at = expires_at
        self.probe_at = probe_at

    # Time

    def next_deadline(self) -> int | None:
        """The time of the next question, of the end of patience, or none while a person is needed."""
        match self.leaf:
            case "unknown":
                retry = self._retry_at if self._retry_at is not None else self.since + self._backoff.base
                return _earliest(retry, self._end_ahead())
            case "exchanging":
                return _earliest(self._exchange_at + ANSWER_LIMIT, self._end_ahead())
            case "verifying":
                return _earliest(self._patient_from + ANSWER_LIMIT, self._end_ahead())
            case "valid":
                near = None if self.expires_at is None else self.expires_at - NEAR_EXPIRY
                return _earliest(near, self._next_probe())
            case "expiring":
                return _earliest(self.expires_at, self._next_probe())
            case _:
                return None

    def due(self, now: int) -> list[Any]:
        """Ask again, or stop waiting for an answer."""
        end = self._end_ahead()
        match self.leaf:
            case "unknown" | "exchanging" | "verifying" | "expiring" if end is not None and now >= end:
                return self.fire("past", now=now)
            case "unknown":
                return self.fire("recheck", now=now)
            case "exchanging":
                return self.fire("exchange_late", now=now, reason="unreachable")
            case "verifying":
                return self.fire("verify_late", now=now)
            case "valid" if self.expires_at is not None and now >= self.expires_at - NEAR_EXPIRY:
                return self.fire("near", now=now)
            case _:
                return self.fire("probe_hour", now=now)

    def _end_ahead(self) -> int | None:
        """The token's expected end, until it has been noticed."""
        noticed = self.expires_at is None or (self.now >= self.expires_at and self.leaf != "expiring")
        return None if noticed else self.expires_at

    def _next_probe(self) -> int | None:
        return _earliest(self.probe_at, self._retry_at)

    # Guards

    def is_outdated(self, event: str, facts: dict[str, Any]) -> bool:
        """An answer about a token that nobody asks about any more, or the end of a login that a newer one replaced."""
        match event:
            case "token_found":
                return not self.is_new(facts["token"])
            case "exchange_failed":
                return bool(facts.get("login", self._login) != self._login)
            case "verify_ok" | "rejected" | "refused" | "unreachable":
                return bool(facts["gen"] != self._in_question(event))
            case _:
                return False

    def _in_question(self, event: str) -> int | None:
        """The generation that an answer may speak of: of the held token, or of the one just reported dead."""
        if self.held is not None:
            return self.held.generation
        asked = self._asked if event == "verify_ok" or self.leaf == "expired" else None
        return None if self.rejected_token is None or asked != self.rejected_token.generation else asked

    def holds(self) -> bool:
        """Whether a token is held."""
        return self.held is not None

    def ends_soon(self, expires_at: int | None = None) -> bool:
        """Whether a token that comes with this expected end has hardly any time."""
        return expires_at is not None and self.now >= expires_at - NEAR_EXPIRY

    def is_near(self, expires_at: int | None = None) -> bool:
        """Whether the token's expected end is so near that a person should know."""
        return self.ends_soon(self._moved(expires_at))

    def _moved(self, expires_at: int | None) -> int | None:
        """The hint, moved to the next hour of expiry once the broker says good past it."""
        return expires_at if self.expires_at is None or self.now >= self.expires_at else self.expires_at

    # What a transition does

    def take(self, token: Token, expires_at: int | None = None) -> None:
        """Hold a new token that nobody has judged yet."""
        self._hold(token, expires_at)
        self.verdict = None
        self.unsettled_since = self.now
        self.ask()

    def accept(self, token: Token, expires_at: int | None = None) -> None:
        """Hold the token of a login: the broker has just made it."""
        self._hold(token, expires_at)
        self._judge()

    def _hold(self, token: Token, expires_at: int | None) -> None:
        self.held = token
        self.expires_at, self.probe_at = expires_at, None
        self.doubted, self.confirmed = False, False
        self._asked, self._tries, self._retry_at = None, 0, None
        self.reason = None

    def drop(self) -> None:
        """Forget the held token; nobody said it was dead."""
        self.held, self.verdict, self.reason = None, None, None
        self.doubted, self.confirmed, self._asked = False, False, None
        self.expires_at = self.probe_at = self._retry_at = None

    def waive(self, reason: str | None = None) -> None:
        """Forget the held token because a person wishes so, or because it is somebody else's."""
        if self.held is not None:
            self._waived = self.held.generation
            self.disowned = self.held.generation if reason == "other_account" else self.disowned
        self.drop()
        self.reason = reason

    def exchange(self, request_token: str) -> None:
        """Begin to turn a login into a token."""
        self._exchange_at = self.now
        self._login += 1
        self.reason = None
        self.emit(Exchange(request_token, self._login))

    def explain(self, reason: str) -> None:
        """Remember why a login did not end well."""
        self.reason = reason

    def confirm(self, expires_at: int | None = None) -> None:
        """The broker said good."""
        self.expires_at = self._moved(expires_at)
        self._judge()

    def restore(self, expires_at: int | None = None) -> None:
        """The broker said good of a token that somebody had reported dead: the reporter was wrong."""
        self.held, self.rejected_token = self.rejected_token, None
        self.confirm(expires_at)

    def _judge(self) -> None:
        self.doubted, self.confirmed = False, True
        self.failures, self._tries, self._retry_at, self.reason, self._asked = 0, 0, None, None, None
        self.verdict = "expiring" if self.ends_soon(self.expires_at) else "valid"

    def bury(self, ours: bool = True) -> None:  # noqa: FBT001, FBT002 - a fact of the event
        """The broker said that the token is dead; what somebody else heard is asked once more."""
        asked = self._asked
        self.rejected_token = self.held
        self.drop()
        self.reason = "rejected"
        if ours:
            self.failures += 1
        else:
            self._asked = asked
            self._verify(self.rejected_token)

    def doubt(self) -> None:
        """A feed was refused with the held token: look into it before anybody dials again."""
        self.doubted, self.confirmed = True, False
        self.ask()

    def shrug(self) -> None:
        """The broker did not answer; that says nothing about the token."""
        self.doubted, self._asked = False, None
        self.failures += 1
        self._retry_at = self.now + self._backoff.delay(self._tries, self._uniform)
        self._tries += 1
        self.reason = "unreachable"

    def ask(self) -> None:
        """Ask the broker about the held token and wait for the answer, but not for ever."""
        self._patient_from = self.now
        self.probe()

    def probe(self) -> None:
        """Ask the broker without giving up what was known."""
        self.probe_at = self._retry_at = None
        self._verify(self.held)

    def _verify(self, token: Token | None) -> None:
        """One question about one token at a time; one that was never answered does not stand in the way for ever."""
        if token is None or (self._asked == token.generation and self.now < self._asked_at + ANSWER_LIMIT):
            return
        self._asked, self._asked_at = token.generation, self.now
        self.emit(Verify(token))

    def look(self) -> None:
        """No token is held and nobody knows why: read the files again, a little later each time."""
        self._retry_at = self.now + self._backoff.delay(self._tries, self._uniform)
        self._tries += 1
        self.emit(ReadToken())

    def on_enter_state(self, target: State) -> None:
        """Keep the last verdict's time while the question is open, and the verdict with the state."""
        before = self.leaf
        super().on_enter_state(target)
        if target.id in ("unknown", "verifying") and before not in ("unknown", "verifying"):
            self.unsettled_since = self.now
        if target.id in ("valid", "expiring"):
            self.verdict = target.id


def _earliest(*times: int | None) -> int | None:
    return min((t for t in times if t is not None), default=None)
