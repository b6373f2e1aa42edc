"""An admin's word that stands above the calendar for a while: a state, or only how much data is due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tradewarden.machines.market_state import STATES
from tradewarden.machines.session import EXPECTED, Moment

LONGEST = timedelta(days=7)  # whoever needs more writes a calendar file


@dataclass(frozen=True, slots=True)
class Override:
    """What an admin says of a segment, from when to when, and why."""

    segment: str
    since: datetime
    until: datetime
    reason: str
    state: str | None = None
    expect: str | None = None

    def holds(self, when: datetime) -> bool:
        """Whether it is in force; it ends by itself."""
        return self.since <= when < self.until

    @property
    def due(self) -> bool | None:
        """Whether data is due while it holds; none when the calendar decides."""
        expected = self.expect or (STATES[self.state] if self.state else None)
        return None if expected is None else expected != "none"

    def over(self, moment: Moment) -> Moment:
        """The calendar's answer with this word over it."""
        reason = f"override: {self.reason}"
        if self.state is not None:
            return Moment(self.state, "override", moment.session, reason, self.expect or STATES[self.state])
        return replace(moment, reason=reason, expected=self.expect or moment.expected)


def fault_of(override: Override, known: frozenset[str]) -> tuple[str, str] | None:
    """Which key is wrong and why, if any is."""
    state, expect = override.state, override.expect
    rules = (
        (override.segment in known, "segment", f"{override.segment!r} is not known; known: {', '.join(sorted(known))}"),
        (state is not None or expect is not None, "state", "give a state, or expect, or both"),
        (state is None or state in STATES, "state", f"{state!r} is not one of {', '.join(STATES)}"),
        (expect is None or expect in EXPECTED, "expect", f"{expect!r} is not one of {', '.join(EXPECTED)}"),
        (override.reason.strip(), "reason", "say why: whoever looks at the desk at night wants to know"),
        (override.until > override.since, "until", "is not in the future"),
        (override.until - override.since <= LONGEST, "until", f"is more than {LONGEST.days} days ahead; write a file"),
    )
    return next(((key, wrong) for holds, key, wrong in rules if not holds), None)
