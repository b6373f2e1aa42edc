"""The driver of a desk's programs on real keepers, with a world that a test makes up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradewarden.machines.condition import Facts
from tradewarden.machines.service import DeskReport, Ready, Restarts, Selection, Service, ServiceReport, ServiceState
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.reading import UnreadableError
from tradewarden.orchestrator.service import Host
from tradewarden.orchestrator.wishes import FILE, Wishes

ALL = Selection(everything=True)
SLEEP = ("sleep", "1000")
PATIENCE = 10.0  # seconds for all of a desk to leave


@dataclass
class MadeUp:
    """What the conditions see: as the test says."""

    segments: dict[str, str] = field(default_factory=lambda: {"NSE_EQ": "closed"})
    auth: dict[str, str] = field(default_factory=lambda: {"kite": "valid"})
    flows: dict[str, float | None] = field(default_factory=dict)
    began: bool = False
    tokens: list[datetime] = field(default_factory=list)

    def facts(self, services: Mapping[str, ServiceState], sources: Collection[str]) -> Facts:
        return Facts(
            now=datetime.now(UTC),
            segments=self.segments,
            foremost="NSE_EQ",
            auth=self.auth,
            services=services,
            flows={source: self.flows.get(source) for source in sources},
        )

    def session_began(self) -> bool:
        began, self.began = self.began, False
        return began

    def new_tokens(self) -> list[datetime]:
        tokens, self.tokens = self.tokens, []
        return tokens


@dataclass
class KeptDesk:
    """The driver, its world and its file."""

    driver: DeskDriver
    world: MadeUp
    keepers: WatchedKeepers
    file: list[Service]
    problems: list[str]
    news: list[ServiceReport | DeskReport]
    learned: list[str]  # secrets that no log may show

    def of(self, name: str) -> ServiceReport:
        return next(each for each in self.driver.report().services if each.name == name)

    @property
    def states(self) -> dict[str, str]:
        return {each.name: str(each.state) for each in self.driver.report().services}

    async def until(self, holds: Callable[[], bool], within: float = 10.0) -> None:
        """Beat, as the daemon does, until it is so."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                reasons = {each.name: each.reason for each in self.driver.report().services}
                raise AssertionError(
                    f"it did not come to that: {self.states}, {reasons}, {self.driver.report().reason}"
                )
            await asyncio.sleep(0.02)
            self.driver.look()

    async def until_state(self, **states: str) -> None:
        """Until these services stand so; `desk` is the desk itself."""
        desk = states.pop("desk", None)
        await self.until(lambda: states.items() <= self.states.items() and desk in (None, self.driver.report().state))


class WatchedKeepers(Keepers):
    """They tell whether somebody is just being started who starts keepers, also when nobody waits for that any more."""

    def __init__(self, run_dir: Path, log_dir: Path, *, now: Callable[[], datetime]) -> None:
        super().__init__(run_dir, log_dir, now=now)
        self.launching = threading.Lock()

    def _launch(self) -> tuple[int, str]:
        with self.launching:
            return super()._launch()


def service(name: str, *command: str, **told: Any) -> Service:
    """One that is ready as soon as it runs, unless it is told otherwise."""
    given: dict[str, Any] = {"directory": "/", "ready": Ready(), "restarts": Restarts(base=0.05, cap=0.1)}
    return Service(name=name, command=command or SLEEP, **(given | told))


def shell(name: str, script: str, **told: Any) -> Service:
    """A few words of shell."""
    return service(name, "sh", "-c", script, **told)


@asynccontextmanager
async def kept_desk(
    state: Path,
    *services: Service,
    world: MadeUp | None = None,
    begins: bool = True,
    ends: bool = True,
    comes: Collection[Path] = (),
) -> AsyncIterator[KeptDesk]:
    """A daemon's life: it takes over what runs; at its end everything is stopped only if the test is to end too."""
    leaves, keepers = False, None
    try:
        async with _life(state, services, world, begins=begins, ends=ends, comes=comes) as desk:
            keepers = desk.keepers
            yield desk
        leaves = not ends
    finally:
        if keepers is not None:
            with keepers.launching:  # who was asked for keepers a moment ago may only be about to serve
                pass
        if not leaves:
            end_keepers(state / "keepers")


@asynccontextmanager
async def _life(
    state: Path,
    services: Sequence[Service],
    world: MadeUp | None,
    *,
    begins: bool,
    ends: bool,
    comes: Collection[Path],
) -> AsyncIterator[KeptDesk]:
    made_up, clock = world or MadeUp(), SystemClock()
    keepers = WatchedKeepers(state / "keepers", state / "logs", now=clock.now)
    file, problems, learned = list(services), list[str](), list[str]()

    async def reread() -> tuple[Service, ...]:
        if problems:
            raise UnreadableError(*problems)
        return tuple(file)

    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            task = group.create_task(deed, name=name)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return task

        host = Host(
            keepers=keepers,
            clock=clock,
            spawn=spawn,
            state=state,
            log_dir=state / "logs",
            flows=None,
            comes=frozenset(comes),
            learned=learned.append,
        )
        driver = DeskDriver(services, host, made_up, Wishes(state / FILE), reread, begins=begins)
        news: list[ServiceReport | DeskReport] = []
        driver.subscribe(news.append)
        desk = KeptDesk(driver, made_up, keepers, file, problems, news, learned)
        try:
            driver.begin()
            yield desk
        finally:
            if ends:
                driver.down(by="test")
                await desk.until(lambda: not any(map(keepers.held, keepers.names())), within=15)
            driver.end()
            for task in tuple(tasks):
                task.cancel()


def end_zygote(run_dir: Path, number: signal.Signals = signal.SIGKILL) -> None:
    """End the processes that start keepers here, and wait until they have gone."""
    deadline = time.monotonic() + 5
    while (pids := _zygotes(run_dir)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(0.02)


def delete(run_dir: Path) -> None:
    """What `rm -r` does, once more where somebody wrote meanwhile: until it was gone for a moment."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            shutil.rmtree(run_dir)
        except OSError:
            assert time.monotonic() < deadline, f"{run_dir} is written again and again"
        else:
            return


def end_keepers(run_dir: Path) -> None:
    """Each keeper kills what it keeps and leaves, and nobody forks new ones; also those that are only about to begin.

    A keeper that was asked for a moment ago has no ear yet, and a mould that still rehearses does not see its zygote
    leave: so it is told again and again, until nothing that belongs to this directory lives.
    """
    deadline = time.monotonic() + PATIENCE
    while pids := {*_zygotes(run_dir), *_cast(run_dir), *_kept(run_dir)}:
        late = time.monotonic() > deadline
        for pid in pids if late else _zygotes(run_dir):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        assert not late, f"they did not leave within {PATIENCE:g} s: {pids} in {run_dir}"
        for control in run_dir.glob("*.ctl"):
            with contextlib.suppress(OSError):
                fifo = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
                os.write(fifo, b"stop 9 0\n")
                os.close(fifo)
        time.sleep(0.02)


def _cast(run_dir: Path) -> list[int]:
    """The mould of this directory and the keepers that were forked from it: they have the zygote's command line."""
    return [pid for pid, name in _of(run_dir) if name.startswith(("mould", "kept "))]


def _kept(run_dir: Path) -> list[int]:
    """The processes that are kept in this directory, by the mark that each of them has."""
    mark = b"TRADEWARDEN_KEEPER=" + os.fsencode(run_dir) + b"/"
    found = []
    for pid, _ in _commands():
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


def _zygotes(run_dir: Path) -> list[int]:
    """Those that serve there, and those of a test's own desk that begin and will be told over their input."""
    return sorted(pid for pid, name in _of(run_dir) if not name.startswith(("mould", "kept ")))


def _of(run_dir: Path) -> Iterator[tuple[int, str]]:
    """Zygotes, moulds and keepers of this directory, and what each is called."""
    places = run_dir, run_dir.parent, run_dir.parent.parent
    for pid, words in _commands():
        process = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            if any(word.endswith(b"/zygote.py") for word in words) and (
                os.fsencode(run_dir) in words
                or _directory(process) in places
                or any(each.readlink().is_relative_to(run_dir) for each in (process / "fd").iterdir())
            ):
                yield pid, (process / "comm").read_text()


def _directory(process: Path) -> Path:
    """Where it works, also if somebody has deleted that since."""
    return Path(str((process / "cwd").readlink()).removesuffix(" (deleted)"))


def _commands() -> Iterator[tuple[int, list[bytes]]]:
    """Every process and the words it was called with."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")
