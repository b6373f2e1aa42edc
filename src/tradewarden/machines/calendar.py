"""When each segment trades, when the feed is wanted, and how far the calendar can be trusted."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from tradewarden.machines.override import Override
from tradewarden.machines.segment import Segment
from tradewarden.machines.session import MIDNIGHT, Moment, most_expected, told_by_venue

__all__ = ["BRIDGE", "LEAD", "Calendar", "Moment", "most_expected"]  # the words of one answer, from one place

Answer = TypeVar("Answer")

LEAD = timedelta(minutes=20)  # the socket is up and subscribed before the first phase that expects data
BRIDGE = timedelta(minutes=30)  # a shorter lull does not close it
NOTICE = timedelta(days=30)  # how long before the end of coverage a person is told
_ONE_DAY = timedelta(days=1)
_HORIZON = timedelta(days=60)  # longer than any market has ever paused between two sessions


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a day in which one answer holds."""

    begin: datetime
    end: datetime
    moment: Moment


@dataclass(frozen=True, slots=True)
class Calendar:
    """The dated sessions of every known segment; asked with an aware time in any zone, it never guesses."""

    by_segment: Mapping[str, Segment] = field(repr=False)
    sha256: str  # of the files it was made from
    overrides: Mapping[str, Override] = field(default_factory=dict)  # an admin's word, one a segment
    _memo: dict[tuple[object, ...], tuple[datetime, datetime, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # an answer about what comes next holds until that comes: asked anew at each beat, it is a look-up

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_segment", MappingProxyType(dict(self.by_segment)))
        object.__setattr__(self, "overrides", MappingProxyType(dict(self.overrides)))

    def under(self, overrides: Mapping[str, Override]) -> Calendar:
        """The same calendar under an admin's word; words about unknown segments are left out."""
        return replace(self, overrides={name: word for name, word in overrides.items() if name in self.by_segment})

    @property
    def segments(self) -> frozenset[str]:
        """The segments it knows."""
        return frozenset(self.by_segment)

    def at(self, segment: str, when: datetime, venue: str | None = None) -> Moment:
        """Where the segment stands at this moment; a venue without a closing bell may say so itself."""
        rules = self._known(segment)
        local = when.astimezone(rules.zone) if when.tzinfo else _refuse_naive(when)
        moment = rules.day(local.date()).at(local.hour * 3600 + local.minute * 60 + local.second)
        if venue is not None and moment.phase == "online":
            moment = told_by_venue(venue)
        override = self.overrides.get(segment)
        return override.over(moment) if override is not None and override.holds(when) else moment

    def spans(self, segment: str, day: date) -> list[Span]:
        """The day as the files tell it, from midnight to midnight of the segment's zone."""
        rules = self._known(segment)
        table = rules.day(day)
        ends = (*table.begins[1:], MIDNIGHT)
        return [
            Span(rules.instant(day, begin), rules.instant(day, end), moment)
            for begin, end, moment in zip(table.begins, ends, table.moments, strict=True)
        ]

    def told_by(self, segment: str, day: date) -> tuple[str | None, str]:
        """Who says so, and how sure it is: confirmed, provisional, mock; nobody and unknown outside coverage."""
        return self._known(segment).told_by(day)

    def next_change(self, segment: str, when: datetime) -> tuple[datetime, Moment] | None:
        """When anything of the answer changes next, and to what; none past coverage."""
        return self._next(segment, when, lambda moment: moment)

    def next_state(self, segment: str, when: datetime) -> tuple[datetime, str] | None:
        """When the segment's state changes next, across nights, weekends and holidays; none past coverage."""

        def find() -> tuple[tuple[datetime, str] | None, datetime | None]:
            found = self._next(segment, when, lambda moment: moment.state)
            return found and (found[0], found[1].state), found and found[0]

        return self._kept(("state", segment), when, find)

    def wanted(
        self, segments: Sequence[str], when: datetime, lead: timedelta = LEAD, bridge: timedelta = BRIDGE
    ) -> bool:
        """Whether the feed should be up: shortly before data is due, while it is, and across short lulls."""
        return self._wanted(segments, when, lead, bridge)[0]

    def next_wanted_change(
        self, segments: Sequence[str], when: datetime, lead: timedelta = LEAD, bridge: timedelta = BRIDGE
    ) -> datetime | None:
        """When the feed begins or ceases to be wanted; none when that is beyond sight."""
        return self._wanted(segments, when, lead, bridge)[1]

    def trading_day(self, segment: str, day: date, *, muhurat: bool = False) -> bool:
        """Whether the segment trades that day; mocks never count, a Muhurat-only day when asked for.

        A weekday past coverage counts: a job that runs on a holiday is a smaller harm than one that silently does not.
        """
        table = self._known(segment).day(day)
        return muhurat if table.session == "muhurat" else bool(table.due)

    def covered_until(self, segment: str) -> date:
        """The last day that is not unknown."""
        return self._known(segment).covered_until

    def problem(self, segment: str, when: datetime) -> str | None:
        """What a person should do about the segment's calendar, if anything; told 30 days before it ends."""
        rules = self._known(segment)
        today = (when.astimezone(rules.zone) if when.tzinfo else _refuse_naive(when)).date()
        if today < rules.covered_from:
            return f"{segment} is covered from {rules.covered_from} only"
        if today > rules.covered_until:
            return f"{segment} was covered until {rules.covered_until}; install a newer calendar"
        if today > rules.covered_until - NOTICE:
            return f"{segment} is covered until {rules.covered_until} only; install a newer calendar before"
        return None

    def _known(self, segment: str) -> Segment:
        try:
            return self.by_segment[segment]
        except KeyError:
            raise LookupError(f"no calendar for segment {segment}; known: {', '.join(sorted(self.segments))}") from None

    def _next(self, segment: str, when: datetime, aspect: Callable[[Moment], object]) -> tuple[datetime, Moment] | None:
        now = aspect(self.at(segment, when))
        return next(((begin, moment) for begin, moment in self._later(segment, when) if aspect(moment) != now), None)

    def _later(self, segment: str, when: datetime) -> Iterator[tuple[datetime, Moment]]:
        rules = self._known(segment)
        override = self.overrides.get(segment)
        if override is None or not override.holds(when):
            yield from rules.changes_after(when.astimezone(rules.zone))
            return
        end = override.until.astimezone(rules.zone)
        for begin, moment in rules.changes_after(when.astimezone(rules.zone)):
            if begin >= end:
                break
            yield begin, override.over(moment)
        yield end, self.at(segment, end)
        yield from rules.changes_after(end)

    def _kept(
        self, key: tuple[object, ...], when: datetime, find: Callable[[], tuple[Answer, datetime | None]]
    ) -> Answer:
        """The answer that was found before if it still holds; `find` also says until when its answer does."""
        known = self._memo.get(key)
        if known is not None and known[0] <= (when if when.tzinfo else _refuse_naive(when)) < known[1]:
            answer: Answer = known[2]
            return answer
        answer, until = find()
        self._memo[key] = when, until or when + _ONE_DAY, answer
        return answer

    def _wanted(
        self, segments: Sequence[str], when: datetime, lead: timedelta, bridge: timedelta
    ) -> tuple[bool, datetime | None]:
        if not segments:
            return False, None

        def find() -> tuple[tuple[bool, datetime | None], datetime | None]:
            found = self._window(segments, when, lead, bridge)
            return found, found[1]

        return self._kept(("wanted", *segments, lead, bridge), when, find)

    def _window(
        self, segments: Sequence[str], when: datetime, lead: timedelta, bridge: timedelta
    ) -> tuple[bool, datetime | None]:
        now = (when if when.tzinfo else _refuse_naive(when)).astimezone(UTC)
        sight = now + _HORIZON
        zone = self._known(segments[0]).zone
        for begin, end in _windows(self._due(segments, now, sight), lead, bridge):
            if now < begin:
                return False, begin.astimezone(zone)
            if now < end:
                return True, end.astimezone(zone) if end < sight else None
        return False, None

    def _due(self, segments: Sequence[str], now: datetime, sight: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches in which any segment expects data, by their begin, from the day before on."""
        return heapq.merge(*(self._due_of(segment, now, sight) for segment in segments))

    def _due_of(self, segment: str, now: datetime, sight: datetime) -> Iterator[tuple[datetime, datetime]]:
        due = _due_of(self._known(segment), now, sight)
        override = self.overrides.get(segment)
        if override is None or override.due is None:
            return due  # one that has ended counts too: a lull begins where its data ended
        begin, end = override.since.astimezone(UTC), override.until.astimezone(UTC)
        rest = [part for stretch in due for part in _without(stretch, begin, end)]
        return iter(sorted([*rest, (begin, end)] if override.due else rest))


def _due_of(rules: Segment, now: datetime, sight: datetime) -> Iterator[tuple[datetime, datetime]]:
    day, last = now.astimezone(rules.zone).date() - _ONE_DAY, sight.astimezone(rules.zone).date()
    while day <= last:
        for begin, end in rules.day(day).due:
            yield rules.instant(day, begin).astimezone(UTC), rules.instant(day, end).astimezone(UTC)
        day += _ONE_DAY


def _without(stretch: tuple[datetime, datetime], begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What of a stretch lies outside these two times."""
    for part in ((stretch[0], min(stretch[1], begin)), (max(stretch[0], end), stretch[1])):
        if part[0] < part[1]:
            yield part


def _windows(
    due: Iterator[tuple[datetime, datetime]], lead: timedelta, bridge: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The same stretches with their lead, joined across short lulls."""
    joined = max(lead, bridge)  # a lull no longer than the lead is wholly lead
    first = next(due, None)
    if first is None:
        return
    begin, end = first
    for later_begin, later_end in due:
        if later_begin - end > joined:
            yield begin - lead, end
            begin, end = later_begin, later_end
        else:
            end = max(end, later_end)
    yield begin - lead, end


def _refuse_naive(when: datetime) -> datetime:
    raise ValueError(f"{when} has no time zone; the calendar never assumes the host's")
