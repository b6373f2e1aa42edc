"""The moves of a service between its states, each with the reason that people read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from tradewarden.machines.backoff import SECOND, Backoff
from tradewarden.machines.deed import BeginAsking, Deed, EndAsking, Tell
from tradewarden.machines.gate import Gate
from tradewarden.machines.kept import Escalated, Exited, Paused, StartFailed, Stopping
from tradewarden.machines.leash import Leash
from tradewarden.machines.past import Past, span
from tradewarden.machines.service import Kind, Service, ServiceState, Tier

ANSWER: Final = 10 * SECOND  # a keeper that says nothing for so long is asked again
TRIES: Final = 3  # starts that may pass without the service becoming ready
KNOCK: Final = Backoff(cap=10 * SECOND)  # between two tries to get a keeper
STOPPED: Final = "somebody stopped it"
UNSEEN: Final = Gate(reason="its conditions have not been looked at yet")

_AT_REST: Final = (Exited, StartFailed, Paused)  # its keeper's last word, when it waits with nothing to keep
_YIELDS: Final = frozenset({Tier.OPTIONAL, Tier.UTILITY})  # after their attempts these have failed; others pause
HEALS: Final = "it is tried again when its conditions turn true, with the next session, or when somebody starts it"


class Life:
    """Where a service stands; `ServiceLife` tells it what happens."""

    _tries: int  # starts that passed without its becoming ready
    _knocks: int  # keepers that could not be had
    _verdict: str | None  # why it is given up, once it has stopped
    _trouble: str  # what its last check said

    def __init__(self, service: Service, uniform: Callable[[], float], now: int, zone: tzinfo) -> None:
        self.service = service
        self.state = ServiceState.DOWN
        self.reason: str | None = "it has not been started"
        self.since = now
        self.past = Past(service)
        self.wanted = False  # somebody wants it to run
        self.auto = True  # its keeper may start it again by itself
        self.gate = UNSEEN
        self._leash = Leash(service)
        self._uniform, self._zone, self._now = uniform, zone, now
        self._deadline: int | None = None
        self._remind_at: int | None = None  # when its keeper is told again what did not reach it
        self._asking = False  # its readiness is looked at
        self._farewell: str | None = STOPPED  # why it was stopped last
        self._resumes = False  # it was lost and not stopped: the next wish is nobody's
        self._forget()

    # What others may ask

    @property
    def is_held(self) -> bool:
        """Whether a keeper lives, as far as it was told."""
        return self._leash.held

    @property
    def is_down(self) -> bool:
        """Whether it is down, and nothing of it can have outlived its keeper."""
        return self.state is ServiceState.DOWN and not self.past.is_unended

    @property
    def until(self) -> float | None:
        """The wall clock's second until which its keeper may start it again by itself: 0 for never, none for always."""
        if not (self.wanted and self.auto) or self.gate.bars:
            return 0.0
        return None if self.gate.until is None else self.gate.until.timestamp()

    def next_deadline(self) -> int | None:
        """When it wants to be woken, at the latest."""
        return min((at for at in (self._deadline, self._remind_at) if at is not None), default=None)

    # Moves

    def _launch(self) -> None:
        """Nothing of it runs, and it is wanted: start it, or say what it waits for."""
        self.past.life = None
        if not self.gate.is_open:
            if self.gate is UNSEEN or not self._fence(self.gate.reason):
                self._enter(ServiceState.WAITING, self.gate.reason)
            return
        if self._leash.held and not self._leash.again and isinstance(self.past.last, _AT_REST):
            self._leash.renew()  # its secrets and its description may be others by now
            self._enter(ServiceState.STARTING, "its keeper makes room for a new one", ANSWER)
            return
        self._leash.start(self.until)
        self._enter(ServiceState.STARTING, "its keeper is asked to start it", ANSWER)

    def _knock(self, why: str) -> None:
        """The keeper that was asked for does not come."""
        self._leash.asked = False
        is_left = self.state is ServiceState.STOPPING and self.past.is_unended
        if not (self.wanted or is_left):
            self._enter(ServiceState.DOWN, "it was stopped before it started")
            return
        state = ServiceState.STOPPING if is_left else ServiceState.STARTING
        self._enter(state, f"waits for a keeper: {why}", KNOCK.delay(self._knocks, self._uniform))
        self._knocks += 1

    def _fence(self, why: str | None) -> bool:
        """It is not to run, and no keeper is there that could end what may be left of it: get one; whether it must."""
        if self._leash.held or self._leash.asked or not self.past.is_unended:
            return False
        self._leash.fence()
        self._enter(ServiceState.STOPPING, why, self._grace)
        return True

    def _halt(self, why: str | None) -> None:
        """End it, or have it stay where it is."""
        self._stop_asking()
        self._farewell = why
        self._leash.stop()
        if self._fence(why):
            return
        if self.state not in (ServiceState.STARTING, ServiceState.UP, ServiceState.STOPPING):
            self._enter(ServiceState.DOWN, why)
        elif self._leash.held or self._leash.asked:
            self._enter(ServiceState.STOPPING, why, self._grace)
        else:
            self._ended()

    def _again(self, why: str) -> None:
        """End it, and start it again with all that is told of it now, if it may."""
        if self.gate.bars:
            self._halt(why)
            return
        self._stop_asking()
        self._leash.renew()
        self._enter(ServiceState.STOPPING, why, self._grace)

    def _begin(self) -> None:
        """A life of it has begun, by somebody's wish or by its keeper's policy."""
        if not self.wanted or self.gate.bars or self._leash.leaving or self._leash.again:
            self._leash.stop()
            is_told = self.state is ServiceState.STOPPING
            why = self.reason if is_told else self.gate.reason if self.wanted else STOPPED
            self._enter(ServiceState.STOPPING, why or STOPPED, self._grace)
            return
        self._wait_until_ready(self.service.ready.within)

    def _wait_until_ready(self, seconds: float) -> None:
        self._trouble = "nothing was heard from it"
        self._stop_asking()
        if self.service.kind is Kind.STEP:
            self._enter(ServiceState.STARTING, "it runs and has not ended yet", int(seconds * SECOND))
            return
        self._ask()
        self._enter(ServiceState.STARTING, "it is not ready yet", int(seconds * SECOND))

    def _never_ready(self) -> None:
        """Its time to become ready is over: what is transient passes with another try."""
        self._tries += 1
        within = span(self.service.ready.within)
        is_step = self.service.kind is Kind.STEP
        why = f"did not end within {within}" if is_step else f"never became ready within {within}: {self._trouble}"
        if self._tries < TRIES:
            self._again(f"{why}; it is started again (attempt {self._tries + 1} of {TRIES})")
        else:
            self._verdict = f"{why}, {TRIES} times"
            self._halt(self._verdict)

    def _stops(self, happening: Stopping | Escalated) -> None:
        """Its keeper ends it, kindly or not."""
        if isinstance(happening, Stopping) and self._lives():
            self._stop_asking()
            self._enter(ServiceState.STOPPING, STOPPED, self._grace)
        elif isinstance(happening, Escalated) and self.state is ServiceState.STOPPING:
            why = f"it did not stop on SIG{self.service.stop_signal} and is killed"
            self._enter(ServiceState.STOPPING, why, ANSWER)
            self._tell("killed", why)

    def _end(self) -> None:
        """A life of it has ended, or could not begin."""
        self._stop_asking()
        asked = isinstance(self.past.ended, Exited) and self.past.ended.asked
        if asked and self.state in (ServiceState.STARTING, ServiceState.UP):
            self._enter(ServiceState.STOPPING, STOPPED, ANSWER)
        elif self.wanted and not asked and self.state is not ServiceState.STOPPING:
            self._end_by_itself()

    def _end_by_itself(self) -> None:
        """Nobody had asked for its end: what follows is for its keeper, for its gate or for a person."""
        ending, at = self._ending(), self.past.next_start_at
        if not self.wanted:
            self._enter(ServiceState.DOWN, ending)
        elif self.past.is_final and self.past.exit_code == 0:
            self._enter(ServiceState.DONE, f"{ending}: it has done its work")
        elif self.gate.bars:
            self._enter(ServiceState.WAITING, f"{self.gate.reason} ({ending})")
        elif self.past.is_final:
            self._enter(ServiceState.FAILED, f"{ending}; it is not started again by itself")
        elif not self.auto:
            self._enter(ServiceState.FAILED, f"{ending}; automatic restart is switched off")
        elif at is not None:
            attempt = f"attempt {self.past.attempt} of {self.service.restarts.attempts}"
            when = f"{at.astimezone(self._zone):%H:%M:%S}"
            self._enter(ServiceState.BACKING_OFF, f"{ending}; its keeper tries again at {when} ({attempt})")
        else:
            self._enter(ServiceState.BACKING_OFF, f"{ending}; its keeper has not said what follows", ANSWER)

    def _pause(self, paused: Paused) -> None:
        """It ended too often."""
        if self.wanted:
            self._give_up(f"{self._ending()}; it ended {paused.attempts} times within {span(paused.window)}")
        else:
            self._enter(ServiceState.DOWN, self._ending())

    def _give_up(self, why: str) -> None:
        """Its attempts are used up."""
        self._stop_asking()
        if self.service.tier in _YIELDS or self.service.kind is Kind.STEP:
            self._enter(ServiceState.FAILED, why)
        elif self.gate.is_open or self.gate is UNSEEN:
            self._enter(ServiceState.PAUSED, f"{why}; {HEALS}")
        else:
            self._enter(ServiceState.WAITING, f"{self.gate.reason} ({why})")

    def _lose(self, why: str) -> None:
        """No keeper is there any more."""
        made_room = self._leash.again
        self._leash.lost(self.past.keeper)
        self._remind_at = None
        self._stop_asking()
        self.past.life = None
        match self.state:
            case ServiceState.STOPPING:
                self._ended()
            case ServiceState.STARTING if made_room:
                self._launch()
            case ServiceState.STARTING | ServiceState.UP | ServiceState.BACKING_OFF:
                self._tell("keeper_lost", why)
                self._knock(why)
            case _:
                pass

    def _ended(self) -> None:
        """It was to stop, and nothing of it is there any more."""
        self._leash.asked = False
        starts = self.wanted and self.gate.is_open and self._verdict is None  # then the next keeper ends what is left
        if not starts and self._fence(self.reason):
            return
        verdict, self._verdict = self._verdict, None
        if not self.wanted:
            self._enter(ServiceState.DOWN, self._ending() if self.past.killed else self._farewell)
        elif verdict is not None:
            self._give_up(verdict)
        else:
            self._launch()

    # Small things

    def _tell_policy(self) -> None:
        if self.gate is not UNSEEN:
            self._leash.tell_policy(self.until)

    @property
    def _grace(self) -> int:
        """After so long a keeper must have ended it, kindly or not."""
        return int(self.service.stop_seconds * SECOND) + ANSWER

    def _lives(self) -> bool:
        return self.past.life is not None and self.state in (ServiceState.STARTING, ServiceState.UP)

    def _is_knocking(self) -> bool:
        """Whether it waits before it asks for a keeper again."""
        return self.state is ServiceState.STARTING and not (self._leash.held or self._leash.asked)

    def _ending(self) -> str:
        return self.past.tell_end()

    def _forget(self) -> None:
        self._tries = self._knocks = 0
        self._verdict = None

    def _ask(self) -> None:
        self._asking = True
        self._leash.deeds.append(BeginAsking())

    def _stop_asking(self) -> None:
        if self._asking:
            self._asking = False
            self._leash.deeds.append(EndAsking())

    def _tell(self, event: str, reason: str | None) -> None:
        self._leash.deeds.append(Tell(event, reason))

    def _enter(self, state: ServiceState, reason: str | None, patience: int | None = None) -> None:
        """Go there, and be woken when its patience is over."""
        before, self.state, self.reason = self.state, state, reason
        self._deadline = None if patience is None else self._now + patience
        if state is not before:
            self.since = self._now

    def _answer(self) -> list[Deed]:
        deeds, self._leash.deeds = self._leash.deeds, []
        return deeds
