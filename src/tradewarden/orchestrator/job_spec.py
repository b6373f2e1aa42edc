"""What a keeper is told of one run of a job: the job's words, the trader's, and the run's own."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from tradewarden.machines.job import Job, Trader, kept_as
from tradewarden.machines.run import Run
from tradewarden.machines.service import Again, Place, Reference
from tradewarden.orchestrator.environment import environment_of, secret_file
from tradewarden.orchestrator.keepers import Spec
from tradewarden.orchestrator.nesting import DEEPEST, is_too_deep
from tradewarden.orchestrator.spec import spec_of
from tradewarden.orchestrator.statedir import control_socket

LARGEST: Final = 1 << 16  # bytes of what a job hands back


def instance_of(job: Job, trader: Trader, state: Path) -> Job:
    """The job as one trader's: its name, the trader's variables, and the trader's secrets where there are some."""
    told = {**job.environment, **trader.environment}
    own = {name: _own(value, trader.name, state) for name, value in told.items()}
    return replace(job, name=kept_as(job.name, trader.name), environment=MappingProxyType(own))


def _own(value: str | Reference, trader: str, state: Path) -> str | Reference:
    if not trader or not isinstance(value, Reference) or value.place is not Place.SECRET:
        return value
    name = f"{trader}.{value.name}"
    return value if secret_file(name, state) is None else Reference(Place.SECRET, name)


def spec_for(
    run: Run, instance: Job, trader: Trader, *, state: Path, log: Path, result: Path, learned: Callable[[str], None]
) -> Spec:
    """All that its keeper has to know. Raises UnresolvedError."""
    of_run = {
        "TRADEWARDEN_JOB": run.job,
        "TRADEWARDEN_RUN": str(run.id),
        "TRADEWARDEN_DUE": run.due.isoformat(),
        "TRADEWARDEN_USER": run.user,
        "TRADEWARDEN_ACCOUNT": trader.account,
        "TRADEWARDEN_RESULT_FILE": str(result),
    }
    if (control := control_socket(state)) is not None:
        of_run["TRADEWARDEN_CONTROL"] = str(control)  # where `tradewarden signals put` finds the daemon
    return spec_of(instance, environment_of(instance, state, learned) | of_run, log, until=None)


def as_run(spec: Spec, revision: str, *, is_window: bool, until: float | None) -> Spec:
    """The same for this run alone: its keeper begins it once, and leaves when it is over."""
    again = spec.restart != str(Again.NEVER)
    return replace(spec, revision=revision, once=again and not is_window, until=until)


def fence_for(instance: Job, log: Path) -> Spec:
    """For a keeper that only ends what is left of it."""
    return spec_of(instance, {}, log, until=0.0, fences=True)


def result_file(run_dir: Path, run: Run) -> Path:
    """Where a run hands back what it has to tell."""
    return run_dir / f"{kept_as(run.job, run.user)}.{run.id}.result"


def prepare(file: Path, user: str | None) -> None:
    """An empty file that the run's own user alone can write, and the daemon read. A full disk leaves it away."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with suppress(OSError, KeyError):  # no such user, or no leave: whoever starts the program says that better
            os.fchmod(descriptor, 0o600)
            if user is not None:
                os.fchown(descriptor, pwd.getpwnam(user).pw_uid, os.getegid())
                os.fchmod(descriptor, 0o640)
        os.close(descriptor)


def handed_back(file: Path) -> Mapping[str, Any]:
    """What the run wrote, or why that cannot be used; the file is gone then."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        text = os.read(descriptor, LARGEST + 1)
    except OSError as trouble:
        return {"unreadable": trouble.strerror}
    finally:
        os.close(descriptor)
        file.unlink(missing_ok=True)
    return _object(text)


def _object(text: bytes) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    if len(text) > LARGEST:
        return {"unreadable": f"it is larger than {LARGEST >> 10} KB"}
    try:
        told = orjson.loads(text)
    except ValueError as trouble:
        return {"unreadable": f"it is no JSON: {trouble}"}
    if is_too_deep(told):
        return {"unreadable": f"it is nested deeper than {DEEPEST} levels"}
    return told if isinstance(told, dict) else {"unreadable": "it is no JSON object"}


def until_of(run: Run, now: datetime, wall: float, *, is_window: bool) -> float | None:
    """Until when its keeper may begin it again by itself, by the world's clock, whatever the desk's says."""
    return None if run.until is None or not is_window else wall + (run.until - now).total_seconds()
