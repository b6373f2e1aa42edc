"""A reader of the journal: follows it from any number on, in the daemon or in a process of its own, at its own pace."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from tradewarden.feed.record import Frame
from tradewarden.feed.segment import Hole, Segment, file_name, first_seqs

GONE: Final = "no segment holds them any more"
FRESH_NS: Final = 2_000_000_000  # a directory that changed so lately may change again within the same time stamp


class Reader:
    """The frames behind a number, in order, each once; what is missing between them is told in `holes`."""

    def __init__(self, directory: Path, *, after: int) -> None:
        self.position = after  # the number of the last record that was returned
        self.holes: list[Hole] = []
        self._directory = directory
        self._segment: Segment | None = None
        self._rest: Frame | None = None  # of a frame that was cut
        self._received_ns = 0
        self._first = -1  # the number with which the present segment starts
        self._why = GONE  # what a hole before the next frame comes from
        self._seqs: list[int] = []
        self._listed_ns = -1  # the directory's own time when it was listed; -1: list it again

    def read(self, most: int) -> list[Frame]:
        """About so many of the records that follow, in whole frames; nothing when there is nothing new.

        A frame that is longer than that by itself is cut: a sink's memory is bounded whatever came at once.
        """
        frames: list[Frame] = []
        records = 0
        while records < most and (frame := self._rest or self._next()) is not None:
            self._rest = None
            if frame.count > most:
                frame, self._rest = frame.part(0, most), frame.part(most, frame.count)
            self.position = frame.last_seq
            frames.append(frame)
            records += frame.count
        return frames

    def close(self) -> None:
        """Let go of the files."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _next(self) -> Frame | None:
        while True:
            if self._segment is None and not self._open_following():
                return None
            frame = self._of_present()
            if frame is not None:
                return frame
            if self._segment is not None and self._following() is None:
                return None
            frame = self._of_present()  # it may have grown until the next one was there, and cannot any more
            if frame is not None:
                return frame
            self._leave()

    def _of_present(self) -> Frame | None:
        """The next frame of the present segment that is new."""
        segment = self._segment
        while segment is not None and (frame := segment.next()) is not None:
            if frame.last_seq > self.position:
                return self._take(frame, segment)
        return None

    def _take(self, frame: Frame, segment: Segment) -> Frame:
        expected = self.position + 1
        if frame.first_seq > expected:
            if segment.damage is not None:
                self._why = segment.damaged()
            self.holes.append(Hole(expected, frame.first_seq - 1, self._why, self._received_ns, frame.received_ns))
        elif frame.first_seq < expected:
            frame = frame.part(expected - frame.first_seq, frame.count)
        self.position, self._received_ns = frame.last_seq, frame.received_ns
        self._why = GONE
        return frame

    def _leave(self) -> None:
        """The present segment is read: whatever is left of it is damage."""
        segment = self._segment
        if segment is None:
            return
        if segment.newer:
            self._why = f"{segment.path.name} was written by a newer version"
        elif segment.offset < segment.size:
            segment.damage = None
            self._why = segment.damaged()
        self.close()

    def _open_following(self) -> bool:
        """Open the segment that comes next; whether there is one."""
        while (first := self._following()) is not None:
            try:
                self._segment = Segment(self._directory / file_name(first))
            except FileNotFoundError:
                self._listed_ns = -1  # taken away just now
                self._why = GONE
                continue
            self._first = first
            self._segment.seek(self.position + 1)
            return True
        return False

    def _following(self) -> int | None:
        """The start of the segment that comes next: of those behind the present one, the first that has something."""
        later = [first for first in self._listed() if first > self._first]
        if not later:
            return None
        reached = [first for first in later if first <= self.position + 1]
        return reached[-1] if reached else later[0]

    def _listed(self) -> list[int]:
        """The segments there are; the directory is read again only when it has changed."""
        try:
            changed_ns = os.stat(self._directory).st_mtime_ns  # noqa: PTH116 - asked at every read
        except FileNotFoundError:
            return []
        if changed_ns != self._listed_ns:
            self._seqs = first_seqs(self._directory)
            self._listed_ns = changed_ns if abs(time.time_ns() - changed_ns) > FRESH_NS else -1
        return self._seqs


def tail(directory: Path) -> int:
    """The last number that the journal has given, as its files tell; 0 when there is none."""
    for first in reversed(first_seqs(directory)):
        try:
            segment = Segment(directory / file_name(first))
        except FileNotFoundError:
            continue
        try:
            last = segment.last()
        finally:
            segment.close()
        return first - 1 if last is None else last.last_seq
    return 0
