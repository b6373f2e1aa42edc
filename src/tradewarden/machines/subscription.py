"""How one subscription becomes another: what to leave, what to add, whose mode to change, and on which connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """The difference between what is held and what is wanted."""

    leave: tuple[int, ...]
    add: Mapping[int, M]
    modes: Mapping[int, M]  # of what is held and stays


def difference(held: Mapping[int, M], wanted: Mapping[int, M]) -> Change[M]:
    """What leads from the one to the other and no more."""
    return Change(
        leave=tuple(token for token in held if token not in wanted),
        add={token: mode for token, mode in wanted.items() if token not in held},
        modes={token: mode for token, mode in wanted.items() if token in held and held[token] != mode},
    )


def shards(held: tuple[Mapping[int, M], ...], wanted: Mapping[int, M], *, size: int) -> tuple[dict[int, M], ...]:
    """The wanted instruments over connections of `size`: what is held stays where it is, the rest fills up in order.

    Raises ValueError when they do not fit.
    """
    if len(wanted) > size * len(held):
        raise ValueError(f"{len(wanted)} instruments do not fit on {len(held)} connections of {size}")
    kept = tuple({token: wanted[token] for token in each if token in wanted} for each in held)
    placed = {token for each in kept for token in each}
    for token, mode in wanted.items():
        if token not in placed:
            next(each for each in kept if len(each) < size)[token] = mode
    return kept
