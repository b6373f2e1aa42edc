"""The processes that live in a folder, whoever their parent is: found, counted, measured and ended."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PROGRAM = str(Path(__file__).with_name("program.py"))


def living(folder: Path) -> set[int]:
    """Whose command line, working directory or open file lies there; a zombie has none."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if str(folder) in command or (command and any(each.is_relative_to(folder) for each in _places(entry))):
                    found.add(int(entry.name))
    return found


def _places(process: Path) -> Iterator[Path]:
    """Where it works, and what our keepers hold, who work nowhere: each has its lock."""
    yield (process / "cwd").readlink()
    if (process / "comm").read_text().startswith("kept "):
        for each in (process / "fd").iterdir():
            yield each.readlink()


def programs(folder: Path) -> dict[int, str]:
    """The programs among them, and which copy is whose."""
    found = {}
    for pid in living(folder):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if PROGRAM in words[1:4]:
                found[pid] = words[words.index(PROGRAM) + 2]
    return found


def supervisors(folder: Path) -> set[int]:
    """Everybody there who is no program."""
    return living(folder) - programs(folder).keys()


def cpu_ns(pids: Iterable[int]) -> int:
    """Time that they have had a core, all threads, as the scheduler counts it."""
    spent = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    spent += int((thread / "schedstat").read_text().split()[0])
    return spent


def pss_mib(pids: Iterable[int]) -> float:
    """Their share of memory in units of 2**20 bytes: a page that several use counts for each in part."""
    bytes_used = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            bytes_used += int(found[1]) * 1024 if found else 0
    return bytes_used / 2**20


def until_ended(pids: Iterable[int], patience: float) -> float:
    """When the last of them has ended, on the monotonic clock."""
    handles = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    limit = time.monotonic() + patience
    try:
        for handle in handles:
            waiting = select.poll()
            waiting.register(handle, select.POLLIN)
            if not waiting.poll(max(0.0, limit - time.monotonic()) * 1000):
                raise RuntimeError(f"a process has not ended within {patience:.0f} s")
        return time.monotonic()
    finally:
        for handle in handles:
            os.close(handle)


def end(folder: Path) -> None:
    """Kill everybody there: supervisors first, lest they start the others again."""
    for _ in range(50):
        crowd = supervisors(folder) or living(folder)
        if not crowd:
            return
        for pid in crowd:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    raise RuntimeError(f"{len(living(folder))} processes of {folder.name} do not end")
