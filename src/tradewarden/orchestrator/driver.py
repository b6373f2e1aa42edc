"""What turns a machine's decisions into deeds and deadlines."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import structlog

from tradewarden.machines.statechart import FaultError, Machine
from tradewarden.orchestrator.clock import Clock

M = TypeVar("M", bound=Machine)

_CHAIN = 8  # deadlines that may be due in one moment after a long suspend

log = structlog.get_logger()


class Spawn(Protocol):
    """Start a task that somebody owns: a failure of it stops the daemon."""

    def __call__(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Start `deed` under this name."""
        ...


class Driver(Generic[M]):
    """One machine's hands: fires facts into it, does what it asks and wakes it at its one deadline.

    `changed` is called after every fact, so that the other machines and the health answer can follow.
    """

    layer = "machine"

    @property
    def happening(self) -> str:
        """The name of a change of state in the log."""
        return f"{self.layer}.state"

    def __init__(self, machine: M, clock: Clock, spawn: Spawn, changed: Callable[[], None]) -> None:
        self.machine = machine
        self.clock = clock
        self.since: datetime = clock.now()
        self._spawn = spawn
        self._changed = changed
        self._whose: Mapping[str, str] = {}  # which of several, for the log
        self._timer: asyncio.TimerHandle | None = None
        self._armed: int | None = None

    @abstractmethod
    def perform(self, effect: Any) -> None:
        """Begin what the machine asked for; never waits."""

    def fire(self, event: str, **facts: Any) -> None:
        """Tell the machine what happened, and do what it answers.

        Raises FaultError, whatever went wrong: an expected failure is a fact and no exception.
        """
        before = self.machine.leaf
        try:
            effects = self.machine.fire(event, now=self.clock.mono_ns(), **facts)
            self._follow(before, event, effects)
        except FaultError:
            raise
        except Exception as fault:
            raise FaultError(f"{self.layer}: {event} in state {before!r} failed: {fault!r}") from fault

    def _follow(self, before: str, event: str, effects: list[Any]) -> None:
        if self.machine.leaf != before:
            self.since = self.clock.now()
            facts = {"src": before, "dst": self.machine.leaf, "on": event, "reason": self.machine.reason}
            log.info(self.happening, **self._whose, **facts)
        for effect in effects:
            self.perform(effect)
        self.settled()
        self.arm()
        self._changed()

    def settled(self) -> None:
        """Called after every fact, before the deadline is read."""

    def arm(self) -> None:
        """Keep exactly one timer, at the machine's next deadline."""
        deadline = self.machine.next_deadline()
        if deadline == self._armed and self._timer is not None:
            return
        self.disarm()
        if deadline is not None:
            wait = max(0.0, (deadline - self.clock.mono_ns()) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(wait, self.wake)
            self._armed = deadline

    def disarm(self) -> None:
        """Forget the timer; the daemon stops or the deadline has moved."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed = None, None

    def wake(self) -> None:
        """The timer rang: act if the deadline is still due, else only set it anew.

        Raises FaultError for a machine that is due for ever: a fault of ours that must not become a busy loop.
        """
        self._timer, self._armed = None, None
        for _ in range(_CHAIN):
            now = self.clock.mono_ns()
            deadline = self.machine.next_deadline()
            if deadline is None or now < deadline:
                self.arm()
                return
            before = self.machine.leaf
            self._follow(before, "deadline", self.machine.due(now))
        raise FaultError(f"{self.layer}: the deadline of state {self.machine.leaf!r} never passes")

    def overdue(self) -> float:
        """Seconds by which the machine's deadline has been missed; 0 when it has not."""
        deadline = self.machine.next_deadline()
        return 0.0 if deadline is None else max(0.0, (self.clock.mono_ns() - deadline) / 1e9)
