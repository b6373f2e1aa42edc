"""Whether each single instrument still ticks: an index may not be quiet, an illiquid option may be for an hour.

A tick writes one number, `heard`; everything else happens when somebody looks. What the whole stream does is the
watchdog's matter (machines/feed.py), what a whole connection does that of machines/connections.py: here silence is
judged only while the stream is proven and dense data is due. Times are nanoseconds.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.pauses import Pauses

MUST_TICK: Final = frozenset({"index", "liquid"})
MAY_BE_QUIET: Final = frozenset({"illiquid", "unwatched"})
LEARNED: Final = "learned"
FIRST: Final = 10 * SECOND  # from asking for an instrument to its snapshot
READY: Final = 600  # seconds of dense data before what was learned is believed
MARGIN: Final = 4  # times the usual pause
SPAN: Final = 12 * 3600  # seconds of dense data after which what is old weighs half
RETRY, LONGEST_RETRY = 30 * SECOND, 900 * SECOND
TRIES: Final = 2  # askings after which the connection of an instrument that must not be quiet is dialled anew
CALM: Final = 600 * SECOND  # between two such dials of one connection
NEVER: Final = 1 << 62

_DEEPEST: Final = 16  # it keeps the arithmetic small
_AGAIN: Final = 60 * SECOND  # before an instrument whose limit is not known yet is thought of again


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each class may be silent; what is learned lies between liquid and illiquid."""

    index: int = 30 * SECOND
    liquid: int = 60 * SECOND
    illiquid: int = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Watched:
    """One instrument as it is followed: what it belongs to, on which connection it comes, and its class."""

    group: int = 0  # a number below 256; data is due group by group
    place: int = 0
    kind: str = LEARNED


@dataclass(frozen=True, slots=True)
class Ask:
    """Subscribe exactly these again."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Redial:
    """Drop this one connection and dial it anew; the others stay."""

    place: int


@dataclass(frozen=True, slots=True)
class Silent:
    """An instrument that should tick and does not."""

    since: int  # its last tick, or when one became due
    limit: int
    kind: str
    place: int
    next_at: int  # when it is asked for again
    tries: int
    is_first: bool  # not even its snapshot came


def pause(tries: int) -> int:
    """How long to wait after so many tries before the next: doubling, up to a quarter of an hour."""
    return min(LONGEST_RETRY, RETRY << min(tries, _DEEPEST))


class Freshness:
    """All instruments of a feed; `heard` is written by every tick, `silent` holds those that are overdue."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.heard: dict[int, int] = {}
        self.silent: dict[int, Silent] = {}
        self._kinds: list[str] = []
        self._groups = bytearray()
        self._places = bytearray()
        self._asked = array("q")
        self._before = array("q")  # the last tick at the last look
        self._check_at = array("q")  # not worth a thought before
        self._begun = array("q")  # for how long its group had been watched when it came
        self._known = array("q")  # and at its last tick: a silence that goes on teaches nothing yet
        self._pauses = Pauses(0)
        self._watched = [0] * 256  # nanoseconds for which each group was looked at while its data was due
        self._looked_at: int | None = None
        self._redialled: dict[int, int] = {}
        self.groups: frozenset[int] = frozenset()  # what the instruments belong to

    def follow(self, instruments: Mapping[int, Watched], *, now: int) -> list[int]:
        """Watch exactly these from now on; what was learned stays. Returns those that were silent and are gone."""
        old = {token: slot for slot, token in zip(range(len(self._kinds)), self.heard, strict=False)}
        asked, before, pauses = self._asked, self._before, self._pauses
        begun, known = self._begun, self._known
        heard, count = self.heard, len(instruments)
        self.heard = dict.fromkeys(instruments, 0)
        self._kinds = [each.kind for each in instruments.values()]
        self._groups = bytearray(each.group for each in instruments.values())
        self.groups = frozenset(self._groups)
        self._places = bytearray(each.place for each in instruments.values())
        self._asked = array("q", [now]) * count
        self._before = array("q", bytes(8 * count))
        self._check_at = array("q", bytes(8 * count))
        self._begun = array("q", (self._watched[each.group] for each in instruments.values()))
        self._known = self._begun[:]
        self._pauses = Pauses(count)
        for slot, token in enumerate(instruments):
            its = old.get(token)
            if its is not None:
                self.heard[token] = heard[token]
                self._asked[slot], self._before[slot] = asked[its], before[its]
                self._begun[slot], self._known[slot] = begun[its], known[its]
                self._pauses.take(slot, pauses, its)
        return [token for token in self.silent if token not in self.heard]

    def asked(self, now: int, places: Collection[int] | None = None) -> None:
        """Everything was subscribed anew, or everything of these connections: a first tick is due of each."""
        for slot, place in enumerate(self._places):
            if places is None or place in places:
                self._asked[slot], self._check_at[slot] = now, 0

    def look(self, *, now: int, since: int, due: Sequence[int], quiet: Collection[int] = ()) -> list[Ask | Redial]:
        """Learn from what has ticked, find what has not, and say what is to be done about it.

        `since` is when the stream was proven, `due` for each group since when its data is dense (NEVER when it is not),
        `quiet` the connections that are silent as a whole: their instruments have nothing to say for themselves.
        """
        starts = {group: max(due[group], since) for group in self.groups}  # NEVER is later than any moment
        self._count_time(now, starts)
        self._forget_strangers()
        before, check_at, known = self._before, self._check_at, self._known
        groups, places = self._groups, self._places
        for slot, (token, heard) in enumerate(self.heard.items()):
            start = starts[groups[slot]]
            if start > now:
                continue
            last = before[slot]
            if heard != last:
                if last >= start:
                    self._pauses.note(slot, (heard - last) // SECOND)
                before[slot] = heard
                known[slot] = self._watched[groups[slot]]
            if now >= check_at[slot] and places[slot] not in quiet:
                self._judge(slot, token, heard, start, now)
        return self._deeds(now, quiet)

    def over(self, tokens: Iterable[int]) -> dict[int, Silent]:
        """These tick again, or nobody waits for them any more: what their silences were."""
        return {token: self.silent.pop(token) for token in tokens if token in self.silent}

    def limits(self) -> dict[int, tuple[str, int | None]]:
        """Each instrument's class and present limit; none while it cannot be judged."""
        slots = zip(self.heard, range(len(self._kinds)), strict=False)
        return {token: (self._kinds[slot], self._limit(slot)) for token, slot in slots}

    def last_ticks(self) -> dict[int, int]:
        """Of each group the last tick; 0 where there was none."""
        last = dict.fromkeys(self.groups, 0)
        for heard, group in zip(self.heard.values(), self._groups, strict=False):
            last[group] = max(last[group], heard)
        return last

    def by_place(self, count: int, due: Sequence[int]) -> tuple[list[int], list[int]]:
        """Of each connection the last tick, and since when it should have some: one that may be quiet need not."""
        heard, starts = [0] * count, [NEVER] * count
        for last, place, group, kind in zip(self.heard.values(), self._places, self._groups, self._kinds, strict=False):
            heard[place] = max(heard[place], last)
            if due[group] < starts[place] and kind not in MAY_BE_QUIET:
                starts[place] = due[group]
        return heard, starts

    # Judging

    def _count_time(self, now: int, starts: Mapping[int, int]) -> None:
        if self._looked_at is not None:
            for group, start in starts.items():
                if start < now:
                    self._watched[group] += now - max(start, self._looked_at)
        self._looked_at = now

    def _forget_strangers(self) -> None:
        """A damaged packet may name an instrument that nobody asked for."""
        if len(self.heard) > len(self._kinds):
            for token in list(self.heard)[len(self._kinds) :]:
                del self.heard[token]

    def _judge(self, slot: int, token: int, heard: int, start: int, now: int) -> None:
        if token in self.silent:
            return
        asked = self._asked[slot]
        first = heard < asked
        limit = self._first(slot) if first else self._limit(slot)
        if limit is None:
            self._check_at[slot] = now + _AGAIN
            return
        quiet_since = max(asked if first else heard, start)
        if now < quiet_since + limit:
            self._check_at[slot] = quiet_since + limit
            return
        self.silent[token] = Silent(quiet_since, limit, self._kinds[slot], self._places[slot], now, 0, is_first=first)

    def _first(self, slot: int) -> int | None:
        return None if self._kinds[slot] == "unwatched" else FIRST

    def _limit(self, slot: int) -> int | None:
        match self._kinds[slot]:
            case "index":
                return self._limits.index
            case "liquid":
                return self._limits.liquid
            case "illiquid":
                return self._limits.illiquid
            case "unwatched":
                return None
            case _:
                return self._learned(slot)

    def _learned(self, slot: int) -> int | None:
        observed = (self._known[slot] - self._begun[slot]) // SECOND
        if observed < READY:
            return None
        if observed > SPAN:
            self._pauses.halve(slot)
            self._begun[slot] += observed // 2 * SECOND
            observed -= observed // 2
        usual = self._pauses.usual(slot, observed) * SECOND
        if usual > self._limits.illiquid // 2:
            return None  # it is so quiet that its silence says nothing
        return min(max(self._limits.liquid, MARGIN * usual), self._limits.illiquid)

    # What to do

    def _deeds(self, now: int, quiet: Collection[int]) -> list[Ask | Redial]:
        ask: list[int] = []
        redial: set[int] = set()
        for token, each in list(self.silent.items()):
            if now < each.next_at or each.place in quiet:
                continue
            self.silent[token] = replace(each, tries=each.tries + 1, next_at=now + pause(each.tries))
            if each.tries == TRIES and each.kind in MUST_TICK and self._may_redial(each.place, now):
                redial.add(each.place)
            ask.append(token)
        again = tuple(token for token in ask if self.silent[token].place not in redial)  # a new dial asks for all
        return [*map(Redial, sorted(redial)), *([Ask(again)] if again else [])]

    def _may_redial(self, place: int, now: int) -> bool:
        last = self._redialled.get(place)
        if last is not None and now - last < CALM:
            return False
        self._redialled[place] = now
        return True
