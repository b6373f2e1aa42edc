"""The socket on which keepers are asked for, made again whenever somebody deleted it."""

from __future__ import annotations

import os
import select
import socket

from tradewarden.orchestrator.keeping.lock import Lock

SOCKET = "zygote.sock"
_FRESH = ".zygote.sock.new"


class Door:
    """A listener in a run directory, which belongs to whoever holds the lock there."""

    def __init__(self, run_dir: str, own: Lock, poll: select.poll) -> None:
        self._run_dir, self._lock, self._poll = run_dir, own, poll
        self.listener = self._made()
        poll.register(self.listener, select.POLLIN)

    def hold(self) -> bool:
        """Be reachable, unless another has the lock by now: then false. What the host refuses is for the next time."""
        try:
            if not self._lock.renew():
                return False
            if not self._is_there():
                again = self._made()
                self._poll.unregister(self.listener)
                self.listener.close()
                self.listener = again
        except OSError:
            return True
        finally:
            self._poll.register(self.listener, select.POLLIN)  # it may have been deaf for want of descriptors
        return True

    def _made(self) -> socket.socket:
        """The whole name may be longer than the kernel allows: it is bound by its last part."""
        os.chdir(self._run_dir)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if os.path.lexists(_FRESH):
            os.unlink(_FRESH)
        listener.bind(_FRESH)
        os.chmod(_FRESH, 0o600)
        listener.listen(64)
        os.rename(_FRESH, SOCKET)  # whoever finds it is answered
        self._file = os.stat(SOCKET)
        return listener

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(os.path.join(self._run_dir, SOCKET)), self._file)
        except OSError:
            return False
