"""The desk's jobs: `[jobs]` holds for all of them, `[people.NAME]` says what a trader's own instances get."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import time
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from tradewarden.machines.condition import parse as condition
from tradewarden.machines.job import Job, Trader
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_limits import Limits
from tradewarden.machines.schedule_problems import circles
from tradewarden.machines.schedule_words import parse
from tradewarden.machines.service import Again, Kind, Service
from tradewarden.settings_kinds import Hour, Section
from tradewarden.settings_programs import Tables, about_each, base_of, service_of
from tradewarden.settings_services import Hold, ServiceSettings, Text, Value, Variable
from tradewarden.settings_sources import Sources

ZONE = "Asia/Kolkata"  # of the times in a schedule that names no other


def _person(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,32}", text, re.ASCII):
        raise ValueError("allowed is a name of up to 32 small letters, digits and _, such as asha")
    return text


PersonName = Annotated[str, AfterValidator(_person)]


class JobsSettings(Section):
    """What holds for all jobs; each is a table `[services.<name>]` with a schedule."""

    segment: Text | None = Field(None, description="whose trading days schedules go by; the desk's first if unset")
    keep_days: int = Field(400, ge=1, le=36_500, description="how long the history of their runs is kept")
    edits: Hold = Field("now", description="from when a schedule that somebody changes holds: now, or next start")
    earliest: Hour = Field("00:00", description="time of day before which no schedule may begin a run")
    latest: Hour = Field("23:59", description="time of day after whose minute none may")
    minute: int | None = Field(None, ge=0, le=59, description="at which hourly schedules have to run; any if unset")

    @property
    def limits(self) -> Limits:
        """What a schedule has to keep to."""
        earliest, latest = time.fromisoformat(self.earliest), time.fromisoformat(self.latest)
        return Limits(earliest=earliest, latest=latest, minute=self.minute)

    @model_validator(mode="after")
    def _in_order(self) -> JobsSettings:
        if self.earliest > self.latest:
            raise ValueError(f"has earliest = {self.earliest!r} behind latest = {self.latest!r}; swap them")
        return self


class PersonSettings(Section):
    """What the jobs of one trader get, besides what the job itself says."""

    account: Text | None = Field(None, description="the trader's broker account: kite, or one of [accounts]")
    environment: dict[Variable, Value] = Field(
        {}, description='variables of the own jobs: text, {secret = "name"}, {file = "/path"} or {env = "NAME"}'
    )


def jobs_of(tables: Tables, file: Path | None, told: JobsSettings, segments: Collection[str]) -> tuple[Job, ...]:
    """Each table that is a job; a schedule that cannot be read is left out, and told by `about_jobs`."""
    base = base_of(file)
    segment = segment_of(told, segments)
    jobs = {name: table for name, table in tables.items() if table.kind is Kind.JOB}
    return tuple(_job(service_of(name, table, base), table, told, segment) for name, table in jobs.items())


def segment_of(told: JobsSettings, segments: Collection[str]) -> str:
    """Whose trading days count where a schedule names no segment."""
    return told.segment or next(iter(segments))


def _job(service: Service, table: ServiceSettings, told: JobsSettings, segment: str) -> Job:
    again = table.restarts.when or (Again.FAILURE if table.does.is_repaired else Again.NEVER)
    given = {each: getattr(service, each) for each in Service.__dataclass_fields__}
    return Job(
        **(given | {"restarts": replace(service.restarts, when=again)}),
        schedules=tuple(schedule for text in table.schedule if isinstance(schedule := _read(text, segment), Schedule)),
        per_user=table.per_user,
        does=table.does,
        misfire=table.misfire,
        timeout=table.timeout,
        edits=table.edits or told.edits,
    )


class _Any(frozenset[str]):
    """Segments while nobody has asked the calendar which there are; the daemon does before it uses one."""

    def __contains__(self, _: object) -> bool:
        return True


def _read(text: str, segment: str, known: Collection[str] = _Any()) -> Schedule | str:
    """A schedule, or what is wrong with it."""
    try:
        return parse(text, segment=segment, zone=ZONE, known_segments=known)
    except ValueError as error:
        return str(error)


def about_jobs(
    tables: Tables,
    jobs: Sequence[Job],
    people: Mapping[str, PersonSettings],
    *,
    known: Collection[str] | None,
    accounts: Collection[str],
    segment: str,
    sources: Sources,
    run_dir: Path,
) -> Iterator[str]:
    """What is wrong with the jobs and with what traders get, one sentence a problem."""
    yield from about_each(jobs, sources, run_dir)
    for job in jobs:
        where = f"{sources.origin(('services', job.name))}: services.{job.name}"
        faults = (_read(text, segment, _Any() if known is None else known) for text in tables[job.name].schedule)
        yield from (f"{where}.schedule: {fault}." for fault in faults if isinstance(fault, str))
        yield from (f"{where}.needs: {fault}." for fault in _wrong_needs(job, tables))
        yield from (f"{where}.conditions: {fault}." for fault in _wrong_conditions(job))
    if jobs:
        where = sources.origin(("services",))
        yield from (f"{where}: {fault}." for fault in circles({job.name: job.schedules for job in jobs}))
    for name, person in people.items():
        if person.account is not None and person.account not in accounts:
            where, allowed = sources.origin(("people", name, "account")), ", ".join(accounts)
            yield f"{where}: people.{name}.account = {person.account!r} is no account; allowed are {allowed}."


def _wrong_needs(job: Job, tables: Tables) -> Iterator[str]:
    programs = {name: table for name, table in tables.items() if table.kind is not Kind.JOB}
    for name in job.needs:
        if name in tables and name not in programs:
            yield f'{name!r} is a job, which is never up; allowed is schedule = "after {name} succeeded"'
        elif name not in programs:
            yield f"{name!r} is not defined; known: {', '.join(sorted(programs)) or 'none'}"
        elif job.enabled and not programs[name].enabled:
            yield f"{name!r} is disabled; enable it, or disable both"


def _wrong_conditions(job: Job) -> Iterator[str]:
    for text in job.conditions:
        try:
            condition(text)
        except ValueError as error:
            yield str(error)


def people_of(people: Mapping[str, PersonSettings]) -> Mapping[str, Trader]:
    """What each trader's jobs get."""
    return MappingProxyType(
        {
            name: Trader(name=name, account=told.account or "", environment=MappingProxyType(dict(told.environment)))
            for name, told in people.items()
        }
    )
