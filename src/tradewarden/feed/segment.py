"""A segment: one file of the journal, and how its frames are found again, also behind damage.

Little-endian. A file is a header and frames; a frame is a header and its records (record.py). The crc of a frame covers
all of it but its magic and the crc itself, so what was torn or has rotted is never taken for a record; the magic is
there to find the next frame behind it. The format byte by byte: docs/journal.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
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
HIGHEST: Final = 1 << 62  # number that is believed: stores hold them in 63 bits
MOST_RECORDS: Final = 1 << 16  # of one frame, which bounds what a reader must hold in memory

CHUNK: Final = 1 << 19  # bytes that are read at once; each reader holds so many
OVERLAP: Final = len(FRAME_MAGIC) - 1

_pack_checked = Struct("<4sI").pack
_pack_rest = Struct("<IHHQqI4x").pack


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that the journal has given but cannot show any more, and why."""

    first_seq: int
    last_seq: int
    reason: str
    began_ns: int = field(default=0, compare=False)  # when the record before it was received, 0 where nobody knows
    ended_ns: int = field(default=0, compare=False)  # and the one behind it


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
    is_named = len(name) == 20 + len(SUFFIX) and name.endswith(SUFFIX) and name[:20].isdecimal() and name.isascii()
    return is_named and int(name[:20]) <= HIGHEST


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

    def __init__(self, path: Path, *, chunk: int = CHUNK) -> None:
        self.path = path
        self.sound = False  # its header is whole, as far as it was looked at
        self.newer = False  # written by a version of the future: nothing of it can be read
        self.offset = FILE_HEADER.size  # where the next frame is looked for
        self.next_seq = int(path.name[: -len(SUFFIX)])  # the number it should have
        self.damage: tuple[int, int] | None = None  # the bytes that were passed over just before the last frame
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._chunk = chunk
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
        if size <= self.offset or self._barren == (size, told.st_mtime_ns) or not self._enter():
            return None
        found = self._following(size)
        if found is None:
            self._barren = (size, told.st_mtime_ns)
            return None
        self.damage = None if found.start == self.offset else (self.offset, found.start)
        self.offset, self.next_seq = found.end, found.frame.last_seq + 1
        return found.frame

    def damaged(self) -> str:
        """What there is to say of the bytes that were passed over before the last frame."""
        start, end = self.damage or (self.offset, self.size)
        return f"{self.path.name} is damaged from byte {start} to {end}"

    def seek(self, seq: int) -> None:
        """Go near the frame with this number: no frame that holds it, or one behind it, is passed over."""
        size = self.size
        if not self._enter():
            return
        low, high = self.offset, size
        while high - low > self._chunk:
            middle = (low + high) // 2
            found = self._search(middle, high, only_fitting=True)
            if found is None or found.frame.first_seq > seq:
                high = middle
            else:
                self.offset = low = found.start
                self.next_seq = found.frame.first_seq

    def last(self) -> Frame | None:
        """The last intact frame, found from the end, which is quick however long the file is."""
        if not self._enter():
            return None
        return self._search_back(only_fitting=True) or self._search_back()

    def _enter(self) -> bool:
        """Look at the file's header, once; whether its frames can be read."""
        if not self.sound:
            head = os.pread(self._fd, FILE_HEADER.size, 0)
            if len(head) == FILE_HEADER.size:
                magic, check, version, _, _, _ = FILE_HEADER.unpack(head)
                self.sound = magic == FILE_MAGIC and check == crc32(head[FILE_COVERED:])
                self.newer = self.sound and version > VERSION
        return not self.newer

    def _following(self, size: int) -> _Found | None:
        """The frame that comes next: the one that should stand here, else the first that can be believed."""
        for _ in range(2):
            found = self._frame(self.offset, size)
            if found is not None and found.frame.first_seq == self.next_seq:
                return found
            self._buffer = b""  # what was read of a frame in the making must not hide what became of it
        return self._search(self.offset, size, only_fitting=True) or self._search(self.offset, size)

    def _fits(self, found: _Found) -> bool:
        """Whether the frames that are missing before this one would fill the bytes that were passed over."""
        missing, passed = found.frame.first_seq - self.next_seq, found.start - self.offset
        headers, rest = divmod(passed - missing * SIZE, FRAME_HEADER.size)
        return rest == 0 and (0 < headers <= missing or headers == missing == 0)

    def _search(self, start: int, size: int, *, only_fitting: bool = False) -> _Found | None:
        """The first intact frame from `start` on, found by its magic."""
        while start < size:
            window = self._bytes(start, self._chunk, size)
            at = window.find(FRAME_MAGIC)
            while at >= 0:
                found = self._frame(start + at, size)
                if found is not None and (not only_fitting or self._fits(found)):
                    return found
                at = window.find(FRAME_MAGIC, at + 1)
            if len(window) <= OVERLAP:
                return None
            start += len(window) - OVERLAP
        return None

    def _search_back(self, *, only_fitting: bool = False) -> Frame | None:
        """The last intact frame, found by its magic."""
        size = stop = self.size
        while stop > 0:
            start = max(0, stop - self._chunk)
            window = self._bytes(start, stop + OVERLAP - start, size)
            at = window.rfind(FRAME_MAGIC)
            while at >= 0:
                found = self._frame(start + at, size)
                if found is not None and (not only_fitting or self._fits(found)):
                    return found.frame
                at = window.rfind(FRAME_MAGIC, 0, at + OVERLAP)
            stop = start
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
            wanted = max(0, min(max(self._chunk, length), size - start))
            self._base, self._buffer = start, os.pread(self._fd, wanted, start)
        return self._buffer[start - self._base : max(start, end) - self._base]
