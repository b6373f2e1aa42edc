"""A segment: one file of the journal, and how its frames are found again, also behind damage.

Little-endian. A file is a header and frames; a frame is a header and its records (record.py). The crc of a frame covers
all of it but its magic and the crc itself, so what was torn or has rotted is never taken for a record; the magic is
there to find the next frame behind it. The format byte by byte: docs/journal.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from tradewarden.feed.record import SIZE, Frame

VERSION: Final = 1
SUFFIX: Final = ".seg"

FILE_MAGIC: Final = b"\x89TWJ\r\n\x1a\n"  # like PNG's: a transfer that mends line ends or strips a bit is noticed
FILE_HEADER: Final = Struct("<8sIHHQQ")  # magic, crc32 of the rest, version, size of a record, first seq, created_ns
FILE_COVERED: Final = 12

FRAME_MAGIC: Final = b"\xf4TW\x1c"
FRAME_HEADER: Final = Struct("<4sIIHHQqI4x")  # magic, crc32, length, version, record size, first seq, received, count
FRAME_COVERED: Final = 8  # a crc covers everything from here to the end, of the frame's records too
MOST_RECORDS: Final = 1 << 16  # of one frame, which bounds what a reader must hold in memory

CHUNK: Final = 1 << 20  # bytes that are read at once

_pack_checked = Struct("<4sI").pack
_pack_rest = Struct("<IHHQqI4x").pack


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that the journal has given but cannot show any more, and why."""

    first_seq: int
    last_seq: int
    reason: str


class _Found(NamedTuple):
    """An intact frame and its place in the file."""

    frame: Frame
    start: int
    end: int


def file_name(first_seq: int) -> str:
    """The name of the segment that starts with this number."""
    return f"{first_seq:020d}{SUFFIX}"


def first_seqs(directory: Path) -> list[int]:
    """The numbers with which the journal's segments start, oldest first; none when there is no journal."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - asked for at every read of a reader that has caught up
    except FileNotFoundError:
        return []
    return sorted(int(name[: -len(SUFFIX)]) for name in names if _is_segment(name))


def _is_segment(name: str) -> bool:
    return len(name) == 20 + len(SUFFIX) and name.endswith(SUFFIX) and name[:20].isdecimal() and name.isascii()


def file_header(first_seq: int, created_ns: int) -> bytes:
    """The first bytes of a segment."""
    rest = FILE_HEADER.pack(FILE_MAGIC, 0, VERSION, SIZE, first_seq, created_ns)[FILE_COVERED:]
    return FILE_HEADER.pack(FILE_MAGIC, crc32(rest), VERSION, SIZE, first_seq, created_ns)


def frame_header(records: bytes, count: int, first_seq: int, received_ns: int) -> bytes:
    """What stands before these records."""
    rest = _pack_rest(len(records), VERSION, SIZE, first_seq, received_ns, count)
    return _pack_checked(FRAME_MAGIC, crc32(records, crc32(rest))) + rest


class Segment:
    """A segment that is read from front to back, behind damage too, while it may still be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sound = False  # its header is whole, as far as it was looked at
        self.newer = False  # written by a version of the future: nothing of it can be read
        self.offset = 0  # where the next frame is looked for
        self.next_seq = 0  # a frame with a lower number is none: numbers only grow
        self.damage: tuple[int, int] | None = None  # the bytes that were passed over just before the last frame
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._buffer, self._base = b"", 0
        self._barren = (-1, -1)  # the state of the file in which nothing intact was found behind `offset`

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def size(self) -> int:
        """How long the file is now."""
        return os.fstat(self._fd).st_size

    def next(self) -> Frame | None:
        """The next intact frame, None when there is none, or none yet."""
        told = os.fstat(self._fd)
        size = told.st_size
        if size == self.offset or self._barren == (size, told.st_mtime_ns):
            return None
        if self.offset == 0 and not self._enter(size):
            return None
        found = self._frame(self.offset, size)
        if found is None:
            self._buffer = b""  # what is read of a frame in the making must not hide what becomes of it
            found = self._frame(self.offset, size) or self._search(self.offset + 1, size)
        if found is None:
            self._barren = (size, told.st_mtime_ns)
            return None
        return self._take(found)

    def damaged(self) -> str:
        """What there is to say of the bytes that were passed over before the last frame."""
        start, end = self.damage or (self.offset, self.size)
        return f"{self.path.name} is damaged from byte {start} to {end}"

    def seek(self, seq: int) -> None:
        """Go near the frame with this number: no frame that holds it, or one behind it, is passed over."""
        size = self.size
        if not self._enter(size):
            return
        low, high = self.offset, size
        while high - low > CHUNK:
            middle = (low + high) // 2
            found = self._search(middle, min(high, size))
            if found is None or found.frame.first_seq > seq:
                high = middle
            else:
                self.offset = low = found.start
                self.next_seq = max(self.next_seq, found.frame.first_seq)

    def last(self) -> Frame | None:
        """The last intact frame, found from the end, which is quick however long the file is."""
        size = self.size
        if not self._enter(size):
            return None
        stop = size
        while stop > 0:
            start = max(0, stop - CHUNK)
            window = self._bytes(start, stop + len(FRAME_MAGIC) - 1 - start, size)
            at = window.rfind(FRAME_MAGIC)
            while at >= 0:
                found = self._frame(start + at, size)
                if found is not None:
                    return found.frame
                at = window.rfind(FRAME_MAGIC, 0, at + len(FRAME_MAGIC) - 1)
            stop = start
        return None

    def _enter(self, size: int) -> bool:
        """Look at the file's header; whether there is anything to be read."""
        if size < FILE_HEADER.size:
            return False
        head = os.pread(self._fd, FILE_HEADER.size, 0)
        if len(head) == FILE_HEADER.size:
            magic, check, version, _, _, _ = FILE_HEADER.unpack(head)
            self.sound = magic == FILE_MAGIC and check == crc32(head[FILE_COVERED:])
            self.newer = self.sound and version > VERSION
            if self.sound and not self.newer and self.offset == 0:
                self.offset = FILE_HEADER.size
        return not self.newer

    def _take(self, found: _Found) -> Frame:
        self.damage = None if found.start == self.offset else (self.offset, found.start)
        self.offset, self.next_seq = found.end, found.frame.last_seq + 1
        return found.frame

    def _search(self, start: int, size: int) -> _Found | None:
        """The first intact frame from `start` on, found by its magic."""
        overlap = len(FRAME_MAGIC) - 1
        while start < size:
            window = self._bytes(start, CHUNK, size)
            at = window.find(FRAME_MAGIC)
            while at >= 0:
                found = self._frame(start + at, size)
                if found is not None:
                    return found
                at = window.find(FRAME_MAGIC, at + 1)
            if len(window) <= overlap:
                return None
            start += len(window) - overlap
        return None

    def _frame(self, at: int, size: int) -> _Found | None:
        """The frame at this place, None when what stands there is none, or not whole."""
        head = self._bytes(at, FRAME_HEADER.size, size)
        if len(head) < FRAME_HEADER.size or not head.startswith(FRAME_MAGIC):
            return None
        _, check, length, version, record, first_seq, received_ns, count = FRAME_HEADER.unpack(head)
        end = at + FRAME_HEADER.size + length
        if version != VERSION or record != SIZE or length != count * SIZE or not 0 < count <= MOST_RECORDS:
            return None
        if end > size or first_seq < self.next_seq:
            return None
        records = self._bytes(at + FRAME_HEADER.size, length, size)
        if len(records) < length or crc32(records, crc32(head[FRAME_COVERED:])) != check:
            return None
        return _Found(Frame(first_seq, count, received_ns, records), at, end)

    def _bytes(self, start: int, length: int, size: int) -> bytes:
        """These bytes of the file, as many as there are below `size`."""
        end = min(start + length, size)
        if start < self._base or end > self._base + len(self._buffer):
            wanted = max(0, min(max(CHUNK, length), size - start))
            self._base, self._buffer = start, os.pread(self._fd, wanted, start)
        return self._buffer[start - self._base : end - self._base]
