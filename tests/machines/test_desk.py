"""The desk's programs together: phase after phase, what a failure means, and the way back down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.desk import FALL, KILLED, SLACK, Desk
from tradewarden.machines.desk_step import Begin, DeskState, Halt, Kill, Moved, Step
from tradewarden.machines.life import HEALS
from tradewarden.machines.life import STOPPED as STOPPED_BY
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Ready, Service, ServiceState, Tier

DOWN, WAITING, STARTING, UP, STOPPING, BACKING_OFF, PAUSED, DONE, FAILED = ServiceState
STOPPED, RISING, RUNNING, DEGRADED, FALLING, ABORTED = DeskState


@dataclass
class Standing:
    state: ServiceState = DOWN
    reason: str | None = None


def service(name: str, *needs: str, tier: Tier = Tier.CRITICAL, **facts: Any) -> Service:
    return Service(name=name, command=(name,), needs=needs, tier=tier, **facts)


DESK = (
    service("bus"),
    service("feed", "bus"),
    service("clock", "bus"),
    service("writer", "feed", tier=Tier.IMPORTANT),
    service("chart", "feed", tier=Tier.OPTIONAL),
)
ALL = tuple(each.name for each in DESK)


class Trial:
    """A desk and services that are in the state that a test says."""

    def __init__(self, *services: Service) -> None:
        self.services = services or DESK
        self.now = 0
        self.desk = Desk(self.services, plan(self.services), 0)
        self.standings = {each.name: Standing() for each in self.services}
        self.steps: list[Step] = []

    def be(self, state: ServiceState, *names: str, reason: str | None = None) -> Trial:
        for name in names:
            self.standings[name] = Standing(state, reason)
        return self

    def tell(self, fact: str, *facts: Any) -> list[Step]:
        self.now += SECOND
        self.steps = getattr(self.desk, fact)(*facts, self.standings, self.now)
        return self.steps

    def start(self, *names: str) -> list[Step]:
        return self.tell("start", names or ALL)

    def stop(self, *names: str) -> list[Step]:
        return self.tell("stop", names or ALL)

    def look(self) -> list[Step]:
        return self.tell("look")

    def wake(self) -> list[Step]:
        at = self.desk.next_deadline()
        assert at is not None
        self.now = at
        self.steps = self.desk.due(self.standings, at)
        return self.steps

    def patience(self) -> float:
        at = self.desk.next_deadline()
        assert at is not None
        return (at - self.now) / SECOND

    def running(self) -> Trial:
        self.start()
        for phase in self.desk.plan.phases:
            self.be(UP, *phase).look()
        return self

    def stands(self) -> tuple[DeskState, str | None]:
        return self.desk.state, self.desk.reason


def test_the_patience_is_the_agreed_one() -> None:
    assert (FALL, KILLED, SLACK) == (30 * SECOND, 5 * SECOND, 10.0)


def test_a_new_desk_is_stopped() -> None:
    trial = Trial()
    assert (trial.stands(), trial.desk.since, trial.desk.phase) == ((STOPPED, None), 0, None)
    assert trial.desk.next_deadline() is None
    assert trial.look() == []
    assert trial.tell("due") == []
    assert trial.stands() == (STOPPED, None)


# A start


def test_a_desk_starts_phase_after_phase_and_then_runs() -> None:
    trial = Trial()
    assert trial.start() == [Moved(STOPPED, RISING, None), Begin(("bus",))]
    assert (trial.desk.phase, trial.desk.since) == (1, trial.now)
    trial.be(STARTING, "bus")
    assert trial.look() == []
    trial.be(UP, "bus")
    assert trial.look() == [Begin(("feed", "clock"))]
    assert trial.desk.phase == 2
    trial.be(UP, "feed").be(BACKING_OFF, "clock")
    assert trial.look() == []
    trial.be(UP, "clock")
    assert trial.look() == [Begin(("writer",))]
    trial.be(UP, "writer")
    assert trial.look() == [Begin(("chart",))]
    trial.be(UP, "chart")
    assert trial.look() == [Moved(RISING, RUNNING, None)]
    assert trial.desk.phase is trial.desk.next_deadline() is None
    assert trial.desk.since == trial.now


def _half_started() -> Trial:
    """A step of the phase under way is done, and a program beside it is not ready yet."""
    trial = Trial(service("schema"), service("feed"), service("writer", "feed"), service("chart", tier=Tier.OPTIONAL))
    trial.start("schema", "feed", "writer")
    trial.be(DONE, "schema").be(STARTING, "feed").look()
    return trial


def test_a_start_of_more_begins_nothing_again_that_the_start_under_way_has_begun() -> None:
    trial = _half_started()
    assert trial.start("chart") == []
    assert trial.be(UP, "feed").look() == [Begin(("writer",))]
    assert trial.be(UP, "writer").look() == [Begin(("chart",))]
    assert trial.be(UP, "chart").look() == [Moved(RISING, RUNNING, None)]


@pytest.mark.parametrize("state", [STARTING, WAITING, BACKING_OFF, UP])
def test_what_is_begun_already_is_hurried_at_once_and_not_begun_again_once_it_is_done(state: ServiceState) -> None:
    trial = _half_started().be(state, "schema")
    assert trial.start("schema", "feed") == [Begin(("feed",) if state is UP else ("schema", "feed"))]
    trial.be(DONE, "schema").be(UP, "feed")
    assert trial.look() == [Begin(("writer",))]


def test_what_stopped_and_is_done_when_its_turn_comes_again_is_not_begun_again() -> None:
    trial = _half_started().be(STOPPING, "schema")
    assert trial.start("schema") == []
    trial.be(DONE, "schema").be(UP, "feed")
    assert trial.look() == [Begin(("writer",))]


def test_what_is_done_and_asked_for_is_begun_once_more_and_once_only() -> None:
    trial = _half_started()
    assert trial.start("schema") == []
    assert trial.be(UP, "feed").look() == [Begin(("schema",))]
    assert trial.be(STARTING, "schema").start("chart") == []
    assert trial.be(DONE, "schema").look() == [Begin(("writer",))]
    assert trial.be(UP, "writer").look() == [Begin(("chart",))]


def test_what_was_begun_once_more_is_not_begun_a_third_time() -> None:
    trial = _half_started()
    trial.start("schema")
    trial.be(UP, "feed").look()
    assert trial.be(STOPPING, "schema").start("schema") == []
    assert trial.be(DONE, "schema").look() == [Begin(("writer",))]


def test_what_is_done_and_asked_for_and_then_stopped_is_asked_for_no_more() -> None:
    trial = _half_started()
    trial.start("schema")
    trial.stop("schema")
    trial.be(STARTING, "schema").start("schema")
    assert trial.be(DONE, "schema").be(UP, "feed").look() == [Begin(("writer",))]


@pytest.mark.parametrize("state", [UP, DONE, WAITING, DOWN])
def test_a_phase_is_over_when_nothing_of_it_is_under_way(state: ServiceState) -> None:
    trial = Trial()
    trial.start()
    assert trial.be(state, "bus").look() == [Begin(("feed", "clock"))]


@pytest.mark.parametrize("state", [STARTING, STOPPING, BACKING_OFF])
def test_a_phase_waits_for_what_is_under_way(state: ServiceState) -> None:
    trial = Trial()
    trial.start()
    assert trial.be(state, "bus").look() == []


def test_each_phase_has_a_deadline_of_its_own_services_tries() -> None:
    trial = Trial(
        service("a", ready=Ready(within=5), stop_seconds=2),
        service("b", ready=Ready(within=4), stop_seconds=4),
        service("c", "a"),
    )
    trial.start("a", "b", "c")
    assert trial.patience() == 3 * (4 + 4) + 10
    trial.be(UP, "a", "b").look()
    assert trial.patience() == 3 * (30 + 10) + 10


@pytest.mark.parametrize("state", [PAUSED, FAILED])
def test_a_critical_failure_aborts_the_start_says_which_and_why_and_stops_what_it_began(state: ServiceState) -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    ends = "" if state is FAILED else f"; {HEALS}"
    trial.be(STARTING, "clock").be(state, "feed", reason=f"exit code 1 after 3 s{ends}")
    why = "feed, which is critical, did not start: exit code 1 after 3 s"
    own = [] if state is FAILED else [Halt(("feed",), "exit code 1 after 3 s")]
    aborted = "the start was aborted: feed did not start"
    assert trial.look() == [Moved(RISING, FALLING, why), *own, Halt(("clock",), aborted)]
    trial.be(STOPPING, "clock").be(DOWN if state is PAUSED else FAILED, "feed")
    assert trial.look() == []
    trial.be(DOWN, "clock")
    assert trial.look() == [Halt(("bus",), aborted)]
    assert trial.stands() == (FALLING, why)
    trial.be(DOWN, "bus")
    assert trial.look() == [Moved(FALLING, ABORTED, why)]
    assert trial.stands() == (ABORTED, why)
    assert trial.desk.phase is trial.desk.next_deadline() is None
    trial.be(UP, "feed", "clock")
    assert trial.stop("feed", "clock")[-1] == Halt(("feed", "clock")), "that is told no more"


def test_whoever_stops_all_may_say_why() -> None:
    trial = Trial(service("a"), service("b", "a")).running()
    assert trial.desk.stop(("a", "b"), trial.standings, 0, "it is restarted")[-1] == Halt(("b",), "it is restarted")
    assert trial.be(DOWN, "b").look() == [Halt(("a",), "it is restarted")]
    trial.be(DOWN, "a").look()
    trial.be(UP, "a")
    assert trial.stop("a", "b")[-1] == Halt(("a",), STOPPED_BY)


@pytest.mark.parametrize("state", [STARTING, UP, BACKING_OFF])
def test_what_ran_before_an_aborted_start_runs_on(state: ServiceState) -> None:
    trial = Trial().be(state, "bus")
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(FAILED, "feed").be(UP, "clock")
    assert trial.look()[1:] == [Halt(("clock",), "the start was aborted: feed did not start")]
    trial.be(DOWN, "clock")
    assert trial.look()[0].__class__ is Moved
    assert trial.desk.state is ABORTED
    assert trial.be(UP, "bus").stop("bus") == [Halt(("bus",))]


@pytest.mark.parametrize("state", [BACKING_OFF, STARTING])
def test_a_critical_service_that_is_not_ready_when_its_phase_is_over_aborts_too(state: ServiceState) -> None:
    trial = Trial()
    trial.start()
    trial.be(state, "bus", reason="it is not ready yet").wake()
    why = "bus, which is critical, did not start: it is not ready yet"
    assert trial.steps == [Moved(RISING, FALLING, why), Halt(("bus",), "it is not ready yet")]


def test_a_less_important_failure_is_told_and_the_start_goes_on() -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(UP, "feed", "clock").look()
    assert trial.be(FAILED, "writer", reason="exit code 2 after 1 s").look() == [Begin(("chart",))]
    trial.be(UP, "chart")
    why = "writer is down: exit code 2 after 1 s"
    assert trial.look() == [Moved(RISING, DEGRADED, why)]


def test_a_less_important_one_that_is_slow_holds_up_its_phase_and_no_more() -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(UP, "feed", "clock").look()
    trial.be(STARTING, "writer")
    assert trial.wake() == [Begin(("chart",))]
    trial.be(UP, "chart")
    assert trial.look() == [Moved(RISING, RUNNING, None)]


def test_a_newcomer_that_fails_takes_down_no_desk_that_runs() -> None:
    trial = Trial().running().be(DOWN, "feed")
    assert trial.start("feed") == [Moved(RUNNING, RISING, None), Begin(("feed",))]
    assert trial.desk.phase == 2
    trial.be(FAILED, "feed", reason="exit code 1 after 0.1 s")
    assert trial.look() == [Moved(RISING, DEGRADED, "feed is down: exit code 1 after 0.1 s")]
    trial = Trial().running().be(FAILED, "chart").be(DOWN, "bus")
    trial.look()
    assert trial.desk.state is DEGRADED
    trial.start("bus")
    assert trial.be(FAILED, "bus").look()[0] == Moved(RISING, DEGRADED, "2 are down: bus, chart")


def test_an_aborted_desk_may_abort_again() -> None:
    trial = Trial(service("a"))
    for before in (STOPPED, ABORTED):
        assert trial.start("a") == [Moved(before, RISING, None), Begin(("a",))]
        trial.be(FAILED, "a", reason="x").look()
        assert trial.desk.state is ABORTED


def test_only_the_chosen_start() -> None:
    trial = Trial()
    assert trial.start("feed", "chart")[1] == Begin(("feed",))
    assert trial.be(UP, "feed").look() == [Begin(("chart",))]
    assert trial.be(UP, "chart").look() == [Moved(RISING, RUNNING, None)]


def test_a_start_of_nothing_is_over_at_once() -> None:
    trial = Trial(service("a"))
    assert trial.start("elsewhere") == [Moved(STOPPED, RISING, None), Moved(RISING, STOPPED, None)]
    trial.be(UP, "a")
    assert trial.start("elsewhere")[-1] == Moved(RISING, RUNNING, None)
    empty = Desk((), plan(()), 0)
    assert empty.start((), {}, 1) == [Moved(STOPPED, RISING, None), Moved(RISING, RUNNING, None)]


def test_who_is_asked_for_during_a_start_joins_it() -> None:
    trial = Trial()
    trial.start("bus", "chart")
    trial.be(STARTING, "bus")
    assert trial.start("feed") == []
    assert trial.be(UP, "bus").look() == [Begin(("feed",))]
    assert trial.be(UP, "feed").look() == [Begin(("chart",))]
    trial.be(FAILED, "chart")
    assert trial.look()[0] == Moved(RISING, DEGRADED, "chart is down: None")


def test_a_start_that_is_joined_may_still_abort() -> None:
    trial = Trial()
    trial.start("bus")
    trial.be(STARTING, "bus").start("feed")
    assert trial.be(FAILED, "bus").look()[-1] == Moved(FALLING, ABORTED, "bus, which is critical, did not start: None")


def test_what_is_no_more_is_not_waited_for() -> None:
    trial = Trial()
    trial.start()
    trial.desk.redefine(DESK[2:], plan(DESK[2:]))
    trial.standings = {name: each for name, each in trial.standings.items() if name not in ("bus", "feed")}
    assert trial.look() == [Begin(("clock",))]


# Running


@pytest.mark.parametrize("state", [BACKING_OFF, PAUSED, FAILED])
def test_a_desk_is_degraded_while_something_that_should_run_does_not(state: ServiceState) -> None:
    trial = Trial().running().be(state, "feed", reason="exit code 1")
    assert trial.look() == [Moved(RUNNING, DEGRADED, "feed is down: exit code 1")]
    trial.be(state, "chart")
    assert trial.look() == []
    assert trial.stands() == (DEGRADED, "2 are down: feed, chart")
    trial.be(UP, "feed", "chart")
    assert trial.look() == [Moved(DEGRADED, RUNNING, None)]


@pytest.mark.parametrize("state", [DOWN, WAITING, STARTING, STOPPING, DONE])
def test_what_rests_or_is_under_way_degrades_nothing(state: ServiceState) -> None:
    trial = Trial().running()
    since = trial.desk.since
    assert trial.be(state, "feed").look() == []
    assert trial.desk.since == since


def test_a_desk_of_which_nothing_runs_is_stopped() -> None:
    trial = Trial().running().be(DOWN, *ALL)
    assert trial.look() == [Moved(RUNNING, STOPPED, None)]


def test_a_daemon_that_finds_its_services_has_a_running_desk_at_once() -> None:
    trial = Trial().be(UP, *ALL)
    assert trial.tell("adopt") == [Moved(STOPPED, RUNNING, None)]
    assert (trial.desk.since, trial.desk.next_deadline()) == (trial.now, None)
    trial = Trial().be(UP, "bus").be(PAUSED, "feed", reason="it ended 5 times within 60 s")
    assert trial.tell("adopt") == [Moved(STOPPED, DEGRADED, "feed is down: it ended 5 times within 60 s")]
    assert Trial().tell("adopt") == []


# A stop


def test_a_desk_stops_in_the_reverse_order() -> None:
    trial = Trial().running()
    assert trial.stop() == [Moved(RUNNING, FALLING, None), Halt(("chart",))]
    assert trial.desk.phase == 4
    trial.be(STOPPING, "chart")
    assert trial.look() == []
    trial.be(DOWN, "chart")
    assert trial.look() == [Halt(("writer",))]
    assert trial.be(DOWN, "writer").look() == [Halt(("feed", "clock"))]
    trial.be(DOWN, "feed").be(STOPPING, "clock")
    assert trial.look() == []
    assert trial.be(DOWN, "clock").look() == [Halt(("bus",))]
    assert trial.be(DOWN, "bus").look() == [Moved(FALLING, STOPPED, None)]
    assert trial.desk.phase is trial.desk.next_deadline() is None


@pytest.mark.parametrize("state", [UP, STARTING, STOPPING, BACKING_OFF, WAITING, PAUSED])
def test_a_phase_of_a_stop_waits_for_whatever_does_not_rest(state: ServiceState) -> None:
    trial = Trial().running()
    trial.stop()
    assert trial.be(state, "chart").look() == []


@pytest.mark.parametrize("state", [DOWN, DONE, FAILED])
def test_a_phase_of_a_stop_is_over_when_all_rest(state: ServiceState) -> None:
    trial = Trial().running()
    trial.stop()
    assert trial.be(state, "chart").look() == [Halt(("writer",))]


def test_what_is_down_is_not_stopped() -> None:
    trial = Trial().running().be(DOWN, "chart", "clock").be(DONE, "writer")
    assert trial.stop()[1] == Halt(("writer",))
    assert trial.be(DOWN, "writer").look() == [Halt(("feed",))]
    assert Trial().stop() == [Moved(STOPPED, FALLING, None), Moved(FALLING, STOPPED, None)]


def test_a_phase_that_does_not_stop_is_killed_after_thirty_seconds_and_left_behind_after_five_more() -> None:
    trial = Trial().running()
    trial.stop()
    assert trial.patience() == 30
    trial.be(STOPPING, "chart")
    assert trial.wake() == [Kill(("chart",))]
    assert trial.patience() == 5
    assert trial.wake() == [Halt(("writer",))]
    for phase in (("writer",), ("feed", "clock"), ("bus",)):
        assert trial.patience() == 30
        trial.be(DOWN, *phase).look()
    assert trial.stands() == (STOPPED, "chart did not end although killed")


def test_of_a_phase_only_what_is_left_is_killed_and_each_phase_is_killed_for_itself() -> None:
    trial = Trial().running().be(DOWN, "chart", "writer")
    trial.stop()
    trial.be(STOPPING, "clock").be(DOWN, "feed")
    assert trial.wake() == [Kill(("clock",))]
    assert trial.be(DOWN, "clock").look() == [Halt(("bus",))]
    trial.be(STOPPING, "bus")
    assert trial.wake() == [Kill(("bus",))]
    assert trial.be(DOWN, "bus").look() == [Moved(FALLING, STOPPED, None)]


def test_several_that_do_not_even_end_when_killed_are_all_named_and_forgotten_by_the_next_stop() -> None:
    trial = Trial().running().be(STOPPING, *ALL)
    trial.stop()
    while trial.desk.state is FALLING:
        trial.wake()
    assert trial.stands() == (STOPPED, "chart, writer, feed, clock, bus did not end although killed")
    trial.be(DOWN, *ALL).stop()
    assert trial.stands() == (STOPPED, None)


def test_the_operator_says_how_long_a_phase_may_take_to_stop() -> None:
    trial = Trial(service("a", stop_seconds=60)).be(UP, "a")
    trial.stop("a")
    assert trial.patience() == 30
    desk = Desk(trial.services, plan(trial.services), 0, 90 * SECOND)
    desk.stop(("a",), trial.standings, 0)
    assert desk.next_deadline() == 90 * SECOND


def test_a_stop_during_a_start_ends_it() -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(STARTING, "feed", "clock")
    assert trial.stop() == [Moved(RISING, FALLING, None), Halt(("feed", "clock"))]
    assert trial.be(DOWN, "feed", "clock").look() == [Halt(("bus",))]
    assert trial.be(DOWN, "bus").look() == [Moved(FALLING, STOPPED, None)]


def test_a_stop_of_some_goes_beside_what_runs_and_in_the_reverse_order() -> None:
    trial = Trial().running()
    assert trial.stop("feed", "chart", "bus") == [Halt(("chart",))]
    assert trial.desk.falling == {"feed", "chart", "bus"}
    assert trial.be(STOPPING, "chart").look() == []
    assert trial.be(DOWN, "chart").look() == [Halt(("feed",))]
    assert trial.stop("writer") == [Halt(("writer",))], "more joins it"
    assert trial.be(STOPPING, "writer", "feed").look() == []
    assert trial.be(DOWN, "writer").look() == [Halt(("feed",))]
    assert trial.be(DOWN, "feed").look() == [Halt(("bus",))]
    assert trial.be(DOWN, "bus").look() == []
    assert (trial.desk.state, trial.desk.falling, trial.desk.next_deadline()) == (RUNNING, frozenset(), None)


def test_what_of_some_does_not_stop_in_its_time_is_killed_and_waited_for_no_longer() -> None:
    trial = Trial().running()
    trial.stop("feed", "chart")
    assert trial.patience() == FALL / SECOND
    trial.be(STOPPING, "chart")
    assert trial.wake() == [Kill(("chart",)), Halt(("feed",))]
    assert trial.patience() == FALL / SECOND
    trial.be(STOPPING, "feed")
    assert trial.wake() == [Kill(("feed",))]
    assert trial.desk.next_deadline() is None


def test_a_start_takes_its_services_out_of_a_stop_of_some() -> None:
    trial = Trial().running()
    trial.stop("chart", "feed", "bus")
    trial.be(STOPPING, "chart")
    trial.start("feed")
    assert trial.desk.falling == {"chart", "bus"}
    trial.be(UP, "feed").look()
    assert trial.be(DOWN, "chart").look() == [Halt(("bus",))]


def test_a_stop_of_all_takes_over_a_stop_of_some_and_a_start_has_a_deadline_of_its_own_beside_it() -> None:
    trial = Trial().running()
    trial.stop("chart", "feed")
    trial.be(STOPPING, "chart")
    assert trial.stop()[-1] == Halt(("chart",))
    assert trial.desk.falling == {"writer", "bus", "feed", "clock", "chart"}
    trial = Trial().running().be(DOWN, "writer")
    trial.stop("chart")
    trial.be(STOPPING, "chart").start("writer")
    assert trial.be(STARTING, "writer").patience() < FALL / SECOND
    assert trial.wake() == [Kill(("chart",))]
    assert trial.desk.state is RISING


def test_a_stop_of_some_during_a_start_takes_them_out_of_it() -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(STARTING, "feed", "clock")
    assert trial.stop("feed", "writer") == [Halt(("writer",)), Halt(("feed",))]
    assert trial.desk.state is RISING
    assert trial.be(FAILED, "feed").be(UP, "clock").look() == [Begin(("chart",))], (
        "its failure is nobody's business now"
    )


def test_what_is_still_to_start_keeps_a_start_going() -> None:
    trial = Trial()
    trial.start("bus", "feed")
    trial.be(STARTING, "bus")
    assert trial.stop("bus") == [Halt(("bus",))]
    assert trial.look() == [Begin(("feed",))]


def test_more_that_is_to_stop_joins_a_stop() -> None:
    trial = Trial().running().be(DOWN, "clock", "bus")
    trial.stop("chart", "feed", "writer")
    trial.be(STOPPING, "chart")
    assert trial.stop("writer")[-1] == Halt(("chart",)), "all that was to stop still is"
    assert trial.be(DOWN, "chart").look() == [Halt(("writer",))]


def test_a_start_during_a_stop_comes_after_it() -> None:
    trial = Trial().running()
    trial.stop()
    assert trial.start("bus") == []
    assert trial.start("feed") == []
    assert trial.desk.state is FALLING
    for phase in reversed(trial.desk.plan.phases):
        trial.be(DOWN, *phase).look()
    assert trial.steps == [Moved(FALLING, STOPPED, None), Moved(STOPPED, RISING, None), Begin(("bus",))]
    assert trial.be(UP, "bus").look() == [Begin(("feed",))]
    assert trial.be(FAILED, "feed").look()[0] == Moved(RISING, FALLING, "feed, which is critical, did not start: None")


def test_an_abort_stays_told_when_only_some_are_stopped() -> None:
    trial = Trial()
    trial.start()
    trial.be(FAILED, "bus", reason="exit code 1").look()
    assert trial.desk.state is ABORTED
    assert trial.stop("bus") == [Halt(("bus",))]
    assert trial.desk.state is ABORTED
    trial.stop()
    assert trial.look() == [Moved(FALLING, STOPPED, None)]


def test_a_stop_of_some_before_their_later_start_forgets_only_theirs() -> None:
    trial = Trial().running()
    trial.stop()
    trial.start()
    trial.stop("chart")
    assert trial.desk.later == {"bus", "feed", "clock", "writer"}
    trial.be(DOWN, *ALL)
    steps = [step for _ in range(4) for step in trial.look()]
    assert Begin(("bus",)) in steps
    assert trial.stands() == (RISING, None)


def test_the_last_word_counts() -> None:
    trial = Trial().running()
    trial.stop()
    trial.start()
    trial.stop()
    for phase in reversed(trial.desk.plan.phases):
        trial.be(DOWN, *phase).look()
    assert trial.stands() == (STOPPED, None)


def test_a_stop_during_an_abort_ends_in_stopped_and_a_start_in_another_try() -> None:
    trial = Trial()
    trial.start()
    trial.be(UP, "bus").look()
    trial.be(FAILED, "feed").be(STOPPING, "clock").look()
    trial.stop()
    assert trial.stands() == (FALLING, None)
    trial.be(DOWN, "clock", "feed").look()
    trial.be(DOWN, "bus").look()
    assert trial.stands() == (STOPPED, None)
    trial.start()
    trial.be(PAUSED, "bus", reason="x").look()
    trial.start()
    trial.be(DOWN, "bus").look()
    assert [step.dst for step in trial.steps if isinstance(step, Moved)] == [ABORTED, RISING]


def test_a_start_during_the_first_abort_of_a_desk_comes_after_it() -> None:
    trial = Trial(service("a"))
    trial.start("a")
    trial.be(PAUSED, "a", reason="x").look()
    assert trial.start("a") == []
    assert trial.be(DOWN, "a").look()[-1] == Begin(("a",))


def test_an_abort_says_what_did_not_end() -> None:
    trial = Trial(service("a"), service("b"))
    trial.start("a", "b")
    trial.be(FAILED, "a", reason="x").be(STOPPING, "b").look()
    trial.wake()
    trial.wake()
    assert trial.stands() == (ABORTED, "a, which is critical, did not start: x; b did not end although killed")
    trial.stop("a", "b")
    assert trial.desk.reason is None


def test_services_that_the_plan_does_not_know_any_more_stop_first() -> None:
    trial = Trial().running()
    trial.desk.redefine(DESK[:2], plan(DESK[:2]))
    assert trial.stop() == [Moved(RUNNING, FALLING, None), Halt(("chart", "clock", "writer"))]
    assert trial.desk.phase is None
    assert trial.patience() == 30
    trial.be(DOWN, "chart", "clock", "writer")
    assert trial.look() == [Halt(("feed",))]


def test_strangers_stop_together_in_the_order_of_their_names() -> None:
    trial = Trial().running()
    trial.desk.redefine((), plan(()))
    assert trial.stop()[1] == Halt(("bus", "chart", "clock", "feed", "writer"))
