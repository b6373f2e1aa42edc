"""A service's life: what each fact does in each situation, and what people can rely on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machine_page import GOLDEN
from service_scenes import (
    CHART,
    FACTS,
    MARKET,
    NEEDS,
    OFF,
    ON,
    SCENES,
    SERVICE,
    STEP,
    TOKEN,
    WALL,
    Scene,
    crashed,
    escalated,
    exited,
    gone,
    lost,
    paused,
    start_failed,
    started,
    stopping,
    table,
)
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.deed import BeginAsking, EndAsking, Fence, Keep, Tell
from tradewarden.machines.gate import OPEN, Gate
from tradewarden.machines.kept import Happening
from tradewarden.machines.life import ANSWER, KNOCK, STOPPED, TRIES, UNSEEN
from tradewarden.machines.service import Again, Kind, OnToken, Ready, Restarts, Service, ServiceState, Tier
from tradewarden.machines.service_life import MOMENT

HEALS = "it is tried again when its conditions turn true, with the next session, or when somebody starts it"
BACK = Gate(reason=None, until=WALL + timedelta(hours=5))


def test_what_each_fact_does_in_each_situation_is_the_agreed() -> None:
    assert (GOLDEN / "service_life.md").read_text() == table(), "read the difference, then `make docs`"


def test_every_state_has_a_situation_and_every_one_but_up_a_reason() -> None:
    stands = [begin().stands() for begin in SCENES.values()]
    assert {state for state, _ in stands} == {state.value for state in ServiceState}
    assert all(reason for state, reason in stands if state != "up")
    assert all(title.split(",")[0] == begin().stands()[0] for title, begin in SCENES.items())


@pytest.mark.parametrize("title", SCENES)
def test_after_every_fact_whoever_is_not_up_says_why(title: str) -> None:
    for fact in FACTS.values():
        scene = SCENES[title]()
        fact(scene)
        assert scene.life.state is ServiceState.UP or scene.life.reason


def test_the_patience_is_the_agreed_one() -> None:
    assert (ANSWER, TRIES, MOMENT) == (10 * SECOND, 3, SECOND // 4)
    assert (KNOCK.base, KNOCK.cap) == (SECOND // 2, 10 * SECOND)
    assert STOPPED == "somebody stopped it"


def test_a_new_life_is_down_and_nobody_wants_it() -> None:
    life = Scene(gate=None).life
    assert (life.state, life.reason, life.since) == (ServiceState.DOWN, "it has not been started", 0)
    assert (life.wanted, life.auto, life.is_held, life.gate) == (False, True, False, UNSEEN)
    assert life.next_deadline() is None
    assert life.past.last is None


# Up


def test_a_service_that_is_wanted_gets_a_keeper_and_is_up_when_its_check_says_so() -> None:
    scene = Scene().asked()
    assert scene.deeds == [Keep()]
    scene.tell("held", ON)
    assert scene.life.is_held
    scene.hear(started())
    assert scene.deeds == [BeginAsking()]
    scene.tell("unready", "port 127.0.0.1:6379 refuses connections")
    assert scene.stands() == ("starting", "it is not ready yet: port 127.0.0.1:6379 refuses connections")
    scene.tell("ready")
    assert (scene.stands(), scene.life.next_deadline()) == (("up", None), None)
    assert scene.life.since == scene.now


def test_a_check_that_fails_later_is_shown_and_kills_nothing() -> None:
    scene = Scene().up().tell("unready", "port 6379 refuses")
    assert scene.deeds == [Tell("unready", "port 6379 refuses")]
    assert scene.tell("unready", "port 6379 is filtered").deeds == []
    assert scene.stands() == ("up", "port 6379 is filtered")
    assert scene.life.next_deadline() is None
    assert scene.tell("ready").deeds == [Tell("ready_again", None)]
    assert scene.tell("ready").deeds == []
    assert scene.stands() == ("up", None)


def test_a_wish_for_what_runs_changes_nothing() -> None:
    for scene in (Scene().asked(), Scene().kept(), Scene().running(), Scene().up()):
        before = scene.stands()
        assert (scene.tell("wish", ON).deeds, scene.stands()) == ([], before)


# How often it began by itself


def test_lives_are_counted_on_when_a_keeper_is_lost() -> None:
    scene = Scene().asked()
    assert scene.life.past.lives == 0
    scene.tell("held", ON).hear(started(1), crashed(), started(2)).tell("wish", ON)
    assert scene.life.past.lives == 2
    scene.tell("ready").tell("wish", ON)
    scene.tell("held", OFF).wake()
    assert (scene.deeds, scene.life.past.lives) == ([Keep()], 2)


def test_lives_are_counted_on_when_it_is_started_again_for_not_being_ready() -> None:
    scene = Scene().running().wake().hear(stopping(), exited(-15, asked=True), gone())
    assert (scene.deeds, scene.life.past.lives) == ([Keep()], 1)


@pytest.mark.parametrize("meant", ["start", "restart", "token", "session", "condition"])
def test_lives_are_counted_anew_by_a_start_that_was_meant(meant: str) -> None:
    scene = Scene(replace(SERVICE, on_token=OnToken.RESTART)).kept().hear(started(4)).tell("ready")
    match meant:
        case "start":
            scene.tell("wish", OFF).hear(stopping(), exited(-15, asked=True), gone()).tell("wish", ON)
        case "restart":
            scene.tell("restart").hear(stopping(), exited(-15, asked=True), gone())
        case "token":
            scene.tell("token_changed").hear(stopping(), exited(-15, asked=True), gone())
        case "session":
            scene.hear(exited(), paused()).tell("session_began").hear(gone())
        case _:
            scene.tell("allow", MARKET).hear(stopping(), exited(-15, asked=True), gone()).tell("allow", OPEN)
    assert scene.stands() == ("starting", "its keeper is asked to start it")
    assert scene.life.past.lives == 0


def test_a_need_that_was_down_meanwhile_does_not_forget_the_lives() -> None:
    scene = Scene().kept().hear(started(4)).tell("ready").tell("held", OFF).tell("allow", NEEDS).wake()
    scene.tell("held", ON).hear(exited(None, fenced=True), gone()).tell("allow", OPEN)
    assert (scene.stands(), scene.life.past.lives) == (("starting", "its keeper is asked to start it"), 4)


@pytest.mark.parametrize(("last", "lives"), [(started(4), 4), (crashed(), 4), (gone(), 0)])
def test_a_daemon_counts_on_what_it_starts_again_unless_it_was_stopped(last: Happening, lives: int) -> None:
    scene = Scene()
    scene.life.adopt([started(4), last], held=False, wanted=False, now=0, wall=WALL)
    scene.life.resume()
    scene.tell("wish", ON)
    assert scene.life.past.lives == lives
    scene.tell("wish", OFF)
    scene.hear(gone())
    scene.tell("wish", ON)
    assert scene.life.past.lives == 0, "this time somebody does"


def test_a_person_counts_anew_what_a_daemon_has_only_found() -> None:
    scene = Scene()
    scene.life.adopt([started(4), crashed()], held=False, wanted=False, now=0, wall=WALL)
    assert scene.tell("wish", ON).life.past.lives == 0


def test_what_never_ran_has_nothing_to_count_on() -> None:
    scene = Scene()
    scene.life.resume()
    scene.tell("wish", ON)
    assert scene.life.past.lives == 0


# Never ready


def test_what_never_becomes_ready_is_tried_three_times_and_then_paused() -> None:
    scene = Scene(replace(SERVICE, ready=Ready(kind="port", target="6379", within=7))).running()
    scene.tell("unready", "port 6379 refuses")
    scene.wake()
    why = "never became ready within 7 s: port 6379 refuses"
    assert scene.stands() == ("stopping", f"{why}; it is started again (attempt 2 of 3)")
    assert (scene.deeds[0], scene.lines()) == (EndAsking(), ["stop 15 10"])
    scene.hear(stopping(), exited(-15, asked=True), gone())
    assert (scene.stands(), scene.deeds) == (("starting", "its keeper is asked to start it"), [Keep()])
    scene.hear(started()).wake()
    unheard = "never became ready within 7 s: nothing was heard from it"
    assert scene.stands() == ("stopping", f"{unheard}; it is started again (attempt 3 of 3)")
    scene.hear(exited(-15, asked=True), gone(), started(3)).wake()
    assert scene.lines() == ["stop 15 10"]
    scene.hear(exited(-15, asked=True), gone())
    assert scene.stands() == ("paused", f"{unheard}, 3 times; {HEALS}")
    assert scene.life.next_deadline() is None


def test_becoming_ready_once_forgets_the_tries() -> None:
    scene = Scene().running().wake().hear(exited(-15, asked=True), gone(), started(2)).tell("ready")
    scene.hear(crashed(), started(3)).wake()
    assert scene.stands()[1] is not None
    assert "attempt 2 of 3" in str(scene.stands()[1])


def test_an_optional_one_that_never_becomes_ready_has_failed() -> None:
    for tier in (Tier.OPTIONAL, Tier.UTILITY):
        scene = Scene(replace(SERVICE, tier=tier)).running()
        for life in (2, 3):
            scene.wake().hear(exited(-15, asked=True), gone(), started(life))
        scene.wake().hear(gone())
        assert scene.stands() == (
            "failed",
            "never became ready within 30 s: nothing was heard from it, 3 times",
        )


def test_who_is_to_be_started_again_outside_its_condition_is_stopped_instead() -> None:
    scene = Scene().running().tell("allow", TOKEN).wake()
    assert scene.lines() == ["stop 15 10"]
    scene.hear(exited(-15, asked=True), gone())
    assert scene.stands() == ("waiting", TOKEN.reason)


@pytest.mark.parametrize("way", [("restart",), ("session_began",), ("wish", ON)])
def test_whoever_gets_another_chance_has_all_its_tries_again(way: tuple[object, ...]) -> None:
    scene = SCENES["stopping, never ready"]().hear(exited(-15, asked=True), gone())
    assert scene.life.state is ServiceState.PAUSED
    scene.tell(str(way[0]), *way[1:]).hear(started(1, keeper=200)).wake()
    assert "attempt 2 of 3" in str(scene.life.reason)


def test_a_wish_forgets_the_verdict() -> None:
    scene = SCENES["stopping, never ready"]().tell("wish", ON).hear(exited(-15, asked=True), gone())
    assert scene.stands() == ("starting", "its keeper is asked to start it")
    assert scene.deeds == [Keep()]


# Crashes


def test_a_crash_is_its_keepers_matter_and_says_when_and_how_often() -> None:
    scene = Scene().up().hear(crashed(), started(2), crashed(), started(3), crashed(131))
    assert scene.stands() == (
        "backing_off",
        "exit code 1 after 3 s; its keeper tries again at 10:02:11 (attempt 3 of 5)",
    )
    assert scene.life.past.exit_code == 1
    assert scene.life.next_deadline() is None
    scene.hear(started(4))
    assert (scene.life.state, scene.deeds) == (ServiceState.STARTING, [BeginAsking()])


def test_who_ended_too_often_is_paused_until_somebody_or_the_next_session_starts_it() -> None:
    for way in (("wish", ON), ("session_began",), ("restart",)):
        scene = SCENES["paused"]()
        assert scene.stands() == ("paused", f"exit code 1 after 3 s; it ended 5 times within 60 s; {HEALS}")
        scene.tell(*way)
        assert (scene.life.state, scene.lines()) == (ServiceState.STARTING, ["stop 15 10"])


def test_a_pause_ends_when_what_it_waits_for_turns_true_again() -> None:
    scene = SCENES["paused"]().tell("allow", OPEN)
    assert scene.life.state is ServiceState.PAUSED
    scene.tell("allow", NEEDS)
    assert scene.stands() == ("waiting", NEEDS.reason)
    scene.tell("allow", OPEN)
    assert (scene.life.state, scene.lines()) == (ServiceState.STARTING, ["stop 15 10"])


def test_who_is_paused_while_a_need_is_missing_waits_for_it() -> None:
    scene = Scene().up().tell("allow", NEEDS).hear(exited(), paused())
    assert scene.stands() == ("waiting", f"{NEEDS.reason} (exit code 1 after 3 s; it ended 5 times within 60 s)")
    assert scene.tell("allow", OPEN).lines() == ["stop 15 10"]


def test_an_optional_one_has_failed_after_its_attempts_and_no_session_heals_it() -> None:
    scene = Scene(CHART).up().hear(exited(), paused())
    assert scene.stands() == ("failed", "exit code 1 after 3 s; it ended 5 times within 60 s")
    assert scene.tell("session_began").deeds == []
    assert scene.life.state is ServiceState.FAILED
    assert scene.tell("wish", ON).lines() == ["stop 15 10"]


def test_what_must_not_be_started_again_is_not() -> None:
    never = replace(SERVICE, restarts=Restarts(when=Again.NEVER))
    scene = Scene(never).up().hear(exited(3), gone())
    assert scene.stands() == ("failed", "exit code 3 after 3 s; it is not started again by itself")
    done = "exit code 0 after 3 s: it has done its work"
    assert Scene(never).up().hear(exited(0), gone()).stands() == ("done", done)
    on_failure = replace(SERVICE, restarts=Restarts(when=Again.FAILURE))
    assert Scene(on_failure).up().hear(exited(0), gone()).stands() == ("done", done)
    assert Scene(on_failure).up().hear(crashed()).life.state is ServiceState.BACKING_OFF
    assert Scene().up().hear(crashed(code=0)).life.state is ServiceState.BACKING_OFF


def test_a_keeper_that_says_nothing_of_a_next_start_is_asked_for_one() -> None:
    scene = Scene().up().hear(exited()).wake()
    assert (scene.life.state, scene.lines()) == (ServiceState.STARTING, ["stop 15 10"])


def test_a_keeper_that_rests_makes_room_for_one_that_is_told_all_anew() -> None:
    scene = SCENES["paused"]().tell("wish", ON)
    assert scene.stands() == ("starting", "its keeper makes room for a new one")
    assert (scene.life.next_deadline() or 0) - scene.now == ANSWER
    assert scene.hear(gone()).deeds == [Keep()]
    assert scene.stands() == ("starting", "its keeper is asked to start it")
    assert SCENES["paused"]().tell("wish", ON).tell("held", OFF).deeds == [Keep()]
    assert SCENES["backing_off"]().tell("wish", ON).lines() == ["stop 15 10"]
    assert Scene().kept().hear(start_failed(WALL)).tell("wish", ON).lines() == ["stop 15 10"]


def test_a_keeper_that_makes_no_room_is_told_to_start_it_as_it_is() -> None:
    scene = SCENES["starting, its keeper makes room"]().wake()
    assert (scene.stands(), scene.lines()) == (
        ("starting", "its keeper is asked to start it"),
        ["start"],
    )
    assert scene.hear(started(2)).deeds == [BeginAsking()]


def test_a_keeper_whose_first_word_is_still_to_come_is_not_replaced() -> None:
    scene = Scene(gate=None).tell("adopt", [started(), gone(99)], held=True, wanted=True, wall=WALL)
    assert scene.tell("allow", OPEN).lines() == ["policy always", "start"]


def test_while_its_keeper_makes_room_a_stop_and_a_condition_call_the_start_off() -> None:
    scene = SCENES["starting, its keeper makes room"]().tell("wish", OFF)
    assert (scene.lines(), scene.hear(gone()).stands()) == ([], ("down", "somebody stopped it"))
    scene = SCENES["starting, its keeper makes room"]().tell("allow", TOKEN).hear(gone())
    assert scene.stands() == ("waiting", TOKEN.reason)


def test_automatic_restart_is_switched_off_and_on() -> None:
    scene = Scene().up().tell("auto_restart", OFF)
    assert (scene.lines(), scene.life.until) == (["policy never"], 0.0)
    scene.hear(exited())
    assert scene.stands() == ("failed", "exit code 1 after 3 s; automatic restart is switched off")
    assert scene.tell("auto_restart", ON).lines() == ["policy always"]
    scene.hear(started(2))
    assert scene.life.state is ServiceState.STARTING
    scene = Scene().up().hear(crashed()).tell("auto_restart", OFF)
    assert scene.stands() == ("failed", "exit code 1 after 3 s; automatic restart is switched off")
    assert Scene().up().tell("auto_restart", ON).deeds == []


def test_what_cannot_be_started_says_why() -> None:
    scene = Scene().kept().hear(start_failed(WALL))
    assert scene.stands() == (
        "backing_off",
        "it cannot be started: No such file or directory; its keeper tries again at 10:00:00 (attempt 1 of 5)",
    )
    scene = Scene(replace(SERVICE, restarts=Restarts(when=Again.NEVER))).kept().hear(start_failed())
    assert scene.stands() == (
        "failed",
        "it cannot be started: No such file or directory; it is not started again by itself",
    )


# Steps


def test_a_step_is_done_when_it_ends_well_and_is_asked_nothing() -> None:
    scene = Scene(STEP).running()
    assert (scene.stands(), scene.deeds) == (("starting", "it runs and has not ended yet"), [])
    scene.hear(exited(0))
    assert scene.stands() == ("done", "exit code 0 after 3 s: it has done its work")
    assert scene.hear(gone()).life.state is ServiceState.DONE
    assert scene.tell("wish", ON).deeds == [Keep()], "it runs once per start of the desk"


def test_a_step_is_retried_by_its_keeper_until_its_attempts_are_used_up() -> None:
    scene = Scene(STEP).running().hear(crashed())
    assert scene.life.state is ServiceState.BACKING_OFF
    scene.hear(started(2), exited())
    assert scene.stands() == ("failed", "exit code 1 after 3 s; it is not started again by itself")
    assert scene.hear(gone()).life.state is ServiceState.FAILED


def test_a_step_that_never_ends_is_tried_again_and_has_then_failed() -> None:
    scene = Scene(STEP).running().wake()
    assert scene.stands() == ("stopping", "did not end within 30 s; it is started again (attempt 2 of 3)")
    for life in (2, 3):
        scene.hear(exited(-15, asked=True), gone(), started(life)).wake()
    scene.hear(exited(-15, asked=True), gone())
    assert scene.stands() == ("failed", "did not end within 30 s, 3 times")


def test_a_step_outside_its_condition_waits_but_what_is_done_is_done() -> None:
    scene = Scene(STEP).running().tell("allow", TOKEN).hear(exited())
    assert scene.stands() == ("waiting", f"{TOKEN.reason} (exit code 1 after 3 s)")
    assert Scene(STEP).running().tell("allow", TOKEN).hear(exited(0)).life.state is ServiceState.DONE


# Conditions


def test_what_waits_says_for_what_and_starts_when_it_is_true() -> None:
    scene = Scene(gate=MARKET).asked()
    assert scene.stands() == ("waiting", "waits for market.MCX to be live: it is closed")
    scene.tell("allow", NEEDS)
    assert (scene.stands(), scene.deeds) == (("waiting", "waits for redis, which is starting"), [])
    assert scene.tell("allow", OPEN).deeds == [Keep()]


def test_the_close_of_the_market_stops_what_runs_and_its_opening_starts_it_again() -> None:
    scene = Scene().up().tell("allow", MARKET)
    assert scene.lines() == ["policy never", "stop 15 10"]
    assert scene.stands() == ("stopping", MARKET.reason)
    scene.hear(stopping(), exited(-15, asked=True))
    assert scene.life.state is ServiceState.STOPPING, "what it started may still be there"
    scene.hear(gone())
    assert scene.stands() == ("waiting", MARKET.reason)
    assert scene.tell("allow", OPEN).deeds == [Keep()]


def test_other_conditions_never_stop_what_runs_but_its_keeper_may_not_start_it_again() -> None:
    scene = Scene().up().tell("allow", TOKEN)
    assert (scene.stands(), scene.lines()) == (("up", None), ["policy never"])
    scene.hear(exited())
    assert scene.stands() == ("waiting", f"{TOKEN.reason} (exit code 1 after 3 s)")
    assert scene.tell("allow", OPEN).lines() == ["policy always", "stop 15 10"]


def test_a_need_that_is_gone_holds_up_starts_only() -> None:
    scene = Scene().up().tell("allow", NEEDS)
    assert (scene.stands(), scene.deeds) == (("up", None), [])
    scene.hear(crashed())
    assert scene.life.state is ServiceState.BACKING_OFF
    scene.tell("restart")
    assert scene.stands() == ("waiting", NEEDS.reason)


def test_a_start_that_has_not_come_to_a_life_is_called_off() -> None:
    scene = Scene().kept().tell("allow", TOKEN)
    assert scene.lines() == ["policy never", "stop 15 10"]
    scene.hear(started())
    assert (scene.stands(), scene.deeds) == (("stopping", TOKEN.reason), [])
    scene.hear(exited(-15, asked=True), gone())
    assert scene.stands() == ("waiting", TOKEN.reason)


def test_a_start_by_its_keeper_outside_its_condition_is_undone() -> None:
    scene = Scene().up().hear(crashed()).tell("allow", TOKEN)
    assert scene.stands() == ("waiting", TOKEN.reason)
    scene.hear(started(2))
    assert (scene.stands(), scene.lines()) == (("stopping", TOKEN.reason), ["stop 15 10"])


def test_the_keeper_hears_of_its_permission_when_it_changes_and_only_then() -> None:
    scene = Scene(gate=BACK).up()
    assert scene.tell("allow", BACK).deeds == []
    later = replace(BACK, until=WALL + timedelta(hours=6))
    assert scene.tell("allow", later).lines() == [f"policy until={later.until.timestamp():.0f}"]  # type: ignore[union-attr]
    assert scene.tell("allow", later).deeds == []
    assert scene.life.until == (WALL + timedelta(hours=6)).timestamp()
    assert scene.tell("allow", OPEN).lines() == ["policy always"]
    assert scene.life.until is None
    assert scene.tell("allow", TOKEN).lines() == ["policy never"]
    assert scene.life.until == 0.0


def test_a_keeper_that_was_asked_for_knows_its_permission_already() -> None:
    scene = Scene(gate=BACK).asked()
    assert scene.life.until == (WALL + timedelta(hours=5)).timestamp()
    assert scene.tell("held", ON).deeds == []
    assert scene.tell("allow", BACK).deeds == []


# Stops


def test_a_stop_is_over_when_its_keeper_has_left() -> None:
    service = replace(SERVICE, stop_signal="INT", stop_seconds=2.5)
    scene = Scene(service).up().tell("wish", OFF)
    assert (scene.deeds[0], scene.lines()) == (EndAsking(), ["stop 2 2.5"])
    assert scene.life.next_deadline() == scene.now + 12_500_000_000
    scene.hear(stopping(), exited(-2, asked=True))
    assert scene.stands() == ("stopping", "somebody stopped it")
    assert scene.hear(gone()).stands() == ("down", "somebody stopped it")
    assert not scene.life.is_held
    assert scene.tell("held", OFF).deeds == []


def test_whoever_stops_it_may_say_why() -> None:
    scene = Scene().up().tell("wish", OFF, why="the desk's start was aborted").hear(gone())
    assert scene.stands() == ("down", "the desk's start was aborted")
    assert Scene().tell("wish", OFF, why="it is disabled").stands() == ("down", "it is disabled")


def test_what_does_not_stop_is_killed_and_that_is_said() -> None:
    scene = Scene().up().tell("wish", OFF).hear(stopping(), escalated())
    assert scene.stands() == ("stopping", "it did not stop on SIGTERM and is killed")
    assert scene.deeds == [Tell("killed", "it did not stop on SIGTERM and is killed")]
    assert scene.life.next_deadline() == scene.now + ANSWER
    scene.hear(exited(-9, asked=True), gone())
    assert scene.stands() == ("down", "killed after 10 s: it did not stop on SIGTERM")


def test_the_desk_may_lose_its_patience() -> None:
    scene = Scene().up().tell("wish", OFF).tell("kill")
    assert scene.lines() == ["stop 9 0"]
    assert scene.stands() == ("stopping", "it had time enough to stop and is killed")
    assert scene.life.next_deadline() == scene.now + ANSWER
    assert Scene().up().tell("kill").deeds == []
    assert Scene().asked().tell("wish", OFF).tell("kill").deeds == []


def test_a_wish_while_it_stops_is_fulfilled_afterwards() -> None:
    scene = Scene().up().tell("wish", OFF).tell("wish", ON)
    assert (scene.life.state, scene.deeds) == (ServiceState.STOPPING, [])
    scene.hear(exited(-15, asked=True), gone())
    assert (scene.life.state, scene.deeds) == (ServiceState.STARTING, [Keep()])


def test_what_rests_under_a_keeper_is_down_at_once_and_the_keeper_leaves() -> None:
    for title in ("waiting, with a keeper", "backing_off", "paused", "failed"):
        scene = SCENES[title]().tell("wish", OFF)
        assert (scene.stands(), scene.lines()) == (("down", "somebody stopped it"), ["stop 15 10"])
        assert scene.hear(gone()).life.state is ServiceState.DOWN


def test_a_keeper_whose_service_nobody_wants_any_more_is_told_to_leave_when_it_comes() -> None:
    scene = Scene().asked().tell("wish", OFF)
    assert (scene.stands(), scene.deeds) == (("stopping", "somebody stopped it"), [])
    assert scene.tell("held", ON).lines() == ["stop 15 10"]
    assert scene.hear(started()).deeds == []
    assert scene.hear(exited(-15, asked=True), gone()).stands() == ("down", "somebody stopped it")
    scene = Scene().asked().tell("wish", OFF).tell("refused", "nobody answers")
    assert scene.stands() == ("down", "it was stopped before it started")
    assert Scene().asked().tell("wish", OFF).wake().stands() == ("down", "somebody stopped it")


def test_a_restart_is_a_stop_and_a_new_keeper_that_is_told_all_anew() -> None:
    scene = Scene().up().tell("restart")
    assert (scene.stands(), scene.lines()) == (("stopping", "somebody restarts it"), ["stop 15 10"])
    scene.hear(stopping(), exited(-15, asked=True))
    assert (scene.stands(), scene.deeds) == (("stopping", "somebody restarts it"), [])
    scene.hear(gone())
    assert (scene.stands(), scene.deeds) == (("starting", "its keeper is asked to start it"), [Keep()])
    scene.tell("held", ON)
    assert scene.hear(started(1, keeper=101)).deeds == [BeginAsking()]
    assert Scene().up().tell("restart", why="its file changed").stands() == ("stopping", "its file changed")
    assert Scene().tell("restart").deeds == [Keep()]


def test_a_restart_that_its_keeper_forgets_is_told_again() -> None:
    scene = Scene().up().tell("restart").hear(exited(-15, asked=True)).wake()
    assert scene.lines() == ["stop 15 10"]
    assert scene.hear(gone()).deeds == [Keep()]


def test_a_life_that_begins_although_its_keeper_is_to_make_room_ends_first() -> None:
    scene = Scene().up().tell("restart").tell("unheard").hear(exited(-9), started(2))
    assert (scene.stands(), scene.lines()) == (("stopping", "somebody restarts it"), ["stop 15 10"])
    assert scene.hear(exited(-15, asked=True), gone()).deeds == [Keep()]


def test_a_restart_is_called_off_by_a_stop_and_by_a_condition() -> None:
    scene = Scene().up().tell("restart").tell("wish", OFF)
    assert (scene.lines(), scene.hear(gone()).stands()) == ([], ("down", "somebody stopped it"))
    scene = Scene().up().tell("restart").tell("allow", TOKEN)
    assert (scene.lines(), scene.stands()) == ([], ("stopping", TOKEN.reason))
    assert scene.hear(gone()).stands() == ("waiting", TOKEN.reason)


@pytest.mark.parametrize(
    ("what", "lines"),
    [(OnToken.NOTHING, []), (OnToken.SIGNAL, ["sig 10"]), (OnToken.RESTART, ["stop 15 10"])],
)
def test_a_new_token_is_told_as_the_operator_wants_it(what: OnToken, lines: list[str]) -> None:
    service = replace(SERVICE, on_token=what, token_signal="USR1")
    scene = Scene(service).up().tell("token_changed")
    assert scene.lines() == lines
    assert Scene(service).running().tell("token_changed").lines() == lines
    assert Scene(service).tell("token_changed").deeds == []
    assert Scene(service).up().tell("wish", OFF).tell("token_changed").deeds == []
    if what is OnToken.RESTART:
        assert scene.stands() == ("stopping", "the token is new")


# Keepers


def test_while_no_keeper_can_be_had_it_knocks_again_and_again() -> None:
    scene = Scene(chance=0.999999).asked()
    waits = []
    for _ in range(7):
        scene.tell("refused", "the keepers' socket is not there")
        assert scene.stands() == ("starting", "waits for a keeper: the keepers' socket is not there")
        waits.append(round(((scene.life.next_deadline() or 0) - scene.now) / SECOND, 1))
        assert scene.wake().deeds == [Keep()]
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_wish_knocks_at_once_and_from_the_beginning() -> None:
    scene = Scene(chance=0.999999).asked().tell("refused", "no").wake().tell("refused", "no").tell("wish", ON)
    assert scene.deeds == [Keep()]
    scene.tell("refused", "no")
    assert round(((scene.life.next_deadline() or 0) - scene.now) / SECOND, 1) == 0.5


def test_what_an_earlier_keeper_says_of_its_own_copy_changes_nothing() -> None:
    scene = Scene().up().hear(started(2, keeper=77)).tell("ready")
    before = scene.stands()
    for each in (stopping(), exited(-15, asked=True), gone()):
        assert (scene.hear(each).deeds, scene.stands()) == ([], before)


@pytest.mark.parametrize(
    ("tier", "state", "end"),
    [(Tier.CRITICAL, "paused", f"; {HEALS}"), (Tier.IMPORTANT, "paused", f"; {HEALS}"), (Tier.OPTIONAL, "failed", "")],
)
def test_what_no_second_try_would_find_fails_it_at_once(tier: Tier, state: str, end: str) -> None:
    scene = Scene(replace(SERVICE, tier=tier)).asked().tell("refused", "PIN wants the secret 'pin'", for_good=True)
    assert scene.stands() == (state, f"it cannot be started: PIN wants the secret 'pin'{end}")
    assert (scene.deeds, scene.life.next_deadline()) == ([], None)
    assert scene.tell("refused", "PIN wants the secret 'pin'", for_good=True).deeds == [], "nobody asked"
    scene.tell("wish", ON)
    assert (scene.stands()[0], scene.deeds) == ("starting", [Keep()])
    assert scene.tell("held", ON).hear(started()).tell("ready").stands() == ("up", None)


def test_what_cannot_be_started_any_more_and_has_lost_its_keeper_is_ended_first() -> None:
    scene = Scene().up().tell("held", OFF).wake().tell("refused", "PIN wants the secret 'pin'", for_good=True)
    assert (scene.stands(), scene.deeds) == (
        ("stopping", "it cannot be started: PIN wants the secret 'pin'"),
        [Fence()],
    )
    scene.tell("held", ON).hear(exited(None, fenced=True), gone())
    assert scene.stands() == ("paused", f"it cannot be started: PIN wants the secret 'pin'; {HEALS}")


def test_what_was_stopped_before_it_was_found_not_to_start_is_down() -> None:
    scene = Scene().asked().tell("wish", OFF).tell("refused", "PIN wants the secret 'pin'", for_good=True)
    assert scene.stands() == ("down", "it was stopped before it started")


def test_a_keeper_that_does_not_come_is_asked_for_again() -> None:
    scene = Scene().asked().wake()
    assert scene.stands() == ("starting", "waits for a keeper: none came within 10 s")
    assert scene.wake().deeds == [Keep()]


def test_a_refusal_that_nobody_waits_for_says_nothing() -> None:
    for begin in (Scene().up(), SCENES["paused"](), Scene().kept()):
        before = begin.stands()
        assert begin.tell("refused", "late").stands() == before


def test_a_keeper_that_does_not_answer_is_told_again() -> None:
    scene = Scene().kept().wake()
    assert (scene.stands(), scene.lines()) == (("starting", "its keeper is asked to start it"), ["start"])
    scene = Scene().up().tell("wish", OFF).wake()
    assert (scene.stands(), scene.lines()) == (("stopping", "its keeper does not answer"), ["stop 15 10"])
    assert scene.wake().lines() == ["stop 15 10"]


@pytest.mark.parametrize("last", [paused(), crashed(), exited(0), gone()])
def test_the_keeper_of_one_that_nobody_wants_is_told_to_leave_though_nothing_runs(last: Happening) -> None:
    scene = Scene(gate=None).tell("adopt", [started(), last], held=True, wanted=False, wall=WALL)
    assert (scene.life.state, scene.lines()) == ("down", ["stop 15 10"])
    assert scene.tell("allow", OPEN).tell("auto_restart", OFF).tell("auto_restart", ON).lines() == []


def test_what_nobody_wants_is_not_started_by_its_keeper() -> None:
    assert (Scene().life.until, Scene().asked().life.until, Scene().up().tell("wish", OFF).life.until) == (0, None, 0)


def test_lines_that_did_not_reach_the_keeper_are_told_again_in_a_moment() -> None:
    scene = Scene().up().tell("wish", OFF).tell("unheard")
    assert scene.life.next_deadline() == scene.now + MOMENT
    assert scene.wake().lines() == ["policy never", "stop 15 10"]
    assert scene.life.next_deadline() is not None
    assert scene.stands() == ("stopping", "somebody stopped it")
    scene = Scene().up().tell("allow", TOKEN).tell("unheard").wake()
    assert (scene.lines(), scene.life.next_deadline()) == (["policy never"], None)
    scene = Scene().kept().tell("unheard").wake()
    assert scene.lines() == ["policy always", "start"]
    scene = SCENES["starting, its keeper makes room"]().tell("unheard").wake()
    assert scene.lines() == ["policy always", "stop 15 10"]
    assert scene.hear(gone()).deeds == [Keep()]
    scene = SCENES["paused"]().tell("wish", OFF).tell("unheard").wake()
    assert scene.lines() == ["policy never", "stop 15 10"]
    scene = Scene().up().tell("unheard").tell("held", OFF)
    assert scene.wake().deeds == [Keep()], "a keeper that is gone is reminded of nothing"


def test_a_reminder_does_not_make_its_deadline_come_sooner() -> None:
    scene = Scene().running()
    end = scene.life.next_deadline()
    scene.tell("unheard").wake()
    assert (scene.lines(), scene.life.next_deadline()) == (["policy always"], end)
    assert scene.life.state is ServiceState.STARTING


def test_who_is_woken_too_early_does_nothing() -> None:
    scene = Scene().running()
    assert scene.life.due(scene.now) == []
    assert scene.life.state is ServiceState.STARTING
    assert scene.life.next_deadline() is not None


def test_a_keeper_that_died_is_replaced_and_what_it_left_is_fenced_by_the_next() -> None:
    for begin in (Scene().running(), Scene().up(), Scene().up().hear(crashed())):
        begin.tell("held", OFF)
        assert begin.stands() == ("starting", "waits for a keeper: its keeper is gone")
        assert begin.deeds[-1] == Tell("keeper_lost", "its keeper is gone")
        assert begin.wake().deeds == [Keep()]
        begin.tell("held", ON).hear(exited(None, fenced=True, keeper=200))
        assert begin.deeds == [Tell("ended_unseen", "it had outlived its keeper and was ended by the next one")]
        assert begin.life.state is ServiceState.STARTING
        assert begin.hear(started(keeper=200)).deeds == [BeginAsking()]


def test_what_a_keeper_that_is_gone_wrote_at_the_end_is_history() -> None:
    scene = Scene().up().tell("held", OFF).wake()
    scene.hear(crashed(), paused(), gone())
    assert (scene.stands(), scene.deeds) == (("starting", "its keeper is asked to start it"), [])
    scene.tell("held", ON).hear(started(keeper=200), crashed(keeper=200))
    assert scene.life.state is ServiceState.BACKING_OFF
    scene = Scene().up().tell("held", OFF).hear(crashed())
    assert scene.stands() == ("starting", "waits for a keeper: its keeper is gone")
    scene = adopted(started(), held=False)
    scene.hear(crashed())
    assert scene.stands() == ("waiting", "its conditions have not been looked at yet")


def test_a_service_that_another_program_stops_is_started_again_while_it_is_wanted() -> None:
    scene = Scene().up().hear(stopping())
    assert (scene.stands(), scene.deeds) == (("stopping", "somebody stopped it"), [EndAsking()])
    assert scene.hear(exited(-15, asked=True), gone()).deeds == [Keep()]
    scene = Scene().up().hear(exited(-15, asked=True))
    assert scene.stands() == ("stopping", "somebody stopped it")
    assert scene.life.next_deadline() == scene.now + ANSWER


def test_a_service_that_another_program_starts_is_stopped_while_nobody_wants_it() -> None:
    scene = Scene().hear(started())
    assert (scene.stands(), scene.lines()) == (("stopping", "somebody stopped it"), ["stop 15 10"])


def test_lost_output_is_told_and_changes_nothing() -> None:
    scene = Scene().up().hear(lost())
    assert scene.deeds == [Tell("output_lost", "12 lines of its output found no room on the disk")]
    assert scene.stands() == ("up", None)
    scene.hear(lost(5, lasting=True))
    assert scene.deeds == [Tell("output_lost", "its log finds no room: 5 lines lost since 10:00")]
    assert scene.stands() == ("up", None)


# Adoption


def adopted(
    *happenings: Happening,
    held: bool = True,
    wanted: bool = True,
    after: float = 3600,
    service: Service = SERVICE,
    **how: Any,
) -> Scene:
    scene = Scene(service, gate=None)
    return scene.tell("adopt", happenings, held=held, wanted=wanted, wall=WALL + timedelta(seconds=after), **how)


def test_what_has_run_for_long_is_taken_for_up_and_asked() -> None:
    scene = adopted(started(3))
    assert (scene.stands(), scene.deeds, scene.life.next_deadline()) == (("up", None), [BeginAsking()], None)
    assert (scene.life.is_held, scene.life.past.lives) == (True, 3)
    assert scene.tell("allow", OPEN).lines() == ["policy always"]
    assert adopted(started(), after=30).life.state is ServiceState.UP
    assert adopted(started(), after=-1).life.state is ServiceState.UP, "the clock has stepped back"


def test_what_has_just_begun_has_the_rest_of_its_time() -> None:
    scene = adopted(started(), after=12)
    assert (scene.stands(), scene.deeds) == (("starting", "it is not ready yet"), [BeginAsking()])
    assert scene.life.next_deadline() == scene.now + 18 * SECOND
    for after, left in ((0, 30), (0.5, 29.5)):
        scene = adopted(started(), after=after)
        assert scene.life.next_deadline() == scene.now + int(left * SECOND)


def test_a_step_that_runs_is_not_up_however_long_it_has_run() -> None:
    for after, left in ((3600, 30), (12, 18), (-5, 30), (30, 30)):
        scene = adopted(started(), service=STEP, after=after)
        assert (scene.stands(), scene.deeds) == (("starting", "it runs and has not ended yet"), [])
        assert scene.life.next_deadline() == scene.now + left * SECOND


def test_what_runs_and_is_not_wanted_is_stopped() -> None:
    scene = adopted(started(), wanted=False)
    assert (scene.stands(), scene.lines()) == (("stopping", "somebody stopped it"), ["stop 15 10"])


def test_nothing_that_runs_is_started_when_its_gate_is_seen() -> None:
    scene = adopted(started())
    assert scene.tell("allow", NEEDS).deeds == adopted(started()).tell("allow", OPEN).deeds
    assert scene.stands() == ("up", None)


def test_a_service_that_runs_after_the_close_is_stopped_when_that_is_seen() -> None:
    assert adopted(started()).tell("allow", MARKET).lines() == ["policy never", "stop 15 10"]


def test_a_new_daemon_counts_tries_from_the_beginning() -> None:
    scene = adopted(started(), after=12).tell("allow", OPEN).wake()
    assert "attempt 2 of 3" in str(scene.life.reason)
    scene = Scene(gate=None, chance=0.999999).tell("adopt", (), held=False, wanted=True, wall=WALL)
    scene.tell("allow", OPEN).tell("refused", "nobody answers")
    assert round(((scene.life.next_deadline() or 0) - scene.now) / SECOND, 1) == 0.5


@pytest.mark.parametrize("last", [(), (started(),), (started(), stopping()), (started(), escalated()), (paused(),)])
def test_what_lost_its_keeper_is_asked_for_again_once_its_gate_is_seen(last: tuple[Happening, ...]) -> None:
    scene = adopted(*last, held=False)
    assert (scene.stands(), scene.deeds) == (("waiting", "its conditions have not been looked at yet"), [])
    assert scene.tell("allow", OPEN).deeds == [Keep()]
    scene = adopted(*last, held=False)
    if not scene.life.past.is_unended:
        assert scene.tell("allow", MARKET).deeds == []
        assert scene.stands() == ("waiting", MARKET.reason)
        return
    assert scene.tell("allow", MARKET).deeds == [Fence()], "it runs where nobody keeps it, and is not to run"
    assert scene.stands() == ("stopping", MARKET.reason)
    assert scene.hear(exited(None, keeper=101, fenced=True), gone(101)).deeds == []
    assert scene.stands() == ("waiting", MARKET.reason)


# --- what has lost its keeper and is not to run -----------------------------------------------------------------------


def orphaned() -> Scene:
    """It runs, its keeper was killed, and the desk is about to ask for the next one."""
    return Scene().up().tell("held", OFF)


def test_a_stop_of_what_lost_its_keeper_ends_what_is_left_of_it() -> None:
    scene = orphaned().tell("wish", OFF)
    assert scene.deeds == [Fence()]
    assert scene.stands() == ("stopping", STOPPED)
    assert scene.life.next_deadline() == scene.now + 20 * SECOND, "its own time, and some for the answer"
    assert scene.tell("wish", OFF).deeds == [], "one is on its way"
    assert scene.tell("held", ON).lines() == ["stop 15 10"]
    assert scene.hear(exited(None, keeper=101, fenced=True), gone(101)).tell("held", OFF).deeds == []
    assert scene.stands() == ("down", STOPPED)
    assert scene.tell("wish", OFF).deeds == [], "nothing is left"
    assert scene.life.is_down


def test_what_has_outlived_its_keeper_is_not_down_before_it_has_ended() -> None:
    scene = adopted(started(), held=False, wanted=False)
    assert scene.life.state.value == "down"
    assert not scene.life.is_down
    assert scene.tell("wish", OFF).deeds == [Fence()]
    assert not scene.life.is_down


def test_a_keeper_that_cannot_be_had_to_end_what_is_left_is_asked_for_again() -> None:
    scene = orphaned().tell("wish", OFF).tell("refused", "nobody answers")
    assert scene.stands() == ("stopping", "waits for a keeper: nobody answers")
    assert scene.wake().deeds == [Fence()]
    scene.tell("held", ON).tell("held", OFF)
    assert scene.deeds == [Fence()], "that one was killed too"
    assert scene.wake().deeds == [Fence()], "nor did this one come"
    assert scene.hear(gone(102)).stands()[0] == "down"


def test_what_is_wanted_again_while_its_remains_are_ended_starts_afterwards() -> None:
    scene = orphaned().tell("wish", OFF).tell("wish", ON)
    assert scene.deeds == []
    assert scene.tell("refused", "nobody answers").wake().deeds == [Keep()], "each keeper ends what is left first"
    scene = orphaned().tell("wish", OFF).tell("wish", ON).tell("held", ON).hear(exited(None, keeper=101), gone(101))
    assert scene.deeds == [Keep()]


def test_what_lost_its_keeper_as_its_market_closed_is_ended_and_waits() -> None:
    scene = orphaned().tell("allow", MARKET)
    assert (scene.stands(), scene.deeds) == (("stopping", MARKET.reason), [Fence()])
    scene.tell("refused", "nobody answers")
    assert scene.tell("allow", MARKET).deeds == [], "not at each look, but when its wait is over"
    assert scene.wake().deeds == [Fence()]
    assert scene.hear(gone(101)).stands() == ("waiting", MARKET.reason)


def test_a_keeper_killed_while_it_stops_its_service_is_followed_by_one_that_goes_on_with_it() -> None:
    scene = Scene().up().tell("wish", OFF).hear(stopping()).tell("held", OFF)
    assert (scene.stands(), scene.deeds) == (("stopping", STOPPED), [Fence()])
    scene = Scene().up().tell("restart").hear(stopping()).tell("held", OFF)
    assert scene.deeds == [Keep()], "the next one ends it before it starts it"
    scene = _unready_for_good().tell("held", OFF)
    assert scene.deeds == [Fence()]
    assert scene.hear(gone(101)).stands()[0] == "paused"


def _unready_for_good() -> Scene:
    return SCENES["stopping, never ready"]()


def test_what_lost_its_keeper_and_is_not_wanted_says_how_it_stands() -> None:
    scene = adopted(started(), held=False, wanted=False)
    assert scene.stands() == ("down", "its keeper was killed; what is left of it is ended before its next start")
    assert adopted(held=False, wanted=False).stands() == ("down", "it has not been started")
    assert adopted(exited(2), gone(), held=False, wanted=False).stands() == ("down", "exit code 2 after 3 s")
    assert adopted(exited(2), wanted=False).stands() == ("down", "exit code 2 after 3 s")
    assert adopted(exited(2), paused(), wanted=False).stands() == ("down", "exit code 2 after 3 s")


def test_what_was_about_to_stop_goes_on_doing_so() -> None:
    for last in (stopping(), escalated(), exited(-15, asked=True)):
        scene = adopted(started(), last)
        assert scene.stands() == ("stopping", "somebody stopped it")
        assert scene.life.next_deadline() == scene.now + 20 * SECOND
        assert scene.tell("allow", OPEN).lines() == ["policy always"]
        assert scene.hear(gone()).deeds == [Keep()]
        assert adopted(started(), last, wanted=False).hear(gone()).stands() == (
            "down",
            "killed after 10 s: it did not stop on SIGTERM" if last == escalated() else "somebody stopped it",
        )


def test_what_crashed_while_nobody_looked_is_its_keepers_matter() -> None:
    scene = adopted(started(), crashed())
    assert scene.stands() == (
        "backing_off",
        "exit code 1 after 3 s; its keeper tries again at 10:00:11 (attempt 1 of 5)",
    )
    assert adopted(started(), exited(), paused()).life.state is ServiceState.PAUSED
    assert adopted(started(), start_failed(WALL)).life.state is ServiceState.BACKING_OFF
    scene = adopted(started(), exited(), paused()).tell("allow", OPEN)
    assert (scene.life.state, scene.lines()) == (ServiceState.PAUSED, ["policy always"])


def test_what_crashed_and_has_no_keeper_any_more_starts_when_its_gate_is_seen() -> None:
    scene = adopted(started(), crashed(), held=False)
    assert scene.life.state is ServiceState.WAITING
    assert scene.tell("allow", OPEN).deeds == [Keep()]


def test_a_step_that_is_done_stays_done() -> None:
    for last in ((exited(0),), (exited(0), gone())):
        scene = adopted(started(), *last, held=False, service=STEP)
        assert scene.stands() == ("done", "exit code 0 after 3 s: it has done its work")
        assert scene.tell("allow", OPEN).deeds == []
    scene = adopted(started(), exited(0), gone(), held=False, wanted=False, service=STEP)
    assert scene.life.state is ServiceState.DOWN


def test_what_had_failed_for_good_stays_failed() -> None:
    scene = adopted(started(), exited(4), gone(), held=False, service=STEP)
    assert scene.stands() == ("failed", "exit code 4 after 3 s; it is not started again by itself")
    scene = adopted(start_failed(), gone(), held=False, service=STEP)
    assert scene.life.state is ServiceState.FAILED
    assert adopted(started(), exited(), gone(), held=False).life.state is ServiceState.WAITING


def test_what_is_over_stays_so_without_a_keeper_whatever_else_would_follow() -> None:
    assert adopted(started(), exited(), paused(), held=False).life.state is ServiceState.WAITING
    scene = adopted(started(), exited(), paused(), held=False, over=True)
    assert scene.stands()[0] == "paused"
    assert "it ended 5 times within" in str(scene.life.reason)
    assert scene.tell("allow", OPEN).deeds == []
    assert scene.tell("session_began").deeds == [Keep()]


def test_what_ended_by_itself_while_it_was_not_to_be_started_again_has_failed() -> None:
    for last in ((exited(),), (crashed(),), (start_failed(WALL),)):
        for held, end in ((True, last), (False, (*last, gone()))):
            scene = Scene(gate=None).tell("auto_restart", OFF)
            scene.tell("adopt", (started(), *end), held=held, wanted=True, wall=WALL, over=True)
            assert scene.life.state is ServiceState.FAILED
            assert "; automatic restart is switched off" in str(scene.life.reason)
            assert scene.tell("allow", OPEN).lines() == (["policy never"] if held else [])


def test_what_no_status_log_knows_stands_as_it_was_left_unless_a_keeper_has_it() -> None:
    left = ServiceState.PAUSED, "never became ready within 30 s: nothing was heard from it, 3 times"
    end = started(), exited(-15, asked=True), gone()
    scene = adopted(*end, held=False, over=True, left=left)
    assert (scene.stands(), scene.tell("allow", OPEN).deeds) == ((*left,), [])
    scene = adopted(*end, held=False, wanted=False, left=(ServiceState.DOWN, STOPPED))
    assert scene.stands() == ("down", STOPPED)
    assert adopted(started(), left=left).stands() == ("up", None)
    assert adopted(started(), wanted=False, left=left).life.state is ServiceState.STOPPING


def test_a_keeper_that_came_before_it_could_be_asked_what_it_does_is_asked() -> None:
    scene = adopted(exited(2, asked=True), gone())
    assert scene.stands() == ("backing_off", "exit code 2 after 3 s; its keeper has not said what follows")
    assert scene.wake().stands() == ("waiting", "its conditions have not been looked at yet")
    assert adopted(gone()).life.state is ServiceState.WAITING


def test_no_permission_is_told_before_the_conditions_were_looked_at() -> None:
    assert adopted(started()).tell("auto_restart", OFF).deeds == []


def test_containers_are_asked_like_programs() -> None:
    assert Scene(replace(SERVICE, kind=Kind.CONTAINERS)).running().deeds == [BeginAsking()]
