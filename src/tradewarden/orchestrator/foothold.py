"""The daemon's hold of its run directory: opened once, made again if somebody deletes it, let go at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradewarden.early_log import Logger
from tradewarden.orchestrator.keepers import KeepersError
from tradewarden.orchestrator.service import Host

log = Logger()


class Foothold:
    """As long as it is open this daemon acts here."""

    def __init__(self, host: Host, woken: Callable[[set[str]], None]) -> None:
        """`woken` is called with the services whose keepers wrote something down."""
        self._host, self._keepers, self._woken = host, host.keepers, woken
        self._reading = -1
        self._knocking = False

    @property
    def is_open(self) -> bool:
        """Whether this daemon acts here."""
        return self._reading >= 0

    def open(self) -> None:
        """Raises KeepersError."""
        self._keepers.open()
        self._listen()

    def look(self) -> None:
        """Have it again if somebody deleted it, and knock where keepers could not be had."""
        try:
            if self._keepers.hold():
                log.warning("desk.directory_deleted", directory=str(self._keepers.run_dir))
                self._listen()
        except KeepersError as trouble:
            self._host.lost, self._host.reachable = f"{trouble} This one does nothing here any more.", False
            log.error("desk.lost", why=self._host.lost)  # noqa: TRY400 - what happened is no fault of ours
            self.end()
        except OSError as trouble:
            log.debug("desk.directory_refused", why=trouble.strerror)  # the next look tries again
        if self.is_open and not self._host.reachable and not self._knocking:
            self._knocking = True
            self._host.spawn(self._knock(), name="desk.keepers")

    async def _knock(self) -> None:
        """Keepers could not be had: see whether they can again."""
        try:
            self._host.reachable = await self._keepers.reachable()
        except KeepersError as trouble:
            log.debug("desk.keepers_absent", why=str(trouble))
        finally:
            self._knocking = False

    def end(self) -> None:
        """The daemon ends, or acts no more: everything runs on."""
        if self.is_open:
            asyncio.get_running_loop().remove_reader(self._reading)
            self._reading = -1
            self._keepers.close()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._reading >= 0:
            loop.remove_reader(self._reading)
        self._reading = self._keepers.wake_fd
        loop.add_reader(self._reading, lambda: self._woken(self._keepers.woken()))
