"""What systemd hears from us: ready, status, stopping, and that we are alive."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

SHARE = 3  # signs of life in the time after which systemd loses patience: two may be lost
LAG_LIMIT = 2.0  # seconds by which a beat may be late
OVERDUE_LIMIT = 5.0  # seconds by which a machine's deadline may be missed


class Notifier:
    """Speaks sd_notify's protocol on its datagram socket; says nothing where nobody listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.every = _every(environment)

    def send(self, message: str) -> None:
        """One datagram; a full or vanished socket loses it, since the next one says the same or more."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            return

    def ready(self) -> None:
        """HTTP listens and the machines have a state."""
        self.send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self.send(f"STATUS={' '.join(text.split())}")

    def reloading(self) -> None:
        """Configuration or files are read again; `ready` ends it."""
        self.send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self.send("STOPPING=1")

    def alive(self) -> None:
        """The desk works, not only its loop; see `Pulse`."""
        if self.every is not None:
            self.send("WATCHDOG=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _every(environment: Mapping[str, str]) -> float | None:
    """Seconds between two signs of life; none when nobody waits for ours (the variables are inherited by children)."""
    patience = environment.get("WATCHDOG_USEC", "")
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(patience) / 1e6 / SHARE if ours and patience.isdecimal() and int(patience) else None


class Pulse:
    """Signs of life for systemd, given only while the desk itself works: beats on time, no deadline missed.

    A broker that is down, a dead token or a closed market does not stop them: a restart would not help.
    """

    def __init__(
        self,
        notifier: Notifier,
        *,
        seconds: Callable[[], float],
        lag: Callable[[], float],
        overdue: Callable[[], float],
    ) -> None:
        self._notifier = notifier
        self._seconds, self._lag, self._overdue = seconds, lag, overdue
        self._last: float | None = None

    def beat(self) -> None:
        """Called at each heartbeat."""
        every, now = self._notifier.every, self._seconds()
        if every is None or (self._last is not None and now - self._last < every):
            return
        if self._lag() < LAG_LIMIT and self._overdue() < OVERDUE_LIMIT:
            self._last = now
            self._notifier.alive()
