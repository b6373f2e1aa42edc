"""What a keeper is told of one run of a job: the job's words, the trader's, and the run's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from tradewarden.machines.job import Job, Trader, kept_as
from tradewarden.machines.run import Run
from tradewarden.machines.service import Again, Place, Reference
from tradewarden.orchestrator.environment import environment_of, learn_secrets, secret_file
from tradewarden.orchestrator.keepers import Spec
from tradewarden.orchestrator.spec import spec_of
from tradewarden.orchestrator.statedir import control_socket


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


def learn_of_jobs(
    jobs: Sequence[Job], people: Mapping[str, Trader], *, state: Path, log_dir: Path, learned: Callable[[str], None]
) -> None:
    """What the logs of jobs may not show of what an earlier daemon gave them, each trader's own secrets among it."""
    users = {file.name.partition("@")[2].partition(".")[0] for file in log_dir.glob("*@*.log*")} | people.keys()
    for job in jobs:
        for user in users if job.per_user else ("",):
            learn_secrets(instance_of(job, people.get(user, Trader(name=user)), state), state, learned)


def as_run(spec: Spec, revision: str, *, is_window: bool, until: float | None) -> Spec:
    """The same for this run alone: its keeper begins it once, and leaves when it is over."""
    again = spec.restart != str(Again.NEVER)
    return replace(spec, revision=revision, once=again and not is_window, until=until)


def fence_for(instance: Job, log: Path) -> Spec:
    """For a keeper that only ends what is left of it."""
    return spec_of(instance, {}, log, until=0.0, fences=True)


def until_of(run: Run, now: datetime, wall: float, *, is_window: bool) -> float | None:
    """Until when its keeper may begin it again by itself, by the world's clock, whatever the desk's says."""
    return None if run.until is None or not is_window else wall + (run.until - now).total_seconds()
