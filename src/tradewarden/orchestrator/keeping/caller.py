"""Somebody who asks the zygote for something: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import socket

_LARGEST = 4 << 20  # bytes of one request


class Caller:
    """One connection: a line in, a line out."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self.connection, self.until = connection, until
        self.descriptor = connection.fileno()
        self._heard = b""

    def line(self) -> bytes | None:
        """What it asked, once that is complete; raises ValueError when it never will be."""
        try:
            data = self.connection.recv(1 << 16)
        except BlockingIOError:
            return None
        self._heard += data
        if b"\n" in self._heard:
            return self._heard.partition(b"\n")[0]
        if not data or len(self._heard) > _LARGEST:
            raise ValueError("a line of JSON was expected")
        return None

    def answer(self, **facts: object) -> None:
        """The answer, and the end of the conversation."""
        try:
            self.connection.sendall(json.dumps(facts).encode() + b"\n")
        except OSError:
            return  # it has gone
        finally:
            self.connection.close()
