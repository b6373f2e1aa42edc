"""The checks inside the health answer, one shape for each part of the desk."""

from __future__ import annotations

from datetime import date

from msgspec import UNSET

from tradewarden.http.models.document import Absent, Document, Moment, Status


class Action(Document):
    """What a person should do."""

    rel: str
    method: str
    href: str


class Check(Document, kw_only=True):
    """How one thing does, since when; `output` says what is odd about it."""

    status: Status
    observed_value: str
    time: Moment
    component_id: str | Absent = UNSET
    component_type: str | Absent = UNSET
    output: str | Absent = UNSET


class TokenCheck(Check, kw_only=True):
    """The broker's token; more of it for those who are signed in."""

    expires_at: Moment | Absent | None = UNSET
    verified_at: Moment | Absent | None = UNSET
    user_id: str | Absent | None = UNSET
    generation: int | Absent = UNSET
    forecast: str | Absent | None = UNSET
    action: Action | Absent = UNSET


class StreamCheck(Check, kw_only=True):
    """The broker's stream."""

    silent_instruments: int | Absent = UNSET
    doubtful_ticks: dict[str, int] | Absent = UNSET
    attempt: int | Absent = UNSET
    generation: int | Absent = UNSET
    last_reason: str | Absent | None = UNSET
    retry_at: Moment | Absent = UNSET


class Next(Document):
    """Where the segment stands next."""

    state: str | None
    at: Moment


class CalendarCheck(Document):
    """Which calendar says so."""

    sha256: str
    covered_until: date
    problem: str | Absent = UNSET


class SegmentCheck(Check, kw_only=True):
    """Where a market segment stands."""

    phase: str
    session: str | None
    data_expected: str
    reason: str | Absent = UNSET
    next: Next | Absent = UNSET
    calendar: CalendarCheck | Absent = UNSET


class CountCheck(Document, kw_only=True):
    """How much there is of something: services that run, seconds that a store is late."""

    status: Status
    observed_value: int
    observed_unit: str
    time: Moment
    state: str
    component_id: str | Absent = UNSET
    component_type: str | Absent = UNSET
    output: str | Absent = UNSET
    affected: list[str] | Absent = UNSET
    reason: str | Absent = UNSET


class DeliveryCheck(Check, kw_only=True):
    """Whether messages to people leave the desk."""

    ways: list[str] | Absent = UNSET
    affected: list[str] | Absent = UNSET
