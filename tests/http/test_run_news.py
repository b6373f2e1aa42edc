"""Events of jobs go to those who may see them, and to nobody else; figures and the page's panel tell of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from jobs_shown import ASHA, BOSS, LEASE, LOOK, RAVI, ROOT, Jobs, a_job, serving_jobs
from pictures import Desk, at
from tradewarden.http import run_news
from tradewarden.http.jobs_panel import panel, sign, tally, times, why, word
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Run, Trigger

EVENTS = "/api/system/health/events"


@asynccontextmanager
async def listening(session: ClientSession, desk: Desk, who: dict[str, str]) -> AsyncIterator[ClientResponse]:
    async with session.get(f"{desk.url}{EVENTS}", headers=who) as response:
        yield response


async def heard(response: ClientResponse, count: int) -> list[tuple[str, str, str]]:
    """The next so many events of jobs: the kind, the job and whose."""
    found: list[tuple[str, str, str]] = []
    kind = ""
    async with asyncio.timeout(5):
        while len(found) < count:
            line = (await response.content.readline()).decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: ") and kind in ("run", "schedule"):
                told = json.loads(line[6:])
                found.append((kind, told.get("job") or told["name"], told["user"]))
    return found


def begun(jobs: Jobs, job: str, user: str) -> Run:
    """A run that runs."""
    run = jobs.run_once(job, user, by="test")
    assert isinstance(run, Run)
    jobs.begin(run.id)
    return run


async def test_each_hears_at_once_how_the_own_jobs_stand_and_then_of_their_runs(
    tmp_path: Path, session: ClientSession
) -> None:
    async with (
        serving_jobs(tmp_path) as (desk, jobs),
        listening(session, desk, ASHA) as asha,
        listening(session, desk, RAVI) as ravi,
        listening(session, desk, BOSS) as boss,
    ):
        assert await heard(asha, 2) == [("schedule", "buy_orders", "asha"), ("schedule", "sell_monitor", "asha")]
        assert await heard(ravi, 1) == [("schedule", "buy_orders", "ravi")]
        assert len(await heard(boss, 4)) == 4
        begun(jobs, "analysis", "")
        begun(jobs, "buy_orders", "asha")
        begun(jobs, "buy_orders", "ravi")
        jobs.tell(a_job("sell_monitor", notice="at 16:10 from the next start on"))
        # Whoever wakes late hears of each run once, as it is by then.
        assert await heard(asha, 2) == [("run", "buy_orders", "asha"), ("schedule", "sell_monitor", "asha")]
        assert await heard(ravi, 1) == [("run", "buy_orders", "ravi")]
        assert await heard(boss, 4) == [
            ("run", "analysis", ""),
            ("run", "buy_orders", "asha"),
            ("run", "buy_orders", "ravi"),
            ("schedule", "sell_monitor", "asha"),
        ]


@pytest.mark.parametrize("who", [LOOK, {}, {"Authorization": "Bearer wrong"}])
async def test_whoever_has_no_job_hears_of_none(tmp_path: Path, session: ClientSession, who: dict[str, str]) -> None:
    async with serving_jobs(tmp_path) as (desk, jobs), listening(session, desk, who) as stranger:
        begun(jobs, "analysis", "")
        begun(jobs, "buy_orders", "asha")
        text = b""
        desk.reports.show(replace(desk.reports.picture, now=at("10:00:30")))
        async with asyncio.timeout(5):
            while text.count(b"event: health") < 2:
                text += await stranger.content.readline()
    assert b"buy_orders" not in text
    assert b"event: run" not in text
    assert b"event: schedule" not in text


async def test_news_are_forgotten_beyond_the_newest(
    tmp_path: Path, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_news, "KEPT", 3)
    async with serving_jobs(tmp_path) as (desk, jobs), listening(session, desk, ROOT) as boss:
        await heard(boss, 4)
        for number in range(5):
            jobs.tell(a_job(f"job{number}", ""))
        assert await heard(boss, 3) == [("schedule", f"job{number}", "") for number in (2, 3, 4)]


async def test_figures_count_each_run_once_by_job_and_outcome_and_name_no_person(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_jobs(tmp_path) as (desk, jobs):
        for user, outcome in (("asha", Outcome.SUCCESS), ("ravi", Outcome.FAILED)):
            run = begun(jobs, "buy_orders", user)
            jobs.end(run.id, outcome)
            jobs.tell(jobs.runs.run(run.id))  # news that come again
        jobs.tell(jobs.runs.miss("analysis", "", at("09:00:00"), "the daemon was away"))
        due = jobs.runs.give(
            Claim(
                job="sell_monitor",
                user="asha",
                trigger=Trigger.SCHEDULE,
                due=at("10:00:00"),
                by="schedule",
                lease=LEASE,
            )
        )
        assert isinstance(due, Run)
        jobs.begin(due.id)
        jobs.end(due.id)
        async with session.get(f"{desk.url}/metrics", headers=ROOT) as answer:
            text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    counted: dict[Any, float] = {
        (sample.labels["job"], sample.labels["outcome"]): sample.value
        for sample in families["tradewarden_runs"].samples
    }
    assert counted == {
        ("analysis", "missed"): 1,
        ("buy_orders", "failed"): 1,
        ("buy_orders", "success"): 1,
        ("sell_monitor", "success"): 1,
    }
    seconds = {sample.labels.get("job"): sample.value for sample in families["tradewarden_run_seconds"].samples}
    assert set(seconds) == {"buy_orders", "sell_monitor"}
    late = [sample for sample in families["tradewarden_run_late_seconds"].samples if sample.name.endswith("_count")]
    assert [sample.value for sample in late] == [1]
    assert "asha" not in text


def test_the_panel_tells_the_state_the_next_time_the_last_outcome_and_why_not_today() -> None:
    now = at("10:00:00")
    failed = Run(
        id=1,
        job="buy_orders",
        user="asha",
        trigger=Trigger.SCHEDULE,
        due=at("09:30:00"),
        by="schedule",
        outcome=Outcome.FAILED,
        reason="ended with code 1",
        started=at("09:30:01"),
        ended=at("09:30:09"),
    )
    running = replace(failed, id=2, outcome=Outcome.RUNNING, reason=None, ended=None)
    queued = replace(failed, id=3, outcome=Outcome.QUEUED, reason="the feed is not up", started=None, ended=None)
    for job, told in (
        (a_job(), ("○", "Never ran", "next 16:05", "")),
        (a_job(last=failed), ("✕", "Failed", "next 16:05 · last 09:30", "ended with code 1")),
        (a_job(last=failed, running=running), ("●", "Running", "next 16:05 · since 09:30", "")),
        (
            a_job(schedules=("after analysis succeeded on all days",), next_due=None),
            ("○", "Never ran", "after analysis succeeded", ""),
        ),
        (a_job(running=queued), ("⧖", "Queued", "next 16:05", "the feed is not up")),
        (
            a_job(enabled=False, next_due=None, why_not="it is disabled"),
            ("○", "Disabled", "", "not today: it is disabled"),
        ),
        (a_job(stands="stopped", next_due=None), ("○", "Stopped", "", "")),
        (a_job(problem="it can never fire", last=failed), ("✕", "Failed", "next 16:05 · last 09:30", None)),
    ):
        assert (sign(job), word(job), times(job, now)) == told[:3]
        if told[3] is not None:
            assert why(job) == told[3]
    assert tally([a_job(), a_job("analysis", "", next_due=at("16:00:00"), running=running)], now) == (
        "2 jobs, 1 running; next: analysis at 16:00"
    )
    assert tally([a_job(next_due=None)], now) == "1 job; none is due"
    assert panel(None, now) == ""
    assert "<b>" not in panel([a_job(problem="<b>")], now)


async def test_the_page_shows_jobs_to_whom_they_belong_and_to_nobody_else(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_jobs(tmp_path) as (desk, _):
        for who, shown in ((ASHA, ["buy_orders · asha", "sell_monitor · asha"]), (LOOK, []), ({}, [])):
            async with session.get(desk.url, headers=who) as answer:
                text = await answer.text()
            assert [
                each for each in ("buy_orders · asha", "buy_orders · ravi", "sell_monitor · asha") if each in text
            ] == (shown)
            assert ('id="jobs"' in text) is (who != {})
