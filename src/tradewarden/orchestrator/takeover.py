"""What the daemon before left: taken over, gone on with where it was under way, and what is missing started."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from tradewarden.early_log import Logger
from tradewarden.machines.kept import Started
from tradewarden.machines.life import STOPPED
from tradewarden.machines.past import Past
from tradewarden.machines.service import Service, ServiceState
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.orders import AT_WORK, RESTARTED, life_of
from tradewarden.orchestrator.outcomes import OVER, Outcomes, is_over
from tradewarden.orchestrator.service import ServiceDriver
from tradewarden.orchestrator.wishes import Wishes

_KEPT: Final = AT_WORK | {ServiceState.BACKING_OFF}  # a keeper has it in hand

log = Logger()


class Takeover:
    """A daemon's first deed: by what keepers wrote down, what people wish, and how each program was left."""

    def __init__(self, crew: Crew, wishes: Wishes, outcomes: Outcomes, is_enabled: Callable[[Service], bool]) -> None:
        self._crew, self._wishes, self._outcomes, self._is_enabled = crew, wishes, outcomes, is_enabled
        self._keepers = crew.host.keepers

    def run(self, *, begins: bool) -> None:
        """Take over what runs, tell what happened while nobody looked; if the desk `begins`, start what is missing.

        A stop goes on in its order, and so does a restart of all of which some still live the life that was to end.
        """
        crew, drivers = self._crew, self._crew.drivers.values()
        began = time.thread_time()  # our own work, whatever else the host does
        ran = [driver for driver in drivers if self._ran(driver)]
        goes_on = self._outcomes.load(runs=bool(ran))
        for driver in drivers:
            self._adopt(driver, goes_on=goes_on)
        if ran:
            log.info("desk.adopted", services=len(ran), cpu_seconds=round(time.thread_time() - began, 4))
        runs = any(driver.state in _KEPT or crew.follows.get(driver.name) for driver in drivers)
        missing = self._missing(goes_on=goes_on) if begins else []
        self._outcomes.begin(driver.life for driver in drivers)
        if runs or (goes_on and not missing):
            crew.adopt()  # else a whole start, which may abort: keepers that rest are no desk that runs
        falling = [each.name for each in drivers if not self._is_wished(each) and each.state in AT_WORK]
        again = [each.name for each in drivers if self._is_to_live_anew(each)] if begins else []
        if again and not any(each.state in _KEPT and each.name not in (*falling, *again) for each in drivers):
            crew.stop([*falling, *again], RESTARTED)
            crew.start([each.name for each in drivers if self._is_wished(each)])
        else:
            self._start(missing)
            if falling:
                crew.stop(falling)
            for name in again:
                crew.drivers[name].restart()
        crew.fence([driver.name for driver in drivers if not self._is_wished(driver)])

    def _ran(self, driver: ServiceDriver) -> bool:
        """Whether it ran before this daemon did, maybe under its former name."""
        return driver.is_held or driver.name in self._crew.follows

    def _adopt(self, driver: ServiceDriver, *, goes_on: bool) -> None:
        """Take over one service; what does not run is left to the start, unless it is over and the desk goes on."""
        wished, auto = self._is_wished(driver), self._wishes.of(driver.name).auto_restart is not False
        past = Past(driver.service, self._keepers.last(driver.name))
        if self._ran(driver):
            has_time = driver.is_held and isinstance(past.last, Started)  # its turn to stop comes
            driver.adopt(wanted=wished or has_time, auto=auto)
            return
        known = self._outcomes.of(past)
        over = goes_on and wished and (is_over(past, auto=auto) if known is None else known.is_over)
        left = None
        if known is not None and (over or (known.is_stopped and not wished)):
            left = ServiceState(known.state), known.reason
        elif self._wishes.of(driver.name).wanted is False:
            left = ServiceState.DOWN, STOPPED
        driver.adopt(wanted=over, auto=auto, over=over, left=None if past.is_unended else left)

    def _missing(self, *, goes_on: bool) -> list[str]:
        """Whatever should run and does not, but for what has ended for good in a desk that goes on."""
        return [
            name
            for name, driver in self._crew.drivers.items()
            if self._is_wished(driver) and driver.state not in _KEPT and not (goes_on and self._is_over(driver))
        ]

    def _is_over(self, driver: ServiceDriver) -> bool:
        known = self._outcomes.of(driver.life.past)
        return driver.state in OVER and (known is None or known.is_over)

    def _is_to_live_anew(self, driver: ServiceDriver) -> bool:
        """Whether it still lives the life that a restart of all was to end."""
        life = life_of(driver)
        return life is not None and self._is_wished(driver) and self._wishes.of(driver.name).ends == life

    def _start(self, missing: Sequence[str]) -> None:
        for name in missing:
            self._crew.drivers[name].life.resume()
        if missing:
            self._crew.start(missing)

    def _is_wished(self, driver: ServiceDriver) -> bool:
        return self._wishes.of(driver.name).wanted is not False and self._is_enabled(driver.service)
