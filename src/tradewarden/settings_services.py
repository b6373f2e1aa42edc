"""The desk's programs: `[desk]` says how they are kept, `[services.<name>]` is one of them each."""

from __future__ import annotations

import re
import shlex
import signal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from tradewarden.machines.job import Does
from tradewarden.machines.run import Misfire
from tradewarden.machines.service import Again, Kind, OnToken, Place, Reference, Tier
from tradewarden.settings_kinds import File, Section

LONGEST_NAME = 64
TAKEN = ("host", "zygote")  # names of files that the keepers keep beside those of the services
RATE = re.compile(r"(?P<source>\S+) *>= *(?P<least>\d+(?:\.\d+)?) */ *s", re.ASCII)
MOST_PORTS = 65535
OF_JOBS = frozenset({"schedule", "per_user", "does", "misfire", "timeout", "edits"})
NOT_OF_JOBS = frozenset({"ready", "on_token", "token_signal", "ports"})  # a job has run, or has not


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text, re.ASCII) or len(text) > LONGEST_NAME:
        raise ValueError(f"allowed is a name of up to {LONGEST_NAME} letters, digits, - and _, such as db-writer")
    if text in TAKEN:
        raise ValueError(f"{text} is a name of the keepers' own; allowed is any other")
    return text


def _words(command: object) -> object:
    if not isinstance(command, str):
        return command
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ValueError(f"cannot be split into words ({error}); allowed is a list, or text as in a shell") from None


def _value(told: object) -> str | Reference:
    """A value of the environment: text, or where it is found."""
    match told:
        case bool():
            return "true" if told else "false"
        case str() | int() | float() if "\0" not in str(told):
            return str(told)
        case {"secret": str(name), **others} if not others and re.fullmatch(r"[^/\0]+", name):
            return Reference(Place.SECRET, name)
        case {"file": str(name), **others} if not others and name.startswith(("/", "~")):
            return Reference(Place.FILE, name)
        case {"env": str(name), **others} if not others and name:
            return Reference(Place.ENV, name)
        case {"file": str(), **others} if not others:
            raise ValueError('the path of a file has to begin with / or ~: {file = "/path"}')
        case _:
            raise ValueError(
                'allowed is text, a number, true or false, {secret = "name"}, {file = "/path"} or {env = "NAME"}'
            )


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text, re.ASCII):
        raise ValueError("allowed is the name of a variable, such as DB_HOST")
    return text


def _signal(text: str) -> str:
    name = text.upper().removeprefix("SIG")
    if f"SIG{name}" not in signal.Signals.__members__:
        raise ValueError("allowed is the name of a signal, such as TERM, INT, HUP or USR1")
    return name


def _lines(told: object) -> object:
    """One schedule may stand without the list."""
    lines = told if isinstance(told, list) else [told]
    if not all(isinstance(each, str) and each.strip() for each in lines):
        raise ValueError('allowed is text such as "at 16:00", or a list of such texts')
    return lines


def _place(told: object) -> object:
    """An address; a number is a port of this machine."""
    return str(told) if isinstance(told, int) and not isinstance(told, bool) else told


def _rate(text: str) -> str:
    if RATE.fullmatch(text) is None:
        raise ValueError("allowed is a source and what must come at least, such as redis:ticks >= 20/s")
    return text


ServiceName = Annotated[str, AfterValidator(_name)]
Command = Annotated[list[str], BeforeValidator(_words)]
Variable = Annotated[str, AfterValidator(_variable)]
Value = Annotated[Any, PlainValidator(_value)]
Signal = Annotated[str, AfterValidator(_signal)]
Address = Annotated[str, Field(min_length=1), BeforeValidator(_place)]
Hold = Literal["now", "next start"]
Rate = Annotated[str, AfterValidator(_rate)]
Text = Annotated[str, Field(min_length=1)]
Lines = Annotated[list[Text], BeforeValidator(_lines)]
Port = Annotated[int, Field(ge=1, le=MOST_PORTS)]


class DeskSettings(Section):
    """How the desk's programs are kept; each is a table `[services.<name>]`."""

    start: bool = Field(default=True, description="whether a daemon that starts, starts what nobody has stopped")
    run_dir: File | None = Field(None, description="the keepers' files; keepers in the state directory if unset")
    log_dir: File | None = Field(None, description="what the services say; logs in the state directory if unset")
    phase_seconds: float = Field(30.0, ge=1, le=600, description="that a phase may take to stop; then it is killed")


class ReadySettings(Section):
    """How the desk knows that the service works: one way at most; the next phase waits for it."""

    port: Address | None = Field(None, description="it takes connections: 8050, or host:port")
    http: Address | None = Field(None, description="this address answers with 2xx or 3xx: http://127.0.0.1:8050/health")
    log_line: Text | None = Field(None, description="it has written a line with this text, or /expression/")
    file: Text | None = Field(None, description="this file is there, and newer than the service's start")
    redis: Address | None = Field(None, description="this Redis answers a PING: port, host:port or redis://")
    mysql: Address | None = Field(None, description="this MariaDB or MySQL greets: host:port, socket or mysql://")
    influx: Address | None = Field(None, description="this InfluxDB answers a ping: http://127.0.0.1:8086")
    rate: Rate | None = Field(None, description="so much flows: redis:ticks >= 20/s")
    process: float | None = Field(None, ge=0, description="it has run for so many seconds")
    exit: Literal[0] | None = Field(None, description="0: it has ended well; for steps, whose usual way it is")
    within: float = Field(30.0, gt=0, le=3600, description="seconds from its start until that must be so")

    @model_validator(mode="after")
    def _one_way(self) -> ReadySettings:
        told = self.ways()
        if len(told) > 1:
            raise ValueError(f"has {' and '.join(told)}; allowed is one of them")
        return self

    def ways(self) -> list[str]:
        """Which ways are set."""
        return [name for name in type(self).model_fields if name != "within" and getattr(self, name) is not None]


class RestartSettings(Section):
    """How often a crash is repaired, and how fast."""

    when: Again | None = Field(None, description="always, failure (a code other than 0) or never; failure for steps")
    attempts: int | None = Field(
        None, ge=1, le=1000, description="within the window, then it waits; 5, and 3 for steps and optional services"
    )
    window: float = Field(60.0, gt=0, le=86_400, description="seconds")
    base: float = Field(0.5, gt=0, le=600, description="seconds; the first wait, with full jitter; then twice as long")
    cap: float = Field(60.0, gt=0, le=3600, description="seconds; the longest wait")
    min_uptime: float = Field(1.0, ge=0, le=3600, description="seconds; after a longer life the waits begin anew")


class StopSettings(Section):
    """How it is asked to end."""

    signal: Signal = Field("TERM", description="that asks it")
    seconds: float = Field(10.0, gt=0, le=3600, description="it has; then it and all it started are killed")


class OutputSettings(Section):
    """How much of what it says is kept."""

    megabytes: float = Field(10.0, ge=0.01, le=10_000, description="of one file")
    files: int = Field(5, ge=1, le=100, description="older ones beside it")
    compress: bool = Field(default=False, description="the older ones, by gzip")


class ServiceSettings(Section):
    """One program, setup step or group of containers."""

    description: str = Field("", description="what it is for, in a few words")
    enabled: bool = Field(default=True, description="whether it belongs to the desk")
    kind: Kind = Field(
        Kind.PROGRAM, description="program, step (runs once a start), containers (docker compose) or job (by schedule)"
    )
    command: Command = Field([], description="a list, or text that is split as in a shell; no shell runs it")
    compose: File | None = Field(None, description="of containers: the file for docker compose")
    directory: File | None = Field(None, description="where it runs; the directory of this file if unset")
    environment: dict[Variable, Value] = Field(
        {}, description='its variables: text, {secret = "name"}, {file = "/path"} or {env = "NAME"}'
    )
    user: Text | None = Field(None, description="who runs it, where the keepers run as root")
    needs: list[ServiceName] = Field([], description="services that must be up before it starts")
    tier: Tier = Field(Tier.IMPORTANT, description="critical, important, optional or utility")
    ready: ReadySettings = ReadySettings()
    restarts: RestartSettings = RestartSettings()
    stop: StopSettings = StopSettings()
    log: OutputSettings = OutputSettings()
    conditions: list[Text] = Field([], description="when it may run: market in (pre_open, live), auth valid, ...")
    on_token: OnToken = Field(OnToken.NOTHING, description="what a new token brings it: nothing, signal or restart")
    token_signal: Signal = Field("HUP", description="for on_token = signal")
    ports: list[Port] = Field([], description="that it listens on; no two services may want the same")
    schedule: Lines = Field([], description="of a job: when it runs, such as at 16:00; one, or a list")
    per_user: bool = Field(default=False, description="of a job: one instance for each trader, with the trader's own")
    does: Does = Field(
        Does.ORDERS, description="of a job: orders or work (a crash stays one), monitor or feed (begun again)"
    )
    misfire: Misfire = Field(
        Misfire.RUN, description="of a job, when a due time comes late: run (inside its window), skip, or alert"
    )
    timeout: float | None = Field(
        None, gt=0, le=86_400, description="of a job: seconds it may take; 300, and for one with a window none"
    )
    edits: Hold | None = Field(
        None, description="of a job: from when a changed schedule holds, now or next start; as [jobs] if unset"
    )

    @model_validator(mode="after")
    def _a_job_or_none(self) -> ServiceSettings:
        if self.schedule and "kind" not in self.model_fields_set:
            self.kind = Kind.JOB
        said = self.model_fields_set
        if self.kind is Kind.JOB:
            if strange := said & NOT_OF_JOBS:
                raise ValueError(f"is a job and has {min(strange)}; allowed is that with another kind only")
        elif strange := said & OF_JOBS:
            raise ValueError(f'has {min(strange)}; allowed is that with kind = "job" only')
        return self

    @model_validator(mode="after")
    def _one_command(self) -> ServiceSettings:
        if self.kind is Kind.CONTAINERS:
            if self.compose is None or self.command:
                raise ValueError('is kind = "containers"; allowed is compose = "file.yaml", and no command')
        elif self.compose is not None:
            raise ValueError('has compose; allowed is that with kind = "containers" only')
        elif not self.command or not self.command[0]:
            raise ValueError("has no command; allowed is the program and its arguments")
        if any("\0" in word for word in self.command):
            raise ValueError("has a command with a zero byte; allowed is text")
        if self.ready.exit is not None and self.kind is not Kind.STEP:
            raise ValueError('has ready.exit; allowed is that with kind = "step" only')
        return self
