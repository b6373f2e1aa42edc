"""What all commands about jobs have in common, and what others say of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desk_of_jobs import Deed, Desk
from jobs_shown import serving_jobs
from pictures import at
from programs import Programs, a_desk, three
from terminals import paper
from tradewarden.control import Control
from tradewarden.desk_command import Terminal, order, reload
from tradewarden.history_command import history
from tradewarden.http.desk import DeskDoor
from tradewarden.http.services import Services
from tradewarden.job_words import job_lines, run_lines
from tradewarden.machines.service import Difference
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.run_once_command import run_once
from tradewarden.schedules_command import edit, preview, schedules
from tradewarden.services_command import services
from tradewarden.standing_command import standing


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_job_that_is_taken_for_a_service_is_said_to_be_one_with_its_commands(tmp_path: Path) -> None:
    said: list[str] = []
    for verb, told in (
        ("stop", "`tradewarden end-run sell_monitor` ends its run"),
        ("start", "`tradewarden run-once sell_monitor` runs it now"),
    ):
        async with serving_jobs(tmp_path, parts=[DeskDoor(Programs(three()))]):
            terminal = Terminal(Control(socket=tmp_path / "control"), paper()[0], said.append)
            assert await order(terminal, verb, {"names": ["sell_monitor"]}, wait=False) == 1
        assert said[-1].startswith(f"sell_monitor is a job, and runs on its schedule: {told}")


async def test_as_json_each_command_prints_one_object(desk: Desk) -> None:
    deeds: list[Deed] = [
        lambda terminal: schedules(terminal, None),
        lambda terminal: preview(terminal, None, 3),
        lambda terminal: edit(terminal, "buy_orders", {"enabled": True}),
        lambda terminal: history(terminal, {"limit": "1"}),
        lambda terminal: standing(terminal, None),
        lambda terminal: standing(terminal, {"on": True}),
        lambda terminal: run_once(terminal, "sell_monitor", "asha", wait=False),
    ]
    for deed in deeds:
        code, lines, _ = await desk(deed, as_json=True)
        assert (code, len(lines)) == (0, 1)
        assert isinstance(json.loads(lines[0]), dict)


async def test_without_a_daemon_the_status_says_so(tmp_path: Path) -> None:
    screen, _ = paper()
    said: list[str] = []
    terminal = Terminal(Control(socket=tmp_path / "control"), screen, said.append)
    assert await schedules(terminal, None) == 69
    assert "is it running?" in said[0]


def test_nothing_there_is_said_in_a_sentence() -> None:
    [line] = job_lines({"jobs": [], "time": "2026-01-05T10:00:00+05:30"})
    assert "[services.NAME] with a schedule" in line.text
    [line] = run_lines([], at("10:00:00"))
    assert line.text.startswith("No run fits")


async def test_a_desk_of_jobs_only_says_where_its_jobs_are(tmp_path: Path) -> None:
    screen, out = paper()
    async with serving_jobs(tmp_path, parts=[Services(Programs(a_desk(state="stopped")), SystemClock())]):
        control = Control(socket=tmp_path / "control")
        assert await services(control, as_json=False, every=None, screen=screen, complain=print) == 0
        body = await _document(tmp_path)
    told = "No service is kept up here, and there are 3 jobs: `tradewarden schedules` tells of them.\n"
    assert out.getvalue() == told
    assert "/api/schedules" in body["desk"]["reason"]


async def _document(directory: Path) -> Any:
    async with Control(socket=directory / "control") as control:
        return await control.document("/api/services", "services")


async def test_a_reload_says_of_a_job_that_it_holds_for_its_next_run(tmp_path: Path) -> None:
    screen, out = paper()
    programs = Programs(three())
    programs.difference = Difference(kept={"feed": ("description",), "analysis": ("edits",)}, added=("buy_orders",))
    async with serving_jobs(tmp_path, parts=[DeskDoor(programs)]):
        terminal = Terminal(Control(socket=tmp_path / "control"), screen, print)
        assert await reload(terminal, dry=False, wait=True) == 0
    assert out.getvalue().splitlines() == [
        "+ buy_orders: new",
        "~ feed: description; it runs on",
        "~ analysis: edits; it holds for its next run",
    ]
