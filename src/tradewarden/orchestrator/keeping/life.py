"""One run of a service's program, and the pipe through which all of its runs speak."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import time
from _collections_abc import Callable, Iterable

from tradewarden.orchestrator.keeping import birth, signals
from tradewarden.orchestrator.keeping.birth import Account
from tradewarden.orchestrator.keeping.brief import Brief

_ROOM = 1 << 20  # bytes that may wait in the pipe
_PIECE = 1 << 16  # bytes at once
_FLOOD = 4096  # bytes at once: let more gather before the next look
_GATHER = 0.00005  # seconds; in longer ones memory cools, or the pipe of two million lines a second is full


class Life:
    """One run of the program, from its start to its exit."""

    def __init__(self, pid: int, began: float) -> None:
        self.pid, self.began = pid, began
        self.descriptor = os.pidfd_open(pid)
        self.asked: int | None = None  # the signal with which somebody asked it to stop
        self.told: frozenset[int] = frozenset()  # what it had started by then, which heard that signal too
        self.is_withheld = False  # it has ended, and a debugger does not let go of it

    def is_taken(self, poll: select.poll) -> bool:
        """Whether it has ended and somebody else was told how; if not, its descriptor shall not say so without end."""
        try:
            os.waitid(os.P_PIDFD, self.descriptor, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        poll.modify(self.descriptor, 0)
        self.is_withheld = True
        return False

    def signal(self, number: int) -> None:
        """A signal for the program alone."""
        try:
            signals.send(self.descriptor, number)
        except OSError:
            return  # it has ended, or is not ours to signal

    def ask(self, number: int, family: Iterable[int]) -> None:
        """Ask it, and what it started in its session, to stop."""
        self.asked = number
        self.told = frozenset(each for each in family if _group(each) == self.pid)
        try:
            os.killpg(self.pid, number)
            os.killpg(self.pid, signals.SIGCONT)  # a stopped one hears nothing else
        except OSError:
            return  # it has ended, or is not ours to signal


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


class Voice:
    """The pipe of a service: both ends are the keeper's, so that a grandchild which holds it keeps no next life up."""

    def __init__(self) -> None:
        self._piece = _FLOOD  # what a quiet service needs no memory for
        self.hearing, self.speaking = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.hearing, False)
        try:
            fcntl.fcntl(self.speaking, fcntl.F_SETPIPE_SZ, _ROOM)
        except OSError:
            return  # this user's pipes have all the memory they may have: a small one does too

    def close(self) -> None:
        """Let go of both ends."""
        for each in (self.hearing, self.speaking):
            os.close(each)

    def refresh(self) -> None:
        """Undo what a program did to the pipe: it would meet the next one (words that may not wait, above all)."""
        fcntl.fcntl(self.speaking, fcntl.F_SETFL, 0)

    def hear(self, take: Callable[[bytes], None], *, out: bool = False) -> None:
        """Pass on what was said; `out`: to the end, for the speaker has ended."""
        done = 0
        while done < (2 * _ROOM if out else _ROOM):
            try:
                data = os.read(self.hearing, self._piece)
            except BlockingIOError:
                break
            take(data)
            done += len(data)
            if len(data) < self._piece and not out:
                break  # there is no more, or the next look finds it
            self._piece = _PIECE
        if done >= _FLOOD and not out:
            time.sleep(_GATHER)


class Nursery:
    """Where the lives of one service begin."""

    def __init__(self, brief: Brief, path: str, voice: Voice) -> None:
        self._brief, self._path, self._voice = brief, path, voice
        self._environment = {
            **brief.env,
            "TRADEWARDEN_SERVICE": brief.name,
            "TRADEWARDEN_KEEPER": path,
            "TRADEWARDEN_STATUS_FILE": f"{path}.says",
        }

    def begin(self, now: float) -> Life:
        """Start the program; raises OSError with the reason when it cannot be."""
        account = Account(self._brief.user) if self._brief.user is not None else None
        self._prepare(account)
        self._voice.refresh()
        try:
            pid = birth.begin(self._brief, self._environment, account, self._voice.speaking)
        except ValueError as trouble:
            raise OSError(errno.EINVAL, f"its command or environment has signs unknown here: {trouble}") from None
        try:
            return Life(pid, now)
        except OSError:
            os.kill(pid, signals.SIGKILL)  # nobody else has this number before it is reaped
            raise

    def _prepare(self, account: Account | None) -> None:
        """An empty file for what it says of itself, and a voice that are its own."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            says = os.open(f"{self._path}.says", flags, 0o600)
        except OSError as trouble:
            if trouble.errno in (errno.ENOSPC, errno.EDQUOT):
                return  # it runs without one
            raise
        try:
            if account is not None and account.uid != os.geteuid():
                os.fchown(says, account.uid, account.gid)
                os.fchown(self._voice.speaking, account.uid, account.gid)  # /dev/stdout can be opened by it
                os.chmod(os.path.dirname(self._path), 0o711)  # noqa: S103 - to be walked through; the files stay closed
        finally:
            os.close(says)
