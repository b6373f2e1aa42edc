"""News of the desk's programs for those who listen: the newest of each, made once for all of them."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from tradewarden.http.desk_port import Programs
from tradewarden.http.services import document, service_document
from tradewarden.machines.service import DeskReport, ServiceReport
from tradewarden.orchestrator.clock import Clock


class ServiceNews:
    """Events `service`, one program's change, and `desk`, all of it; no queue, whoever wakes late gets the newest."""

    def __init__(self, programs: Programs, clock: Clock) -> None:
        self._programs, self._clock = programs, clock
        self._newest: dict[str, tuple[int, bytes]] = {}  # by service, the desk under no name; the oldest news first
        self._shown: DeskReport | None = None
        self.number = 0
        self.woken: Callable[[], None] = lambda: None
        programs.subscribe(self._tell)

    def snapshot(self) -> bytes:
        """Everything as it is now, for somebody who begins to listen; nothing on a desk without programs."""
        report = self._programs.report()
        return _event("desk", document(report, self._clock.now())) if report.services else b""

    def since(self, number: int) -> bytes:
        """What is newer than this."""
        return b"".join(frame for count, frame in self._newest.values() if count > number)

    def look(self) -> None:
        """Memory, processor time and what services say of themselves change all the time: told when somebody looks."""
        report = self._programs.report()
        if report != self._shown:
            self._shown = report
            self._put("", self.snapshot())

    def _tell(self, report: ServiceReport | DeskReport) -> None:
        if isinstance(report, DeskReport):
            self._put("", _event("desk", document(report, self._clock.now())))
        else:
            self._put(report.name, _event("service", service_document(report, self._clock.now())))
        self.woken()

    def _put(self, name: str, frame: bytes) -> None:
        self.number += 1
        if not name:
            self._newest.clear()  # it tells all of them
        self._newest.pop(name, None)
        self._newest[name] = (self.number, frame)


def _event(kind: str, told: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(told))
