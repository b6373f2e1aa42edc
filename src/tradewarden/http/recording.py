"""The panel of the page that tells what is recorded: ticks, what was lost, and how far each store has them."""

from __future__ import annotations

from html import escape
from types import MappingProxyType

from tradewarden.machines.report import GapsReport, JournalReport, Picture
from tradewarden.machines.sink import SinkReport

CAUGHT_UP, _MINUTES, _HOURS = 2, 120, 7200  # seconds

STATES: MappingProxyType[str, str] = MappingProxyType(
    {
        "connecting": "Connecting",
        "writing": "Up to date",
        "behind": "Catching up",
        "backing_off": "Not reached",
        "misfit": "Needs a person: tradewarden sinks says why",  # here anybody reads along
        "absent": "No process",
    }
)
SIGNS: MappingProxyType[str, str] = MappingProxyType(
    {"connecting": "…", "writing": "✓", "behind": "↻", "backing_off": "↻"}
)


def panel(picture: Picture) -> str:
    """The panel as HTML; nothing on a desk that records nothing."""
    if picture.journal is None and not picture.sinks:
        return ""
    stores = "".join(_store(sink) for sink in picture.sinks)
    return (
        '<section class="recording" id="recording" aria-label="Recording"><h2>Recording</h2>'
        f'<p class="tally" id="tally">{escape(tally(picture.journal, picture.gaps))}</p>'
        f'<ul class="stores" id="stores">{stores}</ul></section>'
    )


def tally(journal: JournalReport | None, gaps: GapsReport | None) -> str:
    """12,345 ticks recorded, none lost, no gap today; page.js says it in the same words."""
    parts = []
    if journal is not None:
        parts.append(f"{journal.records_total:,} ticks recorded since the start")
        parts.append(f"{journal.lost_total:,} lost" if journal.lost_total else "none lost")
    if gaps is not None:
        seconds = f" ({round(gaps.seconds):,} s)" if gaps.count else ""
        parts.append(f"{gaps.count or 'no'} gap{'' if gaps.count == 1 else 's'} today{seconds}")
    return ", ".join(parts)


def waits(lag_seconds: float) -> str:
    """How far a store is behind; nothing below two seconds, in which its batches are just being filled."""
    seconds = int(lag_seconds)
    if seconds < CAUGHT_UP:
        return ""
    if seconds < _MINUTES:
        return f"{seconds} s behind"
    return f"{seconds // 60} min behind" if seconds < _HOURS else f"{seconds // 3600} h behind"


def _store(sink: SinkReport) -> str:
    status = "warn" if sink.needs_a_look else "pass"
    return (
        f'<li data-status="{status}"><span class="name">{escape(sink.name)}</span> '
        f'<span class="sign" aria-hidden="true">{SIGNS.get(sink.state, "!")}</span> '
        f'<span class="word">{STATES[sink.state]}</span> <span class="lag">{waits(sink.lag_seconds)}</span></li>'
    )
