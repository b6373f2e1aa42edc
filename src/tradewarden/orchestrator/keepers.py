"""The daemon's side of the keepers: asks for them, reads what they write, tells them what to do.

It holds no pipe and no child of theirs: whatever becomes of the daemon, a keeper does not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tradewarden.feed.lock import HeldError
from tradewarden.machines.kept import Happening
from tradewarden.machines.service import HostFigures
from tradewarden.orchestrator import published
from tradewarden.orchestrator.keeping import lock, outcast
from tradewarden.orchestrator.launch import IDLE, PATIENCE, Launch, command, environment, launched
from tradewarden.orchestrator.published import Figures, Gauge, Says
from tradewarden.orchestrator.seat import Seat
from tradewarden.orchestrator.status_log import StatusReader

SOCKET: Final = "zygote.sock"
HELD: Final = 75  # another zygote was quicker
_LATE: Final = 0.02  # seconds until another daemon's zygote, which was quicker, may serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a keeper is told of its service, everything resolved: it goes over a socket and is never written down."""

    name: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    user: str | None
    revision: str
    stop_signal: int
    stop_seconds: float
    log: str
    log_bytes: int
    log_files: int
    compress: bool
    restart: str  # always, failure, never
    attempts: int
    window: float
    base: float
    cap: float
    min_uptime: float
    once: bool = False  # a step: its keeper leaves when it has ended well, or its attempts are used up
    until: float | None = None  # restarts by its keeper alone are allowed until then; none: always
    lives: int = 0  # that it had before under other keepers, since somebody started it
    fence_only: bool = False  # it starts nothing: it ends what outlived an earlier keeper, writes that down and leaves


class KeepersError(Exception):
    """No keeper could be had; the text says why and what to do."""


class NotKeptError(KeepersError):
    """This one service is not kept; for others there are keepers."""


class Keepers:
    """All keepers of one run directory."""

    def __init__(
        self,
        run_dir: Path,
        log_dir: Path,
        *,
        now: Callable[[], datetime],
        start_zygote: bool = True,
        idle: float = IDLE,
        ahead: Launch | None = None,
    ) -> None:
        """Without `start_zygote` only one that runs already is asked: `tradewarden keepers` is a unit of its own.

        One that is started leaves by itself after `idle` seconds in which it keeps nothing and is asked nothing;
        `ahead` is on its way already.
        """
        self.run_dir, self.log_dir = run_dir.absolute(), log_dir.absolute()
        self._now, self._start_zygote, self._idle = now, start_zygote, idle
        self._ahead = ahead
        self._seat = Seat(self.run_dir)
        self._readers: dict[str, StatusReader] = {}
        self._followed: dict[str, StatusReader] = {}
        self._locks: dict[str, lock.Question] = {}
        self._gauges: dict[str, Gauge] = {}
        self._starting = asyncio.Lock()

    def open(self) -> None:
        """Claim the run directory, and make the fifo on which keepers wake the daemon; raises KeepersError."""
        try:
            self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._seat.take()
            self.recall()
        except HeldError as trouble:
            raise self._taken(trouble) from None
        except OSError as trouble:
            self._seat.leave()
            raise KeepersError(
                f"{trouble.filename or self.run_dir}: nothing can be kept there: {trouble.strerror}; set desk.run_dir"
                " and desk.log_dir to directories of this user."
            ) from None

    def hold(self) -> bool:
        """Make again what somebody deleted; whether keepers wake the daemon by another fifo now.

        Raises KeepersError when another daemon looks after the programs here, OSError while the disk refuses.
        """
        try:
            return self._seat.hold()
        except HeldError as trouble:
            raise self._taken(trouble) from None

    def _taken(self, holder: HeldError) -> KeepersError:
        return KeepersError(
            f"{self.run_dir}: the daemon with pid {holder} looks after the programs here: stop that one, or set"
            " desk.run_dir to another directory."
        )

    def recall(self) -> None:
        """Have keepers whose files somebody deleted make them again, before anybody is taken to be without one."""
        outcast.recall(str(self.run_dir))

    def close(self) -> None:
        """Let go of the directory and its fifo; the keepers stay."""
        self._seat.leave()
        for question in self._locks.values():
            question.close()
        for gauge in self._gauges.values():
            gauge.close()

    @property
    def wake_fd(self) -> int:
        """Readable when a keeper has written something down."""
        return self._seat.wake_fd

    def woken(self) -> set[str]:
        """The services whose keepers wrote something down since the last time of asking."""
        return self._seat.woken()

    @property
    def unreadable(self) -> int:
        """How many lines of the status logs no keeper can have written."""
        return sum(each.unreadable for each in (*self._readers.values(), *self._followed.values()))

    def names(self) -> list[str]:
        """Every service that has or had a keeper here."""
        return sorted({path.stem for ending in ("status", "lock") for path in self.run_dir.glob(f"[!.]*.{ending}")})

    def held(self, name: str) -> bool:
        """Whether a keeper of this service lives."""
        question = self._locks.get(name)
        if question is None:
            question = self._locks[name] = lock.Question(str(self.run_dir / f"{name}.lock"))
        return question.is_held()

    def read(self, name: str) -> list[Happening]:
        """What its keeper wrote down since the last time of asking, oldest first."""
        return self._reader(name).read()

    def follow(self, name: str) -> StatusReader:
        """For one who wants to know what its keepers write from now on, whoever else reads it."""
        before = self._followed.get(name)
        reader = self._followed[name] = StatusReader(self.run_dir, name)
        reader.skip()
        reader.unreadable = 0 if before is None else before.unreadable
        return reader

    def last(self, name: str) -> tuple[Happening, ...]:
        """The newest of it, whether read before or not: enough to know how the service stands."""
        return self._reader(name).last()

    def remember(self, name: str) -> None:
        """All that was read is processed: the next daemon goes on after it."""
        self._reader(name).remember()

    def command(self, name: str, line: str) -> bool:
        """Tell a keeper what to do; false when there is none to hear it."""
        try:
            control = os.open(self.run_dir / f"{name}.ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return stat.S_ISFIFO(os.fstat(control).st_mode) and os.write(control, line.encode() + b"\n") > 0
        except OSError:
            return False
        finally:
            os.close(control)

    def figures(self, name: str) -> Figures | None:
        """What the service uses of the machine."""
        return self._gauge(name).figures(self._now())

    def host(self) -> HostFigures | None:
        """How busy the machine is."""
        return published.host(self.run_dir / "host.figures", self.log_dir, self._now())

    def says(self, name: str) -> Says | None:
        """What the service says of itself."""
        return self._gauge(name).says()

    async def keep(self, spec: Spec) -> None:
        """Have a keeper for this service, unless it has one; raises KeepersError, for its own fault NotKeptError."""
        request = {"keep": spec.name, "spec": asdict(spec)}
        answer = await self._ask(request)
        if answer is None and self._start_zygote:
            async with self._starting:
                await self._have_zygote()
            answer = await self._ask(request)
        if answer is None:
            raise KeepersError(
                f"nobody starts keepers in {self.run_dir}: run `tradewarden keepers` or start tradewarden-keepers."
            )
        if not answer.get("ok"):
            raise NotKeptError(f"{spec.name}: {answer.get('why')}")

    async def prepare(self) -> None:
        """Have somebody who starts keepers before one is needed; raises KeepersError."""
        if not await self.reachable() and self._start_zygote:
            async with self._starting:
                await self._have_zygote()

    async def see_off(self) -> None:
        """The process that was on its way has done its part once the zygote that it made serves."""
        async with self._starting:
            if self._ahead is not None:
                await asyncio.to_thread(self._launch)  # if it could not: whoever asks for a keeper is told why

    async def reachable(self) -> bool:
        """Whether somebody answers who can start keepers; the daemon may start one itself when it needs it."""
        return await self._ask({"hello": 1}) is not None

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The zygote's answer; none when there is no zygote."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._converse(json.dumps(request).encode() + b"\n")
        except (ConnectionError, FileNotFoundError):
            return None
        except TimeoutError:
            raise KeepersError(f"the process that starts keepers in {self.run_dir} does not answer: end it.") from None
        except (OSError, ValueError) as trouble:
            raise KeepersError(f"{self.run_dir / SOCKET}: {trouble}") from None

    async def _converse(self, line: bytes) -> dict[str, Any]:
        place = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # by descriptor: the directory's name may be longer than a socket's may be
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{place}/{SOCKET}")
        finally:
            os.close(place)
        try:
            writer.write(line)
            told = await reader.readline()
            if not told:
                raise ConnectionResetError("it left meanwhile")
            answer: dict[str, Any] = json.loads(told)
            return answer
        finally:
            writer.close()

    async def _have_zygote(self) -> None:
        """Start one that outlives this daemon, unless there is one; of two daemons that do so at once one is late."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not await self.reachable():
                    code, said = await asyncio.to_thread(self._launch)
                    if code not in (0, HELD):
                        raise KeepersError(
                            f"no keepers can be started in {self.run_dir}: {said or f'exit code {code}'}"
                        )
                    await asyncio.sleep(0 if code == 0 else _LATE)

    def _gauge(self, name: str) -> Gauge:
        if name not in self._gauges:
            self._gauges[name] = Gauge(self.run_dir, name)
        return self._gauges[name]

    def _launch(self) -> tuple[int, str]:
        """The outcome of the one that is on its way, or of another."""
        ahead, self._ahead = self._ahead, None
        return launched(self.run_dir, self._idle) if ahead is None else ahead.outcome()

    def _reader(self, name: str) -> StatusReader:
        if name not in self._readers:
            self._readers[name] = StatusReader(self.run_dir, name)
        return self._readers[name]


def run_zygote(run_dir: Path) -> int:
    """Become the process that starts keepers; SIGTERM stops them all, each in its own way."""
    os.execve(sys.executable, command(str(run_dir), "--stop-all-on-term"), environment())  # noqa: S606 - no shell needed
