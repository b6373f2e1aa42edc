"""Figures, and the file in which a script keeps them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import machine

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published number with everything that is needed to judge it."""

    name: str
    value: float
    unit: str
    samples: int
    at_most: float | None = None  # the goal, in the figure's unit
    at_least: float | None = None  # the goal, where more is better
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None  # by how much we are better than the peer
    ratio_at_least: float | None = None  # the goal, when it is one against the peer
    rounds: Sequence[float] = field(default=())  # what the value is the median of, when it is one of few
    note: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON keeps it: figures rounded to what can be believed, nothing that is empty."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        kept["rounds"] = [digits(value) for value in self.rounds]
        return {
            name: digits(value) if isinstance(value, float) else value
            for name, value in kept.items()
            if value not in (None, "", [])
        }


class Run:
    """One run of one script: begun now, kept when it is over."""

    def __init__(self, script: str) -> None:
        self._name = Path(script).stem
        self._begun = machine.Moment.now()
        self._figures: list[Figure] = []

    def add(self, figure: Figure) -> None:
        """Keep a figure and say it."""
        self._figures.append(figure)
        peer = f"; {figure.peer} {digits(figure.peer_value)}" if figure.peer and figure.peer_value else ""
        ratio = f", {figure.ratio:.1f}x" if figure.ratio else ""
        print(
            f"  {figure.name}: {digits(figure.value)} {figure.unit} ({figure.samples} samples{peer}{ratio})", flush=True
        )

    def keep(self) -> None:
        """Write everything down."""
        kept = {
            "script": f"bench/{self._name}.py",
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": machine.facts(),
            "busy": machine.Moment.now().shares(self._begun),
            "figures": [figure.told() for figure in self._figures],
        }
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{self._name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def digits(value: float) -> float:
    """Three digits that count: more would only be noise."""
    if not value or not math.isfinite(value):
        return value
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    return int(rounded) if rounded == int(rounded) else rounded


def high(values: Sequence[float], share: float = 0.99) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def say(text: str) -> None:
    """Tell the person who waits what happens now."""
    print(text, file=sys.stderr, flush=True)
