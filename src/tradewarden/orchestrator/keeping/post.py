"""Where one keeper can be reached, and the proof that there is no other one."""

from __future__ import annotations

import select

from tradewarden.orchestrator.keeping.control import Control
from tradewarden.orchestrator.keeping.lock import Lock


class Post:
    """The lock and the fifo of a keeper, made again whenever somebody removed them."""

    def __init__(self, path: str, lock: Lock, poll: select.poll) -> None:
        self._lock, self._poll = lock, poll
        self._control = Control(f"{path}.ctl")
        self.lines, self.leave = self._control.lines, self._control.remove
        poll.register(self._control.descriptor, select.POLLIN)

    @property
    def descriptor(self) -> int:
        """Readable when somebody gave an order."""
        return self._control.descriptor

    def is_mine(self) -> bool | None:
        """Hold the lock, again if need be; false when another keeper does, none when the host lets nobody."""
        try:
            return self._lock.renew()
        except OSError:
            return None

    def hold(self) -> bool:
        """Be reachable, unless another keeper has this name: then false. What the host refuses is for the next time."""
        mine = self.is_mine()
        if mine:
            self._listen()
        return mine is not False

    def close(self) -> None:
        """Let go of both."""
        self._control.close()
        self._lock.close()

    def _listen(self) -> None:
        before = self._control.descriptor
        try:
            again = self._control.ensure()
        except OSError:
            return
        if again:
            self._poll.unregister(before)
            self._poll.register(self._control.descriptor, select.POLLIN)
