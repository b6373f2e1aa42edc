"""Old log files made small by a child of the keeper's, at the lowest priority and one at a time."""

from __future__ import annotations

import os
import zlib

_PIECE = 1 << 18


class Compressor:
    """Turns `NAME.log.N` into `NAME.log.N.gz`; a rotation that happens meanwhile does it no harm."""

    def __init__(self, path: str, files: int) -> None:
        self._path, self._files = path, files
        self._inode = 0
        self.pid: int | None = None

    def begin(self) -> None:
        """Take the oldest file that is not small yet, unless one is at work."""
        if self.pid is not None:
            return
        for number in range(self._files, 0, -1):
            try:
                self._inode = os.stat(f"{self._path}.{number}").st_ino
                self.pid = os.fork()
            except OSError:
                continue  # no such file, or no process to spare: with the next rotation
            if not self.pid:
                _child(f"{self._path}.{number}", f"{self._path}.part")
            return

    def ended(self, status: int) -> None:
        """The child is done: its file takes the place of the one it was made of, wherever that has moved to."""
        self.pid = None
        if status:
            return
        for number in range(1, self._files + 1):
            large = f"{self._path}.{number}"
            try:
                if os.stat(large).st_ino == self._inode:
                    os.rename(f"{self._path}.part", f"{large}.gz")
                    os.unlink(large)
                    break
            except OSError:
                continue
        self.begin()


def _child(source: str, target: str) -> None:
    """Compress one file; never returns."""
    code = 1
    try:
        os.closerange(3, 1024)  # above all the lock: it belongs to the keeper alone
        os.nice(19)
        reading = os.open(source, os.O_RDONLY)
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        small = zlib.compressobj(wbits=31)  # 31: with the header of gzip
        while piece := os.read(reading, _PIECE):
            _write(writing, small.compress(piece))
        _write(writing, small.flush())
        code = 0
    finally:
        os._exit(code)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
