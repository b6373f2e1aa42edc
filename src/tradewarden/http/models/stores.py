"""What is recorded and where it lies: stores, what they keep, questions in SQL, comparisons, backups."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, field

from tradewarden.http.backup import BackupQuery
from tradewarden.http.models.document import Absent, Document, Moment, Plain
from tradewarden.http.operation import Operation, Told, ok
from tradewarden.http.query import Question
from tradewarden.http.retention import Deed, StoreQuery
from tradewarden.http.validate import CompareQuery


class Recorded(Document):
    """How the journal does."""

    state: str
    since: Moment
    last_seq: int
    recorded: int
    lost: int


class GapsToday(Document):
    """The gaps of today."""

    count: int
    seconds: float


class CommitSeconds(Document):
    """How long a commit takes."""

    p50: float | None
    p99: float | None


class Table(Document):
    """What a store holds under one name."""

    name: str
    rows: int | None
    bytes: int | None


class Sink(Document):
    """How far one store has the journal; the last five are told to an admin."""

    name: str
    process: str
    state: str
    status: Literal["pass", "warn"]
    since: Moment
    position: int | None
    lag_ticks: int
    lag_seconds: float
    ticks_per_second: float
    commit_seconds: CommitSeconds
    written: int
    set_aside: int
    missed: int
    dropped: int
    errors_last_hour: int
    last_commit_at: Moment | None
    reason: str | Absent | None = UNSET
    retry_at: Moment | Absent | None = UNSET
    last_error: str | Absent | None = UNSET
    last_error_at: Moment | Absent | None = UNSET
    tables: list[Table] | Absent = UNSET


class Sinks(Document):
    """What is recorded, and how far each store has it."""

    time: Moment
    journal: Recorded | None
    gaps_today: GapsToday | None
    sinks: list[Sink]


class RetentionRule(Plain):
    """One promise of a store; no days are for ever."""

    name: str
    days: int | None
    holds: list[str]
    by: str
    ticks: int | None


class KeptThere(Document):
    """What is there under one rule."""

    name: str
    rows: int | None
    bytes: int | None
    oldest: Moment | None
    newest: Moment | None


class StoreKeeps(Document):
    """What one store keeps."""

    store: str
    rules: list[RetentionRule]
    kept: list[KeptThere]
    trouble: str | None


class Retained(Document):
    """What each store keeps."""

    stores: list[StoreKeeps]


class Changed(Document):
    """What was made, or let go."""

    name: str
    rows: int | Absent | None = UNSET
    bytes: int | Absent | None = UNSET


class StoreDone(Document):
    """What one store did."""

    store: str
    changed: list[Changed]
    trouble: str | None


class RetentionDone(Document):
    """What was done."""

    done: str
    stores: list[StoreDone]


class Column(Document):
    """A column of an answer."""

    name: str
    type: str


class Rows(Document):
    """The answer to a question."""

    columns: list[Column]
    rows: list[list[Any]]
    truncated: bool
    last_seq: int
    missing: int
    seconds: float


class Busy(Document):
    """An instrument with its count."""

    instrument: int
    name: str
    records: int


class LatestTick(Document):
    """The instrument that came latest."""

    name: str
    seconds: float


class Journalled(Document, kw_only=True):
    """What the journal has of this time."""

    first_seq: int
    last_seq: int
    records: int
    begin: Moment | None = field(name="from")
    end: Moment | None = field(name="to")
    rate: float
    instruments: int
    busiest: list[Busy]
    marked: int
    late: int
    latest: LatestTick | None
    holes: list[tuple[int, int, str]]


class Compared(Document):
    """How many records differ in this way, and which."""

    count: int
    named: list[tuple[int, int]]


class StoreCompared(Document, kw_only=True):
    """How a store compares; one that could not be compared says why."""

    store: str
    agrees: bool | None
    reason: str | Absent = UNSET
    compared: int | Absent = UNSET
    waiting: int | Absent = UNSET
    late: int | Absent = UNSET
    let_go: int | Absent = UNSET
    set_aside: int | Absent = UNSET
    note: str | Absent | None = UNSET
    missing: Compared | Absent = UNSET
    double: Compared | Absent = UNSET
    different: Compared | Absent = UNSET
    foreign: Compared | Absent = UNSET


class Comparison(Document):
    """The verdict."""

    ok: bool
    journal: Journalled
    stores: list[StoreCompared]


OPERATIONS = {
    ("GET", "/api/sinks"): Operation(
        says="How far each store has the journal, what is recorded, the gaps of today",
        more="Why a store does badly, and what it holds, is told to an admin.",
        answers=ok("the stores", Sinks),
    ),
    ("GET", "/api/retention"): Operation(
        says="What each store keeps, for how long, and from when to when it has ticks",
        query=StoreQuery,
        answers=ok("what they keep", Retained),
        asks="?store=sqlite",
    ),
    ("POST", "/api/retention"): Operation(
        says="Makes the stores' rules hold, or lets go of what is too old",
        body=Deed,
        example={"do": "cleanup", "store": "sqlite"},
        answers=ok("what each store did", RetentionDone),
    ),
    ("POST", "/api/query"): Operation(
        says="A question in SQL about the recorded ticks",
        more="Up to 15 s and 512 MB; one question at a time.",
        body=Question,
        example={"sql": "select count(*) as ticks from ticks", "rows": 10},
        answers=ok("the answer", Rows),
        refusals={429: "another question is being answered", 503: "questions cannot be answered now, and why"},
    ),
    ("POST", "/api/validate"): Operation(
        says="The stores compared with the journal, record by record",
        query=CompareQuery,
        answers=ok("the verdict", Comparison),
        refusals={429: "another comparison is under way", 503: "there is no verdict, and why"},
        asks="?store=sqlite&minutes=10",
    ),
    ("POST", "/api/backup"): Operation(
        says="The backup as a tar file",
        more="Restoring is done at the machine itself: `tradewarden restore`.",
        query=BackupQuery,
        answers={200: Told("the file", bytes, "application/x-tar")},
        refusals={429: "another backup is being made", 507: "there is not enough room, or it cannot be made"},
        asks="?ticks=true",
    ),
}
