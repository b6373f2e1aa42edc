"""One run of a job: what its keeper wrote and what time it is, and what is done then."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from tradewarden.machines.job_deed import Began, Deed, Fence, Keep, Over, Stop, Waits
from tradewarden.machines.job_run import ASK_AGAIN, LINGERS, JobRun, Now, Rules, run_of
from tradewarden.machines.kept import Escalated, Exited, Gone, Happening, Paused, Started, StartFailed, Stopping
from tradewarden.machines.run import Lease, Outcome, Run, Trigger

DUE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
BOOT = "boot"
UNSEEN = "its keeper was killed, and nobody saw how it ended"


def at(seconds: float) -> Now:
    """So long after the due time, by both clocks."""
    return Now(DUE + timedelta(seconds=seconds), 1000.0 + seconds)


def run(**told: Any) -> Run:
    given: dict[str, Any] = {
        "id": 7,
        "job": "buy",
        "user": "",
        "trigger": Trigger.SCHEDULE,
        "due": DUE,
        "by": "schedule",
    }
    return Run(**(given | {"outcome": Outcome.QUEUED, "until": DUE + timedelta(seconds=600)} | told))


def started(pid: int = 50, seconds: float = 1.0, revision: str = "run-7", life: int = 1) -> Started:
    return Started(at=at(seconds).wall, keeper=1, pid=pid, ticks=9, revision=revision, boot=BOOT, life=life)


def exited(code: int | None = 0, pid: int = 50, seconds: float = 5.0, **told: Any) -> Exited:
    return Exited(at=at(seconds).wall, keeper=1, pid=pid, code=code, up=4.0, **{"asked": False, **told})


def gone(seconds: float = 5.0) -> Gone:
    return Gone(at=at(seconds).wall, keeper=1)


def failed(**told: Any) -> StartFailed:
    given: dict[str, Any] = {"errno": errno.ENOENT, "text": "buy: no such file", "again_at": None, "revision": "run-7"}
    return StartFailed(at=at(1).wall, keeper=1, **(given | told))


WINDOW = Rules(is_window=True)
MONITOR = Rules(is_window=True, is_repaired=True, attempts=3)


class Scene:
    """A machine with all that it answered."""

    def __init__(self, rules: Rules | None = None, **told: Any) -> None:
        self.machine = JobRun(run(**told), rules or Rules(timeout=300.0))
        self.deeds: list[Deed] = []

    def phase(self) -> str:
        """Where it stands."""
        return str(self.machine.phase)

    def begin(self) -> Scene:
        """Up to the moment at which its process runs."""
        self.look(0.0)
        assert self.deeds == [Keep("run-7")]
        self.machine.answered(None)
        self.tell(started())
        self.deeds.clear()
        return self

    def tell(self, *happenings: Happening, age: float = 0.0, seconds: float = 5.0) -> list[Deed]:
        found = [deed for each in happenings for deed in self.machine.kept(each, age, at(seconds))]
        self.deeds += found
        return found

    def look(self, seconds: float, barrier: str | None = None) -> list[Deed]:
        found = self.machine.look(barrier, at(seconds))
        self.deeds += found
        return found

    def held(self, seconds: float, *, by: bool = False) -> list[Deed]:
        found = self.machine.held(by, at(seconds))
        self.deeds += found
        return found


def test_a_run_is_begun_once_nothing_keeps_it_and_ends_with_its_code() -> None:
    scene = Scene()
    assert scene.look(0, "waits for a token") == [Waits("waits for a token")]
    assert scene.phase() == "waits"
    assert scene.look(1) == [Keep("run-7")]
    assert scene.look(2) == []
    assert scene.machine.answered(None) == []
    assert scene.tell(started()) == [Began(Lease(50, 9, BOOT), at(1).wall)]
    assert (scene.phase(), scene.machine.lives) == ("runs", 1)
    assert scene.tell(exited(0)) == [Over(Outcome.SUCCESS, None, 0, at(5).wall)]
    assert scene.phase() == "over"
    assert scene.look(9999) == []
    assert scene.machine.end(Outcome.FAILED, "late") == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (3, "it ended with code 3"),
        (-9, "it was ended by SIGKILL"),
        (-63, "it was ended by signal 63"),
        (1, "it ended with code 1"),
    ],
)
def test_another_code_is_a_failure_in_words(code: int, reason: str) -> None:
    scene = Scene().begin()
    assert scene.tell(exited(code)) == [Over(Outcome.FAILED, reason, code, at(5).wall)]


def test_what_it_leaves_behind_ends_before_the_run_does() -> None:
    scene = Scene().begin()
    assert scene.tell(exited(0, left=2)) == []
    assert scene.held(6, by=True) == []
    assert scene.tell(gone(7)) == [Over(Outcome.SUCCESS, None, 0, at(5).wall)]
    scene = Scene().begin()
    scene.tell(exited(2, left=2))
    assert scene.held(6) == [Over(Outcome.FAILED, "it ended with code 2", 2, at(5).wall)]


def test_what_is_about_another_run_or_another_process_moves_nothing() -> None:
    scene = Scene()
    scene.look(0)
    assert scene.tell(started(revision="run-6"), exited(pid=49), failed(revision="run-77"), gone()) == []
    assert scene.phase() == "asked"
    scene.tell(started())
    assert scene.tell(exited(pid=49), gone(), Stopping(at=DUE, keeper=1, pid=49, signal=15)) == []
    assert scene.phase() == "runs"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("run-7", 7),
        ("run-7.2", 7),
        ("run-12", 12),
        ("run-", None),
        ("r1", None),
        ("7", None),
        ("run-x", None),
        ("", None),
    ],
)
def test_a_revision_says_whose_it_is(text: str, number: int | None) -> None:
    assert run_of(text) == number


@pytest.mark.parametrize(
    ("told", "ends"),
    [({}, True), ({"revision": ""}, True), ({"revision": "", "errno": errno.EBUSY}, False), ({"again_at": DUE}, False)],
)
def test_a_program_that_cannot_begin_has_failed_unless_its_keeper_tries_again(told: dict[str, Any], ends: bool) -> None:  # noqa: FBT001
    scene = Scene()
    scene.look(0)
    found = scene.tell(failed(**told))
    over = Over(Outcome.FAILED, "it could not begin: buy: no such file", None, at(1).wall)
    assert found == ([over] if ends else [])


def test_a_keeper_that_cannot_be_had_is_asked_for_again_and_the_reason_stands_there() -> None:
    scene = Scene()
    scene.look(0)
    assert scene.machine.answered("no process to spare") == [Waits("no process to spare")]
    assert scene.look(ASK_AGAIN - 0.01) == []
    assert scene.look(ASK_AGAIN) == [Keep("run-7")]
    assert scene.machine.answered(None) == []
    assert scene.machine.answered("late word") == [Waits("late word")]
    scene.tell(started())
    assert scene.machine.answered("later word") == []
    assert scene.phase() == "runs"


def test_a_keeper_of_the_name_that_began_nothing_is_asked_for_again_once_it_has_left() -> None:
    scene = Scene()
    scene.look(0)
    assert scene.held(5) == [], "the question is not answered yet"
    scene.machine.answered(None)
    assert scene.held(ASK_AGAIN + LINGERS - 0.01, by=True) == []
    left = [Waits("waits for what an earlier run of it left behind to end")]
    assert scene.held(ASK_AGAIN + LINGERS, by=True) == left
    assert scene.held(ASK_AGAIN - 0.01) == []
    assert scene.held(5) == []
    assert scene.look(5) == [Keep("run-7")]
    scene.machine.answered(None)
    assert scene.held(5 + ASK_AGAIN - 0.01) == []


AWAY = "tradewarden was not there to begin it"
SILENT = "its keeper left before it began: see whether the disk of desk.run_dir is full"


def test_keepers_that_leave_without_a_word_are_asked_for_more_and_more_seldom_and_the_reason_stands_there() -> None:
    scene, now, waits = Scene(), 0.0, []
    for number in range(1, 9):
        assert scene.look(now) == [Keep("run-7")]
        scene.machine.answered(None)
        now += ASK_AGAIN
        assert scene.held(now) == ([Waits(SILENT)] if number > 1 else [])
        assert scene.phase() == "waits"
        began = now
        while not scene.machine.look("waits", at(now)):
            now = round(now + 0.1, 6)
        waits.append(round((now - began) / ASK_AGAIN, 1))
    assert waits == [0, 1, 2, 3, 4, 5, 5, 5]


def test_a_run_whose_keepers_leave_without_a_word_is_missed_when_its_time_is_over_and_held_up_by_what_it_needs() -> (
    None
):
    scene = Scene()
    scene.look(0)
    scene.machine.answered(None)
    scene.held(599)
    assert scene.look(599, "waits for a token") == [Waits("waits for a token")]
    assert scene.look(600) == [Over(Outcome.MISSED, "it could not begin in time: waits for a token")]
    scene = Scene()
    for now in (10, 20):
        scene.look(now)
        scene.machine.answered(None)
        scene.held(now + 9)
    assert scene.look(600) == [Over(Outcome.MISSED, f"it could not begin in time: {SILENT}")]
    scene = Scene(MONITOR).begin()
    scene.held(6)
    scene.machine.answered(None)
    scene.tell(exited(None, fenced=True), gone())
    for now in (10, 20, 30):
        assert scene.look(now) == [Keep("run-7.2")]
        scene.machine.answered(None)
        assert scene.held(now + 9) == [], "it has begun once: that it runs again is no reason to say it waits"


def test_what_holds_unless_a_job_says_otherwise() -> None:
    assert (LINGERS, Rules()) == (2.0, Rules(is_window=False, is_repaired=False, timeout=None, attempts=5))


def test_a_run_begins_on_a_machine_that_was_started_this_moment() -> None:
    assert JobRun(run(), Rules()).look(None, Now(DUE, 0.0)) == [Keep("run-7")]


def test_a_question_is_asked_again_no_earlier_and_no_later() -> None:
    scene = Scene(WINDOW)
    scene.look(0)
    assert scene.look(1) == []
    scene.machine.answered(None)
    assert scene.held(ASK_AGAIN) == []
    assert scene.look(ASK_AGAIN) == [Keep("run-7")]


def test_one_that_is_ended_while_no_keeper_can_be_had_has_ended() -> None:
    scene = Scene()
    scene.look(0)
    assert scene.machine.end(Outcome.FAILED, "ended by asha") == [Stop()], "a keeper may be about to begin it"
    scene.machine.answered("no process to spare")
    assert scene.look(0.1) == [Over(Outcome.MISSED, "ended by asha")]


def test_a_pause_that_is_told_while_it_runs_is_an_old_one() -> None:
    scene = Scene(MONITOR).begin()
    assert scene.tell(Paused(at=DUE, keeper=1, attempts=3, window=60.0)) == []


# Time


def test_a_run_that_waits_too_long_is_missed_with_what_it_waited_for() -> None:
    scene = Scene()
    scene.look(0, "waits for a token")
    assert scene.look(599.9, "waits for a token") == [Waits("waits for a token")]
    assert scene.look(600, "waits for a token") == [
        Over(Outcome.MISSED, "it could not begin in time: waits for a token")
    ]
    scene = Scene(reason="the keepers were away")
    assert scene.look(600) == [Over(Outcome.MISSED, "it could not begin in time: the keepers were away")]
    scene = Scene()
    assert scene.look(600) == [Over(Outcome.MISSED, f"it could not begin in time: {AWAY}")]
    scene = Scene()
    scene.look(0)
    scene.machine.answered(None)
    scene.held(599)
    assert scene.look(600) == [Over(Outcome.MISSED, f"it could not begin in time: {SILENT}")]
    assert Scene(until=None).look(10**6, "waits") == [Waits("waits")]


def test_a_timeout_counts_the_life_of_the_process_and_not_the_walls_clock() -> None:
    scene = Scene()
    scene.look(0)
    assert scene.machine.deadline is None
    scene.tell(started(), age=10.0, seconds=11.0)
    assert scene.machine.deadline == at(301).mono
    scene.deeds.clear()
    assert scene.machine.look(None, Now(DUE + timedelta(days=1), at(300.9).mono)) == []
    assert scene.look(301) == [Stop()]
    assert scene.machine.is_ending
    assert scene.machine.deadline is None
    assert scene.look(302) == []
    assert scene.tell(exited(-15, seconds=302, asked=True)) == []
    assert scene.tell(gone(303)) == [Over(Outcome.TIMEOUT, "it did not end within 5 min", -15, at(302).wall)]


def test_a_process_that_is_older_than_its_timeout_is_ended_at_once() -> None:
    scene = Scene()
    scene.look(0)
    scene.tell(started(), age=1000.0, seconds=5.0)
    assert scene.look(5) == [Stop()]


def test_one_that_had_to_be_killed_is_told_so() -> None:
    scene = Scene().begin()
    scene.look(400)
    scene.tell(Escalated(at=DUE, keeper=1, pid=50), exited(-9, asked=True), gone())
    reason = "it did not end within 5 min, and it was killed with all that it started"
    assert scene.deeds[-1] == Over(Outcome.TIMEOUT, reason, -9, at(5).wall)


def test_what_is_killed_after_its_end_counts_too_and_what_was_before_does_not() -> None:
    scene = Scene()
    scene.look(0)
    scene.tell(Escalated(at=DUE, keeper=1, pid=49), started())
    scene.machine.end(Outcome.FAILED, "ended by asha")
    scene.tell(exited(-15, asked=True))
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "ended by asha", -15, at(5).wall)]
    scene = Scene().begin()
    scene.machine.end(Outcome.FAILED, "ended by asha")
    scene.tell(exited(-15, asked=True), Escalated(at=DUE, keeper=1, pid=51))
    assert "killed" in str(scene.tell(gone()))


def test_a_window_that_closes_ends_its_run_well() -> None:
    scene = Scene(WINDOW).begin()
    assert scene.look(599.9) == []
    assert scene.look(600) == [Stop()]
    scene.tell(exited(-15, seconds=601, asked=True))
    assert scene.tell(gone(601)) == [Over(Outcome.SUCCESS, "its window closed", -15, at(601).wall)]


def test_the_time_of_a_point_says_nothing_of_how_long_it_runs() -> None:
    scene = Scene(Rules()).begin()
    assert scene.look(100_000) == []


def test_a_window_that_closes_while_a_keeper_is_asked_for_is_missed() -> None:
    scene = Scene(WINDOW)
    scene.look(0)
    assert scene.look(600) == [Stop()]
    scene.machine.answered(None)
    assert scene.held(601) == [Over(Outcome.MISSED, "its window closed before it could begin")]
    scene = Scene(WINDOW)
    scene.look(0)
    scene.look(600)
    assert scene.tell(started(seconds=601))[1:] == [Stop()]
    scene.tell(exited(-15, asked=True))
    reason = "its window closed before it could begin"
    assert scene.tell(gone()) == [Over(Outcome.FAILED, reason, -15, at(5).wall)], "it has begun all the same"


def test_a_run_that_ends_by_itself_while_it_is_asked_to_has_its_own_code() -> None:
    scene = Scene().begin()
    scene.machine.end(Outcome.FAILED, "ended by asha")
    assert scene.tell(exited(3)) == []
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "it ended with code 3", 3, at(5).wall)]
    scene = Scene()
    scene.look(0)
    scene.machine.end(Outcome.FAILED, "ended by asha")
    scene.tell(started(), exited(0))
    reason = "it had ended before it could be asked to: ended by asha"
    assert scene.tell(gone()) == [Over(Outcome.SUCCESS, reason, 0, at(5).wall)]


# People


def test_somebody_ends_it_wherever_it_stands() -> None:
    scene = Scene()
    assert scene.machine.end(Outcome.FAILED, "ended by asha") == [Over(Outcome.MISSED, "ended by asha")]
    assert scene.look(0) == []
    scene = Scene().begin()
    assert scene.machine.end(Outcome.FAILED, "ended by asha") == [Stop()]
    assert scene.machine.end(Outcome.FAILED, "ended by ravi") == []
    scene.tell(exited(0, asked=True))
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "ended by asha", 0, at(5).wall)]


@pytest.mark.parametrize(
    ("rules", "told", "over"),
    [
        (WINDOW, {"seconds": 600}, Over(Outcome.SUCCESS, "its window closed", -15, at(600).wall)),
        (WINDOW, {"seconds": 599}, Over(Outcome.FAILED, "it was ended by hand", -15, at(599).wall)),
        (Rules(timeout=4.0), {}, Over(Outcome.TIMEOUT, "it did not end within 4 s", -15, at(5).wall)),
        (Rules(timeout=4.1), {}, Over(Outcome.FAILED, "it was ended by hand", -15, at(5).wall)),
        (Rules(), {"seconds": 700}, Over(Outcome.FAILED, "it was ended by hand", -15, at(700).wall)),
    ],
)
def test_who_ended_it_is_found_out_when_nobody_remembers(rules: Rules, told: dict[str, Any], over: Over) -> None:
    scene = Scene(rules).begin()
    scene.tell(exited(-15, asked=True, **told))
    assert scene.tell(gone()) == [over]


# Repairs


def test_a_monitor_lives_again_after_a_crash_and_ends_well_with_code_0() -> None:
    scene = Scene(MONITOR).begin()
    assert scene.tell(exited(1, again_at=DUE)) == []
    assert scene.phase() == "rests"
    assert scene.held(5, by=True) == []
    assert scene.tell(started(51, 6, life=2)) == [Began(Lease(51, 9, BOOT), at(6).wall)]
    assert scene.machine.lives == 2
    assert scene.tell(exited(0, 51, 9)) == [Over(Outcome.SUCCESS, None, 0, at(9).wall)]


def test_a_monitor_that_ends_too_often_is_given_up() -> None:
    scene = Scene(MONITOR).begin()
    scene.tell(exited(1))
    assert scene.tell(Paused(at=DUE, keeper=1, attempts=3, window=60.0)) == [Stop()]
    over = Over(Outcome.FAILED, "it ended 3 times within 60 s; it ended with code 1")
    assert scene.tell(gone()) == [replace(over, code=1, at=at(5).wall)]
    scene = Scene(MONITOR).begin()
    scene.tell(exited(1, again_at=DUE), started(51, life=2), exited(4, 51))
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "it ended with code 4 after 2 lives", 4, at(5).wall)]


def test_a_monitor_of_whose_last_end_nobody_knows_is_given_up_all_the_same() -> None:
    scene = Scene(MONITOR).begin()
    scene.tell(exited(None), Paused(at=DUE, keeper=1, attempts=3, window=60.0))
    assert scene.tell(gone()) == [Over(Outcome.FAILED, f"it ended 3 times within 60 s; {UNSEEN}")]


def test_a_window_that_closes_between_two_lives_ends_well() -> None:
    scene = Scene(MONITOR).begin()
    scene.tell(exited(1, again_at=DUE))
    assert scene.look(600) == [Stop()]
    assert scene.tell(gone(601)) == [Over(Outcome.SUCCESS, "its window closed", 1, at(5).wall)]


def test_what_a_killed_keeper_left_is_ended_first() -> None:
    scene = Scene().begin()
    assert scene.held(6) == [Fence()]
    assert scene.phase() == "fenced"
    assert scene.held(60) == [], "the question is not answered yet"
    scene.machine.answered("nobody there")
    assert scene.phase() == "fenced"
    assert scene.held(6 + ASK_AGAIN - 0.01) == []
    assert scene.held(6 + ASK_AGAIN) == [Fence()]
    scene.machine.answered(None)
    assert scene.tell(exited(None, seconds=8, fenced=True)) == []
    assert scene.tell(gone(8)) == [Over(Outcome.FAILED, UNSEEN)]


def test_a_monitor_whose_keeper_was_killed_begins_again_but_not_for_ever() -> None:
    scene = Scene(MONITOR).begin()
    for number in (2, 3):
        scene.held(number * 10)
        scene.machine.answered(None)
        scene.tell(exited(None, 48 + number, fenced=True), gone())
        assert scene.phase() == "waits"
        assert scene.look(number * 10, "waits for a token") == []
        assert scene.look(number * 10 + 1) == [Keep(f"run-7.{number}")]
        scene.machine.answered("no process to spare")
        assert scene.look(number * 10 + 2) == [Keep(f"run-7.{number}")]
        scene.tell(started(49 + number, revision=f"run-7.{number}"))
    scene.held(50)
    scene.tell(exited(None, 52), gone())
    assert scene.deeds[-1] == Over(Outcome.FAILED, UNSEEN)


def test_one_that_was_ended_while_its_keeper_was_killed_has_ended_as_it_was_asked_to() -> None:
    scene = Scene(MONITOR).begin()
    scene.machine.end(Outcome.FAILED, "ended by asha")
    scene.held(6)
    scene.tell(exited(None, fenced=True))
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "ended by asha")]
    scene = Scene(MONITOR).begin()
    scene.held(6)
    scene.tell(exited(None, fenced=True), gone())
    assert scene.machine.end(Outcome.FAILED, "ended by asha") == [Over(Outcome.FAILED, "ended by asha")]


def test_a_fence_that_finds_nothing_is_an_end_that_nobody_saw() -> None:
    scene = Scene().begin()
    scene.held(6)
    assert scene.tell(gone()) == [Over(Outcome.FAILED, UNSEEN)]


def test_a_monitor_that_can_begin_no_more_before_its_time_is_over_has_failed() -> None:
    scene = Scene(MONITOR).begin()
    scene.held(6)
    scene.tell(exited(None, fenced=True), gone())
    assert scene.look(600, "waits") == [Over(Outcome.FAILED, f"{UNSEEN}, and its time is over")]


# Another daemon had it


def adopted(
    *happenings: Happening,
    rules: Rules | None = None,
    is_held: bool = False,
    same_boot: bool = True,
    ages: Mapping[int, float] = MappingProxyType({50: 4.0}),
    **told: Any,
) -> Scene:
    scene = Scene(rules, **told)
    scene.deeds += scene.machine.adopt(
        happenings, is_held=is_held, same_boot=same_boot, age=lambda life: ages.get(life.pid, 0.0), now=at(100)
    )
    return scene


BEGUN: dict[str, Any] = {"outcome": Outcome.RUNNING, "started": DUE}


def test_a_run_that_had_not_begun_begins() -> None:
    scene = adopted(started(40, revision="run-6"), exited(0, 40), gone())
    assert scene.deeds == []
    assert scene.look(100) == [Keep("run-7")]
    scene = adopted(is_held=True)
    assert scene.look(100) == [], "a keeper may be about to begin it"
    assert scene.held(101) == []
    assert scene.look(101) == [Keep("run-7")]
    assert adopted(is_held=True, same_boot=False).look(100) == [Keep("run-7")]


def test_a_run_that_goes_on_goes_on() -> None:
    scene = adopted(started(), is_held=True, **BEGUN)
    assert scene.held(200, by=True) == []
    assert scene.deeds == [Began(Lease(50, 9, BOOT), at(1).wall)]
    assert (scene.phase(), scene.machine.deadline) == ("runs", at(396).mono)


def test_the_timeout_of_a_run_counts_from_its_first_life_whichever_daemon_asks() -> None:
    lives, rules = (started(), exited(1, again_at=DUE), started(51, life=2)), replace(MONITOR, timeout=300.0)
    scene = adopted(*lives, rules=rules, is_held=True, ages={50: 90.0, 51: 5.0}, **BEGUN)
    assert scene.machine.deadline == at(310).mono
    assert scene.phase() == "runs"


def test_a_run_that_ended_meanwhile_has_ended_as_its_keeper_saw_it() -> None:
    scene = adopted(started(), exited(3), gone(), **BEGUN)
    assert scene.deeds[1:] == [Over(Outcome.FAILED, "it ended with code 3", 3, at(5).wall)]
    assert len(adopted(started(), exited(0), gone(), started(60, revision="run-8")).deeds) == 2


def test_a_run_of_another_boot_has_ended_with_that_one() -> None:
    over = Over(Outcome.FAILED, "the machine was restarted while it ran")
    assert adopted(started(), is_held=True, same_boot=False, **BEGUN).deeds[1:] == [over]
    assert adopted(same_boot=False, **BEGUN).deeds == [over]
    scene = adopted(started(), rules=MONITOR, same_boot=False, **BEGUN)
    assert scene.look(100) == [Keep("run-7.2")]
    scene = adopted(started(), exited(0), gone(), same_boot=False, **BEGUN)
    assert scene.deeds[-1] == Over(Outcome.SUCCESS, None, 0, at(5).wall)


def test_a_further_life_is_counted_on_by_the_next_daemon() -> None:
    lives = (started(), exited(None, fenced=True), gone(), started(51, revision="run-7.2"))
    scene = adopted(*lives, rules=MONITOR, is_held=True, **BEGUN)
    assert scene.machine.revision == "run-7.2"
    scene.held(101)
    scene.machine.answered(None)
    scene.tell(exited(None, 51), gone())
    assert scene.look(103) == [Keep("run-7.3")]


def test_a_life_of_which_only_the_last_is_on_record_counts_as_what_it_is() -> None:
    scene = adopted(started(51, revision="run-7.2"), rules=MONITOR, is_held=True, **BEGUN)
    assert scene.machine.revision == "run-7.2"


def test_a_run_whose_status_log_is_gone_is_not_begun_again() -> None:
    assert adopted(**BEGUN).deeds == [Over(Outcome.FAILED, UNSEEN)]
    scene = adopted(is_held=True, **BEGUN)
    assert scene.deeds == [Stop()]
    assert scene.held(101) == [Fence()]
    scene.machine.answered(None)
    assert scene.tell(gone()) == [Over(Outcome.FAILED, "what its keeper wrote down was lost")]
