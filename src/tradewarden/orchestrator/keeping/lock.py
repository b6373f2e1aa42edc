"""The one proof that somebody lives: a lock that the kernel drops with its holder, however that one dies.

An open-file-description lock, because its holder can be asked about without taking it for an instant.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

_FORMAT = "hhqqi4x"  # struct flock: type, whence, start, length, pid (0 for this kind of lock)
_TAKEN = (errno.EAGAIN, errno.EACCES)
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the host's shortage, which says nothing of the lock


class Lock:
    """A lock file held by this process."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor

    @property
    def is_mine(self) -> bool:
        """Whether the file that others would ask about is still the one held here: somebody may have deleted it."""
        try:
            there, here = os.stat(self.path), os.fstat(self.descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

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
        self.descriptor = again.descriptor
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
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as trouble:
        if trouble.errno in _SHORT:  # "nobody does" would be a lie that starts somebody anew
            raise
        return False
    try:
        asked = struct.pack(_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    finally:
        os.close(descriptor)
    return bool(struct.unpack(_FORMAT, answer)[0] != fcntl.F_UNLCK)
