"""The one proof that somebody lives: a lock that the kernel drops with its holder, however that one dies.

An open-file-description lock, because its holder can be asked about without taking it for an instant.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

_FORMAT = "hhqqi4x"  # struct flock: type, whence, start, length, pid (0 for this kind of lock)
_ASKED = struct.pack(_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_TAKEN = (errno.EAGAIN, errno.EACCES)
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the host's shortage, which says nothing of the lock


class Lock:
    """A lock file held by this process."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        here = os.fstat(descriptor)
        self.file = here.st_ino, here.st_dev

    @property
    def is_mine(self) -> bool:
        """Whether the file that others would ask about is still the one held here: somebody may have deleted it."""
        try:
            there = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (there.st_ino, there.st_dev) == self.file

    def close(self) -> None:
        """Hold it no longer."""
        os.close(self.descriptor)

    def renew(self) -> bool:
        """Hold a file of this name again after it was deleted, its directory too; false when somebody else does by now.

        Raises OSError when it can neither be held nor said who does.
        """
        if self.is_mine:
            return True
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        again = take(self.path)
        if again is None:
            return False
        os.close(self.descriptor)
        self.descriptor, self.file = again.descriptor, again.file
        return True


def take(path: str) -> Lock | None:
    """Hold this lock until the process ends; none while another holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            lock = Lock(path, descriptor)
            if lock.is_mine:
                return lock
        except OSError as trouble:
            os.close(descriptor)
            if trouble.errno in _TAKEN:
                return None
            raise
        os.close(descriptor)  # deleted between the opening and the locking


def is_held(path: str) -> bool:
    """Whether somebody holds this lock; asks only, and takes nothing. Raises OSError when it cannot even ask."""
    descriptor = _opened(path)
    if descriptor is None:
        return False
    try:
        return _is_locked(descriptor)
    finally:
        os.close(descriptor)


class Question:
    """Whether somebody holds a lock, asked again and again: its file stays open as long as it is the one.

    A file that was deleted while somebody held it still tells: that one lives, and makes it again.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._file = (-1, -1)  # inode and device

    def is_held(self) -> bool:
        """Whether somebody does; raises OSError when it cannot even ask."""
        try:
            there = os.stat(self._path)
        except OSError as trouble:
            if trouble.errno in _SHORT:
                raise
            return self._is_deleted_and_held()
        if (there.st_ino, there.st_dev) == self._file:
            return _is_locked(self._descriptor)
        return self._ask_anew()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._file = -1, (-1, -1)

    def _is_deleted_and_held(self) -> bool:
        return self._descriptor >= 0 and _is_locked(self._descriptor)

    def _ask_anew(self) -> bool:
        descriptor = _opened(self._path)
        if descriptor is None:
            return self._is_deleted_and_held()
        if not _is_locked(descriptor) and self._is_deleted_and_held():
            os.close(descriptor)
            return True
        self.close()
        here = os.fstat(descriptor)
        self._descriptor, self._file = descriptor, (here.st_ino, here.st_dev)
        return _is_locked(descriptor)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as trouble:
        if trouble.errno in _SHORT:  # "nobody does" would be a lie that starts somebody anew
            raise
        return None


def _is_locked(descriptor: int) -> bool:
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _ASKED)
    return bool(struct.unpack(_FORMAT, answer)[0] != fcntl.F_UNLCK)
