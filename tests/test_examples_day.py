"""The example desk of a trading day: its six jobs run, hand their signals and orders on, and leave their history."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from example_desk import ROOT, ExampleDesk, commands, example_desk
from schedules import BOOK, IST, SEGMENTS, at
from tradewarden.machines.condition import parse as condition
from tradewarden.machines.run import Misfire
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_preview import preview
from tradewarden.machines.schedule_problems import problems
from tradewarden.machines.schedule_words import parse
from tradewarden.settings_services import ServiceSettings

DAY = ROOT / "examples" / "day"
ORIGINAL = {  # the jobs of the desk that this one takes the place of, and when they run
    "premarket_retry": "at 09:00",
    "sell_monitor": "between 09:15 and 15:30",
    "position_monitor": "hourly at :30 between 09:30 and 15:30",
    "analysis": "at 16:00",
    "buy_orders": "at 16:05",
    "eod_cleanup": "at 18:00",
}
# Whatever day it is, the market of the test has a session on it: signals belong to a trading day.
SESSIONS = """
[segments.NSE_EQ]
covered_until = {last}

[[specials]]
segments = ["NSE_EQ"]
dates = [{days}]
session = "regular"
name = "a session for the test"
status = "confirmed"
source = "the test"
phases = [{{ name = "live.continuous", from = "00:00", to = "24:00" }}]
"""


def tables() -> dict[str, ServiceSettings]:
    told = tomllib.loads((DAY / "tradewarden.toml").read_text())["services"]
    return {name: ServiceSettings.model_validate(table) for name, table in told.items()}


JOBS = {name: table for name, table in tables().items() if table.schedule}


def schedules_of(table: ServiceSettings) -> list[Schedule]:
    return [parse(text, segment="NSE_EQ", zone=IST.key, known_segments=SEGMENTS) for text in table.schedule]


# The file


def test_the_six_jobs_run_when_the_original_ran_them() -> None:
    assert {name: table.schedule for name, table in JOBS.items()} == {name: [when] for name, when in ORIGINAL.items()}


def test_each_job_has_a_good_schedule_conditions_that_make_sense_and_a_program() -> None:
    for table in JOBS.values():
        assert problems(schedules_of(table), after=at("2026-11-20 12:00"), book=BOOK) == []
        assert all(condition(text) for text in table.conditions)
        assert os.access(DAY / table.command[0], os.X_OK)


def test_an_ordinary_trading_day_has_its_runs_in_order() -> None:
    coming = preview({name: schedules_of(table) for name, table in JOBS.items()}, at("2026-11-23 00:00"), 12, BOOK)
    hourly = [f"{hour}:30 position_monitor" for hour in ("09", 10, 11, 12, 13, 14, 15)]
    day = ["09:00 premarket_retry", "09:15 sell_monitor", *hourly]
    assert [f"{each.at.astimezone(IST):%H:%M} {each.job}" for each in coming] == [
        *day,
        "16:00 analysis",
        "16:05 buy_orders",
        "18:00 eod_cleanup",
    ]


def test_what_is_late_is_told_as_the_page_says() -> None:
    page = (DAY / "README.md").read_text()
    late = dict(re.findall(r"(?m)^\| (\w+) \| [^|]+ \| ([^|]+) \|", page))
    words = {Misfire.ALERT: "no, and people are told, once", Misfire.SKIP: "no"}
    for name, table in JOBS.items():
        assert late[name].startswith(words.get(table.misfire, ("until", "for the rest"))), name


# The programs, as they are


def run(program: str, *arguments: str, folder: Path, **environment: str) -> dict[str, Any]:
    """What one of them hands back."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, DAY / "programs" / program, *arguments],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TRADEWARDEN_RESULT_FILE": str(result)}
        | environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(result.read_text())
    return told


def orders(folder: Path, book: str = "book.json") -> dict[str, str]:
    """Where each order stands."""
    return {each["symbol"]: each["state"] for each in json.loads((folder / book).read_text())["orders"]}


def a_desk_that_takes_signals(folder: Path) -> None:
    """In the place of `tradewarden`: it keeps what `signals put` brings, and lists it."""
    stand_in = folder / "tradewarden"
    stand_in.write_text(
        f"""#!{sys.executable}
import json, pathlib, sys
kept = pathlib.Path({str(folder)!r}, "signals")
if sys.argv[2] == "put":
    kept.write_text(sys.stdin.read())
else:
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    print(json.dumps({{"signals": [{{"symbol": row.pop("symbol"), "data": row}} for row in rows]}}))
"""
    )
    stand_in.chmod(0o755)


def test_the_evenings_orders_follow_from_the_signals_and_are_retried_sold_and_cleaned_up(tmp_path: Path) -> None:
    a_desk_that_takes_signals(tmp_path)
    var, bars = str(tmp_path), str(DAY / "bars.csv")
    assert run("analysis.py", bars, "desk.toml", folder=tmp_path) == {"shares": 8, "buy": 4, "sell": 3}
    assert run("buy_orders.py", var, "desk.toml", folder=tmp_path) == {"placed": 2, "refused": 2, "kept": 0}
    assert run("buy_orders.py", var, "desk.toml", folder=tmp_path) == {"placed": 0, "refused": 0, "kept": 4}
    assert run("premarket_retry.py", var, folder=tmp_path) == {"placed": 2}
    assert set(orders(tmp_path).values()) == {"placed"}
    watching = subprocess.Popen(
        [sys.executable, DAY / "programs/sell_monitor.py", var, bars, "0.01"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("sold ")
    finally:
        watching.terminate()
        said, _ = watching.communicate(timeout=10)
    assert watching.returncode == 0
    assert re.search(r"\d sold, \d held$", said)
    held = run("position_monitor.py", var, bars, folder=tmp_path)
    sold = [symbol for symbol, state in orders(tmp_path).items() if state == "sold"]
    assert held["held"] == 4 - len(sold)
    due = {"TRADEWARDEN_DUE": "2026-11-20T12:30:00+00:00"}
    assert run("eod_cleanup.py", var, folder=tmp_path, **due) == {"archived": len(sold), "kept": held["held"]}
    archive = (tmp_path / "book.2026-11.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["symbol"] for line in archive) == sorted(sold)


def test_each_trader_has_a_book(tmp_path: Path) -> None:
    a_desk_that_takes_signals(tmp_path)
    run("analysis.py", str(DAY / "bars.csv"), "desk.toml", folder=tmp_path)
    run("buy_orders.py", str(tmp_path), "desk.toml", folder=tmp_path, TRADEWARDEN_USER="asha")
    assert len(orders(tmp_path, "book-asha.json")) == 4
    assert not (tmp_path / "book.json").exists()


@pytest.mark.parametrize("program", sorted(DAY.glob("programs/*.py")), ids=lambda path: path.stem)
def test_a_program_says_how_it_is_used(program: Path) -> None:
    text = program.read_text()
    if "__main__" in text:
        assert re.search(rf'(?s)^#!/usr/bin/env python3\n""".*\n{program.name} ', text)
        done = subprocess.run([program, *"abcdef"], capture_output=True, text=True, timeout=20, check=False)
        assert done.stderr.startswith(f"usage: {program.name} ")


# The desk


async def ended(desk: ExampleDesk, number: int) -> dict[str, Any]:
    """The run once it has ended."""
    until = time.monotonic() + 20
    while True:
        told = await desk.ask("GET", f"/api/runs/{number}")
        if told["outcome"] not in ("queued", "running"):
            return told
        assert time.monotonic() < until, told
        await asyncio.sleep(0.05)


async def run_once(desk: ExampleDesk, job: str) -> dict[str, Any]:
    return await ended(desk, (await desk.ask("POST", "/api/runs", {"job": job}))["id"])


async def test_the_desk_runs_its_evening_by_hand_and_keeps_the_history(tmp_path: Path) -> None:
    ((environment, arguments),) = commands("day")
    async with example_desk(tmp_path, "day") as desk:
        today = datetime.now(IST).date()
        days = [today + timedelta(days=number) for number in range(-3, 4)]
        last = max(days[-1], BOOK.calendar.covered_until("NSE_EQ"))
        (desk.state / "calendar.d").mkdir(parents=True)
        (desk.state / "calendar.d" / "every_day.toml").write_text(
            SESSIONS.format(last=last, days=", ".join(map(str, days)))
        )
        await desk.run(arguments, environment)
        await desk.until(lambda told: told["login"]["state"] == "done", "logged in", within=30)
        jobs = {each["name"]: each for each in (await desk.ask("GET", "/api/schedules"))["jobs"]}
        assert {name: each["schedules"] for name, each in jobs.items()} == {k: [v] for k, v in ORIGINAL.items()}
        assert set(await desk.services()) == {"broker", "login"}

        analysis = await run_once(desk, "analysis")
        assert analysis["outcome"] == "success", desk.log_of("analysis")
        stored = analysis["details"].pop("signals")
        assert (stored["new"], stored["updated"], stored["skipped"]) == (8, 0, None)
        assert analysis["details"] == {"shares": 8, "buy": 4, "sell": 3}
        signals = (await desk.ask("GET", "/api/signals"))["signals"]
        assert len(signals) == 8
        bought = await run_once(desk, "buy_orders")  # it waits for the token, which comes within seconds
        assert bought["details"] == {"placed": 2, "refused": 2, "kept": 0}, desk.log_of("buy_orders")
        assert set(orders(desk.state)) == {each["symbol"] for each in signals if each["data"]["verdict"] == "buy"}
        assert (await run_once(desk, "eod_cleanup"))["details"] == {"archived": 0, "kept": 4}
        history = (await desk.ask("GET", "/api/runs"))["runs"]
        once = [(each["job"], each["outcome"]) for each in history if each["trigger"] == "once"]
        assert once == [("eod_cleanup", "success"), ("buy_orders", "success"), ("analysis", "success")]
