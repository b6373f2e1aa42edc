"""What the logs of jobs may not show, whoever gave it to them: the desk's secrets and each trader's own."""

from __future__ import annotations

from pathlib import Path

from tradewarden.machines.job import Job, Trader
from tradewarden.machines.service import Place, Reference
from tradewarden.orchestrator.environment import SECRETS
from tradewarden.orchestrator.job_spec import learn_of_jobs


def job(name: str, *, per_user: bool) -> Job:
    wanted: dict[str, str | Reference] = {"DB_PASSWORD": f"plain-{name}", "PLACE": "NSE"}
    wanted["KEY"] = Reference(Place.SECRET, name)
    return Job(name=name, command=("true",), directory="/", per_user=per_user, environment=wanted)


def test_a_daemon_that_begins_anew_knows_what_earlier_runs_were_given(tmp_path: Path) -> None:
    secrets, logs = tmp_path / SECRETS, tmp_path / "logs"
    for folder in (secrets, logs):
        folder.mkdir()
    for name in ("look", "buy", "asha.buy", "ravi.buy", "lata.buy"):
        (secrets / name).write_text(f"secret of {name}\n")
    (logs / "buy@ravi.log").touch()  # a trader without a table of his own, and disabled by now
    (logs / "buy@lata.log.1").touch()
    known: list[str] = []
    people = {"asha": Trader(name="asha", environment={"OWN_TOKEN": "plain-asha"})}
    jobs = [job("look", per_user=False), job("buy", per_user=True)]
    learn_of_jobs(jobs, people, state=tmp_path, log_dir=logs, learned=known.append)
    assert set(known) == {
        "secret of look",
        "plain-look",
        "plain-buy",
        "plain-asha",
        *(f"secret of {name}.buy" for name in ("asha", "ravi", "lata")),
    }


def test_a_desk_without_logs_or_secrets_learns_nothing_and_begins(tmp_path: Path) -> None:
    known: list[str] = []
    learn_of_jobs([job("look", per_user=False)], {}, state=tmp_path, log_dir=tmp_path / "no", learned=known.append)
    assert known == ["plain-look"]
