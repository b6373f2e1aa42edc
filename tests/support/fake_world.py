"""A broker, a token file and a clock for the machines alone: whatever a real one may do, in virtual nanoseconds.

The world does what the drivers do (perform effects, couple, wake) and says at once when a machine asks for something
that must never happen.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from machines_at import HOUR, START, token
from tradewarden.machines.auth import ANSWER_LIMIT, AuthToken, Exchange, ReadToken, Token, Verify
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.coupling import tell_feed
from tradewarden.machines.feed import COOL_OFF, STABLE, Close, Connect, FeedWatchdog, Resubscribe
from tradewarden.machines.statechart import Machine

LIMIT = {"dense": 10 * SECOND, "sparse": 120 * SECOND}
LIFE = 2 * HOUR // 3  # of a token by its hint: short, so that its end comes up often
_CHAIN = 8
_DEADLINES = 2000  # in one stretch of time: more would be a busy loop
_PERSON_NEEDED = ("required", "expired")
_MAY_REQUIRE = {"token_missing", "logout", "exchange_failed", "exchange_late"}


@dataclass(slots=True)
class Line:
    """One socket, from the machine's Connect to its Close."""

    gen: int
    token: Token
    dialled: bool = False
    open: bool = False
    heard: bool = False


class World:
    """Everything outside the machines, and the book of what they did to it."""

    def __init__(self, seed: int = 0) -> None:
        self.now = START
        self.late = 0
        self.auth = AuthToken(self._uniform)
        self.feed = FeedWatchdog(self._uniform)
        self.wanted = False
        self.expected = "none"
        self.file: Token | None = None  # another program's
        self.own: Token | None = None  # of the last login
        self.alive: dict[int, bool] = {}
        self.probes = "answer"  # answer, unreachable, never, slow
        self.dials = "accept"  # accept, refuse, throttle, bad_request, network, hang
        self.ticks = "flow"  # flow, rest, forgotten (until somebody subscribes again)
        self.line: Line | None = None
        self.dialled: list[tuple[int, int]] = []  # when, and with which generation
        self.hints_moved = False
        self._random = Random(seed)
        self._pending: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._asking: dict[int, int] = {}  # which generation, since when
        self._buried: set[int] = set()
        self._throttled_at: int | None = None
        self._refused: int | None = None
        self._refused_at = 0
        self._cool_from: int | None = None
        self._last_gen = 0
        self._barred: int | None = None
        self._busy = 0

    def begin(self) -> None:
        """Start as the daemon does: read the files, then live."""
        self.read_file()
        self.pass_time(0)

    # Tokens

    def mint(self, *, good: bool = True) -> Token:
        """A token as a login makes it; a bad one is dead already."""
        made = token(len(self.alive) + 1)
        self.alive[made.generation] = good
        return made

    def read_file(self) -> None:
        """What the driver does when a token file has changed."""
        found = max((t for t in (self.file, self.own) if t is not None), key=lambda t: t.generation, default=None)
        if found is None:
            if self.auth.held is not None or self.auth.leaf == "unknown":
                self.tell_auth("token_missing")
        elif self.auth.is_new(found):
            self._asking.pop(found.generation, None)  # a token that was gone for a moment may be asked about anew
            self.tell_auth("token_found", token=found, expires_at=self.now + LIFE)

    def logout(self) -> None:
        """A person logs out: the file of the login goes, those of other programs are theirs."""
        self.own = None
        self.tell_auth("logout")

    def login(self, outcome: str, after: int) -> None:
        """A person comes back from the broker's page; the exchange ends like this, so much later."""
        self._exchange_ends = outcome, after
        self.tell_auth("login_callback", request_token="request")

    # Facts in, effects out

    def tell_auth(self, event: str, **facts: Any) -> None:
        """Fire, do what is asked, let the others follow."""
        before = self.auth.leaf
        self._perform(self.auth.fire(event, now=self.now, **facts))
        self._judge_auth(before, event)
        self.settle()

    def tell_feed(self, event: str, **facts: Any) -> None:
        """The same for the feed."""
        self._fire_feed(lambda: self.feed.fire(event, now=self.now, **facts))
        self.settle()

    def _fire_feed(self, fire: Callable[[], list[Any]]) -> None:
        feed = self.feed
        attempt, leaf, proven = feed.attempt, feed.leaf, feed.last_tick - feed.since
        heard = max(feed.last_tick if leaf == "streaming" else 0, feed.since, feed.expected_since)
        self._perform(fire())
        stable = leaf == "streaming" != feed.leaf and proven >= STABLE
        assert feed.attempt >= attempt or stable, "tries forgotten without proof"
        assert not stable or feed.attempt == (feed.leaf == "backing_off"), "tries remembered after a minute of ticks"
        if feed.leaf == "stale" != leaf:
            assert self.now - heard >= LIMIT[feed.expected], "called stale too early"

    def _judge_auth(self, before: str, event: str) -> None:
        leaf = self.auth.leaf
        assert leaf == before or leaf != "expired" or event == "rejected", f"{event} made the token expired"
        assert leaf == before or leaf != "required" or event in _MAY_REQUIRE, f"{event} asks a person to log in"

    def settle(self) -> None:
        """The coupling, run after every change."""
        if self._busy:
            return
        if self.auth.held is not None and self.auth.probe_at is None:
            self.auth.probe_at = self.now + LIFE // 3
        for _ in range(32):
            self.feed.expect(self.expected, now=self.now)
            tell = tell_feed(self.auth, self.feed, wanted=self.wanted, now=self.now)
            if tell is None:
                break
            self._fire_feed(lambda told=tell: self.feed.fire(told.event, now=self.now, **told.facts))  # type: ignore[misc]
        else:
            raise AssertionError(f"auth {self.auth.leaf} and feed {self.feed.leaf} do not come to rest")
        self._weigh_refusal()
        self._dial()
        self.check_always()

    def _perform(self, effects: list[Any]) -> None:
        for effect in effects:
            match effect:
                case Connect(gen, held):
                    assert self.line is None, "two sockets"
                    assert gen > self._last_gen, "two sockets of one number"
                    self._last_gen = gen
                    self.line = Line(gen, held)
                case Close(gen):
                    assert self.line is not None, "closed twice"
                    assert self.line.gen == gen, "the wrong socket closed"
                    self.line = None
                case Resubscribe(gen):
                    assert self.line is not None, "a resubscribe without a socket"
                    assert self.line.gen == gen
                    self.ticks = "flow" if self.ticks == "forgotten" else self.ticks
                case Verify(asked):
                    self._probe(asked)
                case Exchange(login=login):
                    self._exchange(login)
                case ReadToken():
                    self._later(0, self.read_file)
                case _:
                    raise AssertionError(f"nobody can {effect!r}")

    def _later(self, after: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._pending, (self.now + after, next(self._order), what))

    def _uniform(self) -> float:
        chance = self._random.random()
        return 0.0 if chance < 0.05 else 0.999999 if chance > 0.95 else chance

    def _seconds(self, low: float, high: float) -> int:
        return int(self._random.uniform(low, high) * SECOND)

    # The broker's REST side

    def _probe(self, asked: Token) -> None:
        generation = asked.generation
        if generation in self._asking:
            assert self.now - self._asking[generation] >= ANSWER_LIMIT, "one question asked twice"
            return
        if self.probes == "never":
            return
        self._asking[generation] = self.now
        unreachable = self.probes == "unreachable"

        def answer() -> None:
            self._asking.pop(generation, None)
            if unreachable:
                self.tell_auth("unreachable", gen=generation)
            elif self.alive[generation]:
                self.tell_auth("verify_ok", gen=generation, expires_at=self.now + LIFE)
            else:
                if asked in (self.auth.held, self.auth.rejected_token):
                    self._buried.add(generation)
                self.tell_auth("rejected", gen=generation, ours=True)

        self._later(self._seconds(16, 60) if self.probes == "slow" else self._seconds(0.05, 14), answer)

    def _exchange(self, login: int) -> None:
        outcome, after = self._exchange_ends

        def end() -> None:
            if outcome in ("good", "dead"):
                self.own = self.mint(good=outcome == "good")
                self.tell_auth("exchange_ok", token=self.own, expires_at=self.now + LIFE)
            else:
                self.tell_auth("exchange_failed", reason=outcome, login=login)

        if outcome != "never":
            self._later(after, end)

    # The broker's stream

    def _weigh_refusal(self) -> None:
        """The first word about a refused token: a good one costs the feed a minute."""
        held = self.auth.held
        if (
            self._refused is not None
            and held is not None
            and held.generation == self._refused
            and not self.auth.doubted
        ):
            heard = self._refused_at if self.feed.leaf == "halted" else self.now  # a halted feed hears of nothing
            self._cool_from = heard if self.auth.confirmed else None
            self._refused = None

    def _dial(self) -> None:
        line = self.line
        if line is None or line.dialled:
            return
        line.dialled, generation = True, line.token.generation
        self.dialled.append((self.now, generation))
        assert generation not in self._buried, "a dead token was dialled"
        assert generation != self._barred, "a token that was answered with 400 was dialled"
        assert self.auth.usable(self.now), "dialled without a usable token"
        assert self._throttled_at is None or self.now - self._throttled_at >= COOL_OFF, "dialled in the minute of a 429"
        if self.dialled[-2:-1] and self.dialled[-2][1] != generation:
            self._cool_from = None  # a new token ends the minute
        if self._cool_from is not None:
            assert self.now - self._cool_from >= COOL_OFF, "dialled in the minute after a contradicted refusal"
        if self.dials == "hang":
            return
        mood = "refuse" if self.dials == "accept" and not self.alive[generation] else self.dials
        self._later(self._seconds(0.1, 4), lambda: self._dial_ends(line, mood))

    def _dial_ends(self, line: Line, mood: str) -> None:
        if self.line is not line:
            return
        match mood:
            case "accept":
                line.open, self._cool_from = True, None
                self._asking.pop(line.token.generation, None)  # the handshake has answered what was asked
                self._together("opened", "verify_ok", line, expires_at=self.now + LIFE)
                self._later(self._seconds(0.2, 4), lambda: self._tick(line))
            case "refuse":
                self.refuse()
            case "throttle":
                self._throttled_at = self.now
                self.tell_feed("lost", gen=line.gen, reason="rate_limited")
            case "bad_request":
                self._barred = line.token.generation
                self.tell_feed("misconfigured", gen=line.gen)
            case _:
                self.tell_feed("lost", gen=line.gen, reason=mood)

    def refuse(self) -> None:
        """The broker says 403, at the handshake or (others do) on the open socket."""
        if self.line is not None:
            self._refused, self._refused_at, self._cool_from = self.line.token.generation, self.now, None
            refused = self.line.token
            self._together("refused", "refused", self.line)
            assert self.auth.held != refused or self.auth.doubted, "a refusal without a doubt"

    def _together(self, to_feed: str, to_auth: str, line: Line, **facts: Any) -> None:
        self._busy += 1
        self.tell_feed(to_feed, gen=line.gen)
        self.tell_auth(to_auth, gen=line.token.generation, **facts)
        self._busy -= 1
        self.settle()

    def drop(self, reason: str) -> None:
        """The open socket dies."""
        if self.line is not None and self.line.open:
            self.tell_feed("lost", gen=self.line.gen, reason=reason)

    def _tick(self, line: Line) -> None:
        if self.line is not line:
            return
        self.feed.last_tick = self.now if self.ticks == "flow" or not line.heard else self.feed.last_tick
        line.heard = True  # the snapshot comes in any case, and proves nothing
        if self.ticks == "flow" and self.feed.leaf != "streaming":
            self.tell_feed("ticked", gen=line.gen)
        self._later(self._seconds(0.5, 8), lambda: self._tick(line))

    # Time

    def pass_time(self, nanoseconds: int, *, late: int = 0) -> None:
        """Let time pass; deadlines run so much too late."""
        target, self.late = self.now + nanoseconds, late
        for _ in range(_DEADLINES):
            at, run = self._next()
            if at > target:
                break
            self.now = max(self.now, at)
            run()
        else:
            raise AssertionError("a livelock: time does not pass")
        self.now = target
        if not late:
            self.check_on_time()

    def breathe(self) -> None:
        """Up to some seconds between two facts; often none at all."""
        if not self.late:
            self.pass_time(max(0, self._seconds(-8, 12)))

    def _next(self) -> tuple[int, Callable[[], None]]:
        candidates: list[tuple[int, Callable[[], None]]] = [(1 << 80, lambda: None)]
        for machine, wake in ((self.auth, self._wake_auth), (self.feed, self._wake_feed)):
            deadline = machine.next_deadline()
            if deadline is not None:
                candidates.append((deadline + self.late, wake))
        if self._pending:
            candidates.append((self._pending[0][0], self._answer))
        return min(candidates, key=lambda candidate: candidate[0])

    def _answer(self) -> None:
        heapq.heappop(self._pending)[2]()

    def _wake_auth(self) -> None:
        def due() -> None:
            before = self.auth.leaf
            self._perform(self.auth.due(self.now))
            self._judge_auth(before, "exchange_late" if before == "exchanging" else "deadline")
            self.settle()

        self._wake(self.auth, due)

    def _wake_feed(self) -> None:
        def due() -> None:
            self._fire_feed(lambda: self.feed.due(self.now))
            self.settle()

        self._wake(self.feed, due)

    def _wake(self, machine: Machine, due: Callable[[], None]) -> None:
        for _ in range(_CHAIN):
            deadline = machine.next_deadline()
            if deadline is None or self.now < deadline:
                return
            due()
        raise AssertionError(f"the deadline of {machine.leaf} never passes")

    # What must hold

    def check_always(self) -> None:
        """What holds after every fact, however late the deadlines run."""
        auth, feed = self.auth, self.feed
        for machine in (auth, feed):
            atomic = [state.id for state in machine.configuration if not state.is_compound]
            assert atomic == [machine.leaf], "not exactly one state"
        assert feed.leaf in ("halted", "blocked_on_auth") or self.wanted, f"{feed.leaf} though nobody wants the feed"
        assert feed.leaf == "halted" or self.wanted, "not halted though nobody wants the feed"
        if feed.leaf in ("connecting", "stale", "backing_off"):
            assert auth.usable(self.now), f"{feed.leaf} without a usable token"
            assert auth.held is not None
            assert auth.held.generation != feed.barred, "knocking with a token that was answered with 400"
        if feed.leaf == "blocked_on_auth":
            assert not auth.usable(self.now) or (auth.held and auth.held.generation == feed.barred), (
                "blocked for nothing"
            )
        assert (self.line is not None) == feed.has_socket, f"{feed.leaf} with the wrong number of sockets"
        assert self.line is None or self.line.gen == feed.gen
        assert not feed.latched or feed.leaf not in ("halted", "streaming"), f"trouble is not over though {feed.leaf}"
        if feed.leaf == "connected" and feed.expected == "none":
            assert not feed.latched, "trouble is not over though the socket is open and nothing is due"
        if feed.leaf == "backing_off":
            assert SECOND // 10 <= feed.delay <= 30 * SECOND
            assert feed.retry_at is not None
            assert feed.retry_at <= max(feed.since + 30 * SECOND, self.now + COOL_OFF), "a wait beyond every cap"
        if feed.leaf in ("connected", "streaming") and feed.expected == "none":
            assert feed.next_deadline() is None
        elif feed.leaf not in ("halted", "blocked_on_auth"):
            assert feed.next_deadline() is not None, f"{feed.leaf} waits for ever"
        if auth.leaf not in _PERSON_NEEDED:
            assert auth.next_deadline() is not None, f"{auth.leaf} waits for ever"
        self._check_token()

    def _check_token(self) -> None:
        auth = self.auth
        if auth.usable(self.now):
            assert auth.held is not None
            assert auth.expires_at is None or self.now < auth.expires_at, "usable past its hint"
        assert auth.held is None or auth.leaf not in _PERSON_NEEDED, f"{auth.leaf} with a token"
        assert auth.held is not None or auth.leaf in ("unknown", "exchanging", *_PERSON_NEEDED), f"{auth.leaf} without"
        assert not auth.doubted or auth.leaf in ("verifying", "exchanging"), (
            f"a doubt that nobody looks into: {auth.leaf}"
        )
        if auth.leaf in ("valid", "expiring"):
            assert auth.verdict == auth.leaf
        if auth.held is not None:
            assert auth.held.generation not in self._buried, "a dead token is held"

    def check_on_time(self) -> None:
        """What holds in addition when every deadline has run when it was due."""
        auth, feed = self.auth, self.feed
        self.check_always()
        for machine in (auth, feed):
            deadline = machine.next_deadline()
            assert deadline is None or deadline > self.now, f"{machine.leaf} missed its deadline"
        if feed.leaf in ("connected", "streaming") and feed.expected != "none":
            heard = feed.last_tick if feed.leaf == "streaming" else 0
            assert self.now - max(heard, feed.since, feed.expected_since) < LIMIT[feed.expected], "silence unnoticed"
        if not self.hints_moved and auth.leaf in ("valid", "expiring"):
            near = auth.expires_at is not None and self.now >= auth.expires_at - HOUR // 2
            assert near == (auth.leaf == "expiring"), (
                f"{auth.leaf} with a token that {'does' if near else 'does not'} end"
            )

    # In the end

    def heal(self) -> None:
        """The broker is well, the feed is wanted, and a person logs in if (and only if) the desk asks for it."""
        self.probes, self.dials, self.ticks = "answer", "accept", "flow"
        self.wanted, self.expected = True, "dense"
        self.settle()
        for _ in range(3):
            self.pass_time(150 * SECOND)
            held = self.auth.held
            if self.auth.leaf in _PERSON_NEEDED or (held is not None and held.generation == self.feed.barred):
                self.login("good", SECOND)
        self.pass_time(20 * SECOND)
        assert self.feed.leaf == "streaming", f"never streams again: auth {self.auth.leaf}, feed {self.feed.leaf}"
        assert self.auth.leaf in ("valid", "expiring", "expired", "required", "verifying", "unknown")
