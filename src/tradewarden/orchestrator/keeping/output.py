"""A service's words on their way to its log: each line stamped with its arrival, whole lines only, never held up.

A disk that takes nothing costs lines, which are counted, and never blocks the service.
"""

from __future__ import annotations

import os
import time

from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.compress import Compressor

LONGEST = 1 << 20  # bytes of one line; a longer one goes on as a line of its own
REPEAT = 60.0  # seconds between two words about lines that are lost all the time

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class Lost:
    """Lines that no disk took, since a moment."""

    def __init__(self, since: float) -> None:
        self.since, self.until, self.lines, self.bytes = since, since, 0, 0
        self.lasting = True  # more may be lost
        self.tell_at = 0.0  # by the steady clock


class Output:
    """The log of one service: the file of today's words and the older ones beside it."""

    def __init__(self, brief: Brief, compressor: Compressor | None) -> None:
        self._path, self._limit, self._files = brief.log, brief.log_bytes, brief.log_files
        self._name = brief.name.encode()
        self._partial = b""
        self._descriptor = -1
        self._file = (-1, -1)  # which one that is: device and inode
        self._compressor = compressor
        self._lost: Lost | None = None
        self._refused = False
        self.dropped = 0  # lines, since this object was made

    def resume(self) -> None:
        """Make small what an earlier keeper had no time for."""
        if self._compressor is not None:
            self._compressor.begin()

    def leave(self, at: float) -> Lost | None:
        """Nobody writes any more: what was lost and not told yet."""
        if self._compressor is not None:
            self._compressor.stop()
        return self.settled(0.0, at, leaving=True)

    def take(self, data: bytes, at: float) -> None:
        """Keep what arrived; the line that is not complete yet waits for its end."""
        whole, newline, partial = data.rpartition(b"\n")
        if newline:
            self._keep(self._partial + whole, at)
            self._partial = partial
        else:
            self._partial += partial
        if len(self._partial) >= LONGEST:
            self.end_line(at)

    @property
    def unended(self) -> int:
        """Bytes that arrived and wait for the end of their line."""
        return len(self._partial)

    def end_line(self, at: float) -> None:
        """A life ended: its last words are a line, whatever they lack."""
        if self._partial:
            self._keep(self._partial, at)
            self._partial = b""

    def settled(self, now: float, at: float, *, leaving: bool = False) -> Lost | None:
        """What is to be told of what was lost: so far, each minute while it lasts; and all of it, once there is room.

        There is room when the log takes the word that tells of the gap, and has refused nothing since the last call.
        """
        lost, refused = self._lost, self._refused
        self._refused = False
        if lost is None:
            return None
        if (not refused and not self._put(self._gap(lost, at))) or leaving:
            self._lost, lost.lasting = None, False
            return lost
        if now < lost.tell_at:
            return None
        lost.tell_at = now + REPEAT
        return lost

    def _gap(self, lost: Lost, at: float) -> bytes:
        facts = stamp(at), self._name, lost.lines, stamp(lost.since), stamp(lost.until)
        return b"%b %b [tradewarden: %d lines from %b to %b found no room on the disk]\n" % facts

    def _keep(self, lines: bytes, at: float) -> None:
        prefix = b"%b %b " % (stamp(at), self._name)
        left = self._put(b"%b%b\n" % (prefix, lines.replace(b"\n", b"\n" + prefix) if b"\n" in lines else lines))
        if left:
            self._lose(left, len(prefix), at)

    def _put(self, stamped: bytes) -> bytes:
        """Write these lines, as many as find room; which ones did not."""
        stuck = False  # no older file can be made: better one that is too large than lines that are lost
        while stamped:
            try:
                size = self._open()
                cut = len(stamped) if stuck else self._cut(stamped, size)
                if cut:
                    self._write(stamped[:cut] if cut < len(stamped) else stamped, size)
                stamped = stamped[cut:]
                stuck = bool(stamped) and not self._rotate()
            except _Refused as refused:
                return stamped[refused.taken :]
        return b""

    def _cut(self, stamped: bytes, size: int) -> int:
        """How much fits into the present file: whole lines, and into an empty file at least one."""
        room = self._limit - size
        if self._limit <= 0 or len(stamped) <= room:
            return len(stamped)
        cut = stamped.rfind(b"\n", 0, max(room, 0)) + 1
        return cut or (0 if size else stamped.index(b"\n") + 1)

    def _open(self) -> int:
        """The size of the present file, which is opened anew when somebody moved or removed it."""
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        except OSError:
            raise _Refused(0) from None
        if there is not None and (there.st_ino, there.st_dev) == self._file:
            return there.st_size
        self.close()
        try:
            self._descriptor = _opened(self._path)
            opened = os.fstat(self._descriptor)
            self._file, size = (opened.st_ino, opened.st_dev), opened.st_size
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                size += os.write(self._descriptor, b"\n")  # an earlier keeper was killed within a line
        except OSError:
            raise _Refused(0) from None
        return size

    def _write(self, stamped: bytes, size: int) -> None:
        taken = 0
        try:
            while taken < len(stamped):
                taken += os.write(self._descriptor, stamped[taken:] if taken else stamped)
        except OSError:
            whole = stamped.rfind(b"\n", 0, taken) + 1
            if whole < taken:
                self._shorten(size + whole)
            raise _Refused(whole) from None

    def _shorten(self, size: int) -> None:
        try:
            os.ftruncate(self._descriptor, size)  # no half line stays behind
        except OSError:
            self.close()  # the next opening ends it with a newline

    def _lose(self, stamped: bytes, prefix: int, at: float) -> None:
        lines = stamped.count(b"\n")
        if self._lost is None:
            self._lost = Lost(at)
        self._lost.lines, self._lost.until = self._lost.lines + lines, at
        self._lost.bytes += len(stamped) - lines * prefix
        self.dropped += lines
        self._refused = True

    def _rotate(self) -> bool:
        """The present file becomes `.1`, each older one moves up, the oldest goes."""
        self.close()
        try:
            if self._files <= 0:
                os.unlink(self._path)
                return True
            for number in range(self._files, 0, -1):
                for ending in ("", ".gz"):
                    older = f"{self._path}.{number}{ending}"
                    if os.path.lexists(older):
                        if number == self._files:
                            os.unlink(older)
                        else:
                            os.rename(older, f"{self._path}.{number + 1}{ending}")
            os.rename(self._path, f"{self._path}.1")
        except OSError:
            return False
        if self._compressor is not None:
            self._compressor.begin()
        return True

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._file = -1, (-1, -1)


class _Refused(Exception):  # noqa: N818 - the disk's answer, no error of ours
    """The disk took so many bytes and no more."""

    def __init__(self, taken: int) -> None:
        super().__init__(taken)
        self.taken = taken


def _opened(path: str) -> int:
    """The file, and its directory too if somebody removed that."""
    try:
        return os.open(path, _FLAGS, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        return os.open(path, _FLAGS, 0o600)


_minute: tuple[int, bytes] = (-1, b"")


def stamp(at: float) -> bytes:
    """A moment as every log line begins: UTC, to the microsecond."""
    global _minute  # noqa: PLW0603 - the text of the present minute, for each of its thousands of lines
    minute, rest = divmod(round(at * 1_000_000), 60_000_000)
    if _minute[0] != minute:
        _minute = minute, time.strftime("%Y-%m-%dT%H:%M:", time.gmtime(60 * minute)).encode()
    return b"%b%02d.%06dZ" % (_minute[1], rest // 1_000_000, rest % 1_000_000)
