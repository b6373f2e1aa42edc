"""Whom a daemon asks for keepers: one a run directory, in the zygote, behind a socket.

Standard library only. It is imported once the mould has been forked: nothing of it is in the memory of keepers.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.keeping.caller import Caller
from tradewarden.orchestrator.keeping.door import Door
from tradewarden.orchestrator.keeping.foundry import Foundry
from tradewarden.orchestrator.keeping.host import Host
from tradewarden.orchestrator.keeping.outcast import Search
from tradewarden.orchestrator.keeping.request import facts_of, is_name, parse

PROTOCOL = 1
HELD = 75  # exit code: somebody else does this already
LOCK = ".zygote.lock"  # no service can have this name
TICK = 2.0  # seconds between two figures
_PATIENCE = 10.0  # seconds for a caller to say what it wants, and for a new keeper to say whether it is the one


class Reception:
    """The zygote at work: it is asked for keepers, has them cast, and tells the figures of the machine."""

    def __init__(self, run_dir: str, own: lock.Lock, foundry: Foundry, idle: float = math.inf) -> None:
        """Leaves by itself after `idle` seconds in which it has kept nothing and nobody has asked it anything."""
        os.chdir(run_dir)
        self.run_dir = os.getcwd()
        self._foundry = foundry
        foundry.settle(self.run_dir)
        self._poll = select.poll()
        self._door = Door(self.run_dir, own, self._poll)
        self._callers: dict[int, Caller] = {}
        self._begun: dict[int, Caller] = {}  # by the number of the request
        self._requests = 0
        self._host = Host(os.path.join(self.run_dir, "host.figures"))
        self._is_leaving = False
        self._search = Search(self.run_dir)
        self._idle, self._needed_at, self._seen_at = idle, time.monotonic(), 0.0
        self._woken, self._waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for each in (self._foundry.reports, self._foundry.requests, self._woken):
            self._poll.register(each, select.POLLIN)

    def leave(self) -> None:
        """Serve no longer; the keepers stay."""
        self._is_leaving = True
        os.write(self._waking, b"l")  # the wait ends, even when it was just about to begin

    def run(self) -> None:
        """Serve until told to leave, or until the mould is gone."""
        tick_at = time.monotonic()
        while not self._is_leaving:
            for descriptor, _ in self._poll.poll(1000 * max(0.0, tick_at - time.monotonic()) + 1):
                self._attend(descriptor)
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + min(TICK, self._idle / 2)
                self._host.tell(time.time())
                self._hang_up(time.monotonic())
                self._is_leaving = self._is_leaving or not self._door.hold()
                self._leave_when_idle(time.monotonic())

    def _attend(self, descriptor: int) -> None:
        if descriptor == self._door.listener.fileno():
            self._accept()
        elif descriptor == self._foundry.reports.fileno():
            self._report()
        elif descriptor in self._callers:
            self._hear(self._callers[descriptor])
        else:
            self._is_leaving = True  # the mould died: the next zygote has another one

    def _accept(self) -> None:
        try:
            connection, _ = self._door.listener.accept()
        except OSError:
            self._poll.modify(self._door.listener, 0)  # no descriptor to spare: until the next tick
            return
        self._needed_at = time.monotonic()
        connection.setblocking(False)  # noqa: FBT003 - it takes no keyword
        caller = Caller(connection, time.monotonic() + _PATIENCE)
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            caller.answer(ok=False, why=f"only user {os.geteuid()} and root may ask for keepers here")
            return
        self._callers[connection.fileno()] = caller
        self._poll.register(connection, select.POLLIN)

    def _hear(self, caller: Caller) -> None:
        try:
            line = caller.line()
            if line is None:
                return
            self._forget(caller)
            self._answer(caller, line)
        except (ValueError, OverflowError, RecursionError, OSError) as trouble:
            if caller.descriptor in self._callers:
                self._forget(caller)
            caller.answer(ok=False, why=f"no keeper: {trouble}")

    def _answer(self, caller: Caller, line: bytes) -> None:
        asked = parse(line)
        if "keep" not in asked:
            caller.answer(protocol=PROTOCOL, pid=os.getpid())
            return
        name, spec = asked["keep"], asked.get("spec")
        if not isinstance(name, str) or not isinstance(spec, dict):
            raise ValueError("a name and a spec were expected")  # noqa: TRY004 - one kind of refusal
        facts = facts_of(name, spec)
        self._search.spare(name)
        self._requests += 1
        self._foundry.cast(self._requests, facts)
        self._begun[self._requests] = caller

    def _report(self) -> None:
        """A new keeper has said whether it took the lock."""
        try:
            number, pid, word = self._foundry.report()
        except (OSError, ValueError):
            return
        caller = self._begun.pop(number, None)
        if caller is None:
            return
        match word:
            case "keeps":
                caller.answer(ok=True, pid=pid)
            case "held":
                caller.answer(ok=True, pid=None, already=True)
            case _:
                caller.answer(ok=False, why=word)

    def _forget(self, caller: Caller) -> None:
        self._poll.unregister(caller.descriptor)
        del self._callers[caller.descriptor]

    def _hang_up(self, now: float) -> None:
        """Wait no longer for callers that say nothing, and for keepers that do not."""
        for caller in [each for each in self._callers.values() if now > each.until]:
            self._forget(caller)
            caller.answer(ok=False, why="a line of JSON was expected")
        for number, caller in list(self._begun.items()):
            if now > caller.until:
                del self._begun[number]
                caller.answer(ok=False, why="the new keeper died before it could say anything")

    def _leave_when_idle(self, now: float) -> None:
        """A zygote of a daemon's own is not for ever; the next one that needs it starts another."""
        if self._idle == math.inf or now - self._seen_at < self._idle / 8:
            return
        self._seen_at = now
        try:
            is_needed = self._callers or self._begun or kept_in(self.run_dir)
        except OSError:
            return  # too many files are open to see who keeps anything
        if is_needed:
            self._needed_at = now
        elif now - self._needed_at >= self._idle:
            self._is_leaving = True


def kept_in(run_dir: str) -> list[str]:
    """The services here whose keepers live; raises OSError when that cannot be seen."""
    try:
        names = [entry[:-5] for entry in os.listdir(run_dir) if entry.endswith(".lock") and is_name(entry[:-5])]
    except FileNotFoundError:
        return []
    return [name for name in names if lock.is_held(os.path.join(run_dir, f"{name}.lock"))]


def stop_keepers(run_dir: str) -> None:
    """Have every keeper here stop its service, each in its own way, and wait until all have left."""
    kept = kept_in(run_dir)
    for name in kept:
        try:
            control = os.open(os.path.join(run_dir, f"{name}.ctl"), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            continue
        os.write(control, b"stop\n")
        os.close(control)
    while any(lock.is_held(os.path.join(run_dir, f"{name}.lock")) for name in kept):
        time.sleep(0.05)  # each has its own limit, and kills what exceeds it


def serve(run_dir: str, foundry: Foundry, ready: Callable[[], None], idle: float, *, stop_all: bool) -> int:
    """Serve there until told to leave, or until nobody has needed it for so long; the exit code.

    `ready` is called once keepers can be asked for; `stop_all`: they leave with it.
    """
    try:
        os.makedirs(run_dir, 0o700, exist_ok=True)
        own = lock.take(os.path.join(run_dir, LOCK))
        if own is None:
            return HELD
        reception = Reception(run_dir, own, foundry, idle)
    except OSError as trouble:
        sys.stderr.write(f"{run_dir}: no keepers can be kept here: {trouble.strerror}\n")
        return 73
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda _signal, _frame: reception.leave())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    ready()
    reception.run()
    if stop_all:
        stop_keepers(reception.run_dir)
    return 0
