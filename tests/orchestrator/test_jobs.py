"""The desk's jobs on real keepers: what is due runs once, waits for what it needs, and ends in one outcome."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kept import lives
from kept_jobs import ADMIN, Place, job, kept_jobs
from tradewarden.machines.job import Does, Trader
from tradewarden.machines.job_report import Weighed
from tradewarden.machines.role import Person, Role
from tradewarden.machines.run import Misfire, Outcome, Refused, Run, Trigger
from tradewarden.machines.service import Place as Where
from tradewarden.machines.service import Reference
from tradewarden.orchestrator.orders import RefusedError

ASHA = Person(name="asha", role=Role.TRADER, by="asha")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def note(place: Place, *words: str) -> str:
    return f"echo {' '.join(words) or '$TRADEWARDEN_JOB'} >> {place.state}/ran"


def test_what_is_due_runs_once_on_time_and_knows_which_run_it_is(place: Place) -> None:
    told = "env | grep ^TRADEWARDEN_ > {}/env; echo '{{\"n\": 1}}' > $TRADEWARDEN_RESULT_FILE"
    buy = job("buy", told.format(place.state), place.at(1.5), per_user=True)
    place.traders, place.people = ["asha"], {"asha": Trader(name="asha", account="kite")}

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            kept.driver.stand("asha", "", on=True, by="asha")
            await kept.until_outcomes("buy", "success")
            run = kept.only("buy")
            assert (run.user, run.trigger, run.code, dict(run.details)) == ("asha", Trigger.SCHEDULE, 0, {"n": 1})
            assert run.started is not None
            assert 0 <= (run.started - run.due).total_seconds() < 1
            env = dict(line.split("=", 1) for line in (place.state / "env").read_text().splitlines())
            assert (env["TRADEWARDEN_USER"], env["TRADEWARDEN_ACCOUNT"]) == ("asha", "kite")
            assert (env["TRADEWARDEN_JOB"], env["TRADEWARDEN_RUN"]) == ("buy", "1")
            assert env["TRADEWARDEN_DUE"] == run.due.isoformat()
            assert not list((place.state / "keepers").glob("*.result"))
            assert kept.of("buy", "asha").last == run

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("script", "unreadable"),
    [
        ("echo no > $F", "it is no JSON: "),
        ("echo [] > $F", "it is no JSON object"),
        ("yes > $F", "larger than 64 KB"),
        ("echo '{\"a\":DEEP}' > $F", "nested deeper than 64 levels"),
    ],
)
def test_what_a_job_hands_back_and_cannot_be_read_is_said_so(place: Place, script: str, unreadable: str) -> None:
    said = script.replace("yes >", "yes | head -c 70000 >").replace("DEEP", "[" * 300 + "]" * 300)
    odd = job("odd", f"F=$TRADEWARDEN_RESULT_FILE; {said}")

    async def scene() -> None:
        async with kept_jobs(place, odd) as kept:
            kept.driver.run_once("odd", "", by="asha")
            await kept.until_outcomes("odd", "success")
            run = kept.only("odd")
            why = run.details["unreadable"]
            assert unreadable in why
            assert run.reason == (
                f"its result file odd.1.result was not kept, since {why};"
                " have it written as one JSON object of at most 64 KB and 64 levels"
            )
            assert kept.of("odd").last == run

    asyncio.run(scene())


def test_what_cannot_be_read_is_said_behind_why_the_run_failed(place: Place) -> None:
    odd = job("odd", "echo no > $TRADEWARDEN_RESULT_FILE; exit 3")
    own = job("own", 'echo \'{"unreadable": "the book"}\' > $TRADEWARDEN_RESULT_FILE')

    async def scene() -> None:
        async with kept_jobs(place, odd, own) as kept:
            kept.driver.run_once("odd", "", by="asha")
            kept.driver.run_once("own", "", by="asha")
            await kept.until_outcomes("odd", "failed")
            reason = kept.only("odd").reason or ""
            assert reason.startswith("it ended with code 3; its result file odd.1.result was not kept, since it is no ")
            await kept.until_outcomes("own", "success")
            assert kept.only("own").reason is None, "a job may use that word itself"

    asyncio.run(scene())


def test_a_run_waits_for_what_it_needs_and_begins_within_a_second_of_it(place: Place) -> None:
    buy = job("buy", note(place), place.at(1.5), conditions=("auth valid",))
    place.world.auth["kite"] = "required"

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            await kept.until_outcomes("buy", "queued")
            assert kept.only("buy").reason == "waits for auth to be valid: it is required"
            place.world.auth["kite"] = "valid"
            began = time.monotonic()
            kept.driver.settle()
            await kept.until_ran("buy")
            assert time.monotonic() - began < 1
            await kept.until_outcomes("buy", "success")

    asyncio.run(scene())


def test_a_run_whose_token_dies_goes_on(place: Place) -> None:
    buy = job("buy", f"sleep 0.5; {note(place)}", conditions=("auth valid",))

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "running")
            place.world.auth["kite"] = "expired"
            kept.driver.settle()
            await kept.until_outcomes("buy", "success")

    asyncio.run(scene())


@pytest.mark.parametrize("lack", ["auth valid", "secret"])
def test_a_run_that_never_gets_what_it_needs_is_missed_with_the_reason(place: Place, lack: str) -> None:
    place.world.auth["kite"] = "required"
    needs = {"conditions": (lack,)} if lack != "secret" else {"environment": {"K": Reference(Where.SECRET, "key")}}
    buy = job("buy", note(place), **needs)

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            run = kept.driver.run_once("buy", "", by="asha")
            assert isinstance(run, Run)
            assert run.outcome is Outcome.QUEUED
            assert run.reason is not None
            place.clock.shift += timedelta(minutes=6)
            await kept.until_outcomes("buy", "missed")
            reason = kept.only("buy").reason or ""
            assert reason.startswith("it could not begin in time: ")
            assert ("waits for auth" if lack != "secret" else "wants the secret 'key'") in reason
            assert place.ran() == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        ("exit 3", "failed", "it ended with code 3"),
        ("kill -9 $$", "failed", "it was ended by SIGKILL"),
        (None, "failed", "it could not begin: no-such-program: no such command along its PATH"),
    ],
)
def test_a_run_that_fails_says_how(place: Place, script: str | None, outcome: str, reason: str) -> None:
    bad = job("bad", script or "", misfire=Misfire.ALERT)
    bad = bad if script is not None else replace(bad, command=("no-such-program",))

    async def scene() -> None:
        async with kept_jobs(place, bad) as kept:
            kept.driver.run_once("bad", "", by="asha")
            await kept.until_outcomes("bad", outcome)
            assert kept.only("bad").reason == reason
            assert [run.reason for run in kept.alerts] == [reason]

    asyncio.run(scene())


def test_a_timeout_ends_the_job_and_all_that_it_has_started(place: Place) -> None:
    stubborn = job(
        "stubborn",
        f"setsid sh -c 'trap \"\" TERM; echo $$ > {place.state}/child; while :; do sleep 0.1; done' & trap '' TERM;"
        " while :; do sleep 0.1; done",
        timeout=0.5,
        stop_seconds=0.3,
    )

    async def scene() -> None:
        async with kept_jobs(place, stubborn) as kept:
            kept.driver.run_once("stubborn", "", by="asha")
            await kept.until_outcomes("stubborn", "timeout")
            assert (
                kept.only("stubborn").reason
                == "it did not end within 0.5 s, and it was killed with all that it started"
            )
            child = int((place.state / "child").read_text())
            assert not lives(child)
            again = kept.driver.run_once("stubborn", "", by="asha")
            assert isinstance(again, Refused)
            assert "it may be run once again in" in again.reason

    asyncio.run(scene())


@pytest.mark.parametrize("does", [Does.MONITOR, Does.ORDERS])
def test_a_window_is_one_run_and_only_a_monitor_is_begun_again_in_it(place: Place, does: Does) -> None:
    script = f"{note(place)}; test -e {place.state}/once && exec sleep 1000; touch {place.state}/once; exit 1"
    watch = job("watch", script, place.between(0.6, 3), does=does)

    async def scene() -> None:
        async with kept_jobs(place, watch) as kept:
            await kept.until(lambda: kept.outcomes() not in ([], ["running"], ["queued"]), within=8)
            run = kept.only("watch")
            if does is Does.MONITOR:
                assert (run.outcome, run.reason) == (Outcome.SUCCESS, "its window closed")
                assert place.ran() == ["watch", "watch"]
                assert run.until is not None
                assert run.ended is not None
                assert 0 <= (run.ended - run.until).total_seconds() < 1
            else:
                assert (run.outcome, run.reason) == (Outcome.FAILED, "it ended with code 1")
                assert place.ran() == ["watch"]

    asyncio.run(scene())


def test_a_monitor_that_ends_too_often_has_failed(place: Place) -> None:
    watch = job("watch", "exit 1", place.between(-60, 600), does=Does.MONITOR)

    async def scene() -> None:
        async with kept_jobs(place, watch) as kept:
            await kept.until_outcomes("watch", "failed")
            assert kept.only("watch").reason == "it ended 3 times within 60 s; it ended with code 1 after 3 lives"
            await kept.until(lambda: not kept.keepers.held("watch"))

    asyncio.run(scene())


def test_a_job_runs_after_another_one_as_it_ended(place: Place) -> None:
    jobs = (
        job("analysis", "exec true"),
        job("buy", note(place), "after analysis succeeded on all days"),
        job("mend", note(place), "after analysis failed on all days"),
        job("own", note(place, "own.$TRADEWARDEN_USER"), "after analysis ended on all days", per_user=True),
    )
    place.traders = ["asha", "ravi"]

    async def scene() -> None:
        async with kept_jobs(place, *jobs) as kept:
            kept.driver.stand("asha", "", on=True, by="asha")
            kept.driver.run_once("analysis", "", by="asha")
            await kept.until(lambda: len(place.ran()) == 2)
            await kept.until(lambda: kept.outcomes().count("success") == 3)
            assert sorted(place.ran()) == ["buy", "own.asha"]
            (bought,) = kept.history("buy")
            assert (bought.trigger, bought.by, bought.due) == (
                Trigger.AFTER,
                "after analysis",
                kept.only("analysis").ended,
            )
        async with kept_jobs(place, *jobs) as kept:
            assert kept.outcomes().count("success") == 3, "what followed does not follow again"

    asyncio.run(scene())


def test_what_comes_says_whose_job_it_is_to_whom_it_belongs(place: Place) -> None:
    place.traders = ["asha", "ravi"]
    eod, own = (
        job("eod", "exec true", "at 18:00 on all days"),
        job("buy", "exec true", "at 18:05 on all days", per_user=True),
    )

    async def scene() -> None:
        async with kept_jobs(place, eod, own) as kept:
            kept.driver.stand("asha", "", on=True, by="asha")
            coming = kept.driver.preview(ADMIN, 2)
            assert sorted((each.job, each.user) for each in coming) == [("buy", "asha"), ("eod", "")]
            assert [(each.job, each.user) for each in kept.driver.preview(ASHA, 1)] == [("buy", "asha")]
            assert list(kept.driver.preview(replace(ASHA, name="ravi"), 1)) == []

    asyncio.run(scene())


def test_a_schedule_is_weighed_without_being_changed(place: Place) -> None:
    buy = job("buy", "exec true", "at 18:00 on all days")

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            driver = kept.driver
            weighed = await asyncio.to_thread(driver.weigh, "buy", ("at 16:00 on all days",), dry=True)
            assert weighed is not None
            assert (weighed.problems, len(weighed.would)) == ((), 30)
            answer = driver.edit(
                "buy", "", text=("at 16:00 on all days",), enabled=None, dry=True, by="asha", weighed=weighed
            )
            assert (answer.text, answer.would) == ("buy would have run 30 times in the last 30 days.", weighed.would)
            wrong = driver.weigh("buy", ("once 2020-01-01 10:00",), dry=True)
            assert wrong == Weighed(problems=('"once 2020-01-01 10:00" never runs: that is past',))
            answer = driver.edit("buy", "", text=("at 16:00",), enabled=None, dry=False, by="asha", weighed=wrong)
            assert answer.problems == wrong.problems
            assert driver.weigh("sell", ("at 16:00",), dry=True) is None
            assert kept.of("buy").schedules == ("at 18:00 on all days",)

    asyncio.run(scene())


def test_a_desk_stands_as_a_whole_or_job_by_job(place: Place) -> None:
    place.traders = ["asha"]
    jobs = (
        job("watch", f"{note(place)}; exec sleep 1000", place.between(-60, 600), per_user=True, does=Does.MONITOR),
        job("other", f"{note(place)}; exec sleep 1000", place.between(-60, 600), per_user=True, does=Does.MONITOR),
    )

    async def scene() -> None:
        async with kept_jobs(place, *jobs) as kept:
            driver = kept.driver
            assert kept.of("watch", "asha").stands == "stopped"
            assert driver.stand("asha", "watch", on=True, by="asha") == (
                "watch runs on schedule from now on for asha, by itself."
            )
            await kept.until_ran("watch")
            assert (kept.of("watch", "asha").stands, kept.of("other", "asha").stands) == ("individual", "stopped")
            assert (
                driver.stand("asha", "", on=True, by="asha") == "Asha's desk runs on schedule from now on as a whole."
            )
            await kept.until_ran("watch", "other")
            assert len(kept.history("watch")) == 1, "what ran by itself is taken over"
            with pytest.raises(RefusedError, match="asha's desk runs as a whole, and watch with it: stop that first"):
                driver.stand("asha", "watch", on=True, by="asha")
            refused = driver.run_once("watch", "asha", by="asha")
            assert isinstance(refused, Refused)
            driver.stand("asha", "", on=False, by="asha")
            await kept.until(lambda: "running" not in kept.outcomes())
            assert {run.reason for run in kept.history() if run.outcome is Outcome.FAILED} == {
                "its schedule was switched off"
            }
            with pytest.raises(RefusedError, match="there is no trader 'ravi'; known: asha"):
                driver.stand("ravi", "", on=True, by="asha")

    asyncio.run(scene())


def test_a_trader_who_is_disabled_runs_nothing_any_more_and_comes_back_without_the_past(place: Place) -> None:
    place.traders = ["asha"]
    jobs = (
        job("watch", f"{note(place)}; exec sleep 1000", place.between(-60, 600), per_user=True),
        job("each", note(place), "every 1s on all days", per_user=True),
    )

    async def scene() -> None:
        async with kept_jobs(place, *jobs) as kept:
            kept.driver.stand("asha", "", on=True, by="asha")
            await kept.until(lambda: "watch" in place.ran() and "each" in place.ran())
            pid = kept.only("watch").lease
            assert pid is not None
            place.traders = []
            await kept.until(lambda: kept.outcomes("watch") == ["failed"])
            assert kept.only("watch").reason == "asha has no such job any more"
            assert not lives(pid.pid)
            assert kept.driver.reports(ADMIN) == []
            before = len(kept.history("each"))
            place.clock.shift += timedelta(minutes=2)
            kept.driver.look()
            assert len(kept.history("each")) == before, "no due time counts meanwhile"
            place.traders = ["asha"]
            await kept.until(lambda: len(kept.history("watch")) == 2)
            await kept.until(lambda: len(kept.history("each")) > before)
            assert Outcome.MISSED not in {run.outcome for run in kept.history("each")}

    asyncio.run(scene())


def test_a_changed_schedule_holds_now_or_from_the_next_start_on(place: Place) -> None:
    now = job("now", note(place), "at 00:00 on all days")
    later = job("later", note(place), "at 00:00 on all days", edits="next start")

    async def scene() -> None:
        async with kept_jobs(place, now, later) as kept:
            edit = kept.driver.edit
            for name in ("now", "later"):
                dry = edit(name, "", text=["every 1h on all days"], enabled=None, dry=True, by="admin")
                assert len(dry.would) == 720
                often = edit(name, "", text=["every 1m on all days"], enabled=None, dry=True, by="admin")
                assert (often.text, len(often.would)) == (
                    f"{name} would have run more than 1,000 times in the last 30 days.",
                    1000,
                )
                assert place.clock.now() - often.would[-1] < timedelta(minutes=2), "the newest ones"
                assert edit(name, "", text=["at noon"], enabled=None, dry=False, by="admin").problems
                done = edit(name, "", text=[place.at(1.5)], enabled=None, dry=False, by="admin")
                assert (done.problems, done.holds) == ((), "now" if name == "now" else "next start")
                assert done.text.startswith(f"{name} runs once ")
                assert done.text.endswith(" from now on." if name == "now" else " from the desk's next start on.")
            same = edit("now", "", text=None, enabled=True, dry=False, by="admin")
            assert same.text == f"Nothing changes by that: now runs {kept.of('now').schedules[0]} and is enabled."
            await kept.until_outcomes("now", "success")
            assert kept.of("now").notice is None
            assert "from the desk's next start on: once" in (kept.of("later").notice or "")
            assert kept.of("later").schedules == ("at 00:00 on all days",)
            edit("later", "", text=[place.at(2.5)], enabled=None, dry=False, by="admin")
            told = edit("now", "", text=None, enabled=False, dry=False, by="admin").text
            assert told == "now is disabled from now on."
            assert not kept.of("now").enabled
            with pytest.raises(RefusedError, match="now is disabled: enable it first"):
                kept.driver.run_once("now", "", by="asha")
        async with kept_jobs(place, now, later) as kept:
            assert (kept.of("now").enabled, kept.of("later").notice) == (False, None)
            await kept.until_outcomes("later", "success")

    asyncio.run(scene())


def test_a_changed_file_ends_what_is_no_job_any_more_and_the_next_run_goes_by_what_is_new(place: Place) -> None:
    one = job("one", f"{note(place)}; exec sleep 1000", place.between(-60, 600))
    two = job("two", f"{note(place)}; exec sleep 1000", place.between(-60, 600))

    async def scene() -> None:
        async with kept_jobs(place, one, two) as kept:
            await kept.until(lambda: kept.outcomes() == ["running"] * 2)
            changed = job("two", "exec true", place.between(-60, 600))
            kept.driver.defined([changed])
            await kept.until_outcomes("one", "failed")
            assert kept.only("one").reason == "the job is no longer in the configuration"
            assert kept.outcomes("two") == ["running"]
            assert [each.name for each in kept.driver.reports(ADMIN)] == ["two"]
            kept.driver.end_run(kept.only("two").id, by="asha")
            await kept.until_outcomes("two", "failed")
            assert kept.only("two").reason == "ended by asha"
            with pytest.raises(RefusedError, match="has ended: failed"):
                kept.driver.end_run(kept.only("two").id, by="asha")

    asyncio.run(scene())


def test_a_clock_that_jumps_runs_nothing_twice_and_nothing_in_silence(place: Place) -> None:
    at = job("at", note(place), "every 10m on all days", misfire=Misfire.RUN)
    skip = job("skip", note(place), "every 10m on all days", misfire=Misfire.ALERT)
    place.clock.shift += timedelta(minutes=15 - place.clock.now().minute % 10)  # each is minutes away from a due time

    async def scene() -> None:
        async with kept_jobs(place, at, skip) as kept:
            place.clock.shift += timedelta(hours=1)
            await kept.until(lambda: len(kept.history()) >= 12)
            await kept.until(lambda: "success" in kept.outcomes("at"))
            assert kept.outcomes("at") == ["missed"] * 5 + ["success"]
            assert kept.outcomes("skip") == ["missed"] * 6
            assert len(kept.alerts) == 1
            place.clock.shift -= timedelta(hours=1)
            kept.driver.look()
            assert "the clock was ahead" in (kept.of("at").problem or "")
            place.clock.shift += timedelta(minutes=59)
            kept.driver.look()
            assert len(kept.history()) == 12
            assert place.ran() == ["at"]

    asyncio.run(scene())


def test_a_desk_that_is_stopped_ends_its_runs_and_begins_none_before_somebody_starts_it(place: Place) -> None:
    watch = job("watch", f"{note(place)}; exec sleep 1000", place.between(-60, 600))
    each = job("each", note(place), "every 1s on all days")

    async def scene() -> None:
        async with kept_jobs(place, watch, each) as kept:
            await kept.until(lambda: "watch" in place.ran())
            assert "watch" in kept.driver.down(by="asha")
            await kept.until_outcomes("watch", "failed")
            assert kept.only("watch").reason == "ended by asha, with the desk"
            await kept.until(lambda: kept.history("each")[-1:] and kept.history("each")[-1].outcome is Outcome.MISSED)
            assert kept.history("each")[-1].reason == "the desk was stopped by asha"
            kept.driver.up()
            await kept.until(lambda: kept.outcomes("watch") == ["failed", "running"])

    asyncio.run(scene())


def test_a_trader_sees_and_runs_only_the_own_and_with_the_own_secrets(place: Place) -> None:
    place.traders = ["asha", "ravi"]
    secrets = place.state / "secrets"
    secrets.mkdir()
    for name, value in (("key", "shared"), ("asha.key", "own")):
        (secrets / name).write_text(value)
    jobs = (
        job("buy", note(place, "$K"), per_user=True, environment={"K": Reference(Where.SECRET, "key")}),
        job("analysis", "exec true"),
    )

    async def scene() -> None:
        async with kept_jobs(place, *jobs) as kept:
            for user in ("asha", "ravi"):
                kept.driver.run_once("buy", user, by=user)
                await kept.until(lambda user=user: kept.outcomes("buy", user) == ["success"])  # type: ignore[misc]
            kept.driver.run_once("analysis", "", by="admin")
            await kept.until_outcomes("analysis", "success")
            assert place.ran() == ["own", "shared"]
            assert [(each.name, each.user) for each in kept.driver.reports(ASHA)] == [("buy", "asha")]
            assert {run.user for run in kept.driver.history(ASHA)} == {"asha"}
            assert kept.driver.history(ASHA, user="ravi") == []
            assert len(kept.driver.history(ADMIN)) == 3
            assert kept.driver.run(ASHA, kept.only("analysis").id) is None
            for name, user, words in (
                ("buy", "", "buy runs for a trader: say for whom"),
                ("buy", "eve", "there is no trader 'eve'"),
                ("analysis", "asha", "analysis is the desk's own"),
                ("none", "", "there is no job 'none'; known: buy, analysis"),
            ):
                with pytest.raises(RefusedError, match=words):
                    kept.driver.run_once(name, user, by="asha")

    asyncio.run(scene())


def test_a_run_directory_that_takes_no_lock_delays_a_run_and_doubles_nothing(place: Place) -> None:
    buy = job("buy", note(place), place.at(1.5))

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            lock = place.state / "keepers" / "buy.lock"
            lock.mkdir()  # nobody can hold that
            await kept.until(lambda: kept.outcomes() == ["queued"] and "buy.lock" in (kept.only("buy").reason or ""))
            lock.rmdir()
            await kept.until_outcomes("buy", "success")
            assert place.ran() == ["buy"]

    asyncio.run(scene())


def test_a_ledger_that_takes_nothing_begins_nothing_and_loses_no_due_time(place: Place) -> None:
    buy = job("buy", note(place), place.at(1.5))

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            with closing(sqlite3.connect(place.state / "ledger.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await kept.until(lambda: kept.of("buy").problem is not None)
                assert "another program is writing in it" in (kept.of("buy").problem or "")
                assert place.ran() == []
            await kept.until_outcomes("buy", "success")
            assert kept.of("buy").problem is None

    asyncio.run(scene())


def test_a_name_that_a_program_still_has_is_waited_for(place: Place) -> None:
    place.programs.add("buy")

    async def scene() -> None:
        async with kept_jobs(place, job("buy", note(place))) as kept:
            kept.driver.run_once("buy", "", by="asha")
            assert kept.only("buy").reason == "waits for the program of the name buy to end"
            place.programs.clear()
            await kept.until_outcomes("buy", "success")

    asyncio.run(scene())


def test_what_is_told_of_a_run_is_told_as_it_changes(place: Place) -> None:
    async def scene() -> None:
        async with kept_jobs(place, job("buy", "exec true")) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "success")
            runs = [each for each in kept.news if isinstance(each, Run)]
            assert [str(run.outcome) for run in runs] == ["queued", "running", "success"]

    asyncio.run(scene())


def test_a_refused_double_click_is_in_the_history_and_not_what_the_job_did_last(place: Place) -> None:
    buy = job("buy", "exec true")

    async def scene() -> None:
        async with kept_jobs(place, buy) as kept:
            run = kept.driver.run_once("buy", "", by="asha")
            assert isinstance(run, Run)
            await kept.until_outcomes("buy", "success")
            assert isinstance(kept.driver.run_once("buy", "", by="asha"), Refused)
            assert kept.outcomes("buy") == ["success", "skipped"]
            last = kept.of("buy").last
            assert last is not None
            assert (last.id, last.outcome) == (run.id, Outcome.SUCCESS)
        async with kept_jobs(place, buy) as kept:
            assert kept.of("buy").last == last, "nor after a restart"

    asyncio.run(scene())


def test_the_log_of_a_traders_job_has_the_traders_name(place: Place) -> None:
    place.traders = ["asha"]

    async def scene() -> None:
        async with kept_jobs(place, job("buy", "echo bought", per_user=True)) as kept:
            kept.driver.run_once("buy", "asha", by="asha")
            await kept.until_outcomes("buy", "success")
            line = (place.state / "logs" / "buy@asha.log").read_text()
            assert line.endswith(" buy@asha bought\n")

    asyncio.run(scene())
