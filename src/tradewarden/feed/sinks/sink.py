"""What every store must be able to do; who drives it (dials, batches, retries, measures) is orchestrator/sinks.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tradewarden.feed.record import Frame


class SinkUnavailableError(Exception):
    """The store cannot be reached, or broke off; the text says which and why. It is tried again with backoff."""


class SinkMisfitError(Exception):
    """The store is there, but a person must act: a wrong password, a missing database, a table of another shape.

    The text says what and what to do. Nothing has been written. It is tried again once a minute.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How much a store takes at once: written when so many records wait, or when the oldest has waited so long.

    A sink that is behind takes more at once.
    """

    records: int = 500
    seconds: float = 0.001
    records_behind: int = 5000


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that the store refused for good, with the store's reason; the rest of its batch was written."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one batch."""

    records: int  # that the store has now, those it had before included
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What one table, stream or measurement holds, as the store itself tells it."""

    name: str
    rows: int | None
    bytes: int | None


class Sink(Protocol):
    """A store that reads the journal from its own cursor.

    `open` comes first and after every trouble; then `position`, then `write` again and again, one at a time, always
    with the frames that follow. A write that was cancelled or failed may have been committed: `position` tells, and
    writing a record twice must leave it there once. Every await has a deadline of the sink's own.
    """

    name: str
    batching: Batching

    async def open(self) -> None:
        """Connect; create and migrate what is missing, retention included. Raises the two errors above."""
        ...

    async def position(self) -> int | None:
        """The number of the last record that is safe in the store; 0 for an empty one, None when it cannot tell."""
        ...

    async def write(self, frames: Sequence[Frame]) -> Written:
        """Commit these records; they are safe when it returns. Raises the two errors above."""
        ...

    async def tables(self) -> list[Stored]:
        """What the store holds, where it tells."""
        ...

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        ...
