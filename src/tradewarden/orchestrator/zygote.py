"""Forks one keeper a service, at the word of a daemon; `python -I -S zygote.py RUN_DIR` runs it.

Keepers forked from here share its memory, and live on when it ends. Standard library only.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

# At the end, so that no module of ours (token, signals, ...) is taken for one of the standard library's.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tradewarden.orchestrator.keeper import TICK, Keeper
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.keeping.brief import Brief, is_name, parse
from tradewarden.orchestrator.keeping.caller import Caller
from tradewarden.orchestrator.keeping.host import Host

PROTOCOL = 1
HELD = 75  # exit code: somebody else does this already
SOCKET = "zygote.sock"
LOCK = ".zygote.lock"  # no service can have this name
_PATIENCE = 10.0  # seconds for a caller to say what it wants


class Zygote:
    """The forker of keepers; one a run directory."""

    def __init__(self, run_dir: str, own: lock.Lock) -> None:
        os.chdir(run_dir)  # the socket's name may be longer than the kernel allows: it is bound by its last part
        self.run_dir, self._lock = os.getcwd(), own
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if os.path.lexists(SOCKET):
            os.unlink(SOCKET)
        self._listener.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        self._listener.listen(64)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._callers: dict[int, Caller] = {}
        self._begun: dict[int, tuple[Caller, int]] = {}  # by the pipe on which a new keeper says whether it is the one
        self._host = Host(os.path.join(self.run_dir, "host.figures"))
        self._is_leaving = False
        self._woken, self._waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._woken, select.POLLIN)

    def leave(self) -> None:
        """Serve no longer; the keepers stay."""
        self._is_leaving = True
        os.write(self._waking, b"l")  # the wait ends, even when it was just about to begin

    def run(self) -> None:
        """Serve until told to leave."""
        tick_at = time.monotonic()
        while not self._is_leaving:
            for descriptor, _ in self._poll.poll(1000 * max(0.0, tick_at - time.monotonic()) + 1):
                self._attend(descriptor)
            self._reap()
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + TICK
                self._host.tell(time.time())
                self._hang_up()

    def _attend(self, descriptor: int) -> None:
        if descriptor == self._listener.fileno():
            self._accept()
        elif descriptor in self._callers:
            self._hear(self._callers[descriptor])
        elif descriptor in self._begun:
            self._report(descriptor)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.settimeout(0)
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
            asked = parse(line)
        except (ValueError, OSError) as trouble:
            self._forget(caller)
            caller.answer(ok=False, why=str(trouble))
            return
        self._forget(caller)
        if "keep" in asked:
            self._keep(caller, asked)
        else:
            caller.answer(protocol=PROTOCOL, pid=os.getpid())

    def _forget(self, caller: Caller) -> None:
        self._poll.unregister(caller.connection)
        del self._callers[caller.connection.fileno()]

    def _keep(self, caller: Caller, asked: dict[str, object]) -> None:
        name, spec = asked.get("keep"), asked.get("spec")
        try:
            if not isinstance(name, str) or not isinstance(spec, dict):
                raise ValueError("a name and a spec were expected")  # noqa: TRY004, TRY301 - the caller's, in its words
            brief = Brief(name, spec)
            reading, writing = os.pipe2(os.O_CLOEXEC)
            pid = os.fork()
        except (ValueError, OSError) as trouble:
            caller.answer(ok=False, why=f"no keeper for {name!r}: {trouble}")
            return
        if not pid:
            _become_keeper(brief, self.run_dir, writing)
        os.close(writing)
        self._begun[reading] = (caller, pid)
        self._poll.register(reading, select.POLLIN)

    def _report(self, descriptor: int) -> None:
        """A new keeper has said whether it took the lock; nothing said: it died."""
        caller, pid = self._begun.pop(descriptor)
        self._poll.unregister(descriptor)
        word = os.read(descriptor, 4096)
        os.close(descriptor)
        match word:
            case b"keeps":
                caller.answer(ok=True, pid=pid)
            case b"held":
                caller.answer(ok=True, pid=None, already=True)
            case _:
                caller.answer(ok=False, why=word.decode(errors="replace") or f"the keeper, pid {pid}, died at once")

    def _reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return

    def _hang_up(self) -> None:
        """Wait no longer for callers that say nothing."""
        for caller in [each for each in self._callers.values() if time.monotonic() > each.until]:
            self._forget(caller)
            caller.connection.close()


def _become_keeper(brief: Brief, run_dir: str, report: int) -> None:
    """The child's side; never returns."""
    code = 1
    try:
        os.dup2(report, 3)
        os.closerange(4, 1 << 16)
        os.set_inheritable(3, False)  # noqa: FBT003 - it takes no keyword
        _silence()
        os.setsid()
        os.chdir("/")
        keeper = _settle(brief, run_dir)
        code = HELD
        if keeper is not None:
            keeper.run()
            code = 0
    except BaseException:  # noqa: BLE001 - a bug of ours: nobody is there to hear it but this file
        _write_fault(os.path.join(run_dir, f"{brief.name}.fault"))
    finally:
        os._exit(code)


def _settle(brief: Brief, run_dir: str) -> Keeper | None:
    """Become the keeper, and say so to the zygote; none when there is one already."""
    keeper = None
    try:
        own = lock.take(os.path.join(run_dir, f"{brief.name}.lock"))
        keeper = Keeper(brief, run_dir, own) if own is not None else None
        word = "held" if keeper is None else "keeps"
    except OSError as trouble:
        word = f"{trouble.filename or run_dir}: {trouble.strerror}"
    os.write(3, word.encode())
    os.close(3)
    return keeper


def _write_fault(path: str) -> None:
    import traceback  # noqa: PLC0415 - memory for something that never happens

    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{time.ctime()} keeper {os.getpid()}\n{traceback.format_exc()}\n")


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(nothing, each)


def stop_keepers(run_dir: str) -> None:
    """Have every keeper here stop its service, each in its own way, and wait until all have left."""
    names = [entry[:-5] for entry in os.listdir(run_dir) if entry.endswith(".lock") and is_name(entry[:-5])]
    kept = [name for name in names if lock.is_held(os.path.join(run_dir, f"{name}.lock"))]
    for name in kept:
        try:
            control = os.open(os.path.join(run_dir, f"{name}.ctl"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        os.write(control, b"stop\n")
        os.close(control)
    while any(lock.is_held(os.path.join(run_dir, f"{name}.lock")) for name in kept):
        time.sleep(0.05)  # each has its own limit, and kills what exceeds it


def main(arguments: list[str]) -> int:
    """`RUN_DIR`, and `--detach` (leave the caller, which is told when it serves) or `--stop-all-on-term`."""
    options, places = [each for each in arguments if each[:2] == "--"], [each for each in arguments if each[:2] != "--"]
    if len(places) != 1 or not set(options) <= {"--detach", "--stop-all-on-term"}:
        sys.stderr.write("zygote.py RUN_DIR [--detach] [--stop-all-on-term]\n")
        return 64
    if "--detach" in options:
        return _detach(places[0])
    return _serve(places[0], lambda: None, stop_all="--stop-all-on-term" in options)


def _detach(run_dir: str) -> int:
    """Serve in a session of one's own; returns to the caller as soon as keepers can be asked for."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(writing)
        return int(os.read(reading, 16) or b"1")

    def ready() -> None:
        _silence()
        os.write(writing, b"0")
        os.close(writing)

    code = 1
    try:
        os.setsid()
        for each in (signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        code = _serve(run_dir, ready, stop_all=False)
        if code:
            os.write(writing, str(code).encode())
    finally:
        os._exit(code)


def _serve(run_dir: str, ready: Callable[[], None], *, stop_all: bool) -> int:
    try:
        os.makedirs(run_dir, 0o700, exist_ok=True)
        own = lock.take(os.path.join(run_dir, LOCK))
        if own is None:
            return HELD
        zygote = Zygote(run_dir, own)
    except OSError as trouble:
        sys.stderr.write(f"{run_dir}: no keepers can be kept here: {trouble.strerror}\n")
        return 73
    signal.signal(signal.SIGTERM, lambda _signal, _frame: zygote.leave())
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    gc.collect()
    gc.disable()
    gc.freeze()  # pages that no collection ever writes to are shared by all keepers
    ready()
    zygote.run()
    if stop_all:
        stop_keepers(zygote.run_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
