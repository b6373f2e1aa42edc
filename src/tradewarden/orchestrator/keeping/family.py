"""Everything that a service has started, however it tried to get away: children, orphans, sessions of their own.

A keeper adopts the orphans of its descendants (it is their subreaper), so that walking the children finds all of them.
Those that an earlier keeper left behind are known by the mark that every service carries in its environment. A process
is pinned by a pidfd before it is judged, so that no stranger who got the same number is ever signalled.
"""

from __future__ import annotations

import os
import select
from _collections_abc import Container, Iterable

from tradewarden.orchestrator.keeping import signals

_PARENT, _STARTED = 1, 19  # fields of /proc/PID/stat behind the name
_USER, _SYSTEM, _THREADS = 11, 12, 17
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
UNSEEN = 0  # instead of the pids of those who are there, and whom nobody can see
_LOOKS = 10  # at what has come while the ones before were looked at
_SMALL = 1 << 12  # bytes at once: what a keeper has touched it keeps


class Process:
    """One process of another keeper's making, pinned: its number cannot pass to a stranger unnoticed."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self._descriptor = pid, descriptor

    @property
    def is_open(self) -> bool:
        """Whether it has not been let go of."""
        return self._descriptor >= 0

    @property
    def lives(self) -> bool:
        """Whether it has not ended; one that only waits to be reaped has."""
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        return not waiting.poll(0)

    def signal(self, number: int) -> bool:
        """Send a signal; false when this user may not."""
        try:
            signals.send(self._descriptor, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
        self._descriptor = -1


def pin(pid: int) -> Process | None:
    """This process, as long as it is there."""
    try:
        return Process(pid, os.pidfd_open(pid))
    except (OSError, OverflowError):
        return None


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; none when there is no such process."""
    text = _read(f"/proc/{pid}/stat")
    return text[text.rindex(b")") + 2 :].decode().split() if b")" in text else None


def ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did: with its number, its identity."""
    fields = stat(pid)
    return int(fields[_STARTED]) if fields else None


def children(pid: int) -> list[int]:
    """The children of a process, those of each of its threads."""
    found = []
    for thread in _threads(pid):
        found += [int(each) for each in _read(f"/proc/{pid}/task/{thread}/children").split()]
    return found


def descendants(pid: int, without: Iterable[int] = ()) -> list[int]:
    """All that came from a process and still runs, nearest first."""
    return _running(children(pid), set(without))


def own(without: Container[int]) -> list[int]:
    """The descendants of this process, which adopts orphans; here an empty answer is true.

    Its children stay listed until it reaps them, and whoever ends hands its own to the end of that list: so if all that
    were listed are over, and nobody has come to the list meanwhile, nothing is left.
    """
    listed = children(os.getpid())
    if found := _running(listed, without):
        return found
    again = children(os.getpid())
    if len(again) < len(listed) or not (again or _is_childless()):
        return [UNSEEN]  # no descriptor to spare: that is no answer
    return [each for each in again if each not in listed and each not in without]


def carriers(mark: bytes) -> list[Process]:
    """Every process that carries this mark in its environment, but not those that this one descends from."""
    found = []
    seen = set(map(str, _ancestors()))
    for _ in range(_LOOKS):
        fresh = [entry for entry in os.listdir("/proc") if entry.isdigit() and entry not in seen]
        if not fresh:
            break
        seen.update(fresh)  # one of them may end, and leave another, before its turn
        for entry in fresh:
            process = pin(int(entry)) if mark in _environment(entry) else None
            if process is None:
                continue
            if mark in _environment(entry) and process.lives:  # the pinned one carries it too
                found.append(process)
            else:
                process.close()
    return found


def identified(pid: int, started: int) -> Process | None:
    """The process of this number, if it is the one that began at that tick and still lives."""
    process = pin(pid)
    if process is None:
        return None
    if ticks(pid) == started and process.lives:
        return process
    process.close()
    return None


def usage(pids: Iterable[int]) -> tuple[float, int]:
    """Seconds of processor time that processes have used, and bytes of memory that they hold, together."""
    seconds, memory = 0.0, 0
    for pid in pids:
        fields = stat(pid)
        pages = _read(f"/proc/{pid}/statm").split()
        if fields and len(pages) > 1:
            seconds += (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
            memory += int(pages[1]) * _PAGE
    return seconds, memory


def _running(ahead: list[int], without: Container[int]) -> list[int]:
    found = []
    ahead = [each for each in ahead if each not in without]
    while ahead:
        each = ahead.pop(0)
        found.append(each)
        ahead += [child for child in children(each) if child not in without]
    return [each for each in found if not _is_over(each)]


def _is_childless() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _is_over(pid: int) -> bool:
    """Whether its last thread has ended: the first one, after which a process is judged, may end long before."""
    fields = stat(pid)
    if fields is None:
        return not _is_there(pid)
    return fields[0] == "X" or (fields[0] == "Z" and int(fields[_THREADS]) <= 1)


def _is_there(pid: int) -> bool:
    """The kernel's answer, which takes no descriptor."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _environment(pid: str) -> list[bytes]:
    """What a process was told when it began; where its first thread has ended, another one knows it."""
    told = _read(f"/proc/{pid}/environ")
    if not told and (fields := stat(int(pid))) and fields[0] == "Z" and not _is_over(int(pid)):
        told = next(filter(None, (_read(f"/proc/{pid}/task/{each}/environ") for each in _threads(int(pid)))), b"")
    return told.split(b"\0")


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _ancestors() -> set[int]:
    found, each = set(), os.getpid()
    while each > 0 and each not in found:
        found.add(each)
        fields = stat(each)
        each = int(fields[_PARENT]) if fields else 0
    return found


def _read(path: str) -> bytes:
    """A small file of the kernel's; empty when the process is gone or somebody else's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, _SMALL):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
