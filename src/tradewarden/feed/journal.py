"""The journal: every tick is in it before anybody else sees it, and every store reads it from here.

Appending is one write(2) of a frame, on the loop; what it costs is a copy into the page cache. What a crash of the
machine may take is bounded by `sync`, which runs in a thread. A frame that could not be written whole is taken away
again and its segment ended, so that what stands in a file never changes.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from tradewarden.feed.journal_lock import JournalError, hold, unusable
from tradewarden.feed.left_out import leave_out
from tradewarden.feed.mending import mend
from tradewarden.feed.record import SIZE
from tradewarden.feed.segment import MOST_RECORDS, Hole, file_header, file_name, frame_header

__all__ = ["RETRY_NS", "Journal", "JournalError"]

RETRY_NS: Final = 100_000_000  # between two tries to write when the disk does not take it
UNSYNCED: Final = "a store has them, but the machine went down before they were on the disk"


class Journal:
    """The one writer of a directory of segments."""

    def __init__(
        self,
        directory: Path,
        *,
        after: int = 0,
        segment_bytes: int = 64 << 20,
        segment_seconds: float = 3600.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.directory = directory
        self.segment_bytes, self.segment_ns = segment_bytes, int(segment_seconds * 1e9)
        self.lost_total = 0  # records that were to be written and were not
        self.bytes_total = 0
        self.records_total = 0
        self.sync_failures_total = 0
        self.cut_bytes: int  # of a torn tail, at the start
        self.holes: list[Hole]  # in the newest segment and behind it, at the start
        self._now_ns = now_ns
        self._lock = hold(directory)
        self._fd = -1
        self._first = 0  # the number with which the present segment starts
        self._size = 0
        self._opened_ns = 0
        self._retired: deque[int] = deque()  # files that `sync` has still to sync, and to close
        self._syncing = Lock()
        self._dirty = self._new_name = self._gone = False
        self._write_trouble: str | None = None
        self._sync_trouble: str | None = None
        self._sync_since: float | None = None
        self._tried_ns = 0
        self._callbacks: list[Callable[[], None]] = []
        try:
            found = mend(directory)
        except OSError as trouble:
            os.close(self._lock)
            raise unusable(directory, trouble) from None
        self._next_seq = max(found.last_seq, after) + 1
        self.cut_bytes, self.holes = found.cut_bytes, list(found.holes)
        if 0 < found.last_seq < after:
            self.holes.append(Hole(found.last_seq + 1, after, UNSYNCED, found.last_ns))

    @property
    def next_seq(self) -> int:
        """The number that the next record gets."""
        return self._next_seq

    @property
    def failed(self) -> str | None:
        """Why the last tick was not written, or not brought to the disk; None while all is well."""
        return self._write_trouble or self._sync_trouble

    @property
    def dirty(self) -> bool:
        """Whether there is something that `sync` should bring to the disk."""
        return self._dirty

    @property
    def segment_age(self) -> float:
        """For how many seconds the present segment has been written; 0 when there is none."""
        return max(0.0, (self._now_ns() - self._opened_ns) / 1e9) if self._fd >= 0 else 0.0

    def append(self, records: bytes, count: int, received_ns: int) -> int | None:
        """Write a frame and answer its first number, or None when it cannot be written: `failed` says why."""
        if not 0 < count <= MOST_RECORDS or len(records) != count * SIZE:
            raise ValueError(f"{len(records)} bytes are no frame of {count} records (1 to {MOST_RECORDS}, {SIZE} each)")
        first, now = self._next_seq, self._now_ns()
        try:
            written = self._write(records, count, first, received_ns, now)
        except OSError as trouble:
            self._write_trouble, self._tried_ns = _words(self.directory, trouble), now
            written = False
        if not written:
            self.lost_total += count
            return None
        self._write_trouble = None
        self._next_seq = first + count
        self.records_total += count
        self._dirty = True
        for callback in self._callbacks:
            callback()
        return first

    def roll(self) -> None:
        """End the present segment, so that it can be sealed; without a tick in it, nothing happens."""
        if self._fd < 0 or self._first == self._next_seq:
            return
        now = self._now_ns()
        header = file_header(self._next_seq, now)
        try:
            fd = self._create()
        except OSError:
            return  # the next tick tries again, and says so
        try:
            _write_all(fd, (header,), len(header))
        except OSError:
            _discard(fd)
            self._retire()  # a reader leaves it for the empty one, so the next tick must be written there
            return
        self._retire()
        self._begin(fd, len(header), now)
        self._dirty = True

    def probe(self) -> None:
        """After a failure: whether it could write again, without waiting for a tick to try it with."""
        if self._write_trouble is None or self._fd >= 0:
            return
        now = self._now_ns()
        header = file_header(self._next_seq, now)
        try:
            self._start((header,), len(header), now)
        except OSError as trouble:
            self._write_trouble = _words(self.directory, trouble)
        else:
            self._write_trouble, self._dirty = None, True

    def go_on_after(self, seq: int) -> None:
        """Never give a number up to this one again: a store has it. Within a segment none is left out."""
        if seq >= self._next_seq:
            self._retire()
            with suppress(OSError):  # some will then be counted as missed that never were
                leave_out(self.directory, self._next_seq, seq)
            self._next_seq = seq + 1

    @property
    def sync_seconds(self) -> float:
        """For how long the sync that is under way has been; 0 when none is."""
        since = self._sync_since
        return 0.0 if since is None else time.monotonic() - since

    def sync(self) -> None:
        """Bring what was written to the disk, which may take long: for a thread. Trouble is in `failed`."""
        with self._syncing:
            self._dirty, self._sync_since = False, time.monotonic()
            try:
                self._sync()
            except OSError as trouble:
                self._sync_trouble, self._dirty = _words(self.directory, trouble), True
                self.sync_failures_total += 1
            else:
                self._sync_trouble = None
            finally:
                self._sync_since = None

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Tell this one after each append, until what is returned is called."""
        self._callbacks = [*self._callbacks, callback]

        def unsubscribe() -> None:
            self._callbacks = [other for other in self._callbacks if other is not callback]

        return unsubscribe

    def close(self) -> None:
        """Sync and let go of the directory."""
        if self._lock < 0:
            return
        self._retire()
        self.sync()
        os.close(self._lock)
        self._lock = -1

    # Writing

    def _write(self, records: bytes, count: int, first: int, received_ns: int, now: int) -> bool:
        """Whether the frame was written; raises what the system says."""
        if self._write_trouble is not None and abs(now - self._tried_ns) < RETRY_NS:
            return False
        frame = frame_header(records, count, first, received_ns)
        length = len(frame) + len(records)
        if self._fd >= 0 and self._is_over(length, now):
            self._retire()
        if self._fd >= 0:
            self._continue((frame, records), length, now)
        else:
            header = file_header(first, now)
            length += len(header)
            self._start((header, frame, records), length, now)
        self.bytes_total += length
        return True

    def _is_over(self, length: int, now: int) -> bool:
        """Whether the present segment has had its day; one without a tick waits for the first."""
        if self._first == self._next_seq:
            return self._gone
        too_long = self._size + length > self.segment_bytes
        return self._gone or too_long or abs(now - self._opened_ns) >= self.segment_ns

    def _continue(self, parts: tuple[bytes, ...], length: int, now: int) -> None:
        """Write behind what is there; what was written in part is taken away, and the segment ended."""
        try:
            _write_all(self._fd, parts, length)
        except OSError:
            with suppress(OSError):  # a torn end is passed over by every reader
                os.ftruncate(self._fd, self._size)
            self._retire()
            raise
        if self._first == self._next_seq:
            self._opened_ns = now
        self._size += length

    def _start(self, parts: tuple[bytes, ...], length: int, now: int) -> None:
        """Start a segment with these; the next try is made with the same file, since a reader may hold it open."""
        fd = self._create()
        try:
            _write_all(fd, parts, length)
        except OSError:
            _discard(fd)
            raise
        self._begin(fd, length, now)

    def _begin(self, fd: int, size: int, now: int) -> None:
        self._fd, self._first, self._size, self._opened_ns, self._gone = fd, self._next_seq, size, now, False

    def _create(self) -> int:
        path = self.directory / file_name(self._next_seq)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600)
        except FileNotFoundError:  # somebody took the directory away
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(path, flags, 0o600)
        self._new_name = True
        return fd

    def _retire(self) -> None:
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd, self._dirty = -1, True

    def _sync(self) -> None:
        while self._retired:
            fd = self._retired[0]
            os.fdatasync(fd)
            self._retired.popleft()
            os.close(fd)
        if (fd := self._fd) >= 0:  # the loop may retire it meanwhile, but only we close it
            os.fdatasync(fd)
            self._gone = os.fstat(fd).st_nlink == 0  # somebody took the file away: the next tick starts another
        if self._new_name:
            self._new_name = False
            try:
                _sync_names(self.directory)
            except OSError:
                self._new_name = True
                raise


def _write_all(fd: int, parts: tuple[bytes, ...], length: int) -> None:
    """Write them with one call; a second one is made only to hear why the first took but a part."""
    written = os.writev(fd, parts)
    while written < length:
        more = os.write(fd, b"".join(parts)[written:])
        if not more:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        written += more


def _sync_names(directory: Path) -> None:
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def _discard(fd: int) -> None:
    """Empty a segment of which not even the first frame could be written."""
    with suppress(OSError):  # what is left of it is passed over by every reader
        os.ftruncate(fd, 0)
    os.close(fd)


def _words(directory: Path, trouble: OSError) -> str:
    return f"{directory}: {trouble.strerror or trouble}"
