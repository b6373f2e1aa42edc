"""Old log files made small by a child of the keeper's, at the lowest priority and one at a time."""

from __future__ import annotations

import os
import zlib

from tradewarden.orchestrator.keeping import signals

_PIECE = 1 << 18


class Compressor:
    """Turns `NAME.log.N` into `NAME.log.N.gz`; a rotation that happens meanwhile does it no harm."""

    def __init__(self, path: str, files: int) -> None:
        self._path, self._files, self._part = path, files, f"{path}.part"
        self._inode = 0
        self.pid: int | None = None

    def begin(self) -> None:
        """Take the oldest file that is not small yet, unless one is at work."""
        if self.pid is not None:
            return
        for number in range(self._files, 0, -1):
            try:
                source = os.open(f"{self._path}.{number}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue
            self._inode = os.fstat(source).st_ino  # by now its name may be another one's
            try:
                self.pid = os.fork()
            except OSError:
                return  # no process to spare: with the next rotation
            finally:
                if self.pid != 0:
                    os.close(source)
            if not self.pid:
                _child(source, self._part)
            return

    def ended(self, status: int) -> None:
        """The child is done: its file takes the place of the one it was made of, wherever that has moved to."""
        self.pid = None
        if status:
            return
        for number in range(1, self._files + 1):
            large = f"{self._path}.{number}"
            if _inode_of(large) != self._inode:
                continue
            try:
                os.rename(self._part, f"{large}.gz")
                os.unlink(large)
            except OSError:
                return  # it would be the same again: with the next rotation
            break
        else:
            _remove(self._part)  # the file was the oldest, and new ones have pushed it out meanwhile
        self.begin()

    def stop(self) -> None:
        """Leave the work half done: the next keeper begins with it anew."""
        if self.pid is None:
            return
        os.kill(self.pid, signals.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = None
        _remove(self._part)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # it is gone already, or its directory is


def _inode_of(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _child(source: int, target: str) -> None:
    """Compress one file; never returns."""
    code = 1
    try:
        os.dup2(source, 3)
        os.closerange(4, 1 << 16)  # above all the lock: it belongs to the keeper alone
        os.nice(19)
        _remove(target)  # one that outlived its keeper may still write into that
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        small = zlib.compressobj(wbits=31)  # 31: with the header of gzip
        while piece := os.read(3, _PIECE):
            _write(writing, small.compress(piece))
        _write(writing, small.flush())
        code = 0
    finally:
        os._exit(code)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
