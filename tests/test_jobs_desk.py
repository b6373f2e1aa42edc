"""The real daemon with real jobs, asked over HTTP and by its commands: one run once, its signals, log and history."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from live_desk import LiveDesk, live_desk
from tradewarden.__main__ import main

JOBS = """
[services.analysis]
schedule = "at 16:00 on all days"
does = "work"
command = ["sh", "-c", "echo looked at 500 symbols; echo '{\\"symbol\\": \\"INFY\\"}' | tradewarden signals put"]

[services.orders]
schedule = "at 16:05 on all days"
per_user = true
does = "work"
command = ["sh", "-c", "echo $TRADEWARDEN_USER placed 3 orders"]

[services.slow]
schedule = "at 03:00 on all days"
does = "work"
timeout = 600
command = ["sleep", "600"]
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    with live_desk(tmp_path_factory.mktemp("jobs"), JOBS) as running:
        running.begin()
        yield running


def command(desk: LiveDesk, *words: str) -> tuple[int, str, str]:
    """Exit status, what it printed, what it complained of."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([*words, "--config", str(desk.file)])
    return status, out.getvalue(), err.getvalue()


def until(holds: Callable[[], Any], within: float = 15.0) -> Any:
    """What it comes to, once it is something."""
    deadline = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
    return found


def test_a_job_runs_once_hands_its_signals_over_and_all_of_it_is_on_record(desk: LiveDesk) -> None:
    status, told, said = command(desk, "run-once", "analysis", "--wait")
    assert (status, said) == (0, ""), told
    assert told.splitlines()[-1].startswith("✓ analysis ended with success after ")

    status, told, said = command(desk, "run-once", "analysis", "--wait")
    assert (status, told) == (1, "")
    assert "analysis" in said

    refused, run = desk.ask("GET", "/api/runs?job=analysis")["runs"]
    assert (refused["outcome"], run["outcome"], run["trigger"], run["by"]) == (
        "skipped",
        "success",
        "once",
        "command line",
    )
    put = run["details"]["signals"]  # on a closed day they stay as they are
    assert (put["new"], put["skipped"] is None) in ((1, True), (0, False))
    kept = desk.ask("GET", "/api/signals")
    assert [(each["symbol"], each["run"]) for each in kept["signals"]] == [("INFY", run["id"])] * put["new"]

    _, told, _ = command(desk, "logs", "analysis")
    assert "looked at 500 symbols" in told
    _, told, _ = command(desk, "history", "--job", "analysis")
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["↷", "✓"]
    assert desk.ask("GET", "/api/v1/service/history")["total"] == 2


def test_a_run_is_ended_by_who_may_and_says_so(desk: LiveDesk) -> None:
    status, told, _ = command(desk, "run-once", "slow", "--json")
    assert status == 0
    run = json.loads(told)
    until(lambda: desk.ask("GET", f"/api/runs/{run['id']}")["outcome"] == "running")
    conflict = desk.ask("POST", "/api/v1/service/individual/run-once", {"task_name": "slow"})
    assert (conflict["success"], conflict["has_conflict"]) == (False, True)
    desk.ask("POST", f"/api/runs/{run['id']}/stop")
    ended = until(lambda: (found := desk.ask("GET", f"/api/runs/{run['id']}"))["endedAt"] and found)
    assert ended["outcome"] == "failed"
    assert "ended by" in ended["reason"]


def test_the_schedules_are_told_previewed_edited_and_switched_off(desk: LiveDesk) -> None:
    _, told, _ = command(desk, "schedules")
    assert [line.split()[1] for line in told.splitlines()[1:] if line[0] != " "] == [
        "analysis",
        "slow",
    ]  # no trader yet
    _, told, _ = command(desk, "schedules", "--preview", "4")
    assert {line.split()[-1] for line in told.splitlines()[1:]} == {"analysis", "slow"}
    status, told, said = command(desk, "schedules", "slow", "--set", "at 25:00")
    assert (status, told) == (1, "")
    assert "25:00" in said
    status, told, _ = command(desk, "schedules", "slow", "--set", "at 04:00 on all days", "--dry")
    assert status == 0
    assert "would have run 30 times in the last 30 days" in told
    status, told, _ = command(desk, "schedules", "slow", "--set", "at 04:00 on all days")
    assert status == 0
    [slow] = [job for job in desk.ask("GET", "/api/schedules")["jobs"] if job["name"] == "slow"]
    assert slow["schedules"] == ["at 04:00 on all days"]
    assert slow["nextDue"][11:16] == "04:00"
    status, told, _ = command(desk, "standing", "off")
    assert status == 0
    assert {job["nextDue"] for job in desk.ask("GET", "/api/schedules")["jobs"]} == {None}
    status, told, _ = command(desk, "standing")
    assert told == "○ The desk's own jobs: off, nothing runs on its schedule\n"


def test_a_trader_runs_the_own_instance_and_sees_nothing_of_others(desk: LiveDesk) -> None:
    tokens = {}
    for name in ("asha", "ravi"):
        assert desk.ask("POST", "/api/users", {"name": name, "role": "trader"})["oneTimePassword"]
        told = desk.ask("POST", "/api/tokens", {"user": name, "name": "test", "scopes": ["read", "run"], "days": 1})
        tokens[name] = {"Authorization": f"Bearer {told['token']}"}

    def ask(who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, _, raw = desk.answer(method, path, b"" if body is None else json.dumps(body).encode(), tokens[who])
        return status, json.loads(raw)

    until(lambda: len(desk.ask("GET", "/api/schedules")["jobs"]) == 4)  # one instance for each trader
    status, run = ask("asha", "POST", "/api/runs", {"job": "orders"})
    assert (status, run["user"]) == (202, "asha")
    ended = until(lambda: (found := ask("asha", "GET", f"/api/runs/{run['id']}")[1])["endedAt"] and found)
    assert ended["outcome"] == "success"
    assert ask("ravi", "GET", f"/api/runs/{run['id']}")[0] == 404
    assert ask("ravi", "GET", "/api/runs")[1]["runs"] == []
    assert [job["name"] for job in ask("ravi", "GET", "/api/schedules")[1]["jobs"]] == ["orders"]
    assert ask("ravi", "GET", "/api/logs/orders@asha")[0] == 403
    assert ask("ravi", "POST", "/api/runs", {"job": "orders", "user": "asha"})[0] == 403
    status, _, raw = desk.answer("GET", "/api/logs/orders@asha", b"", tokens["asha"])
    assert (status, b"asha placed 3 orders" in raw) == (200, True)
    _, told, _ = command(desk, "history", "--user", "asha")
    assert told.splitlines()[1].split()[2:4] == ["orders", "asha"]


def test_figures_count_what_ran(desk: LiveDesk) -> None:
    text = desk.text("GET", "/metrics")
    assert 'tradewarden_runs_total{job="analysis",outcome="success"} 1' in text
    assert 'tradewarden_runs_total{job="analysis",outcome="skipped"} 1' in text
    assert 'tradewarden_runs_total{job="slow",outcome="failed"} 1' in text


@pytest.mark.parametrize(
    "words", [["--dry"], ["--set", "at 09:00"], ["slow", "--dry"], ["slow", "--enable", "--preview", "3"]]
)
def test_what_a_command_cannot_mean_is_told(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["schedules", *words]) == 2
    assert "say which and what" in capsys.readouterr().err
