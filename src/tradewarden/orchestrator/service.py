"""One service's hands: reads what its keeper writes, tells it what to do, asks whether the service is ready."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from tradewarden import early_log
from tradewarden.early_log import Logger
from tradewarden.machines.deed import BeginAsking, Command, Deed, EndAsking, Fence, Keep, Tell
from tradewarden.machines.gate import Gate
from tradewarden.machines.kept import OutputLost, Started
from tradewarden.machines.life import STOPPED
from tradewarden.machines.service import Service, ServiceReport, ServiceState
from tradewarden.machines.service_life import ServiceLife
from tradewarden.orchestrator.alarm import Alarm
from tradewarden.orchestrator.checks.check import Check, Verdict
from tradewarden.orchestrator.checks.registry import check_of
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.earshot import Earshot
from tradewarden.orchestrator.environment import UnresolvedError, environment_of, learn_secrets
from tradewarden.orchestrator.halt import HALTED, is_halted
from tradewarden.orchestrator.keepers import Keepers, KeepersError, NotKeptError
from tradewarden.orchestrator.published import Figures, Says
from tradewarden.orchestrator.readiness import Readiness
from tradewarden.orchestrator.service_told import remarked, report_of, tell, unended
from tradewarden.orchestrator.spec import spec_of

if TYPE_CHECKING:  # 15 ms that the start of programs need not wait for
    from tradewarden.orchestrator.checks.flow import Flows
    from tradewarden.orchestrator.driver import Spawn

PATIENCE: Final = 8.0  # seconds for a keeper to come; its machine asks again after ten

_RESTING: Final = frozenset({ServiceState.UP, ServiceState.DOWN, ServiceState.DONE})
_TROUBLES: Final = frozenset({ServiceState.FAILED, ServiceState.PAUSED, ServiceState.BACKING_OFF})

log = Logger()


@dataclass(slots=True, kw_only=True)
class Host:
    """What all services of a desk share."""

    keepers: Keepers
    clock: Clock
    spawn: Spawn
    state: Path
    log_dir: Path
    flows: Flows | None
    comes: frozenset[Path] = frozenset()  # files that are not there before somebody has logged in to a broker
    learned: Callable[[str], None]  # hears of each secret
    phase_seconds: float = 30.0  # that a phase may take to stop
    lost: str | None = None  # why this daemon acts no more
    reachable: bool = True  # the last keeper that was asked for could be had


class ServiceDriver:
    """One service; `changed` is called after each fact that changed its state or what is said of it."""

    def __init__(self, service: Service, host: Host, changed: Callable[[ServiceDriver], None]) -> None:
        self._host, self._changed = host, changed
        self.life = ServiceLife(service, random.random, host.clock.mono_ns(), IST)
        self.since = host.clock.now()
        self._alarm = Alarm(host.clock, self._rang)
        self._is_passed_over = True  # at the last beat
        self._unkept = False  # its keeper's words were read further than is written down
        self._earshot, self._halted = Earshot(host.keepers, service.name), False
        self._readiness = Readiness(service, host.spawn, self._judge)
        self._figures: Figures | None = None
        self._says: Says | None = None

    @property
    def service(self) -> Service:
        """What the operator says of it."""
        return self.life.service

    @property
    def name(self) -> str:
        """Its name."""
        return self.life.service.name

    @property
    def _log(self) -> Path:
        return self._host.log_dir / f"{self.name}.log"

    @property
    def state(self) -> ServiceState:
        """Where it stands."""
        return self.life.state

    @property
    def revision(self) -> str | None:
        """By which definition it runs."""
        return None if self.life.past.life is None else self.life.past.life.revision

    @property
    def is_held(self) -> bool:
        """Whether a keeper of it lives."""
        return self._host.keepers.held(self.name)

    # Facts

    def adopt(
        self, *, wanted: bool, auto: bool, over: bool = False, left: tuple[ServiceState, str | None] | None = None
    ) -> None:
        """Take over what an earlier daemon left, and tell what happened while nobody looked."""
        keepers, clock = self._host.keepers, self._host.clock
        for happening in keepers.read(self.name):
            tell(self.name, happening, while_away=True)
        self.life.auto = auto
        learn_secrets(self.service, self._host.state, self._host.learned)
        held = self.is_held
        self._do(
            lambda now: self.life.adopt(
                keepers.last(self.name), held=held, wanted=wanted, now=now, wall=clock.now(), over=over, left=left
            )
        )
        self._unkept = True
        self._remember()
        if held:
            log.info("service.adopted", service=self.name, state=str(self.state), pid=self.pid)

    def beat(self) -> bool:
        """At each beat: look; only every other time while it rests, for a keeper wakes us when it writes."""
        self._is_passed_over = not self._is_passed_over and self.state in _RESTING
        if not self._is_passed_over:
            self.look()
        return not self._is_passed_over

    def look(self) -> None:
        """Read what its keeper has written, and whether it still lives; and what its check says so far."""
        self._readiness.say_so_far()
        # The lock first: a keeper that has dropped it has written its last line, so that what is read after is all of
        # it. The other way round a step could end between the two, and would be taken for lost and begun again.
        held = self._probe()
        news = self._host.keepers.read(self.name)
        if held:
            self._do(partial(self.life.held, held))
        for happening in news:
            tell(self.name, happening)
            self._do(partial(self.life.kept, happening))
            if isinstance(happening, OutputLost):
                self._changed(self)  # in what is told of it, though it stands where it stood
        self._unkept = self._unkept or bool(news)
        self._remember()
        if held is False and not any(isinstance(each, Started) for each in news):  # else a new one has come meanwhile
            self._do(partial(self.life.held, held))
        if held is not None:
            self._listen(held=held)

    def _listen(self, *, held: bool) -> None:
        """Whether its keeper, if one lives, hears what it is told, and its program does anything at all."""
        past, now = self.life.past, self._host.clock.mono_ns() / 1e9
        is_news = self._earshot.look(held=held, pid=past.keeper, runs=past.life is not None, now=now)
        was_halted, self._halted = self._halted, self.pid is not None and is_halted(self.pid)
        if self._halted and not was_halted:
            log.warning("service.news", service=self.name, what="halted", reason=HALTED)
        if is_news or self._halted is not was_halted:
            self._changed(self)

    def _probe(self) -> bool | None:
        """Whether its keeper lives; none when there is no descriptor to spare, and the next beat asks again."""
        try:
            return self.is_held
        except OSError:
            return None

    def _remember(self) -> None:
        """Keep how far its keeper's words were read; what a full disk does not take is told again after a restart."""
        if not self._unkept or early_log.is_held():  # what is not told as yet is read again by the next daemon
            return
        try:
            self._host.keepers.remember(self.name)
            self._unkept = False
        except OSError as trouble:
            log.debug("service.place_unkept", service=self.name, why=trouble.strerror)

    def measure(self) -> None:
        """How much it takes, and what it says of itself."""
        if self.life.past.life is None:
            self._figures = self._says = None
            return
        self._figures = self._host.keepers.figures(self.name)
        self._says = self._host.keepers.says(self.name)

    def wish(self, *, on: bool, why: str = STOPPED) -> None:
        """Somebody wants it to run, or not to."""
        self._do(lambda now: self.life.wish(on, now, why))

    def restart(self, why: str = "somebody restarts it") -> None:
        """Somebody wants a new life of it."""
        self._do(lambda now: self.life.restart(now, why))

    def kill(self) -> None:
        """It had time enough to stop."""
        self._do(self.life.kill)

    def allow(self, gate: Gate) -> None:
        """Whether it may run, as everything it waits for stands now."""
        if gate != self.life.gate:
            self._do(lambda now: self.life.allow(gate, now))

    def auto_restart(self, *, on: bool) -> None:
        """Whether its keeper may start it again by itself."""
        self._do(lambda now: self.life.auto_restart(on, now))

    def session_began(self) -> None:
        """A session of the market begins."""
        self._do(self.life.session_began)

    def token_changed(self) -> None:
        """The broker's token is new."""
        self._do(self.life.token_changed)

    def disarm(self) -> None:
        """Act no more: the daemon stops, or the service is no more; what runs, runs on."""
        self._readiness.end()
        self._alarm.off()

    # Deeds

    def _do(self, fact: Callable[[int], list[Deed]]) -> None:
        """Tell the machine a fact, and do what it answers."""
        before = self.state, self.life.reason
        deeds = fact(self._host.clock.mono_ns())
        if self.state != before[0]:
            self.since = self._host.clock.now()
            facts = {"src": str(before[0]), "dst": str(self.state), "reason": self.life.reason}
            if self.state in _TROUBLES:
                log.warning("service.state", service=self.name, **facts)
            else:
                log.info("service.state", service=self.name, **facts)
        for deed in deeds:
            self._perform(deed)
        self._alarm.set(self.life.next_deadline())
        if (self.state, self.life.reason) != before:
            self._changed(self)

    def _perform(self, deed: Deed) -> None:
        match deed:
            case Keep() | Fence():
                self._host.spawn(self._keep(fences=isinstance(deed, Fence)), name=f"service.{self.name}.keep")
            case Command(line):
                self._earshot.told(line, self._host.clock.mono_ns() / 1e9)
                if not self._host.keepers.command(self.name, line):
                    log.warning("service.unheard", service=self.name, line=line.split()[0])
                    self._do(self.life.unheard)
            case BeginAsking():
                self._readiness.begin(self._check())
            case EndAsking():
                self._readiness.end()
            case Tell(event, reason):
                log.warning("service.news", service=self.name, what=event, reason=reason)
            case _:
                assert_never(deed)

    def _rang(self) -> None:
        self._readiness.say_so_far()
        self._do(self.life.due)

    async def _keep(self, *, fences: bool) -> None:
        """Ask for a keeper; it starts the service at once, or only `fences`."""
        host, life = self._host, self.life
        try:
            environment = {} if fences else environment_of(self.service, host.state, host.learned)
            spec = spec_of(self.service, environment, self._log, until=life.until, lives=life.past.lives, fences=fences)
            if fences and self._earshot.hurries():
                spec = replace(spec, stop_seconds=0.0)
            async with asyncio.timeout(PATIENCE):
                await host.keepers.keep(spec)
        except UnresolvedError as trouble:
            self._refused(str(trouble), for_good=trouble.file not in host.comes)
        except KeepersError as trouble:
            host.reachable = isinstance(trouble, NotKeptError)  # who refuses one answers
            self._refused(str(trouble))
        except TimeoutError:
            host.reachable = False
            self._refused(f"the keepers did not answer within {PATIENCE:g} s")
        else:
            host.reachable = True
            self.look()
            self._do(partial(self.life.refused, "the one before was just leaving"))  # unless a keeper was seen

    def _refused(self, why: str, *, for_good: bool = False) -> None:
        log.warning("service.no_keeper", service=self.name, why=why)
        self._do(lambda now: self.life.refused(why, now, for_good=for_good))

    def _check(self) -> Check:
        return check_of(
            self.service,
            log=self._log,
            started_at=lambda: self.started_at,
            exit_code=lambda: None if self.pid is not None else self.life.past.exit_code,
            flows=self._host.flows,
        )

    def _judge(self, verdict: Verdict) -> None:
        self._do(self.life.ready if verdict.good else partial(self.life.unready, self._explained(verdict.text)))

    def _explained(self, why: str) -> str:
        if self.service.ready.kind == "log_line" and (figures := self._host.keepers.figures(self.name)):
            return unended(why, figures)
        return why

    # What is told

    @property
    def pid(self) -> int | None:
        """Of the present life."""
        return None if self.life.past.life is None else self.life.past.life.pid

    @property
    def started_at(self) -> datetime | None:
        """When the present life began."""
        return None if self.life.past.life is None else self.life.past.life.at

    def report(self, *, phase: int, enabled: bool, errors: int) -> ServiceReport:
        """How it does."""
        shown = report_of(self.life, self.since, self._figures, self._says, phase=phase, enabled=enabled, errors=errors)
        return remarked(shown, self._earshot, halted=self._halted)
