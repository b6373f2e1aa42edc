"""The commands for jobs on a terminal and on paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_shown import LEASE, Ahead, Jobs, a_job, four, serving_jobs
from pictures import at
from programs import Programs, a_desk, three
from terminals import paper
from tradewarden import history_command, run_once_command, schedules_command
from tradewarden.control import Control
from tradewarden.desk_command import Terminal, order, reload
from tradewarden.end_run_command import end_run
from tradewarden.history_command import history
from tradewarden.http.desk import DeskDoor
from tradewarden.http.services import Services
from tradewarden.job_words import job_lines, run_lines
from tradewarden.machines.job_report import EditAnswer, JobReport
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.machines.service import Difference
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.run_once_command import run_once
from tradewarden.schedules_command import edit, preview, schedules
from tradewarden.services_command import services
from tradewarden.standing_command import standing

Deed = Callable[[Terminal], Awaitable[int]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_once_command, "LOOK", 0.01)
    for module in (history_command, schedules_command):
        monkeypatch.setattr(module, "now", lambda: at("10:00:00"))


class Desk:
    """What a command did: its exit status, what it printed, what it complained of."""

    def __init__(self, directory: Path, jobs: list[JobReport] | None = None) -> None:
        self.directory, self.told = directory, jobs
        self.before: Callable[[Jobs], None] = lambda _: None
        self.beside: Callable[[Jobs], Awaitable[None]] | None = None

    async def __call__(self, deed: Deed, *, as_json: bool = False) -> tuple[int, list[str], list[str]]:
        screen, out = paper()
        said: list[str] = []
        async with serving_jobs(self.directory, self.told) as (_, self.jobs):
            self.before(self.jobs)
            self.before = lambda _: None
            terminal = Terminal(Control(socket=self.directory / "control"), screen, said.append, as_json=as_json)
            async with asyncio.TaskGroup() as group:
                if self.beside is not None:
                    group.create_task(self.beside(self.jobs))  # type: ignore[arg-type]
                code = await deed(terminal)
        return code, out.getvalue().splitlines(), said


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ran(jobs: Jobs, job: str, user: str, outcome: Outcome, **how: Any) -> None:
    run = jobs.run_once(job, user, by="asha")
    assert isinstance(run, Run)
    jobs.begin(run.id)
    jobs.end(run.id, outcome, **how)


async def test_schedules_tells_every_job_in_columns_with_its_reasons_below(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        ran(jobs, "buy_orders", "asha", Outcome.FAILED, reason="ended with code 1")
        run = jobs.run_once("analysis", "", by="boss")
        jobs.begin(run.id)  # type: ignore[union-attr]

    desk.before = before
    desk.told = [
        *four(),
        a_job("eod_cleanup", stands="stopped", next_due=None, why_not="its schedule is switched off"),
        a_job("old", enabled=False),
    ]
    code, lines, said = await desk(lambda terminal: schedules(terminal, None))
    assert (code, said) == (0, [])
    assert lines == [
        "  JOB           FOR   STANDS    NEXT   LAST       AT",
        "● analysis            on        16:00  running    10:00",
        "✕ buy_orders    asha  on        16:05  failed     10:00",
        "    failed: ended with code 1",
        "○ buy_orders    ravi  on        16:05  never ran",
        "○ sell_monitor  asha  on        -      never ran",
        "    not today: it is a holiday",
        "○ eod_cleanup   asha  stopped   -      never ran",
        "    not today: its schedule is switched off; `tradewarden standing on --user asha` lets it run",
        "○ old           asha  disabled  16:05  never ran",
    ]


async def test_one_job_is_told_with_its_schedules(desk: Desk) -> None:
    desk.told = [a_job(notice="from the desk's next start on: at 16:10 (boss)"), a_job(user="ravi")]
    code, lines, _ = await desk(lambda terminal: schedules(terminal, "buy_orders", user="asha"))
    assert (code, lines[1:]) == (
        0,
        [
            "○ buy_orders  asha  on      16:05  never ran",
            "    the buy_orders",
            "    at 16:05",
            "    from the desk's next start on: at 16:10 (boss)",
        ],
    )
    code, lines, said = await desk(lambda terminal: schedules(terminal, "by_orders"))
    assert (code, lines, said) == (1, [], ["no job is called 'by_orders'; known are buy_orders."])


async def test_one_job_is_told_with_what_its_runs_came_to(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        ran(jobs, "buy_orders", "asha", Outcome.SUCCESS)
        jobs.runs.miss("buy_orders", "asha", at("10:10:00"), "the daemon was away")

    desk.before = before
    _, lines, _ = await desk(lambda terminal: schedules(terminal, "buy_orders", user="asha"))
    figures = "since 6 Dec: 1 success, 1 missed, 100% of those that ran did well; 12 s usually, 12 s at most"
    assert f"    {figures}" in lines


async def test_a_run_that_cannot_begin_yet_says_what_it_waits_for(desk: Desk) -> None:
    def waits(jobs: Jobs) -> None:
        jobs.because = "feed is not up"

    desk.before = waits
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert (code, lines) == (0, ["buy_orders of asha waits, as run 1: feed is not up."])


async def test_the_preview_tells_what_comes_and_why_nothing_does(desk: Desk) -> None:
    desk.before = lambda jobs: jobs.ahead.append(Ahead("analysis", at("16:00:00"), None, "2026-01-06 is a holiday"))
    code, lines, _ = await desk(lambda terminal: preview(terminal, None, 10))
    assert (code, lines) == (
        0,
        [
            "  AT     JOB         FOR",
            "  16:00  analysis",
            "  16:05  buy_orders  asha",
            "· 16:00  analysis          2026-01-06 is a holiday",
        ],
    )
    _, lines, _ = await desk(lambda terminal: preview(terminal, "sell_monitor", 10))
    assert lines == ["Nothing comes: no job that is enabled has a time within sight."]


async def test_a_job_that_waits_for_another_one_says_so_as_its_next_time(desk: Desk) -> None:
    desk.told = [a_job(schedules=("after analysis succeeded on all days",), next_due=None)]
    _, lines, _ = await desk(lambda terminal: schedules(terminal, None))
    assert lines[1] == "○ buy_orders  asha  on      after analysis succeeded  never ran"
    desk.before = lambda jobs: jobs.ahead.clear()
    code, lines, _ = await desk(lambda terminal: preview(terminal, "buy_orders", 3))
    assert (code, lines) == (0, ["buy_orders@asha comes after analysis succeeded."])
    code, _, said = await desk(lambda terminal: preview(terminal, "by_orders", 3))
    assert (code, said) == (1, ["no job is called 'by_orders'; known are buy_orders."])


async def test_an_edit_says_from_when_it_holds_and_a_dry_one_what_it_would_have_done(desk: Desk) -> None:
    code, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", {"schedule": ["at 16:10"]}))
    assert (code, lines) == (0, ["buy_orders: at 16:10 from now on"])

    def dry(jobs: Jobs) -> None:
        jobs.answer = EditAnswer(text="nothing is changed", would=(at("16:10:00"),))

    desk.before = dry
    change = {"schedule": ["at 16:10"], "dry": True}
    code, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", change))
    assert lines == [
        "nothing is changed",
        "  Mon 05 Jan 2026 16:10:00",
    ]

    def often(jobs: Jobs) -> None:
        would = tuple(at("10:00:00") + timedelta(minutes=each) for each in range(1020))
        jobs.answer = EditAnswer(text="nothing is changed", would=would)

    desk.before = often
    _, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", change))
    assert (len(lines), lines[1], lines[-1]) == (22, "  Tue 06 Jan 2026 02:59:00", "  and 1,000 before them")

    def wrong(jobs: Jobs) -> None:
        jobs.answer = EditAnswer(text="", problems=("'at 25:00' is no time; write one like 09:15",))

    desk.before = wrong
    code, lines, said = await desk(lambda terminal: edit(terminal, "buy_orders", {"schedule": ["at 25:00"]}))
    assert (code, lines, said) == (1, [], ["'at 25:00' is no time; write one like 09:15"])


async def test_run_once_says_which_run_it_is_and_does_not_wait(desk: Desk) -> None:
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert (code, lines) == (0, ["buy_orders of asha begins, as run 1."])
    assert desk.jobs.asked == [("run", "buy_orders", "asha", "command line")]


@pytest.mark.parametrize(
    ("outcome", "how", "status", "last"),
    [
        (Outcome.SUCCESS, {}, 0, ["✓ buy_orders of asha ended with success after 12 s"]),
        (
            Outcome.FAILED,
            {"reason": "ended with code 3"},
            1,
            [
                "✕ buy_orders of asha failed after 12 s: ended with code 3",
                "`tradewarden logs buy_orders@asha` shows what it said.",
            ],
        ),
        (
            Outcome.TIMEOUT,
            {"reason": "it took longer than 300 s"},
            1,
            [
                "✕ buy_orders of asha took too long after 12 s: it took longer than 300 s",
                "`tradewarden logs buy_orders@asha` shows what it said.",
            ],
        ),
    ],
)
async def test_a_run_that_is_waited_for_decides_the_exit_status(
    desk: Desk, outcome: Outcome, how: dict[str, Any], status: int, last: list[str]
) -> None:
    async def beside(jobs: Jobs) -> None:
        claimed = asyncio.Event()
        jobs.subscribe(lambda _: claimed.set())
        async with asyncio.timeout(5):
            await claimed.wait()
        jobs.begin(1)
        await asyncio.sleep(0.03)  # it takes some looks
        jobs.end(1, outcome, **how)

    desk.beside = beside
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=True))
    assert (code, lines) == (status, ["buy_orders of asha begins, as run 1.", *last])


async def test_a_refused_run_tells_the_reason_and_fails(desk: Desk) -> None:
    desk.before = lambda jobs: ran(jobs, "buy_orders", "asha", Outcome.SUCCESS)
    code, lines, said = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=True))
    assert (code, lines) == (1, [])
    assert "ago" in said[0]
    code, _, said = await desk(lambda terminal: run_once(terminal, "buy_orders", None, wait=False))
    whose = "buy_orders is a job of each trader: say for whom in user (--user NAME); known are asha, ravi"
    assert (code, said) == (1, [whose])


async def test_a_refusal_names_the_command_that_ends_what_stands_in_the_way(desk: Desk) -> None:
    desk.before = lambda jobs: jobs.begin(jobs.run_once("buy_orders", "asha", by="asha").id)  # type: ignore[union-attr]
    _, _, said = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert said[0].endswith("`tradewarden end-run 1` ends it")


@pytest.mark.parametrize(("which", "user"), [("1", None), ("buy_orders", "asha"), ("buy_orders", None)])
async def test_a_run_is_ended_by_its_number_or_its_job(desk: Desk, which: str, user: str | None) -> None:
    desk.before = lambda jobs: jobs.begin(jobs.run_once("buy_orders", "asha", by="asha").id)  # type: ignore[union-attr]
    code, lines, said = await desk(lambda terminal: end_run(terminal, which, user))
    assert (code, said) == (0, [])
    assert lines == ["✕ buy_orders of asha failed after 12 s: ended by command line"]
    assert desk.jobs.asked[-1] == ("end", 1, "command line")


async def test_which_run_is_to_be_ended_must_be_clear(desk: Desk) -> None:
    def both(jobs: Jobs) -> None:
        for user in ("asha", "ravi"):
            jobs.run_once("buy_orders", user, by=user)

    desk.before = both
    code, _, said = await desk(lambda terminal: end_run(terminal, "buy_orders", None))
    assert (code, said) == (
        1,
        ["buy_orders has more than one run: 1 of asha, 2 of ravi; say which, by its number or with --user NAME."],
    )
    code, _, said = await desk(lambda terminal: end_run(terminal, "analysis", None))
    expected = "no run of analysis runs or waits: `tradewarden history --job analysis` tells what became of it."
    assert (code, said) == (1, [expected])
    code, _, said = await desk(lambda terminal: end_run(terminal, "analysis", "asha"))
    assert (code, said) == (1, ["analysis is the desk's own job: leave --user out."])
    code, _, said = await desk(lambda terminal: end_run(terminal, "99", None))
    assert (code, said) == (1, ["no run of yours has the number '99'; `tradewarden history` lists them"])


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"job": "nosuch"}, "no job is called 'nosuch'; known are analysis, buy_orders, sell_monitor."),
        ({"user": "nosuch"}, "nobody who is called 'nosuch' has jobs; known are asha, ravi."),
        (
            {"job": "sell_monitor", "user": "ravi"},
            "'ravi' has no job sell_monitor; of those who have it, known are asha.",
        ),
    ],
)
async def test_a_history_of_nothing_that_exists_says_what_is_known(
    desk: Desk, filters: dict[str, str], told: str
) -> None:
    assert await desk(lambda terminal: history(terminal, filters)) == (1, [], [told])


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


async def test_history_is_a_table_with_reasons_and_the_way_to_the_next_page(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        run = jobs.runs.claim("analysis", "", Trigger.SCHEDULE, at("09:58:00"), by="schedule", lease=LEASE)
        jobs.begin(run.id)  # type: ignore[union-attr]
        jobs.end(run.id)  # type: ignore[union-attr]
        ran(jobs, "buy_orders", "asha", Outcome.FAILED, reason="ended with code 1")
        jobs.runs.miss("buy_orders", "ravi", at("10:10:00"), "the daemon was away from 10:09 to 10:12")

    desk.before = before
    code, lines, _ = await desk(lambda terminal: history(terminal, {"limit": "20"}))
    assert (code, lines) == (
        0,
        [
            "  RUN  JOB         FOR   DUE    ASKED BY  OUTCOME  LATE   TOOK",
            "! 3    buy_orders  ravi  10:10  schedule  missed                the daemon was away from 10:09 to 10:12",
            "✕ 2    buy_orders  asha  10:00  asha      failed          12 s  ended with code 1",
            "✓ 1    analysis          09:58  schedule  success  2 min  12 s",
        ],
    )
    _, lines, _ = await desk(lambda terminal: history(terminal, {"limit": "1"}))
    assert lines[-1].startswith("There may be more: --before ")
    code, _, said = await desk(lambda terminal: history(terminal, {"since": "yesterday"}))
    assert code == 1
    assert "since: 'yesterday' is none" in said[0]
    _, lines, _ = await desk(lambda terminal: history(terminal, {"job": "sell_monitor"}))
    assert lines == ["No run fits: `tradewarden history` without a filter lists the newest ones."]


async def test_standing_tells_each_desk_and_changes_one(desk: Desk) -> None:
    desk.told = [a_job("analysis", ""), a_job(stands="individual"), a_job(user="ravi", stands="stopped")]
    code, lines, _ = await desk(lambda terminal: standing(terminal, None))
    assert (code, lines) == (
        0,
        [
            "● The desk's own jobs: on as a whole (analysis)",
            "● asha's desk: off as a whole, on by itself: buy_orders",
            "○ ravi's desk: off, nothing runs on its schedule",
        ],
    )
    stopped = "the desk was stopped by command line: nothing of it begins before `tradewarden start --all`"
    desk.told = [a_job("analysis", "", problem=stopped), a_job("eod_cleanup", "", problem=stopped)]
    _, lines, _ = await desk(lambda terminal: standing(terminal, None))
    assert lines == ["● The desk's own jobs: on as a whole (analysis, eod_cleanup)", f"! {stopped}"]
    desk.told = [a_job(), a_job(user="ravi")]
    change = {"on": True, "job": "buy_orders", "user": "ravi"}
    code, lines, _ = await desk(lambda terminal: standing(terminal, change))
    assert (code, lines) == (0, ["ravi: buy_orders on"])


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
