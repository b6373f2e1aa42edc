"""The calendar while the daemon runs: files that come and go in the state directory, and an admin's orders."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import structlog

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.override import Override, fault_of
from tradewarden.orchestrator.calendar import OWN, CalendarError, load_calendar
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.override_file import OVERRIDES, read_overrides, write_overrides

Stamp = tuple[tuple[str, int, int, int, int], ...]

log = structlog.get_logger()


def _stamp(directory: str) -> Stamp:
    """How the directory's files look from outside."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith(".toml") and not entry.name.startswith("."):
                    status = entry.stat()
                    found.append((entry.name, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
    except OSError:  # there is none, or a file went away while we looked: the next beat looks again
        return tuple(sorted(found))
    return tuple(sorted(found))


class RefusedOverrideError(ValueError):
    """An admin's order makes no sense; `key` says where, the text why."""

    def __init__(self, key: str, wrong: str) -> None:
        super().__init__(f"{key}: {wrong}")
        self.key, self.wrong = key, wrong


class CalendarKeeper:
    """Gives the market its calendar: the files as they are now, the last good ones if they are bad, an admin's word."""

    def __init__(self, state_dir: Path, market: MarketDriver, clock: Clock) -> None:
        self._state_dir, self._market, self._clock = state_dir, market, clock
        self._files = market.calendar
        self._directory = str(state_dir / OWN)
        self._stamp = _stamp(self._directory)
        self._overrides = read_overrides(state_dir / OVERRIDES)
        self.problem: str | None = None
        if self._stamp:
            self.read_files()  # they may have changed since the calendar was read, or be bad from the start
        elif self._overrides:
            self._apply()

    @property
    def calendar(self) -> Calendar:
        """The one in force."""
        return self._market.calendar

    @property
    def overrides(self) -> list[Override]:
        """What admins have said and still holds."""
        now = self._clock.now()
        return [override for override in self._overrides.values() if override.holds(now)]

    def look(self) -> None:
        """At each beat: read the files anew when they have changed, and forget overrides that are over."""
        stamp = _stamp(self._directory)
        if stamp != self._stamp:
            self._stamp = stamp
            self.read_files()
        if self._overrides:
            self._forget(self._clock.now())

    def _forget(self, now: datetime) -> None:
        over = [name for name, override in self._overrides.items() if override.until <= now]
        if over:
            for name in over:
                del self._overrides[name]
                log.info("market.override_over", segment=name)
            self._save()

    def read_files(self) -> None:
        """Replace the calendar whole, or keep the last good one and say what is wrong."""
        try:
            calendar = load_calendar(self._state_dir)
        except CalendarError as error:
            more = len(error.problems) - 1
            self.problem = f"a calendar file is not used: {error.problems[0]}" + (f" (and {more} more)" if more else "")
            for problem in error.problems:
                log.warning("market.calendar_refused", problem=problem)
        else:
            self.problem, self._files = None, calendar
            log.info("market.calendar", sha256=calendar.sha256)
        self._apply()

    def order(self, *, segment: str, until: datetime, reason: str, state: str | None, expect: str | None) -> Override:
        """An admin's word, in force from now on. Raises RefusedOverrideError; nothing is changed then."""
        override = Override(segment, self._clock.now(), until, reason.strip(), state, expect)
        fault = fault_of(override, self._files.segments)
        if fault is not None:
            raise RefusedOverrideError(*fault)
        self._overrides[segment] = override
        self._save()
        log.warning("market.override", segment=segment, state=state, expect=expect, until=until.isoformat())
        self._apply()
        return override

    def lift(self, segment: str) -> bool:
        """Take an order back; false when there is none."""
        if self._overrides.pop(segment, None) is None:
            return False
        self._save()
        log.warning("market.override_lifted", segment=segment)
        self._apply()
        return True

    def _save(self) -> None:
        try:
            write_overrides(self._state_dir / OVERRIDES, self._overrides)
        except OSError as trouble:  # it holds all the same, but would not outlive the daemon
            log.warning("market.override_unsaved", error=trouble.strerror)

    def _apply(self) -> None:
        self._market.use(self._files.under(self._overrides), problem=self.problem)
