"""Which desks run on schedule, as people have last said: a trader's as a whole, or single jobs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp

WHOLE: Final = ""  # where a job's name would be
RESTS: Final = "*"  # there too, of nobody: whether the jobs of all rest, since somebody stopped the desk


@dataclass(frozen=True, slots=True)
class Standing:
    """What was said last, when, and by whom."""

    on: bool
    at: datetime
    by: str


class Standings:
    """The words of people about whose jobs run. Raises LedgerError when the file takes or tells nothing."""

    def __init__(self, file: LedgerFile, *, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now

    def of(self, user: str) -> Mapping[str, bool]:
        """What was said of a trader's desk as a whole (no job) and of its jobs; the desk's own have no user."""
        return {job: standing.on for job, standing in self.told(user).items()}

    def told(self, user: str) -> Mapping[str, Standing]:
        """The same, with who said it and when."""
        rows = self._file.read("SELECT job, stands, at, by FROM standings WHERE user = ?", (user,))
        return {job: Standing(bool(stands), moment(at), by) for job, stands, at, by in rows}

    def users(self) -> list[str]:
        """Of whom anything was said."""
        return [user for (user,) in self._file.read("SELECT DISTINCT user FROM standings ORDER BY user")]

    def stopped_by(self) -> str | None:
        """Who has stopped the desk with all its jobs, if nobody has started it since."""
        standing = self.told("").get(RESTS)
        return standing.by if standing is not None and standing.on else None

    def started_at(self) -> datetime | None:
        """When somebody started the desk after a stop, if that is what was said last."""
        standing = self.told("").get(RESTS)
        return standing.at if standing is not None and not standing.on else None

    def set(self, user: str, standings: Mapping[str, bool], *, by: str) -> None:
        """All of these at once, or none: a whole that takes single ones over leaves no moment with neither."""
        now = stamp(self._now())
        with self._file.write() as db:
            db.executemany(
                "INSERT INTO standings (user, job, stands, at, by) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET stands = excluded.stands, at = excluded.at, by = excluded.by",
                [(user, job, on, now, by) for job, on in standings.items()],
            )
