"""Every transition of a machine's class, read from the class itself; the ones that stay in their state too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from statemachine import State

from tradewarden.machines.statechart import Machine

_OF_ALL_MACHINES = "on_transition"


@dataclass(frozen=True, slots=True)
class Transition:
    """From where, on what, when, to where, and what is done on the way."""

    source: str
    event: str
    guard: str
    target: str
    stays: bool
    deeds: str


def leaves(machine: type[Machine]) -> list[str]:
    """The states a machine can be in, in the order of the class."""
    return [state.id for state in _atomic(machine.states)]


def events(machine: type[Machine]) -> list[str]:
    """The events in the order of the class."""
    return list(dict.fromkeys(row.event for row in walk(machine)))


def walk(machine: type[Machine]) -> list[Transition]:
    """All transitions, those of a surrounding state once for each state in it; in the order in which they are tried."""
    rows = [row for leaf in _atomic(machine.states) for row in _of(machine, leaf)]
    order = {event.id: place for place, event in enumerate(machine._events)}
    return sorted(rows, key=lambda row: order[row.event])


def table(machine: type[Machine]) -> str:
    """The walk as a table, one line a transition: a changed transition is a changed line."""
    lines = ["| state | event | guard | to | does |", "|---|---|---|---|---|"]
    states = {leaf: place for place, leaf in enumerate(leaves(machine))}
    for row in sorted(walk(machine), key=lambda row: states[row.source]):
        target = "(stays)" if row.stays else row.target
        lines.append(f"| {row.source} | {row.event} | {row.guard} | {target} | {row.deeds} |")
    return "\n".join(lines) + "\n"


def matrix(machine: type[Machine]) -> str:
    """State by event: what every event leads to in every state; "-" is ignored and counted."""
    names, rows = events(machine), walk(machine)
    lines = [f"| from \\ event | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    for leaf in leaves(machine):
        cells = (_cell([row for row in rows if row.source == leaf and row.event == name]) for name in names)
        lines.append(f"| **{leaf}** | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(rows: list[Transition]) -> str:
    parts = (("stays" if row.stays else row.target) + (f" [{row.guard}]" if row.guard else "") for row in rows)
    return ", else ".join(parts) or "-"


def _atomic(states: object) -> Iterator[State]:
    for state in states:  # type: ignore[attr-defined]  # the library's own list, untyped
        if state.is_compound:
            yield from _atomic(state.states)
        else:
            yield state


def _of(machine: type[Machine], leaf: State) -> Iterator[Transition]:
    around: State | None = leaf
    while around is not None:
        for transition in around.transitions:
            for event in transition.events:
                yield Transition(
                    source=leaf.id,
                    event=event.id,
                    guard=", ".join(str(guard) for guard in transition.cond),
                    target=_entered(transition.target),
                    stays=bool(transition.internal),
                    deeds=", ".join(_deeds(machine, [str(deed) for deed in transition.on])),
                )
        around = around.parent


def _deeds(machine: type[Machine], names: list[str]) -> Iterator[str]:
    return (name for name in names if name != _OF_ALL_MACHINES and hasattr(machine, name))


def _entered(target: State) -> str:
    while target.is_compound:
        target = next(inner for inner in target.states if inner.initial)
    return target.id
