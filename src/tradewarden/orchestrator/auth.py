"""Asks the broker, exchanges logins, watches the token files: the hands of the token's machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Protocol, assert_never

import structlog

from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, Probe, Session, Verdict
from tradewarden.machines.auth import AuthToken, Exchange, ReadToken, Token, Verify
from tradewarden.machines.report import AuthReport
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.driver import Driver, Spawn
from tradewarden.orchestrator.token import TryAgainError

EXPIRY = time(6, 0)  # Kite's documents say 06:00 IST; people see 07:00 to 08:00: a hint, never a verdict
EXCHANGE = "auth.exchange"  # the name of the task that must not be cut off lightly: a request token works once
PROBE_HOURS = (time(6, 0), time(7, 35), time(8, 15))

log = structlog.get_logger()


class Broker(Protocol):
    """The broker's side of a login."""

    async def exchange(self, request_token: str) -> Session:
        """Turn a request token into a session; raises BrokerRefused or BrokerUnreachable."""
        ...

    async def probe(self, access_token: str) -> Probe:
        """Ask whether the token is good."""
        ...


class Tokens(Protocol):
    """Where tokens come from and are kept."""

    def changed(self) -> bool:
        """Whether there may be others than when they were last read."""
        ...

    def tokens(self) -> list[Token]:
        """All there are, the one that was minted last first; raises TryAgainError."""
        ...

    def renew(self, token: Token) -> Token:
        """The same value as the newest generation."""
        ...

    def save(self, value: str, *, user_id: str | None, minted_at: datetime) -> Token:
        """Keep the token of a login."""
        ...

    def drop(self) -> None:
        """Forget the token of the last login."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """What the broker said of the held token: valid, rejected, unreachable, pending, or none is held."""

    verdict: str
    checked_at: datetime
    started_at: datetime
    expires_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that ended well, and whose it is."""

    user_id: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """A login that did not: the reason in one word, and in one sentence."""

    reason: str
    text: str


def next_hour(after: datetime, hours: Sequence[time]) -> datetime:
    """The first of these hours of the day (IST) that comes after a moment."""
    day = after.astimezone(IST).date()
    candidates = (datetime.combine(d, h, IST) for d in (day, day + timedelta(days=1)) for h in sorted(hours))
    return next(moment for moment in candidates if moment > after)


class AuthDriver(Driver[AuthToken]):
    """One broker account: its token, its files, its login."""

    layer = "auth"

    def __init__(
        self,
        machine: AuthToken,
        clock: Clock,
        spawn: Spawn,
        changed: Callable[[], None],
        *,
        broker: Broker,
        store: Tokens,
        user_id: str | None = None,
        probe_hours: Sequence[time] = PROBE_HOURS,
        learned: Callable[[str], None] = lambda _value: None,
        account: str | None = None,
        dies_daily: bool = True,
    ) -> None:
        super().__init__(machine, clock, spawn, changed)
        self.account = account  # its name, on a desk with several
        self._whose = {} if account is None else {"account": account}
        self._broker = broker
        self._store = store
        self._user_id = user_id
        self._probe_hours = tuple(probe_hours)
        self._dies_daily = dies_daily
        self._learned = learned
        self._hints: dict[int, datetime] = {}
        self._probing: dict[int, tuple[asyncio.Task[None], datetime]] = {}
        self._logins: dict[str, asyncio.Future[LoggedIn | LoginFailed]] = {}
        self._answers: dict[int, Probe] = {}
        self._dead: set[int] = set()  # generations that the broker or a person has done with
        self._looked_in_vain = False
        self._probe_hour: datetime | None = None
        self._verified_at: datetime | None = None
        self.usable_since: datetime | None = None
        machine.unsettled_since = clock.mono_ns()

    # Files

    def begin(self) -> None:
        """Read the token files for the first time."""
        self.read_files()

    def look(self) -> None:
        """Read the token files again if one of them has changed; called at each beat."""
        if self._store.changed() or self._looked_in_vain:
            self.read_files()

    def read_files(self) -> None:
        """Tell the machine of a newer token, or that there is none left."""
        try:
            tokens = self._store.tokens()
        except TryAgainError:
            return
        if not tokens:
            self._find_nothing()
            return
        self._looked_in_vain = False
        token = next((token for token in tokens if token.generation not in self._dead), None)
        if token is not None and not self.machine.is_new(token) and self.machine.held is None:
            token = self._store.renew(token)  # an older one that nobody found dead is better than none
        if token is not None and self.machine.is_new(token):
            self._learned(token.value)
            self.fire("token_found", token=token, expires_at=self._expiry_after(token.minted_at))

    def _find_nothing(self) -> None:
        """No file holds a token. A file that is being written anew is empty for a moment, so look twice."""
        if self.machine.leaf == "unknown" or (self.machine.held is not None and self._looked_in_vain):
            self.fire("token_missing")
        self._looked_in_vain = not self._looked_in_vain and self.machine.held is not None

    def _is_foreign(self, user_id: str | None) -> bool:
        return self._user_id is not None and user_id is not None and user_id != self._user_id

    def _disown(self, token: Token, user_id: str | None) -> None:
        """A file held a good token of somebody else: this desk does not trade on it."""
        log.warning("auth.other_account", **self._whose, user_id=user_id, configured=self._user_id)
        self._dead.add(token.generation)
        if self.machine.held == token:
            self.fire("logout", reason="other_account")
            self.read_files()

    # Deeds

    def perform(self, effect: Any) -> None:
        """Ask the broker, exchange a login or read the files."""
        match effect:
            case Verify(token):
                self._probe(token)
            case Exchange(request_token, login):
                self._spawn(self._exchange(request_token, login), name=EXCHANGE)
            case ReadToken():
                asyncio.get_running_loop().call_soon(self.read_files)
            case _:
                raise TypeError(f"auth cannot {effect!r}")

    def _probe(self, token: Token) -> asyncio.Task[None]:
        running = self._probing.get(token.generation)
        if running is not None and not running[0].done():
            return running[0]
        task = self._spawn(self._ask(token), name=f"auth.probe.{token.generation}")
        self._probing = {token.generation: (task, self.clock.now())}
        return task

    async def _ask(self, token: Token) -> None:
        probe = await self._broker.probe(token.value)
        self._answers = {token.generation: probe}
        log.info("auth.verdict", **self._whose, verdict=probe.verdict, gen=token.generation, text=probe.text)
        match probe.verdict:
            case Verdict.GOOD if self._is_foreign(probe.user_id):
                self._disown(token, probe.user_id)
            case Verdict.GOOD:
                self._verified_at = self.clock.now()
                self.fire("verify_ok", gen=token.generation, expires_at=self._next_expiry())
            case Verdict.DEAD:
                self._dead.add(token.generation)
                self.fire("rejected", gen=token.generation, ours=True)
                self.read_files()
            case Verdict.UNKNOWN:
                self.fire("unreachable", gen=token.generation)
            case _:
                assert_never(probe.verdict)

    async def _exchange(self, request_token: str, login: int) -> None:
        outcome: LoggedIn | LoginFailed = LoginFailed("unreachable", "tradewarden stopped meanwhile. Log in again.")
        try:
            outcome = await self._try_exchange(request_token, login)
        finally:
            waiting = self._logins.pop(request_token, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(outcome)

    async def _try_exchange(self, request_token: str, login: int) -> LoggedIn | LoginFailed:
        try:
            session = await self._broker.exchange(request_token)
        except BrokerRefused as refusal:
            return self._login_failed(login, refusal.reason, str(refusal))
        except BrokerUnreachable as trouble:
            return self._login_failed(login, "unreachable", str(trouble))
        if self._is_foreign(session.user_id):
            owned = "This desk" if self.account is None else f"The account {self.account}"
            text = f"{owned} belongs to {self._user_id}; the login was made as {session.user_id}."
            return self._login_failed(login, "other_account", text)
        self._learned(session.access_token)
        token = self._store.save(
            session.access_token, user_id=session.user_id, minted_at=session.minted_at or self.clock.now()
        )
        self._verified_at = self.clock.now()
        self.fire("exchange_ok", token=token, expires_at=self._expiry_after(token.minted_at))
        return LoggedIn(session.user_id)

    def _login_failed(self, login: int, reason: str, text: str) -> LoginFailed:
        log.warning("auth.login_failed", **self._whose, reason=reason)
        self.fire("exchange_failed", reason=reason, login=login)
        return LoginFailed(reason, text)

    # What others ask for

    async def login(self, request_token: str) -> LoggedIn | LoginFailed:
        """Exchange the request token of a login that was begun here; answers when the broker has."""
        waiting = self._logins.get(request_token)
        if waiting is None:
            waiting = self._logins[request_token] = asyncio.get_running_loop().create_future()
            self.fire("login_callback", request_token=request_token)
        return await asyncio.shield(waiting)  # who asked may go away; the exchange goes on

    async def verify(self) -> Verified:
        """Ask the broker now; `pending` when it is being asked already."""
        token, now = self.machine.held, self.clock.now()
        if token is None:
            return self._verified("none", now)
        running = self._probing.get(token.generation)
        if running is not None and not running[0].done():
            return self._verified("pending", running[1])
        await asyncio.shield(self._probe(token))
        return self._verified(self._verdict(token), now)

    def _verdict(self, token: Token) -> str:
        match self._answers.get(token.generation):
            case Probe(Verdict.GOOD, user_id=user_id):
                return "other_account" if self._is_foreign(user_id) else "valid"
            case Probe(Verdict.DEAD):
                return "rejected"
            case _:
                return "unreachable"

    def _verified(self, verdict: str, started_at: datetime) -> Verified:
        return Verified(verdict, self.clock.now(), started_at, self._expires_at(), self.machine.leaf)

    def logout(self) -> None:
        """Forget the token on a person's wish."""
        if self.machine.held is not None:
            self._dead.add(self.machine.held.generation)
        self._store.drop()
        self.fire("logout")

    def verified_by_handshake(self, generation: int) -> None:
        """A feed was accepted with this token: as good as a probe, since Kite checks the token at the handshake."""
        self._verified_at = self.clock.now()
        self.fire("verify_ok", gen=generation, expires_at=self._next_expiry())

    # Time

    def settled(self) -> None:
        """Keep the next probe hour set, and the moment since when a token may be used."""
        machine, now = self.machine, self.clock.now()
        if machine.held is not None and machine.probe_at is None and self._probe_hours:
            self._probe_hour = next_hour(now, self._probe_hours)
            machine.probe_at = self._mono(self._probe_hour)
        if not machine.usable(self.clock.mono_ns()):
            self.usable_since = None
        elif self.usable_since is None:
            self.usable_since = now

    def clock_jumped(self) -> None:
        """The wall clock jumped: derive the hints anew."""
        expires_at = self._expires_at()
        missed = self._probe_hour is not None and self._probe_hour <= self.clock.now()
        if not missed and self._probe_hours:  # one that fell into a suspend is asked now, not at the next hour
            self._probe_hour = next_hour(self.clock.now(), self._probe_hours)
        probe_at = self._mono(self._probe_hour) if self.machine.held and self._probe_hour else None
        self.machine.hint(expires_at=self._hint(expires_at) if expires_at else None, probe_at=probe_at)
        self.arm()
        self._changed()  # a hint that now lies behind us concerns the feed at once

    def _mono(self, moment: datetime) -> int:
        return self.clock.mono_ns() + round((moment - self.clock.now()).total_seconds() * 1e9)

    def _hint(self, moment: datetime) -> int:
        mono = self._mono(moment)
        self._hints = {k: v for k, v in self._hints.items() if k == self.machine.expires_at} | {mono: moment}
        return mono

    def _next_expiry(self) -> int | None:
        return self._expiry_after(self.clock.now())

    def _expiry_after(self, moment: datetime) -> int | None:
        """When a token that is good at this moment is expected to end; never, where tokens do not die."""
        return self._hint(next_hour(moment, [EXPIRY])) if self._dies_daily else None

    def _expires_at(self) -> datetime | None:
        return None if self.machine.expires_at is None else self._hints.get(self.machine.expires_at)

    def _wall(self, mono: int | None) -> datetime | None:
        if mono is None:
            return None
        return self.clock.now() + timedelta(microseconds=(mono - self.clock.mono_ns()) / 1000)

    def report(self) -> AuthReport:
        """What is known of the token now."""
        machine = self.machine
        token = machine.held
        unsettled = machine.leaf in ("unknown", "verifying")
        return AuthReport(
            state=machine.leaf,
            reason=machine.reason,
            since=self.since,
            holds_token=token is not None,
            verdict=machine.verdict,
            doubt_since=self._wall(machine.unsettled_since) if unsettled else None,
            user_id=(token.user_id if token else None) or self._user_id,
            minted_at=token.minted_at if token else None,
            verified_at=self._verified_at,
            expires_at=self._expires_at(),
            generation=token.generation if token else 0,
            failures=machine.failures,
            retry_at=self._wall(machine.retry_at),
        )
