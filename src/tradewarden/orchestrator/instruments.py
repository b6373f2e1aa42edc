"""Keeps the subscription at what the rules ask for: fetches the daily dump, follows the spot, tells the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Protocol

import structlog

from tradewarden.feed.brokers.kite_rest import BrokerUnreachable
from tradewarden.feed.tick import Mode, Tick
from tradewarden.machines.dump import Dump, DumpError
from tradewarden.machines.instruments import (
    Chosen,
    Listing,
    Needs,
    Pick,
    Resolution,
    Rule,
    is_off_centre,
    needs,
    resolve,
)
from tradewarden.machines.report import DumpReport
from tradewarden.machines.subscription import difference
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn

DUMP_AFTER = time(8, 30)  # Kite makes the dump once each morning; tokens must be mapped anew after about this hour
RETRY, LONGEST_RETRY = 60.0, 900.0  # seconds
LOOK_BACK = 15  # days: no exchange is closed for longer

log = structlog.get_logger()


class Broker(Protocol):
    """Whoever has the dump."""

    async def dump(self, needs: Needs, *, day: date, now: datetime, lines: Mapping[str, int]) -> Dump:
        """What is needed of the day's dump; raises DumpError or BrokerUnreachable."""
        ...


class Keep(Protocol):
    """Where the last good dump is kept."""

    def load(self) -> Dump | None:
        """The kept one."""
        ...

    def save(self, dump: Dump) -> None:
        """Keep this one instead."""
        ...


@dataclass(frozen=True, slots=True)
class InstrumentsReport:
    """What is streamed and why, and how fresh the dump is that says so."""

    now: datetime
    dump: Dump | None
    dump_wanted: date | None  # the day whose dump there should be; none when no rule needs one
    trouble: str | None  # why the last attempt brought no dump
    picks: tuple[Pick, ...]
    chosen: Mapping[int, Chosen]
    fetching: bool
    rules_problem: str | None = None  # why the rule files as they are now are not used


def forecast(rules: Sequence[Rule], keep: Keep) -> tuple[str, ...]:
    """Which rules find nothing, or too little, in the kept dump; a price that is waited for is no problem yet."""
    dump = keep.load()
    if dump is None or not needs(rules).exchanges:
        return ()
    picks = resolve(rules, Listing(dump.instruments, dump.day), today=dump.day, prices={}).picks
    return tuple(pick.problem for pick in picks if pick.problem is not None and not pick.waiting)


class InstrumentsDriver:
    """The rules of the desk and what they come to.

    Rules that only list tokens need no dump, and then nothing is ever fetched. Windows of strikes are looked at with
    each beat; a tick only leaves its price.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        broker: Broker,
        keep: Keep,
        clock: Clock,
        spawn: Spawn,
        trading_day: Callable[[date], bool],
        dump_after: time = DUMP_AFTER,
    ) -> None:
        self._rules = tuple(rules)
        self._broker, self._keep = broker, keep
        self._clock, self._spawn = clock, spawn
        self._trading_day = trading_day
        self._dump_after = dump_after
        self._needs = needs(self._rules)
        self._followers: tuple[Callable[[Mapping[int, Mode]], None], ...] = ()
        self._dump: Dump | None = keep.load() if self._needs.exchanges else None
        self._listing = self._list(self._dump)
        self._prices: dict[int, float] = {}
        self._spots: frozenset[int] = frozenset()
        self._resolution = Resolution()
        self._classes: dict[int, str | None] = {}
        self._resolved_on: date | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._retry_at: int | None = None
        self._failures = 0
        self._trouble: str | None = None
        self._told: tuple[str, ...] = ()
        self._rules_problem: str | None = None
        self.wanted: Mapping[int, Mode] = MappingProxyType({})
        self._resolve()
        # The kept dump may be from before a rule was added: where one finds too little, today's is asked for again.
        self._doubt = any(pick.problem and not pick.waiting for pick in self._resolution.picks)

    def attach(self, *followers: Callable[[Mapping[int, Mode]], None]) -> None:
        """Name whoever is told of every change of the subscription from now on: the stream first of all."""
        self._followers = followers

    def use(self, rules: Sequence[Rule]) -> None:
        """Follow these rules from now on; the difference is settled, and a dump fetched if need be."""
        self._rules_problem = None
        if tuple(rules) == self._rules:
            return
        before = self._needs
        self._rules, self._needs = tuple(rules), needs(rules)
        if self._dump is None and self._needs.exchanges:
            self._dump = self._keep.load()
            self._listing = self._list(self._dump)
        log.info("instruments.rules", rules=len(self._rules))
        self._resolve()
        self._doubt = self._doubt or self._needs != before

    def refuse(self, problem: str) -> None:
        """The rules as they are now cannot be used: the ones before stay in force."""
        self._rules_problem = problem

    def class_of(self, token: int) -> str | None:
        """The class of freshness that a rule names for it."""
        chosen = self._resolution.chosen.get(token)
        return None if chosen is None else chosen.freshness

    # What happens

    def ticks(self, ticks: list[Tick]) -> None:
        """The hot path: the price of a spot is noted, and nothing else."""
        spots = self._spots
        if not spots:
            return
        for tick in ticks:
            if tick.token in spots and tick.last_price_raw > 0:
                self._prices[tick.token] = tick.last_price_raw / tick.divisor

    def look(self) -> None:
        """At each beat: is a fresh dump due, has the day changed, has the spot left the middle of a window?"""
        if not self._needs.exchanges:
            return
        if self._is_dump_due():
            self._fetching = self._spawn(self._fetch(), name="instruments.dump")
        if self._resolved_on != self._clock.now().date() or self._is_off_centre():
            self._resolve()

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _is_off_centre(self) -> bool:
        prices = self._prices
        return any(
            is_off_centre(pick, prices[pick.spot.token])
            for pick in self._resolution.picks
            if pick.spot is not None and pick.spot.token in prices
        )

    # The dump

    def _is_dump_due(self) -> bool:
        if self._is_fetching():
            return False
        if self._retry_at is not None and self._clock.mono_ns() < self._retry_at:
            return False
        return self._lacks(self._clock.now())

    def _lacks(self, now: datetime) -> bool:
        dump = self._dump
        return self._doubt or dump is None or dump.late is not None or dump.day < self._day_of_dump(now)

    def _day_of_dump(self, now: datetime) -> date:
        """The last trading day whose dump must be there by now."""
        for back in range(LOOK_BACK):
            day = now.date() - timedelta(days=back)
            if self._trading_day(day) and datetime.combine(day, self._dump_after, now.tzinfo) <= now:
                return day
        return now.date()

    async def _fetch(self) -> None:
        now = self._clock.now()
        day = self._day_of_dump(now)
        lines = self._dump.lines if self._dump is not None else {}
        try:
            dump = await self._broker.dump(self._needs, day=day, now=now, lines=lines)
        except DumpError as refusal:
            self._failed(f"refused: {refusal}")
        except BrokerUnreachable as trouble:
            self._failed(trouble.text)
        else:
            self._take(dump)

    def _take(self, dump: Dump) -> None:
        if dump.late is not None and self._dump is not None and self._dump.instruments:
            self._failed(f"refused: {dump.late}")
            return
        # Yesterday's is better than none at all: it is used, and asked for again until today's is there.
        self._dump, self._listing, self._doubt = dump, self._list(dump), False
        if dump.late is None:
            self._trouble, self._failures, self._retry_at = None, 0, None
        else:
            self._failed(dump.late)
        self._save(dump)
        log.info("instruments.dump", day=str(dump.day), kept=len(dump.instruments), lines=dict(dump.lines))
        self._resolve()

    def _save(self, dump: Dump) -> None:
        try:
            self._keep.save(dump)
        except OSError as trouble:
            log.warning("instruments.not_kept", why=trouble.strerror)

    def _failed(self, text: str) -> None:
        wait = min(LONGEST_RETRY, RETRY * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._trouble, self._retry_at = text, self._clock.mono_ns() + round(wait * 1e9)
        log.warning("instruments.no_dump", why=text, retry_in=wait, kept=str(self._dump.day) if self._dump else None)

    @staticmethod
    def _list(dump: Dump | None) -> Listing:
        return Listing(()) if dump is None else Listing(dump.instruments, dump.day)

    # The subscription

    def _resolve(self) -> None:
        today = self._clock.now().date()
        self._resolution = resolve(
            self._rules, self._listing, today=today, prices=self._prices, centres=self._resolution.centres
        )
        self._resolved_on, self._spots = today, self._resolution.spots
        self._tell_problems()
        wanted = {token: Mode(each.mode) for token, each in self._resolution.chosen.items()}
        change = difference(self.wanted, wanted)
        classes = {token: each.freshness for token, each in self._resolution.chosen.items()}
        if not (change.leave or change.add or change.modes or classes != self._classes):
            return
        self._classes = classes
        log.info(
            "instruments.changed",
            total=len(wanted),
            added=len(change.add),
            left=len(change.leave),
            modes=len(change.modes),
            centres=self._resolution.centres,
        )
        self.wanted = MappingProxyType(wanted)
        for follow in self._followers:
            follow(self.wanted)

    def _tell_problems(self) -> None:
        problems = self._resolution.problems if self._dump is not None else ()  # without a dump no rule is to blame
        for problem in problems:
            if problem not in self._told:
                log.warning("instruments.rule", problem=problem)
        self._told = problems

    def report(self) -> InstrumentsReport:
        """What is streamed now, and why."""
        now = self._clock.now()
        return InstrumentsReport(
            now=now,
            dump=self._dump,
            dump_wanted=self._day_of_dump(now) if self._needs.exchanges else None,
            trouble=self._trouble,
            picks=self._resolution.picks,
            chosen=self._resolution.chosen,
            fetching=self._is_fetching(),
            rules_problem=self._rules_problem,
        )

    def health(self) -> DumpReport | None:
        """What of it belongs into the desk's picture; nothing while no rule needs a dump and none is wrong."""
        now, dump = self._clock.now(), self._dump
        if not self._needs.exchanges and self._rules_problem is None:
            return None
        wanted = self._day_of_dump(now)
        return DumpReport(
            day=None if dump is None else dump.day,
            fetched_at=None if dump is None else dump.fetched_at,
            wanted=wanted,
            is_fresh=dump is not None and dump.late is None and dump.day >= wanted,
            trouble=self._trouble,
            rules_problem=self._rules_problem,
        )
