"""What the three machines have in common: one door for facts, and a book of what came through it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from statemachine import State, StateChart


class FaultError(RuntimeError):
    """The machines or their hands broke their own rules: a fault of ours, which must stop the daemon."""


class Machine(StateChart[Any]):
    """One question of the desk and its states: facts go in, effects come out, nothing else happens.

    A machine never awaits, so nothing can interrupt a transition. Times are integer nanoseconds of a clock that
    only runs forward; the caller says what time it is.
    """

    atomic_configuration_update: bool = True  # nobody ever sees a machine between two states
    catch_errors_as_events: bool = False  # a bug raises
    allow_event_without_transition: bool = True  # a fact may come at any time; it is counted, not raised
    enable_self_transition_entries: bool = False

    def __init__(self) -> None:
        self.leaf = ""
        self.now = 0
        self.since = 0
        self.reason: str | None = None
        self.ignored_total = 0
        self.stale_results_total = 0
        self.transitions_total: Counter[tuple[str, str]] = Counter()
        self._effects: list[Any] = []
        self._applied = False
        super().__init__()

    def fire(self, event: str, *, now: int, **facts: Any) -> list[Any]:
        """Tell the machine what happened and get back what is to be done about it.

        A fact that means nothing in the present state is counted in `ignored_total`; an answer to an older question
        (an older token or socket) in `stale_results_total`. Raises ValueError for an event that does not exist.
        """
        if event not in self._events:
            known = ", ".join(sorted(self._events))
            raise ValueError(f"{type(self).__name__} knows no event {event!r}; known: {known}")
        self.now = now
        if self.is_outdated(event, facts):
            self.stale_results_total += 1
            return []
        self._applied, self._effects = False, []
        self.send(event, **facts)
        if not self._applied:
            self.ignored_total += 1
        effects, self._effects = self._effects, []
        return effects

    def is_outdated(self, event: str, facts: dict[str, Any]) -> bool:  # noqa: ARG002 - the machines that ask look
        """Whether this is the answer to a question that nobody asks any more."""
        return False

    def next_deadline(self) -> int | None:
        """When the machine wants to be woken, at the latest; none when it waits for a fact."""
        return None

    def due(self, now: int) -> list[Any]:
        """The deadline has come: what is to be done."""
        raise AssertionError(f"{type(self).__name__} has no deadline, but was woken at {now}")

    def emit(self, effect: Any) -> None:
        """Ask for something to be done once the machine has reached its new state."""
        self._effects.append(effect)

    def on_transition(self, event: str) -> None:  # noqa: ARG002 - the machines that keep a reason look
        """Called by the library for each transition that applies."""
        self._applied = True

    def on_enter_state(self, target: State) -> None:
        """Called by the library for each state entered, the innermost last."""
        if target.is_compound or target.id == self.leaf:
            return
        self.transitions_total[(self.leaf or "start", target.id)] += 1
        self.leaf = target.id
        self.since = self.now
