"""Whether a service may start now, may be started again by its keeper, and may go on running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewarden.machines.condition import Condition, Facts, InMarket, behind, lasts_until, unmet


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The answer: open when there is no reason."""

    reason: str | None = None
    bars: bool = False  # a condition does not hold: its keeper may not start it again by itself either
    stops: bool = False  # the market's hours are over: what runs is stopped
    until: datetime | None = None  # its keeper may start it again by itself until then; none: for ever

    @property
    def is_open(self) -> bool:
        """Whether the service may start."""
        return self.reason is None


OPEN = Gate()


def gate(needs: Sequence[str], conditions: Sequence[Condition], facts: Facts) -> Gate:
    """Look at everything that a service waits for; the conditions come first, they last longer than a start."""
    for condition in sorted(conditions, key=lambda each: not isinstance(each, InMarket)):
        reason = unmet(condition, facts)
        if reason is not None:
            return Gate(reason=reason, bars=True, stops=_is_over(condition, facts))
    ends = [at for condition in conditions if (at := lasts_until(condition, facts)) is not None]
    reason = next((why for name in needs if (why := behind(name, facts.services)) is not None), None)
    return Gate(reason=reason, until=min(ends, default=None))


def _is_over(condition: Condition, facts: Facts) -> bool:
    """Whether the market is known to be elsewhere; while nobody knows where it is, what runs goes on."""
    if not isinstance(condition, InMarket):
        return False
    return facts.segments.get(condition.segment or facts.foremost, "unknown") != "unknown"
