"""The files of one service's log, newest first: the one that grows, then the older ones, some of them compressed."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

BLOCK: Final = 64 * 1024
_IN_MEMORY: Final = 4 << 20  # bytes of an unpacked file; more lies on the disk
_LONGEST: Final = 64 * 1024  # bytes that are kept of a line while its beginning is looked for
_FILES: Final = 1000  # of one service, at most

Place = tuple[int, int]  # a file's inode, and how far into it
Worth = Callable[[bytes], bool]  # whether a block is worth taking apart


class Files:
    """One service's log, to be read backwards; `spent` counts the bytes that were read."""

    def __init__(self, directory: Path, service: str, upto: Place | None = None) -> None:
        self._path, self._upto = directory / f"{service}.log", upto
        self.spent = 0
        self.troubles: list[str] = []

    def backwards(self, worth: Worth = lambda _: True) -> Iterator[bytes]:
        """Every whole line, the newest first; of a block that is not worth it only one, which tells how old it is.

        A file that cannot be read is passed over, and told in `troubles`.
        """
        seen: set[int] = set()
        for path in _names(self._path):
            try:
                with path.open("rb") as file:
                    inode = os.fstat(file.fileno()).st_ino
                    if inode not in seen:  # else it was renamed while we read it
                        seen.add(inode)
                        yield from self._of(file, path, inode, worth)
            except FileNotFoundError:
                continue
            except (OSError, EOFError, zlib.error) as trouble:
                self.troubles.append(f"{path.name} cannot be read: {trouble}")

    def _of(self, file: IO[bytes], path: Path, inode: int, worth: Worth) -> Iterator[bytes]:
        if path.suffix == ".gz":
            with SpooledTemporaryFile(max_size=_IN_MEMORY) as unpacked, gzip.GzipFile(fileobj=file) as packed:
                while block := packed.read(BLOCK):
                    unpacked.write(block)
                yield from self._lines(unpacked, unpacked.tell(), worth)
            return
        if self._upto is not None and self._path == path and self._upto[0] != inode:
            return  # a new file, begun after the moment that is looked back from
        end = os.fstat(file.fileno()).st_size
        if self._upto is not None and self._upto[0] == inode:
            end = min(end, self._upto[1])
        yield from self._lines(file, end, worth)

    def _lines(self, file: IO[bytes], end: int, worth: Worth) -> Iterator[bytes]:
        """The lines before `end`, the last one first; what no newline ends is no line yet."""
        tail, ended = b"", False  # tail: the end of a line that begins further back
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            block = file.read(end - start)
            self.spent += len(block)
            end = start
            whole = block + tail
            parts = whole.split(b"\n")
            if not ended and len(parts) > 1:
                parts.pop()
                ended = True
            tail = parts.pop(0)[:_LONGEST]
            yield from reversed(parts if worth(whole) else parts[:1])
        if ended:
            yield tail


def _names(path: Path) -> Iterator[Path]:
    """NAME.log, then NAME.log.1 or NAME.log.1.gz, and so on until there is none."""
    yield path
    for number in range(1, _FILES):
        older = path.with_name(f"{path.name}.{number}")
        packed = older.with_name(f"{older.name}.gz")
        if older.exists():
            yield older
        elif packed.exists():
            yield packed
        else:
            return
