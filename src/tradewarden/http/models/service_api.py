"""The original's paths under /api/v1/service: its field names and its words, for our jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from tradewarden.http.compat_service import Once, Task, Tasks
from tradewarden.http.compat_timetables import ROOT, Timetable
from tradewarden.http.models.document import Moment, Plain
from tradewarden.http.operation import LEDGER, Operation, ok

TaskStatus = Literal["running", "success", "failed", "skipped"]


class TaskSchedule(Plain):
    """A task's schedule; what the original cannot say stands in `schedule`, which is ours."""

    id: int
    task_name: str
    schedule_time: str
    is_hourly: bool
    is_continuous: bool
    end_time: str | None
    schedule_type: Literal["daily", "once"]
    enabled: bool
    description: str
    updated_by: str | None
    updated_at: Moment | None
    next_execution_at: Moment | None
    schedule: list[str]


class TaskSchedules(Plain):
    """Every task's schedule."""

    schedules: list[TaskSchedule]


class ScheduleChanged(Plain):
    """What became of the change."""

    success: bool
    message: str
    schedule: TaskSchedule
    requires_restart: bool


class TaskService(Plain):
    """A task as a service of its own."""

    task_name: str
    is_running: bool
    started_at: Moment | None
    last_execution_at: Moment | None
    next_execution_at: Moment | None
    process_id: int | None
    schedule_enabled: bool
    last_execution_status: TaskStatus | None
    last_execution_duration: float | None
    last_execution_details: dict[str, Any] | None


class TaskServices(Plain):
    """Every task as a service of its own."""

    services: dict[str, TaskService]


class Done(Plain):
    """Whether it was done, and a sentence."""

    success: bool
    message: str


class WholeDone(Plain):
    """The same of the desk as a whole."""

    success: bool
    message: str
    service_running: bool


class OnceDone(Plain):
    """Whether it runs now."""

    success: bool
    message: str
    execution_id: int | None
    has_conflict: bool
    conflict_message: str | None


class ServiceStatus(Plain):
    """How the desk as a whole does."""

    service_running: bool
    last_heartbeat: Moment
    last_task_execution: Moment | None
    error_count: int
    last_error: str | None
    updated_at: Moment | None


class TaskRun(Plain):
    """One execution of a task."""

    id: int
    task_name: str
    executed_at: Moment
    status: TaskStatus
    duration_seconds: float
    details: dict[str, Any]


class TaskRuns(Plain):
    """Executions, newest first."""

    tasks: list[TaskRun]
    total: int


_NO_TASK = {404: "no task that you may see has this name"}
_TASK = {"task_name": "analysis"}
_RUNS = Operation(
    says="What was executed, newest first", query=Tasks, answers=ok("the executions", TaskRuns), asks="?limit=20"
)

_OPERATIONS = {
    ("GET", f"{ROOT}/schedules"): Operation(says="Every task's schedule", answers=ok("the schedules", TaskSchedules)),
    ("PUT", f"{ROOT}/schedules/{{task_name}}"): Operation(
        says="Another schedule for a task",
        body=Timetable,
        example={"schedule_time": "16:05", "enabled": True},
        answers=ok("what became of it", ScheduleChanged),
        refusals={**_NO_TASK, 409: "the desk refuses, and why"},
    ),
    ("GET", f"{ROOT}/individual/status"): Operation(
        says="Every task as a service of its own", answers=ok("the tasks", TaskServices)
    ),
    ("POST", f"{ROOT}/individual/start"): Operation(
        says="Lets a task run on its own schedule",
        body=Task,
        example=_TASK,
        answers=ok("what became of it", Done),
        refusals=_NO_TASK,
    ),
    ("POST", f"{ROOT}/individual/stop"): Operation(
        says="Lets a task run no more",
        body=Task,
        example=_TASK,
        answers=ok("what became of it", Done),
        refusals=_NO_TASK,
    ),
    ("POST", f"{ROOT}/individual/run-once"): Operation(
        says="Runs a task once, now",
        body=Once,
        example=_TASK,
        answers=ok("what became of it", OnceDone),
        refusals=_NO_TASK,
    ),
    ("GET", f"{ROOT}/status"): Operation(says="How the desk as a whole does", answers=ok("its status", ServiceStatus)),
    ("POST", f"{ROOT}/start"): Operation(
        says="Lets the desk as a whole run", answers=ok("what became of it", WholeDone)
    ),
    ("POST", f"{ROOT}/stop"): Operation(says="Stops the desk as a whole", answers=ok("what became of it", WholeDone)),
    ("POST", f"{ROOT}/analysis/run"): Operation(
        says="Runs the analysis once, now",
        answers=ok("what became of it", OnceDone),
        refusals={404: "there is no job called analysis"},
    ),
    ("GET", f"{ROOT}/history"): _RUNS,
    ("GET", f"{ROOT}/tasks"): _RUNS,
}
OPERATIONS = {named: replace(each, refusals={**LEDGER, **each.refusals}) for named, each in _OPERATIONS.items()}
