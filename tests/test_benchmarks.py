"""The published figures: the page says what was measured, of every script, and nothing about whose machine it was."""

import getpass
import importlib
import json
import platform
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"
RESULTS = sorted((BENCH / "results").glob("*.json"))
GOALS = {
    "start": {
        "start to READY=1": 2.0,
        "RSS while streaming 3,000 instruments": 60.0,
        "CPU while the market is closed": 0.5,
    },
    "events": {"change of state to SSE client, 50 clients, p99": 10.0},
    "health": {"health answer at 200 requests a second, p99": 5.0, "CPU for one health answer": 5.0},
    "stop": {"SIGTERM to exit with 50 SSE clients open, slowest": 5.0},
    "recovery": {
        "reset to ticks again, median": 0.5,
        "attempts with a dead token in 60 s": 1,
        "new token to first ticks, the desk looks at once, p99": 0.1,
        "new token saved to a watched file to first ticks, p99": 1.0,
    },
    "stale": {"stale after 10 s without ticks, lateness, worst": 50.0},
    "decode": {"decode, 100 full ticks a frame": 15.0},
    "stream": {
        "stream end to end, 50 full ticks a frame": 15.0,
        "9,000 ticks a second, in bursts of 3,000: latency, p99": 10.0,
        "9,000 ticks a second, 50 at a time: latency, p99": 10.0,
    },
    "swaps": {
        "RSS growth over 1,000 token swaps": 2.0,
        "most sockets at once": 1,
        "tasks more or fewer than at the start": 0,
    },
    "journal": {
        "journal, 500 ticks a frame, no sync": 3.0,
        "journal, 500 ticks a frame, fdatasync after each": 0.5,
    },
    "redis_bus": {
        "Redis, beside the original's two commands a tick": 100.0,
        "Redis, beside cryptofeed's trades": 20.0,
        "Redis, from one process to another at 10,000 ticks/s, p50": 1.0,
    },
    "mysql": {
        "MariaDB, batches of 500, beside one INSERT a tick": 10.0,
        "MariaDB, batches of 500, beside vnpy_mysql, 500 at once": 10.0,
        "MariaDB, commit of 50 ticks during a cleanup, p99": 250.0,
    },
    "sqlite": {"SQLite, batches of 500, beside vnpy_sqlite, 500 at once": 15.0},
    "influx": {
        "InfluxDB, batches of 500, beside cryptofeed TradeInflux": 20.0,
        "InfluxDB, batches of 5,000, beside influxdb 5.3.2": 2.0,
        "InfluxDB, chart: a day of one instrument by the minute": 100.0,
        "InfluxDB, chart: a month of one instrument by the hour": 100.0,
    },
    "sinks": {
        "RSS of the daemon with journal, SQLite, Redis and MariaDB sinks, 128 instruments": 75.0,
        "RSS of the daemon with journal, SQLite, Redis and MariaDB sinks, 3,000 instruments": 75.0,
        **{f"RSS of sink {name}": 50.0 for name in ("sqlite", "redis", "mysql", "influx", "zmq", "nats")},
    },
    "latency": {f"receipt to commit, {name} alone, p50": 5.0 for name in ("redis", "mysql")},
    "query": {
        "bytes a tick in Parquet, five-level depth": 60.0,
        "bars of 100 ticks over 5 million ticks": 100.0,
        "volume profile over 5 million ticks": 100.0,
    },
    "supervisors": {
        "start until eleven run": 400.0,
        **{f"start until eleven run, beside {peer}": 1.0 for peer in ("supervisord", "circus", "pm2")},
        "start of eleven by a daemon that runs": 400.0,
        "SIGKILL to replacement, median, beside supervisord": 10.0,
        "SIGKILL to replacement, median, beside pm2": 1.0,
        "SIGKILL to replacement, p99": 100.0,
        "SIGKILL to replacement, in times of a bare parent's": 1.5,
        "memory (PSS)": 80.0,
        "memory (PSS) of a keeper": 1.5,
        "CPU while eleven programs tick": 0.5,
        "stop of eleven that need 1 s each": 1300.0,
        "lines of one program, beside supervisord": 1.0,
        "lines of one program, beside circus": 1.0,
        "CPU for a million lines": 1.5,
        "lines kept, of 300,000": 300_000,
        "programs that print alive 5 s after SIGKILL of the supervisor": 11,
        "programs that are silent that run twice after its restart": 0,
        "added by a phase": 50.0,
        "adoption of eleven, the daemon's own work": 50.0,
        "daemon start to its health answer, eleven adopted": 1.0,
    },
    "lateness": {"due moment to a run's first statement, two busy cores, p99": 250.0},
    "history": {
        "a run in the ledger": 200.0,
        **{
            f"page of 50 by {choice}, p99": 50.0
            for choice in (
                "job, person and outcome",
                "person and outcome",
                "outcome",
                "trigger",
                "job and person",
                "person",
                "nothing",
                "job, person and outcome, deep",
                "outcome, deep",
                "nothing, deep",
            )
        },
        "a job's 30 days, statistics, p99": 50.0,
        "a batch of 50 runs forgotten, p99": 20.0,
    },
}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that writes the page."""
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("page")


def read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def test_the_page_is_what_the_committed_results_say(page: ModuleType) -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text() == page.page(page.results()), (
        "docs/benchmarks.md and bench/results differ: run `python bench/page.py`"
    )


def test_every_script_that_measures_has_a_committed_result_in_the_page(page: ModuleType) -> None:
    scripts = {path.stem for path in BENCH.glob("*.py") if "Run(__file__)" in path.read_text()}
    assert scripts == {path.stem for path in RESULTS} == set(page.ORDER)


def test_make_bench_runs_every_script(page: ModuleType) -> None:
    recipe = (ROOT / "Makefile").read_text()
    assert f"for script in {' '.join(page.ORDER)};" in recipe


@pytest.mark.parametrize("script", GOALS)
def test_every_promised_figure_was_measured_against_its_goal(script: str) -> None:
    figures = {figure["name"]: figure for figure in read(BENCH / "results" / f"{script}.json")["figures"]}
    for name, goal in GOALS[script].items():
        told = figures[name]
        assert goal in (told.get("at_most"), told.get("at_least"), told.get("ratio_at_least")), name


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_has_its_date_and_its_machine_and_no_names_of_host_user_or_folder(path: Path) -> None:
    result = read(path)
    assert set(result) == {"script", "date", "machine", "busy", "figures"}
    assert set(result["machine"]) == {"cpu", "cores", "memory_gb", "python", "kernel"}
    assert (ROOT / result["script"]).stem == path.stem
    text = path.read_text()
    for private in (platform.node(), str(ROOT), str(Path.home()), "/tmp", f'"{getpass.getuser()}"'):
        assert private not in text


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        ({"at_most": 2.0}, "met"),
        ({"at_most": 1.9}, "**missed**"),
        ({"ratio_at_least": 5.0, "ratio": 5.0}, "met"),
        ({"ratio_at_least": 5.0, "ratio": 4.9}, "**missed**"),
        ({}, ""),
    ],
)
def test_a_missed_goal_is_told_as_missed(page: ModuleType, goal: dict[str, float], verdict: str) -> None:
    assert page.row({"name": "something", "value": 2.0, "unit": "s", "samples": 3, **goal})[3] == verdict
