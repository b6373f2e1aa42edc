"""What is measured of any supervisor: starts, replacements, stops, a flood of words, idleness, and its own death."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import folk
from shift import ELEVEN, Shift
from supervised import Supervisor

LINES = 300_000
SETTLED = 3.0  # seconds after which every supervisor takes its programs for well started
LINE = re.compile(rb"(\d{9}) x{89}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one shift of ticking programs showed."""

    up: float  # milliseconds until all ran, the first time
    again: float  # the same of a later start, where that has less to do
    replaced: Sequence[float]  # milliseconds from each kill to the replacement
    memory: float  # MB of the supervisor's share


def ticking(kind: type[Supervisor], kills: int, chance: random.Random) -> Shown:
    """Start eleven, look at the memory, kill one after the other at moments of no pattern."""
    with Shift(kind, "ticking") as shift:
        up = again = shift.up()
        time.sleep(SETTLED)
        if kind.remembers:
            again = shift.again()
            time.sleep(SETTLED)
        memory = folk.pss_mib(folk.supervisors(shift.folder))
        replaced = []
        for nth in range(kills):
            replaced.append(shift.killed(shift.names[nth % len(shift.names)]))
            time.sleep(chance.uniform(0.05, 0.35))
        return Shown(up=up, again=again, replaced=replaced, memory=memory)


def stopping(kind: type[Supervisor]) -> float:
    """Milliseconds until eleven programs that need a second each have ended."""
    with Shift(kind, "slow", ["1"] * ELEVEN) as shift:
        shift.up()
        time.sleep(SETTLED)
        return shift.stopped()


@dataclass(frozen=True, slots=True, kw_only=True)
class Poured:
    """What became of a flood of words."""

    rate: float  # lines a second that the program got rid of
    cost: float  # seconds of the supervisor's CPU for a million of them
    kept: int  # different lines on disk
    twice: int


def pouring(kind: type[Supervisor]) -> Poured:
    """One program writes as fast as its standard output takes it."""
    with Shift(kind, "flooding", [str(LINES)]) as shift:
        shift.up()
        name = shift.names[0]
        shift.until(lambda: bool(shift.told(name, "prepared")), "the preparation of the flood")
        time.sleep(SETTLED)
        crowd = folk.supervisors(shift.folder)
        before = folk.cpu_ns(crowd)
        shift.go()
        shift.until(lambda: bool(shift.told(name, "poured")), "the end of the flood", patience=120)
        begun, ended = shift.told(name, "poured")[0]
        time.sleep(SETTLED)
        cost = (folk.cpu_ns(crowd) - before) / 1e9 / LINES * 1e6
        kept, twice = _lines(shift.folder)
        return Poured(rate=LINES / (ended - begun) * 1e9, cost=cost, kept=kept, twice=twice)


def _lines(folder: Path) -> tuple[int, int]:
    """How many numbers stand in the files of a folder, and how many more than once."""
    seen: Counter[bytes] = Counter()
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            seen.update(LINE.findall(file.read_bytes()))
    return len(seen), sum(count > 1 for count in seen.values())


def idling(kinds: Sequence[type[Supervisor]], windows: int, seconds: float) -> dict[str, list[float]]:
    """Percent of a core that each takes while eleven programs tick, all supervisors over the same times."""
    taken: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    with ExitStack() as stack:
        shifts = [stack.enter_context(Shift(kind, "ticking")) for kind in kinds]
        for shift in shifts:
            shift.up()
        time.sleep(2 * SETTLED)
        for _ in range(windows):
            before = [folk.cpu_ns(folk.supervisors(shift.folder)) for shift in shifts]
            begun = time.monotonic_ns()
            time.sleep(seconds)
            after = [folk.cpu_ns(folk.supervisors(shift.folder)) for shift in shifts]
            took = time.monotonic_ns() - begun
            for kind, start, end in zip(kinds, before, after, strict=True):
                taken[kind.name].append(100 * (end - start) / took)
    return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Bereft:
    """What the supervisor's own death did to its programs."""

    alive: int  # of those that ran before, five seconds after
    doubled: int  # programs that run more than once after its restart
    running: int  # programs that run after its restart


def dying(kinds: Sequence[type[Supervisor]], manner: str) -> dict[str, Bereft]:
    """Kill each supervisor, wait, start it again, wait, and count."""
    with ExitStack() as stack:
        shifts = [stack.enter_context(Shift(kind, manner)) for kind in kinds]
        for shift in shifts:
            shift.up()
        time.sleep(SETTLED)
        before = [set(folk.programs(shift.folder)) for shift in shifts]
        for shift in shifts:
            os.kill(shift.supervisor.pid, signal.SIGKILL)
        time.sleep(5)
        alive = [len(pids & folk.programs(shift.folder).keys()) for pids, shift in zip(before, shifts, strict=True)]
        for shift in shifts:
            shift.supervisor.start()
        time.sleep(7)
        copies = [Counter(folk.programs(shift.folder).values()) for shift in shifts]
    return {
        kind.name: Bereft(alive=still, doubled=sum(n > 1 for n in each.values()), running=len(each))
        for kind, still, each in zip(kinds, alive, copies, strict=True)
    }
