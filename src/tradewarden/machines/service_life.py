"""A service's life: what people, its keeper and its check say, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.deed import Command, Deed, number
from tradewarden.machines.gate import Gate
from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    Happening,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)
from tradewarden.machines.life import ANSWER, STOPPED, UNSEEN, Life
from tradewarden.machines.past import Past, span
from tradewarden.machines.service import Kind, OnToken, ServiceState

MOMENT: Final = SECOND // 4  # a keeper that is not yet, or no more, at its fifo is told again

_BEGUN: Final = frozenset({ServiceState.STARTING, ServiceState.UP})
_AT_WORK: Final = frozenset({ServiceState.STARTING, ServiceState.UP, ServiceState.STOPPING})


class ServiceLife(Life):
    """One service's states; times are monotonic nanoseconds. Every fact answers what is to be done about it."""

    # Facts that people and the desk bring

    def adopt(
        self,
        happenings: Sequence[Happening],
        *,
        held: bool,
        wanted: bool,
        now: int,
        wall: datetime,
        over: bool = False,
        left: tuple[ServiceState, str | None] | None = None,
    ) -> list[Deed]:
        """Take over what an earlier daemon left, by the last lines of its status log; nothing is restarted for it.

        What is wanted and does not run starts as soon as its gate has been looked at, unless it is `over`; without
        a keeper it stands as it was `left`, which no status log need know.
        """
        self._now, self.wanted = now, wanted
        self.past = past = Past(self.service, happenings)
        if held:
            self._leash.seen()
        else:
            self._leash.lost(past.keeper)
        match past.last:
            case Started() as started if held:
                self._adopt_life((wall - started.at).total_seconds())
            case Stopping() | Escalated() | Exited(asked=True) if held:
                self._enter(ServiceState.STOPPING, STOPPED, self._grace)
            case Paused() as paused if held or over:
                self._pause(paused)
            case Exited() | StartFailed() | Gone() if past.ended is not None and (held or over or past.is_final):
                self._end_by_itself()
            case _:
                self._rest()
        if held and not wanted:
            self._leash.stop()
        elif left is not None and not held:
            self._enter(*left)
        return self._answer()

    def _adopt_life(self, age: float) -> None:
        """It runs for so long already; who must have been ready by now is taken for it until a check says otherwise."""
        within = self.service.ready.within
        if not self.wanted:
            self._begin()
        elif 0 <= age < within:
            self._wait_until_ready(within - age)
        elif self.service.kind is Kind.STEP:
            self._wait_until_ready(within)
        else:
            self._ask()
            self._enter(ServiceState.UP, None)

    def _rest(self) -> None:
        """Nothing of it runs, and nothing has been looked at yet."""
        if self.wanted:
            self._enter(ServiceState.WAITING, UNSEEN.reason)
        elif self.past.life is not None:
            self._enter(ServiceState.DOWN, "its keeper was killed; what is left of it is ended before its next start")
        elif self.past.ended is not None:
            self._enter(ServiceState.DOWN, self._ending())

    def wish(self, on: bool, now: int, why: str = STOPPED) -> list[Deed]:  # noqa: FBT001 - the fact itself
        """Somebody wants it to run, or not to run; earlier troubles are forgotten."""
        self._now, self.wanted = now, on
        self._forget()
        if self.state not in _BEGUN:
            if not self._resumes:
                self.past.lives = 0
            self._resumes = False
        if not on:
            self._halt(why)
        elif self.state not in _AT_WORK or self._is_knocking():
            self._launch()
        return self._answer()

    def resume(self) -> None:
        """What was not stopped when its daemon and its keeper were lost is started again next, by nobody's wish."""
        self._resumes = not isinstance(self.past.last, Gone)

    def restart(self, now: int, why: str = "somebody restarts it") -> list[Deed]:
        """Somebody wants a new life of it."""
        self._now, self.wanted, self.past.lives = now, True, 0
        self._forget()
        if self._lives():
            self._again(why)
        elif self.state not in _AT_WORK or self._is_knocking():
            self._launch()
        return self._answer()

    def kill(self, now: int) -> list[Deed]:
        """It had time enough to stop."""
        self._now = now
        if self.state is ServiceState.STOPPING and self._leash.held:
            self._leash.kill()
            self._enter(ServiceState.STOPPING, "it had time enough to stop and is killed", ANSWER)
        return self._answer()

    def allow(self, gate: Gate, now: int) -> list[Deed]:
        """Whether it may start, be started again and go on, as its conditions and needs stand now."""
        if self.state is ServiceState.WAITING and self.gate.bars:
            self.past.lives = 0  # its condition starts it
        self._now, self.gate = now, gate
        self._tell_policy()
        match self.state:
            case ServiceState.WAITING:
                self._launch()
            case ServiceState.PAUSED if not gate.is_open:
                self._enter(ServiceState.WAITING, gate.reason)
            case ServiceState.BACKING_OFF if gate.bars:
                self._enter(ServiceState.WAITING, gate.reason)
            case ServiceState.STARTING | ServiceState.UP if gate.stops or (gate.bars and not self._lives()):
                self._halt(gate.reason)
            case ServiceState.STOPPING if gate.bars and self._leash.again:
                self._halt(gate.reason)
            case _:
                pass
        return self._answer()

    def auto_restart(self, on: bool, now: int) -> list[Deed]:  # noqa: FBT001 - the fact itself
        """Whether its keeper may start it again by itself."""
        self._now, self.auto = now, on
        self._tell_policy()
        if not on and self.state is ServiceState.BACKING_OFF:
            self._enter(ServiceState.FAILED, f"{self._ending()}; automatic restart is switched off")
        return self._answer()

    def session_began(self, now: int) -> list[Deed]:
        """A session of the market begins: what was paused gets another chance."""
        self._now = now
        if self.state is ServiceState.PAUSED:
            self._forget()
            self.past.lives = 0
            self._launch()
        return self._answer()

    def token_changed(self, now: int) -> list[Deed]:
        """The broker's token is new: what runs is signalled or restarted, as the operator wants it."""
        if not self._lives():
            return []
        match self.service.on_token:
            case OnToken.NOTHING:
                return []
            case OnToken.SIGNAL:
                self._leash.deeds.append(Command(f"sig {number(self.service.token_signal)}"))
                return self._answer()
            case OnToken.RESTART:
                return self.restart(now, "the token is new")
        assert_never(self.service.on_token)

    # Facts that its keeper brings

    def refused(self, why: str, now: int, *, for_good: bool = False) -> list[Deed]:
        """The keeper that was asked for cannot be had; `for_good`: before somebody does something about it."""
        self._now = now
        if self._leash.asked and for_good and self.wanted:
            self._leash.asked = False
            self._verdict = f"it cannot be started: {why}"
            self._halt(self._verdict)
        elif self._leash.asked:
            self._knock(why)
        return self._answer()

    def held(self, on: bool, now: int) -> list[Deed]:  # noqa: FBT001 - the fact itself
        """Whether a keeper lives, which only its lock tells."""
        self._now = now
        before = self._leash.held
        if on and not before:
            self._leash.seen()
            if not self.wanted or self.gate.bars:
                self._leash.stop()
        elif before and not on:
            self._lose("its keeper is gone")
        return self._answer()

    def unheard(self, now: int) -> list[Deed]:
        """Its keeper lives, but could not be told the last lines: it is told again in a moment."""
        self._now, self._remind_at = now, now + MOMENT
        self._leash.unheard()
        return self._answer()

    def kept(self, happening: Happening, now: int) -> list[Deed]:
        """The next line of its status log."""
        self._now = now
        is_of_another = self.past.is_of_another(happening)
        self.past.hear(happening)
        if is_of_another or self._leash.is_history(happening):
            return []
        match happening:
            case Gone():
                self._lose("its keeper has left")
            case Started():
                self._leash.seen()
                self._begin()
            case OutputLost(lines=lines):
                all_of_it = f"{lines} lines of its output found no room on the disk"
                self._tell("output_lost", self.past.tell_loss(self._zone) or all_of_it)
            case Exited(code=None):
                self._tell("ended_unseen", self._ending())
            case Exited() | StartFailed():
                self._end()
            case Stopping() | Escalated():
                self._stops(happening)
            case Paused() if self.state is not ServiceState.STOPPING and self.wanted:
                self._pause(happening)
            case _:
                pass
        return self._answer()

    # Facts that its check brings

    def ready(self, now: int) -> list[Deed]:
        """It works."""
        self._now, self._tries = now, 0
        if self.state is ServiceState.STARTING and self._asking:
            self._enter(ServiceState.UP, None)
        elif self.state is ServiceState.UP and self.reason is not None:
            self.reason = None
            self._tell("ready_again", None)
        return self._answer()

    def unready(self, why: str, now: int) -> list[Deed]:
        """It does not work yet, or no more: that is shown, and kills nothing that has worked."""
        self._now = now
        if self.state is ServiceState.STARTING and self._asking:
            self._trouble, self.reason = why, f"it is not ready yet: {why}"
        elif self.state is ServiceState.UP:
            if self.reason is None:
                self._tell("unready", why)
            self.reason = why
        return self._answer()

    def due(self, now: int) -> list[Deed]:
        """Its deadline has come."""
        self._now = now
        if self._remind_at is not None and now >= self._remind_at:
            self._remind()
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._expire()
        return self._answer()

    def _remind(self) -> None:
        """Tell its keeper again what must reach it."""
        self._remind_at = None
        self._tell_policy()
        if self.state is ServiceState.STARTING and self._leash.held and not self._lives():
            if self._leash.again:
                self._leash.renew()
            else:
                self._leash.start(self.until)
        elif self.state in (ServiceState.STOPPING, ServiceState.DOWN):
            self._leash.stop()

    def _expire(self) -> None:
        match self.state:
            case ServiceState.STARTING if self._lives():
                self._never_ready()
            case ServiceState.STARTING if self._leash.asked:
                self._knock(f"none came within {span(ANSWER / SECOND)}")
            case ServiceState.STARTING | ServiceState.BACKING_OFF:
                self._launch()
            case ServiceState.STOPPING if self._leash.held:
                self._leash.unheard()
                self._leash.stop()
                self._enter(ServiceState.STOPPING, "its keeper does not answer", self._grace)
            case ServiceState.STOPPING:
                self._ended()
            case _:
                pass
