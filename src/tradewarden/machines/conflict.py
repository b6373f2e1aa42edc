"""Where ticks and calendar disagree: a session that it does not know, or a holiday."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tradewarden.machines.report import FeedReport, MarketReport, SegmentReport

SILENCE = timedelta(minutes=5)  # no tick on any instrument while one is due: longer than any reconnect takes
STRAY = timedelta(minutes=1)  # ticks that go on after the close: corrections, and clocks that differ a little

EVE = timedelta(minutes=30)  # before an opening: block deals and the first quotes are no session of their own

# Of a segment that is closed while others trade: settlement prices come long after its close, resets before its open.
TAIL, MORNING = timedelta(hours=1), timedelta(hours=2)
STRANGE = "closed, but ticks come: a session that the calendar lacks?"

_LISTENING = ("connected", "streaming", "stale")


def conflicts(market: MarketReport, feed: FeedReport, now: datetime, heard: datetime | None) -> Mapping[str, str]:
    """What is odd about each segment, as a question to a person; empty while ticks and calendar agree.

    `heard` is the last proven tick: a snapshot, which comes with every subscribe even on a holiday, is none.
    """
    if _is_silent(market, feed, now, heard):
        due = [segment for segment in market.segments if segment.state == "live" and segment.expected == "dense"]
        minutes = int(SILENCE.total_seconds() // 60)
        return {each.segment: f"live, but no tick on any instrument for {minutes} minutes: a holiday?" for each in due}
    if _is_stray(market, feed, now):
        return {each.segment: STRANGE for each in market.segments}
    return dict.fromkeys(_strays(market, feed, now), STRANGE)


def _is_silent(market: MarketReport, feed: FeedReport, now: datetime, heard: datetime | None) -> bool:
    """The line works and carries nothing, although data has been due for so long."""
    due = [segment.since for segment in market.segments if segment.state == "live" and segment.expected == "dense"]
    if not due or feed.usable_since is None or not _carries(feed):
        return False
    return now - max(min(due), feed.usable_since, heard or feed.usable_since) >= SILENCE


def _carries(feed: FeedReport) -> bool:
    """The broker answers: a line that is cut or refused says nothing about the market."""
    return feed.state in _LISTENING or feed.reason == "stall"


def _is_stray(market: MarketReport, feed: FeedReport, now: datetime) -> bool:
    """Proven ticks come, well after everything closed; mocks, breaks and the minutes before an opening are noisy."""
    if feed.state != "streaming" or feed.last_tick_at is None or feed.up_since is None:
        return False
    if not all(_is_closed(segment, now) for segment in market.segments):
        return False
    closed = max(segment.since for segment in market.segments)
    begun = max(closed, feed.up_since)
    return feed.last_tick_at - begun >= STRAY and now - feed.last_tick_at < STRAY


def _strays(market: MarketReport, feed: FeedReport, now: datetime) -> list[str]:
    """The segments that are long closed and tick all the same, whatever the others do."""
    known = {segment.segment: segment for segment in market.segments}
    odd: list[str] = []
    for run in feed.runs:
        own = [known[name] for name in run.segments if name in known]
        if not own or not all(_is_closed(segment, now, eve=MORNING) for segment in own):
            continue
        begun = max(run.began, *(segment.since + TAIL for segment in own))
        if run.last - begun >= STRAY and now - run.last < STRAY:
            odd += [segment.segment for segment in own]
    return odd


def _is_closed(segment: SegmentReport, now: datetime, *, eve: timedelta = EVE) -> bool:
    noisy = segment.session == "mock" or segment.phase == "break"
    opens = segment.next_at is not None and segment.next_at - now <= eve
    return segment.state == "closed" and segment.expected == "none" and not noisy and not opens
