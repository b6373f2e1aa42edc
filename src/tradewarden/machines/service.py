"""A program, setup step or group of containers of the desk, as the operator describes it; and how it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class Tier(StrEnum):
    """How much a service matters: a critical one that is down is everybody's business."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    OPTIONAL = "optional"
    UTILITY = "utility"


class Kind(StrEnum):
    """What a service is."""

    PROGRAM = "program"  # runs until somebody stops it
    STEP = "step"  # runs once per start of the desk and ends well
    CONTAINERS = "containers"  # a group of `docker compose`
    JOB = "job"  # runs when its schedule says so: machines/job.py


class Again(StrEnum):
    """When a program that ended is started again."""

    ALWAYS = "always"
    FAILURE = "failure"  # only when it ended with a code other than 0
    NEVER = "never"


class OnToken(StrEnum):
    """What a service gets when the broker's token is new."""

    NOTHING = "nothing"
    SIGNAL = "signal"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """How often a crash is repaired; seconds."""

    when: Again = Again.ALWAYS
    attempts: int = 5  # within the window; then the service is paused, an optional one has failed
    window: float = 60.0
    base: float = 0.5  # the first wait; each next one is twice as long, with full jitter
    cap: float = 60.0
    min_uptime: float = 1.0  # after a longer life the waits begin anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """How the desk knows that a service works: exactly one way, asked every so often until the deadline."""

    kind: str = "process"  # process, port, http, log_line, file, redis, mysql, influx, rate, exit
    target: str = ""  # host:port, URL, text, path, as the kind wants it
    at_least: float = 0.0  # rate: units a second
    within: float = 30.0  # seconds from the start until it must be ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a service's words go, and how much of them is kept."""

    bytes: int = 10_000_000  # of one file
    files: int = 5  # older ones beside it
    compress: bool = False  # the older ones


class Place(StrEnum):
    """Where a value of the environment lies that stands in no configuration."""

    SECRET = "secret"  # noqa: S105 - the name of a place: a credential of systemd, or of the credentials directory
    FILE = "file"
    ENV = "env"  # the daemon's own environment


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that is looked up when a service is started, and never before."""

    place: Place
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the operator says of one service."""

    name: str
    command: tuple[str, ...]
    description: str = ""
    enabled: bool = True
    kind: Kind = Kind.PROGRAM
    tier: Tier = Tier.IMPORTANT
    directory: str = ""
    environment: Mapping[str, str | Reference] = field(default_factory=lambda: MappingProxyType({}))
    user: str | None = None
    needs: tuple[str, ...] = ()
    ready: Ready = Ready()
    restarts: Restarts = Restarts()
    stop_signal: str = "TERM"
    stop_seconds: float = 10.0  # then SIGKILL for it and everything it started
    output: Output = Output()
    conditions: tuple[str, ...] = ()  # `market in (pre_open, live)`, `auth valid`, `flow redis:ticks >= 1/s`, ...
    on_token: OnToken = OnToken.NOTHING
    token_signal: str = "HUP"  # noqa: S105 - a signal, no password
    ports: tuple[int, ...] = ()  # that it listens on: no two services may want the same


class ServiceState(StrEnum):
    """Where a service stands, as people say it."""

    DOWN = "down"
    WAITING = "waiting"  # wanted, but a condition does not hold or another service is not up
    STARTING = "starting"  # it runs, and is not ready yet
    UP = "up"
    STOPPING = "stopping"
    BACKING_OFF = "backing_off"  # it ended; its keeper starts it again in a moment
    PAUSED = "paused"  # restart limit reached: waits for its condition, a person or the next session
    DONE = "done"  # a step that ended well
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """How one service does."""

    name: str
    description: str
    kind: Kind
    tier: Tier
    phase: int  # from 1
    enabled: bool
    auto_restart: bool
    state: ServiceState
    reason: str | None  # always set while it is wanted and not up
    since: datetime
    needs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    pid: int | None = None
    started_at: datetime | None = None  # of the present life
    restarts: int = 0  # lives after the first since somebody started it, whoever kept it
    exit_code: int | None = None  # of the last life; negative: the signal that ended it
    next_start_at: datetime | None = None
    memory_bytes: int | None = None  # it and what it started
    cpu_percent: float | None = None  # of one core
    errors_last_hour: int = 0  # lines of its log that say so
    lost_lines: int = 0  # of its output, which no disk took
    loses_lines: bool = False  # its log finds no room
    is_halted: bool = False  # its program was stopped by a signal, and does nothing
    keeper_is_silent: bool = False  # its keeper hears nothing: what is shown may be old
    says: str | None = None  # its own status line
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # its own
    reach: str | None = None  # where it can be reached, once it is up

    @property
    def is_down(self) -> bool:
        """Whether it should run and does not."""
        return self.state in (ServiceState.BACKING_OFF, ServiceState.PAUSED, ServiceState.FAILED)

    @property
    def is_impaired(self) -> bool:
        """Whether it runs, and not as it should: its words are lost, it was halted, or its keeper hangs."""
        return self.loses_lines or self.is_halted or self.keeper_is_silent


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFigures:
    """How busy the machine is."""

    cpu_percent: float  # of all cores together
    memory_used: int  # bytes
    memory_total: int
    disk_free: int | None = None  # bytes, where the logs lie


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskReport:
    """How the desk's programs do, all together."""

    state: str  # stopped, starting, running, degraded, stopping, aborted
    reason: str | None
    since: datetime
    phase: int | None = None  # under way, from 1
    phases: tuple[tuple[str, ...], ...] = ()  # names, in the order of the start
    services: tuple[ServiceReport, ...] = ()  # in the order of the configuration
    host: HostFigures | None = None
    keepers_reachable: bool = True  # whether new keepers can be asked for
    strays: tuple[str, ...] = ()  # what runs here besides, under a name that is in no file

    @property
    def running(self) -> int:
        """How many programs are there and work."""
        return sum(each.state is ServiceState.UP for each in self.services)

    @property
    def troubled(self) -> tuple[ServiceReport, ...]:
        """The services that somebody should look at: they are down, or run and are impaired."""
        return tuple(each for each in self.services if each.is_down or each.is_impaired)

    @property
    def critical_down(self) -> tuple[ServiceReport, ...]:
        """The services whose failure is the desk's headline."""
        return tuple(each for each in self.services if each.tier is Tier.CRITICAL and each.is_down)

    @property
    def is_failing(self) -> bool:
        """Whether it is everybody's business: something critical is down, or has kept the desk from starting."""
        return self.state == "aborted" or bool(self.critical_down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which services a verb is meant for: the named ones, all, those of some tiers, or all but some tiers."""

    names: tuple[str, ...] = ()
    everything: bool = False
    tiers: tuple[Tier, ...] = ()
    without: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What became of a verb: what it set going, and what it left as it was, with the reasons."""

    verb: str
    accepted: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # by name: why nothing was done
    text: str = ""  # one sentence for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a changed file changes: printed before it is done, and only what changed is restarted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    restarted: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))  # name: what differs
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))  # changed without restart
    problems: tuple[str, ...] = ()  # one sentence each; then nothing was changed
    daemon: tuple[str, ...] = ()  # settings besides the services that differ: they wait for the daemon's restart

    @property
    def is_empty(self) -> bool:
        """Whether the file says what the desk does already."""
        return not (self.added or self.removed or self.restarted or self.kept)
