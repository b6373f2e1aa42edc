"""When data was due and did not come: one entry for each outage, however often was dialled meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import SILENCE

SESSION_ENDED = "session ended"
INSTRUMENT_SILENCE = "instrument silence"
LEFT = "unsubscribed"
STOPPED = "daemon stopped"

NEAR = timedelta(seconds=5)  # silences of instruments that began so near to each other are one


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval without data that was due, from the last tick to the first proven one, and every cause in turn."""

    began: datetime
    ended: datetime
    causes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.ended - self.began).total_seconds()


def together(over: Iterable[tuple[int, Gap]]) -> list[tuple[Gap, tuple[int, ...]]]:
    """Silences of single instruments, those of one origin as one: one entry for each cause and beginning."""
    joined: list[tuple[Gap, list[int]]] = []
    for token, gap in sorted(over, key=lambda each: (each[1].causes, each[1].began, each[0])):
        if joined and joined[-1][0].causes == gap.causes and gap.began - joined[-1][0].began <= NEAR:
            whole, tokens = joined[-1]
            joined[-1] = replace(whole, ended=max(whole.ended, gap.ended)), [*tokens, token]
        else:
            joined.append((gap, [token]))
    return [(gap, tuple(sorted(set(tokens)))) for gap, tokens in joined]


class Outage:
    """Follows one feed and says when an outage is over that was long enough to be told.

    What is shorter than the phase's limit of silence (10 s dense, 120 s sparse) is no gap. A gap that is open when data
    stops being due ends there.
    """

    def __init__(self) -> None:
        self.began: datetime | None = None
        self.causes: list[str] = []
        self._expected = "none"

    def observe(
        self,
        *,
        now: datetime,
        streaming: bool,
        expected: str,
        due_since: datetime,
        last_tick: datetime | None,
        cause: str | None,
    ) -> Gap | None:
        """Tell how the feed stands; the gap that has just ended, if one has.

        `due_since` is when the present phase began to expect what it expects, `last_tick` the last tick of the stream.
        """
        if expected not in SILENCE:
            return self.close(now, SESSION_ENDED)
        if streaming:
            self._expected = expected
            return self.close(now, None)
        if self.began is None:
            self.began = due_since if last_tick is None else max(last_tick, due_since)
        self._expected = expected
        self._blame(cause)
        return None

    def _blame(self, cause: str | None) -> None:
        if cause is not None and cause not in self.causes:
            self.causes.append(cause)

    def close(self, now: datetime, cause: str | None) -> Gap | None:
        """End the outage that is open, if one is; a cause of the end stands beside those of the beginning."""
        began, self.began = self.began, None
        if began is None:
            return None
        self._blame(cause)
        causes, self.causes = tuple(self.causes), []
        return Gap(began, now, causes) if now - began > self._limit() else None

    def so_far(self, now: datetime) -> Gap | None:
        """The gap that is open now, if it is long enough to be told."""
        if self.began is None or now - self.began <= self._limit():
            return None
        return Gap(self.began, now, tuple(self.causes))

    def _limit(self) -> timedelta:
        return timedelta(seconds=SILENCE[self._expected] / SECOND)
