"""What is told of the desk's programs: news at each change, and how they do to whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tradewarden.machines.desk_step import DeskState
from tradewarden.machines.service import DeskReport, HostFigures, Service, ServiceReport
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.service import Host, ServiceDriver
from tradewarden.orchestrator.strays import Strays
from tradewarden.orchestrator.wishes import Wishes

if TYPE_CHECKING:
    from tradewarden.orchestrator.error_tally import ErrorTally

News = Callable[[ServiceReport | DeskReport], None]

MEASURED_EVERY: Final = 2.0  # seconds


class DeskTold:
    """The desk's reports; figures are read for those who look at them, no more often than keepers write them."""

    def __init__(
        self, crew: Crew, host: Host, strays: Strays, wishes: Wishes, is_enabled: Callable[[Service], bool]
    ) -> None:
        self._crew, self._host, self._strays = crew, host, strays
        self._wishes, self._is_enabled = wishes, is_enabled
        self._subscribers: list[News] = []
        self._since = host.clock.now()
        self._last: tuple[DeskState, str | None, int | None] | None = None
        self._figures: HostFigures | None = None
        self._measured_at: float | None = None
        self._report: DeskReport | None = None
        self._shown: tuple[tuple[object, ...], DeskReport] | None = None

    @cached_property
    def tally(self) -> ErrorTally:
        """How many lines of each log sound bad."""
        from tradewarden.orchestrator.error_tally import ErrorTally  # noqa: PLC0415 - programs start without it

        return ErrorTally(self._host.log_dir, self._host.clock.now)

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a state."""
        self._subscribers.append(callback)

    def heard(self, moved: Sequence[ServiceDriver]) -> bool:
        """These have changed, or the desk has: say so; false when nobody has."""
        machine = self._crew.machine
        now = machine.state, machine.reason, machine.phase
        if not moved and now == self._last:
            return False
        if self._last is None or now[0] is not self._last[0]:
            self._since = self._host.clock.now()
        desk_moved, self._last = now != self._last, now
        self.outdate()
        if self._subscribers:
            self._tell(moved, whole=desk_moved)
        return True

    def _tell(self, moved: Sequence[ServiceDriver], *, whole: bool) -> None:
        self._measure()
        for driver in moved:
            self._publish(self._of(driver))
        if whole:
            self._publish(self.report())

    def outdated(self, names: Sequence[str]) -> None:
        """What is told of these services is another than before, though none has changed its state."""
        self.outdate()
        for name in names:
            self._publish(self._of(self._crew.drivers[name]))

    def outdate(self) -> None:
        """Nothing that was told before holds."""
        self._report = self._shown = None

    def report(self) -> DeskReport:
        """How the desk does at this moment; its figures are two seconds old at most."""
        self._measure()
        if self._report is None:
            self._report = self._drawn()
        return self._report

    def shown(self) -> DeskReport | None:
        """Where each stands, for the picture, with whatever figures were read last; none on a desk without programs."""
        if not self._crew.drivers:
            return None
        stands = self._host.reachable, self._strays.names, self._reason(), self._crew.services
        if self._shown is None or self._shown[0] != stands:
            self._shown = stands, self._drawn()
        return self._shown[1]

    def _drawn(self) -> DeskReport:
        machine = self._crew.machine
        return DeskReport(
            state=str(machine.state),
            reason=self._reason(),
            since=self._since,
            phase=machine.phase,
            phases=machine.plan.phases,
            services=tuple(self._of(driver) for driver in self._crew.drivers.values()),
            host=self._figures,
            keepers_reachable=self._host.reachable,
            strays=self._strays.names,
        )

    def _measure(self) -> None:
        now = self._host.clock.mono_ns() / 1e9
        if self._measured_at is not None and now - self._measured_at < MEASURED_EVERY:
            return
        self._measured_at = now
        for driver in self._crew.drivers.values():
            driver.measure()
        self._figures = self._host.keepers.host()
        self._report = None

    def _publish(self, news: ServiceReport | DeskReport) -> None:
        for subscriber in self._subscribers:
            subscriber(news)

    def _reason(self) -> str | None:
        machine, strays = self._crew.machine, self._strays.names
        if self._host.lost is not None:
            return self._host.lost
        if self._wishes.trouble is not None:
            return self._wishes.trouble
        if machine.state is DeskState.STOPPED and self._crew.drivers and machine.reason is None:
            return "`tradewarden start --all` starts it"
        if machine.reason is None and strays:
            return f"{strays[0]} runs here and is in no file: `tradewarden stop {strays[0]}` ends it"
        return machine.reason

    def _of(self, driver: ServiceDriver) -> ServiceReport:
        return driver.report(
            phase=self._crew.phase(driver.name),
            enabled=self._is_enabled(driver.service),
            errors=self.tally.count(driver.name),
        )
