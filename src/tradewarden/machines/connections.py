"""Whether each of several connections of one stream still carries something, while the others do.

All of them silent together is the watchdog's matter (machines/feed.py); a single one is asked again for its
instruments, and dialled anew alone when that brings nothing. Times are nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import GRACE
from tradewarden.machines.freshness import Redial, pause

FLOOR, CAP = 10 * SECOND, 600 * SECOND  # of how long a connection may be silent
MARGIN: Final = 4  # times its longest pause so far
KNOWN: Final = 60 * SECOND  # for so long it is watched before its longest pause is believed; until then the cap holds


@dataclass(frozen=True, slots=True)
class AskAll:
    """Subscribe everything of this connection again."""

    place: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """A connection of which nothing comes."""

    since: int
    limit: int
    next_at: int
    tries: int = 1  # how often its instruments were asked for, or it was dialled anew


class Connections:
    """The connections of one stream, each by its place."""

    def __init__(self) -> None:
        self.quiet: dict[int, Quiet] = {}
        self._known_since: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._longest: dict[int, int] = {}

    def look(self, *, now: int, heard: Sequence[int], due: Sequence[int]) -> list[AskAll | Redial]:
        """Find those that are silent: `heard` is each one's last tick, `due` since when it should have some."""
        if len(heard) < 2:  # noqa: PLR2004 - a single one is the stream itself
            return []
        deeds: list[AskAll | Redial] = []
        for place, (last, start) in enumerate(zip(heard, due, strict=True)):
            if start > now:
                self._forget(place)
            elif place in self.quiet:
                deeds += self._again(place, now)
            elif now >= max(last, start) + (limit := self._limit(place, last, start, now)):
                self.quiet[place] = Quiet(max(last, start), limit, now + GRACE)
                deeds.append(AskAll(place))
        return deeds

    def over(self, place: int) -> Quiet | None:
        """It carries something again: since when it did not."""
        self._forget(place)
        return self.quiet.pop(place, None)

    def _again(self, place: int, now: int) -> list[AskAll | Redial]:
        quiet = self.quiet[place]
        if now < quiet.next_at:
            return []
        wait = pause(quiet.tries - 1)
        self.quiet[place] = replace(quiet, tries=quiet.tries + 1, next_at=now + wait)
        return [Redial(place)]

    def _limit(self, place: int, last: int, start: int, now: int) -> int:
        """Four times its longest pause, once it is known well enough."""
        known = self._known_since.setdefault(place, now)
        before = self._before.get(place, last)
        self._before[place] = last
        if last > before >= start:
            self._longest[place] = max(self._longest.get(place, 0), last - before)
        if now - known < KNOWN:
            return CAP
        return min(CAP, max(FLOOR, MARGIN * self._longest.get(place, CAP)))

    def _forget(self, place: int) -> None:
        for kept in (self._known_since, self._before, self._longest):
            kept.pop(place, None)
