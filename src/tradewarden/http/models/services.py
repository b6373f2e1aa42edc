"""The desk's programs, and what may be asked of them."""

from __future__ import annotations

from msgspec import Struct

from tradewarden.http.body import Nothing
from tradewarden.http.desk import Reload
from tradewarden.http.models.document import Document, Moment, Status
from tradewarden.http.operation import Operation, Told, ok
from tradewarden.http.selection import Chosen
from tradewarden.http.services import AutoRestart
from tradewarden.machines.service import Kind, ServiceState, Tier


class ServiceTold(Document):
    """One program: how it does, and why when it does not."""

    name: str
    description: str
    kind: Kind
    tier: Tier
    phase: int
    enabled: bool
    auto_restart: bool
    state: ServiceState
    status: Status
    reason: str | None
    since: Moment
    needs: list[str]
    conditions: list[str]
    pid: int | None
    started_at: Moment | None
    uptime_seconds: int | None
    restarts: int
    exit_code: int | None
    next_start_at: Moment | None
    memory_bytes: int | None
    cpu_percent: float | None
    errors_last_hour: int
    says: str | None
    figures: dict[str, float]
    reach: str | None


class DeskTold(Document):
    """The desk as a whole."""

    state: str
    reason: str | None
    since: Moment
    phase: int | None
    phases: list[list[str]]
    keepers_reachable: bool


class HostTold(Document):
    """The machine that it runs on."""

    cpu_percent: float
    memory_used: int
    memory_total: int
    disk_free: int | None


class ServicesTold(Document):
    """The desk, the machine and each program."""

    time: Moment
    desk: DeskTold
    host: HostTold | None
    services: list[ServiceTold]


class Plan(Document):
    """Which programs start together, phase by phase."""

    phases: list[list[str]]


class OrderTold(Document):
    """What was set going, and what was left as it was, with the reasons."""

    verb: str
    accepted: list[str]
    left: dict[str, str]
    text: str


class DifferenceTold(Struct, rename="camel", forbid_unknown_fields=True):
    """What a changed file changes."""

    added: list[str]
    removed: list[str]
    restarted: dict[str, list[str]]
    kept: dict[str, list[str]]
    problems: list[str]
    daemon: list[str]
    is_empty: bool


_SET_GOING = {202: Told("it is set going", OrderTold), 200: Told("it is so already", OrderTold)}
_CANNOT = {
    404: "no service has this name",
    409: "the desk refuses, and why",
    503: "no program can be started now: the keepers cannot be reached",
}
_VERBS = {
    "start": "Starts it, with what it needs",
    "stop": "Stops it, until somebody starts it",
    "restart": "A new life of it",
    "enable": "It belongs to the desk",
    "disable": "It does not belong to the desk, and is stopped",
}
_WHOLE = {
    "start": "Starts programs in phases",
    "stop": "Stops programs, the last phase first",
    "restart": "New lives of programs, in phases",
}

OPERATIONS = {
    ("GET", "/api/services"): Operation(
        says="The desk's programs, the desk as a whole and the machine", answers=ok("all of it", ServicesTold)
    ),
    ("GET", "/api/services/{name}"): Operation(
        says="One of the desk's programs",
        answers=ok("the program", ServiceTold),
        refusals={404: "no service has this name"},
    ),
    **{
        ("POST", f"/api/services/{{name}}/{verb}"): Operation(
            says=says,
            body=Nothing,
            answers=_SET_GOING,
            refusals=_CANNOT,
        )
        for verb, says in _VERBS.items()
    },
    ("POST", "/api/services/{name}/auto-restart"): Operation(
        says="Whether it is started again when it ends",
        body=AutoRestart,
        example={"on": False},
        answers=_SET_GOING,
        refusals=_CANNOT,
    ),
    ("GET", "/api/desk/plan"): Operation(
        says="Which programs start together, phase by phase",
        answers=ok("the phases", Plan),
        refusals={409: "there is no plan, and why", 503: "the keepers cannot be reached"},
    ),
    **{
        ("POST", f"/api/desk/{verb}"): Operation(
            says=says, body=Chosen, example={"all": True}, answers=_SET_GOING, refusals=_CANNOT
        )
        for verb, says in _WHOLE.items()
    },
    ("POST", "/api/desk/down"): Operation(
        says="Everything is stopped deliberately; it lasts until a start",
        body=Nothing,
        answers=_SET_GOING,
        refusals={409: "the desk refuses, and why", 503: "the keepers cannot be reached"},
    ),
    ("POST", "/api/desk/reload"): Operation(
        says="Reads the file again and restarts only what changed",
        body=Reload,
        example={"dry": True},
        answers={
            200: Told("what changed", DifferenceTold),
            422: Told("the file has faults: nothing was changed", DifferenceTold),
        },
        refusals={409: "the desk refuses, and why", 503: "the keepers cannot be reached"},
    ),
}
