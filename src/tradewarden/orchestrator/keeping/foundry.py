"""The zygote's end of the mould: a request goes in, and a report comes back."""

from __future__ import annotations

import _socket  # what `socket` is made of: its enumerations would be memory for each keeper
import marshal
import os

from tradewarden.orchestrator.keeping import mould
from tradewarden.orchestrator.keeping.brief import Facts


class Foundry:
    """Where keepers are cast; it dies with the mould, and the mould with the zygote."""

    def __init__(self) -> None:
        """Forks the mould, which has whatever is loaded by now; raises OSError when there is no process to spare."""
        self.requests, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self.requests.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 2 * mould.LARGEST)
        self.requests.settimeout(1.0)
        self.reports, report = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self.reports.setblocking(False)  # noqa: FBT003 - it takes no keyword
        if not os.fork():
            mould.live(report.fileno(), theirs.fileno())
        theirs.close()
        report.close()

    def settle(self, run_dir: str) -> None:
        """For this directory, and no other; raises OSError when the mould has died."""
        self.requests.send(os.fsencode(run_dir))

    def cast(self, number: int, facts: Facts) -> None:
        """Have a keeper forked; raises OSError or ValueError when that is not possible."""
        request = marshal.dumps((number, facts))
        if len(request) > mould.LARGEST:
            raise ValueError(f"its command and environment have {len(request)} bytes; {mould.LARGEST} are possible")
        self.requests.send(request)

    def report(self) -> tuple[int, int, str]:
        """The number of a request, the new keeper's pid, and its word; raises BlockingIOError when nothing was said."""
        number, pid, word = self.reports.recv(4096).decode(errors="replace").split(" ", 2)
        return int(number), int(pid), word
