"""What goes before the rest of the daemon: its memory, its door, and the programs that wait for nothing.

It is light to load: eleven programs run before the web server is in memory. Nothing is started before all that may be
refused (ledger, journal, port) has been had.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from tradewarden.http.door import command_listener, listeners
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.fault import faults_of_callbacks
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.statedir import control_socket
from tradewarden.wiring.journal import journal_of
from tradewarden.wiring.programs import programs_of, wait_for_nothing

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.orchestrator.launch import Launch
    from tradewarden.settings import Settings

AHEAD: Final = 0.25  # seconds, at most, until there are keepers
BEGUN: Final = 0.1  # seconds that the rest of the daemon leaves the machine to programs that have just been started

Loaded = TypeVar("Loaded")


class Vanguard:
    """Everything that is under way belongs to it; a fault in one of these deeds ends the daemon."""

    def __init__(self, settings: Settings, clock: Clock, launch: Launch | None = None) -> None:
        """Keepers will come from `launch`. Call it in a running event loop.

        Raises LedgerError, JournalError and CannotListenError.
        """
        self.ledger, self.journal = Ledger(settings.state_dir / "ledger.db"), journal_of(settings, clock)
        self.commands = command_listener(place) if (place := control_socket(settings.state_dir)) is not None else None
        self.listeners: list[socket.socket] = listeners(settings.http.host, settings.http.port)
        self.failed = faults_of_callbacks()
        self.deeds: set[asyncio.Task[None]] = set()
        self.programs = programs_of(settings, clock, self.spawn, launch)
        self._waits = not wait_for_nothing(settings)
        self._group = asyncio.TaskGroup()
        self._has_begun = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None
    ) -> None:
        self.programs.end()
        for deed in tuple(self.deeds):
            if not deed.cancelling():  # what is at its last words already is not cut short in them
                deed.cancel()
        for each in (*self.listeners, self.commands):
            if each is not None:
                each.close()
        is_ours = isinstance(fault, asyncio.CancelledError)  # the group's own way to end us when a deed has failed
        await (self._group.__aexit__(kind, fault, at) if is_ours else self._group.__aexit__(None, None, None))

    def spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Do this beside everything else."""
        task = self._group.create_task(deed, name=name)
        self.deeds.add(task)
        task.add_done_callback(self.deeds.discard)
        return task

    def begin(self) -> None:
        """Take over and start the programs, unless that was done; market and tokens are known. Raises KeepersError."""
        if not self._has_begun:
            self._has_begun = True
            self.programs.begin()

    async def lead(self, load: Callable[[], Loaded]) -> Loaded:
        """Begin with the programs, if none of them waits for anything, and load the rest beside them.

        Loading takes a core for itself: those that are being started have it first. Raises KeepersError.
        """
        if not self._waits:
            self.begin()
            if self.deeds:
                await asyncio.wait(self.deeds, timeout=AHEAD)
                await asyncio.sleep(BEGUN)
        self.spawn(self.programs.keepers.see_off(), name="desk.zygote")
        return await asyncio.to_thread(load)
