"""What the last run of the journal left behind: its torn tail is cut, its damage told, its last number found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tradewarden.feed.record import SIZE
from tradewarden.feed.segment import Hole, Segment, file_name, first_seqs


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a journal as it was found."""

    last_seq: int = 0  # no number up to here is used again
    last_ns: int = 0  # when the last record was received
    cut_bytes: int = 0
    holes: tuple[Hole, ...] = ()  # in the newest segment


def mend(directory: Path) -> Found:
    """Cut the torn tail of the newest segment, and tell how the journal ends. Raises OSError."""
    seqs = first_seqs(directory)
    if not seqs:
        return Found()
    path = directory / file_name(seqs[-1])
    segment = Segment(path)
    try:
        found, size = _read(segment, seqs[-1] - 1), segment.size
        if segment.newer or (found.last_seq < seqs[-1] and not segment.sound):
            return Found(found.last_seq + size // SIZE)  # nothing of it can be read: it is left alone
    finally:
        segment.close()
    cut = max(0, size - segment.offset)
    if cut:
        os.truncate(path, segment.offset)
    return Found(found.last_seq, found.last_ns, cut, found.holes)


def _read(segment: Segment, last: int) -> Found:
    last_ns, holes = 0, []
    while (frame := segment.next()) is not None:
        if frame.first_seq > last + 1:
            holes.append(Hole(last + 1, frame.first_seq - 1, segment.damaged(), last_ns, frame.received_ns))
        last, last_ns = frame.last_seq, frame.received_ns
    return Found(last, last_ns, holes=tuple(holes))
