"""The broker of a rehearsal: the simulator's own rules without its sockets, its ticks told only when they matter."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, Probe, Session, Verdict
from tradewarden.feed.tick import IndexFullTick
from tradewarden.machines.report import FeedReport
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.simulator.broker import Answer, Broker, Reply, Silence
from tradewarden.simulator.world import World

KEY: Final = "rehearsalkey"
SECRET: Final = "rehearsalsecret"  # noqa: S105 - it opens nothing
USER: Final = "AB1234"
INSTRUMENT: Final = 256265

TICK = 0.5  # seconds between two ticks, as in the simulator
MUTE_AFTER = 5.0  # seconds without any frame, as in KiteStream
_OK, _FORBIDDEN, _THROTTLED, _SWITCHING = 200, 403, 429, 101


class RehearsedBroker:
    """Answers logins, probes and dials at once, as the simulator's rules say."""

    def __init__(self, now: Callable[[], datetime], user: str = USER, world: World | None = None) -> None:
        self.rules = Broker(api_key=KEY, api_secret=SECRET, user_id=user, world=world, seed=1)
        self.user = user
        self._now = now

    @property
    def world(self) -> World:
        """How it behaves."""
        return self.rules.world

    def mint(self) -> str:
        """A fresh token; in a world that says dead it never works."""
        token = self.rules.mint()
        self._bury_if_dead()
        return token

    def log_in(self) -> str:
        """A person logs in on the broker's page: the request token that comes back."""
        return self.rules.log_in(self.user, self._now())

    def dial(self, token: str) -> Reply:
        """What a handshake with this token is answered; a dead token opens no socket."""
        reply = self.rules.handshake(KEY, token)
        if reply == Answer(_SWITCHING) and self.world.profile == "dead":
            return Answer(_FORBIDDEN, error_type="TokenException")
        return reply

    async def exchange(self, request_token: str) -> Session:
        """Turn a request token into a session, as KiteRest does."""
        checksum = hashlib.sha256(f"{KEY}{request_token}{SECRET}".encode()).hexdigest()
        match self.rules.exchange(KEY, request_token, checksum, self._now()):
            case Answer(status=200, data={"access_token": str(token), "login_time": str(when)}):
                self._bury_if_dead()
                return Session(token, self.user, datetime.fromisoformat(when).replace(tzinfo=IST))
            case Answer(status=403, message=message):
                raise BrokerRefused("refused", message)
            case reply:
                raise BrokerUnreachable(_why(reply))

    async def probe(self, access_token: str) -> Probe:
        """Whether the token is good, as KiteRest finds it out."""
        match self.rules.profile(f"token {KEY}:{access_token}"):
            case Answer(status=200):
                return Probe(Verdict.GOOD, user_id=self.user)
            case Answer(status=403, error_type="TokenException", message=message):
                return Probe(Verdict.DEAD, message)
            case reply:
                return Probe(Verdict.UNKNOWN, _why(reply))

    async def invalidate(self, access_token: str) -> None:
        """Make a token worthless, as KiteRest does."""
        match self.rules.log_out(KEY, access_token):
            case Answer(status=200 | 403):
                pass
            case reply:
                raise BrokerUnreachable(_why(reply))

    def _bury_if_dead(self) -> None:
        if self.world.profile == "dead":
            self.rules.expire()


def _why(reply: Reply) -> str:
    return f"the broker answered {reply.status}" if isinstance(reply, Answer) else "the broker cannot be reached"


class LazyFeed(FeedDriver):
    """The feed's driver for ticks that are not told one by one: while they flow, the newest is always now."""

    flowing: Callable[[], bool] = staticmethod(lambda: False)
    ticking: Callable[[], list[int]] = staticmethod(list)  # the instruments that do

    def fire(self, event: str, **facts: Any) -> None:
        """Tell the machine what happened, after the newest tick."""
        self.catch_up()
        super().fire(event, **facts)

    def arm(self) -> None:
        """Keep the deadline; there is none while ticks flow."""
        if self._is_lazy():
            self.disarm()
        else:
            super().arm()

    def report(self) -> FeedReport:
        """What is known of the stream now, the newest tick included."""
        self.catch_up()
        return super().report()

    def catch_up(self) -> None:
        """Note the newest tick that has come."""
        if self._is_lazy():
            now = self.machine.last_tick = self._last_data = self.clock.mono_ns()
            self.freshness.heard.update(dict.fromkeys(self.ticking(), now))

    def _is_lazy(self) -> bool:
        return self.machine.leaf == "streaming" and self.flowing()


@dataclass(slots=True, eq=False)
class _Line:
    """One connection from the dial to its end."""

    gen: int
    token: str
    reply: Reply
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    silenced: bool = False  # nobody wants to hear of it any more
    open: bool = False
    ticking: bool = False
    next_tick: asyncio.TimerHandle | None = None
    mute: asyncio.TimerHandle | None = None


class RehearsedStream:
    """A stream that follows the world: its frames are reckoned when the world changes, never counted off by timers."""

    def __init__(
        self,
        broker: RehearsedBroker,
        feed: LazyFeed,
        clock: Clock,
        dialled: Callable[[], None],
        instruments: tuple[int, ...] = (INSTRUMENT,),
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._clock = clock
        self._dialled = dialled
        self._line: _Line | None = None
        self._ticks = 0
        self._instruments = instruments
        feed.flowing = self._is_ticking
        feed.ticking = self._flowing

    def run(self, gen: int, token: str) -> Coroutine[Any, Any, None]:
        """Dial, subscribe and stay until the connection ends."""
        self.close()
        self._dialled()
        line = self._line = _Line(gen, token, self._broker.dial(token))
        return self._live(line)

    async def _live(self, line: _Line) -> None:
        if line.silenced:
            return
        match line.reply:
            case Answer(status=101):
                self._open(line)
                await line.ended
            case Silence.SWALLOW:
                await line.ended
            case Answer(status=403):
                self._end(line)
                self._feed.refused(line.gen, _FORBIDDEN)
            case Answer(status=429):
                self._lose(line, "rate_limited")
            case _:
                self._lose(line, "network")

    def resubscribe(self) -> None:
        """Ask for the instruments again: the ticks that flow go on, the world decides whether there are any."""
        self.look()

    def connections(self) -> tuple[tuple[int, ...], ...]:
        """The instruments of the one connection."""
        return (self._instruments,)

    def ask_again(self, tokens: Collection[int]) -> None:
        """Ask for exactly these again: of those that the world lets tick, a snapshot comes."""
        line = self._line
        flowing = [token for token in self._flowing() if token in tokens]
        if line is not None and line.ticking and flowing:
            self._tell(line, flowing)

    def redial(self, place: int) -> None:  # noqa: ARG002 - there is one
        """Drop the socket and dial anew under its number."""
        line = self._line
        if line is None or not line.open:
            return
        self._dialled()
        self._broker.rules.closed(line.token)
        line.open, line.reply = False, self._broker.dial(line.token)
        match line.reply:
            case Answer(status=101):
                line.open = True
                self._broker.rules.opened(line.token)
                self.look()
            case Answer(status=403):
                self._end(line)
                self._feed.refused(line.gen, _FORBIDDEN)
            case Answer(status=429):
                self._lose(line, "rate_limited")
            case _:
                self._lose(line, "network")

    def close(self) -> None:
        """Drop the socket at once."""
        if self._line is not None:
            self._end(self._line)

    def drop(self) -> None:
        """The network cuts the open socket."""
        line = self._line
        if line is not None and line.open:
            self._lose(line, "network")

    def _is_ticking(self) -> bool:
        return self._line is not None and self._line.ticking

    # One connection

    def _open(self, line: _Line) -> None:
        line.open = True
        self._broker.rules.opened(line.token)
        self._feed.opened(line.gen)
        self.look()

    def _lose(self, line: _Line, reason: str) -> None:
        self._end(line)
        self._feed.lost(line.gen, reason, "rehearsed")

    def _end(self, line: _Line) -> None:
        self._let_tick(line, ticks=False)
        self._let_live(line, frames=True)
        if line.open:
            self._broker.rules.closed(line.token)
        line.open, line.silenced = False, True
        if not line.ended.done():
            line.ended.set_result(None)
        if self._line is line:
            self._line = None

    # What flows

    def look(self) -> None:
        """Reckon what comes over the open socket from now on; called whenever the world changes."""
        line, world = self._line, self._broker.world
        if line is None or not line.open:
            return
        frames = world.socket != "blackhole" and world.drip_ms / 1000 < MUTE_AFTER
        ticks = frames and world.ticks == "flowing" and bool(self._flowing())
        self._feed.catch_up()
        self._let_tick(line, ticks=ticks)
        if ticks and self._feed.suspects and self._feed.machine.leaf == "streaming":
            self._after(line, TICK)
        self._let_live(line, frames=ticks or (frames and world.heartbeats))

    def _let_live(self, line: _Line, *, frames: bool) -> None:
        if not frames and line.mute is None:
            line.mute = asyncio.get_running_loop().call_later(MUTE_AFTER, self._lose, line, "mute")
        elif frames and line.mute is not None:
            line.mute.cancel()
            line.mute = None

    def _let_tick(self, line: _Line, *, ticks: bool) -> None:
        if ticks and not line.ticking:
            line.ticking = True
            self._after(line, self._broker.world.drip_ms / 1000)
        elif not ticks and line.ticking:
            self._feed.catch_up()
            line.ticking = False
            if line.next_tick is not None:
                line.next_tick.cancel()
            self._feed.arm()

    def _after(self, line: _Line, seconds: float) -> None:
        line.next_tick = asyncio.get_running_loop().call_later(seconds, self._tick, line)

    def _tick(self, line: _Line) -> None:
        """One tick, and the next ones until the feed is proven; from then on they need not be told."""
        self._tell(line, self._flowing())
        suspected = self._feed.suspects.intersection(self._flowing())
        if line.ticking and (self._feed.machine.leaf != "streaming" or suspected):
            self._after(line, max(TICK, 2 * self._broker.world.drip_ms / 1000))  # heartbeats drip in between
        else:
            self._feed.arm()

    def _tell(self, line: _Line, tokens: list[int]) -> None:
        self._ticks += 1
        now, price = int(self._clock.now().timestamp()), 2_400_000 + self._ticks % 1000
        self._feed.ticks(line.gen, [IndexFullTick(token, price, exchange_ts=now) for token in tokens])

    def _flowing(self) -> list[int]:
        """The instruments that tick while anything does."""
        silent = self._broker.world.silent_tokens
        return [token for token in self._instruments if token not in silent]
