"""Several writers that take turns on one server: how many a second, and what each costs both ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from process import cpu_seconds
from result import Figure, Run


@dataclass(frozen=True, slots=True)
class Turn:
    """What a writer did in one round."""

    count: int
    wall: float  # seconds
    cpu: float  # seconds of the writer


@dataclass(slots=True)
class Writer:
    """One writer and what was measured of it."""

    name: str
    write: Callable[[], Awaitable[Turn]]
    rates: list[float] = field(default_factory=list)  # records a second of wall time
    costs: list[float] = field(default_factory=list)  # microseconds of CPU a record, both ends
    own: list[float] = field(default_factory=list)  # the writer's share of them


async def take_turns(writers: Sequence[Writer], rounds: int, server: int) -> None:
    """Each writer in turn, so many rounds and one before them that warms everybody up."""
    for nth in range(rounds + 1):
        for writer in writers:
            before = cpu_seconds(server)
            turn = await writer.write()
            spent = turn.cpu + cpu_seconds(server) - before
            if nth:
                writer.rates.append(turn.count / turn.wall)
                writer.costs.append(spent / turn.count * 1e6)
                writer.own.append(turn.cpu / turn.count * 1e6)


def compare(run: Run, store: str, ours: Writer, theirs: Writer, at_least: float | None) -> None:
    """Two lines of the table: by wall time, which is promised, and by CPU time, which no neighbour can spoil."""
    faster = [mine / other for mine, other in zip(ours.rates, theirs.rates, strict=True)]
    cheaper = [other / mine for mine, other in zip(ours.costs, theirs.costs, strict=True)]
    common: dict[str, Any] = {"samples": len(ours.rates), "peer": theirs.name}
    run.add(
        Figure(
            name=f"{store}, {ours.name}, beside {theirs.name}",
            value=median(ours.rates),
            unit="ticks/s",
            rounds=ours.rates,
            peer_value=median(theirs.rates),
            ratio=median(faster),
            ratio_at_least=at_least,
            **common,
        )
    )
    run.add(
        Figure(
            name=f"{store}, {ours.name}, beside {theirs.name}, CPU of both ends",
            value=median(ours.costs),
            unit="µs a tick",
            rounds=ours.costs,
            peer_value=median(theirs.costs),
            ratio=median(cheaper),
            **common,
        )
    )


def alone(run: Run, store: str, writer: Writer, note: str = "") -> None:
    """One line of the table."""
    run.add(
        Figure(
            name=f"{store}, {writer.name}",
            value=median(writer.rates),
            unit="ticks/s",
            samples=len(writer.rates),
            rounds=writer.rates,
            note=note,
        )
    )
