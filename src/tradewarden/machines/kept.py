"""What a keeper writes down about its service, one event a line of its status log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One thing that happened; `at` is the keeper's wall clock."""

    at: datetime
    keeper: int  # the keeper's pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Kept):
    """A life of the program began."""

    pid: int
    ticks: int  # start time of the process in clock ticks: with the pid, its identity
    revision: str  # of the definition
    boot: str
    life: int  # from 1, since the service was last asked to start
    protocol: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed(Kept):
    """The program could not be started: it is not there, or there is no memory or no process to spare."""

    errno: int
    text: str
    again_at: datetime | None  # when it is tried next
    revision: str = ""  # of the definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited(Kept):
    """A life of the program ended."""

    pid: int
    code: int | None  # negative: the signal; none when nobody was there to see it
    up: float  # seconds
    asked: bool  # somebody had asked it to stop
    peak_memory: int = 0  # bytes
    dropped_lines: int = 0  # of output that no disk took
    left: int = 0  # processes it left behind, which were ended
    fenced: bool = False  # it had outlived its keeper, and was ended by the next one
    again_at: datetime | None = None  # when its keeper starts it next; none: not by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(Kept):
    """Its signal was sent."""

    pid: int
    signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(Kept):
    """It did not stop in its time: everything it started was killed."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Kept):
    """It ended too often: its keeper waits for a word."""

    attempts: int
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLost(Kept):
    """Lines between two moments that no disk took."""

    since: datetime
    lines: int
    bytes: int
    lasting: bool = False  # so far: more may be lost, and all of it is told once there is room


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone(Kept):
    """The keeper left: nothing is wanted and nothing runs."""


Happening = Started | StartFailed | Exited | Stopping | Escalated | Paused | OutputLost | Gone
