"""The desk's record of ticks, opened before anything is started that might fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewarden.orchestrator.clock import Clock

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.feed.journal import Journal
    from tradewarden.settings import Settings

MEGABYTE = 1_000_000
JOURNAL = "journal"  # in the state directory


def journal_of(settings: Settings, clock: Clock) -> Journal | None:
    """The journal, if this desk keeps one; its numbers go on behind those that any store has. Raises JournalError."""
    told = settings.journal
    if not told.record:
        return None
    from tradewarden.feed import cursor  # noqa: PLC0415 - a desk that keeps no ticks starts its programs without it
    from tradewarden.feed.journal import Journal  # noqa: PLC0415

    place = settings.state_dir / JOURNAL
    return Journal(
        place,
        after=max((seq or 0 for seq in cursor.everyone(place).values()), default=0),
        segment_bytes=told.segment_mb * MEGABYTE,
        segment_seconds=told.segment_minutes * 60,
        now_ns=lambda: nanoseconds(clock),
    )


def nanoseconds(clock: Clock) -> int:
    """The wall's time as records have it."""
    return int(clock.now().timestamp() * 1e9)
