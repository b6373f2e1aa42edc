"""The zygote's end of the mould: a request goes in, and a report comes back."""

from __future__ import annotations

import marshal
import os
import socket
import sys

from tradewarden.orchestrator.keeping.brief import Facts

LARGEST = 1 << 18  # bytes of a request
_REPORT, _REQUESTS = 3, 4  # descriptors as the mould expects them
_MOULD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mould.py")


class Foundry:
    """Where keepers are cast; it dies with the mould, and the mould with the zygote."""

    def __init__(self, run_dir: str) -> None:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LARGEST)
        self.requests.settimeout(1.0)
        self.reports, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reports.setblocking(False)  # noqa: FBT003 - it takes no keyword
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        above = [os.dup(each) for each in (report.fileno(), theirs.fileno())]
        actions = [(os.POSIX_SPAWN_DUP2, nothing, each) for each in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, above[0], _REPORT), (os.POSIX_SPAWN_DUP2, above[1], _REQUESTS)]
        command = [sys.executable, "-I", "-S", _MOULD, run_dir]
        os.posix_spawn(sys.executable, command, dict(os.environ), file_actions=actions)
        for each in (nothing, *above):
            os.close(each)
        theirs.close()
        report.close()

    def cast(self, number: int, facts: Facts) -> None:
        """Have a keeper forked; raises OSError or ValueError when that is not possible."""
        request = marshal.dumps((number, facts))
        if len(request) > LARGEST:
            raise ValueError(f"its command and environment have {len(request)} bytes; {LARGEST} are possible")
        self.requests.send(request)

    def report(self) -> tuple[int, int, str]:
        """The number of a request, the new keeper's pid, and its word; raises BlockingIOError when nothing was said."""
        number, pid, word = self.reports.recv(4096).decode(errors="replace").split(" ", 2)
        return int(number), int(pid), word
