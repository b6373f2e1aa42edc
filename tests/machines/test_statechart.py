"""What every machine promises: one door, nothing lost, nothing half done."""

from datetime import UTC, datetime
from typing import Any

import pytest
from statemachine import State

from tradewarden.machines.auth import AuthToken, Token
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.market import MarketSession
from tradewarden.machines.session import Moment
from tradewarden.machines.statechart import Machine


class Door(Machine):
    """Open or shut, and it creaks."""

    shut = State(initial=True)
    ajar = State()
    push = shut.to(ajar, cond="is_unlocked", on="creak") | ajar.to(ajar, internal=True, on="creak")
    pull = ajar.to(shut, on="slam")

    def is_unlocked(self, fits: bool) -> bool:  # noqa: FBT001 - a fact
        return fits

    def creak(self) -> None:
        self.emit("creak")

    def slam(self) -> None:
        self.emit("half a slam")
        raise RuntimeError("jammed")

    def is_outdated(self, event: str, facts: dict[str, Any]) -> bool:
        return event == "push" and bool(facts.get("old"))


def test_a_fact_leads_to_a_state_and_to_what_must_be_done() -> None:
    door = Door()
    assert door.fire("push", now=7, fits=True) == ["creak"]
    assert (door.leaf, door.since, door.now) == ("ajar", 7, 7)


def test_what_was_to_be_done_is_told_once() -> None:
    door = Door()
    door.fire("push", now=1, fits=True)
    assert door.fire("push", now=2, fits=True) == ["creak"]


def test_a_transition_that_stays_does_not_move_the_time_of_entry() -> None:
    door = Door()
    door.fire("push", now=1, fits=True)
    door.fire("push", now=9, fits=True)
    assert door.since == 1
    assert door.transitions_total == {("start", "shut"): 1, ("shut", "ajar"): 1}


def test_a_state_around_others_is_never_the_one_it_is_in() -> None:
    feed = FeedWatchdog(lambda: 0.5)
    feed.fire("wanted", now=9, usable=True, token=Token("secret", 1, datetime(2026, 11, 23, tzinfo=UTC)))
    assert (feed.leaf, feed.since) == ("connecting", 9)
    assert feed.transitions_total == {("start", "halted"): 1, ("halted", "connecting"): 1}


def test_a_fact_that_means_nothing_now_is_counted() -> None:
    door = Door()
    assert door.fire("pull", now=3) == []
    assert (door.leaf, door.ignored_total, door.now) == ("shut", 1, 3)


def test_a_fact_that_its_guard_refuses_is_counted() -> None:
    door = Door()
    assert door.fire("push", now=3, fits=False) == []
    assert (door.leaf, door.ignored_total) == ("shut", 1)


def test_a_fact_that_applies_is_not_counted_as_ignored() -> None:
    door = Door()
    door.fire("push", now=1, fits=True)
    door.fire("push", now=2, fits=True)
    assert (door.ignored_total, door.stale_results_total) == (0, 0)


def test_an_answer_to_an_old_question_is_counted_and_changes_nothing() -> None:
    door = Door()
    assert door.fire("push", now=3, fits=True, old=True) == []
    assert (door.leaf, door.stale_results_total, door.ignored_total) == ("shut", 1, 0)


@pytest.mark.parametrize("machine", [Door(), MarketSession("NSE_EQ")])
def test_an_event_that_does_not_exist_is_a_fault_of_the_caller(machine: Machine) -> None:
    with pytest.raises(ValueError, match=f"{type(machine).__name__} knows no event 'pussh'; known: "):
        machine.fire("pussh", now=0)


def test_a_bug_raises_and_leaves_the_machine_where_it_was() -> None:
    door = Door()
    door.fire("push", now=1, fits=True)
    with pytest.raises(RuntimeError, match="jammed"):
        door.fire("pull", now=2)
    assert door.leaf == "ajar"
    assert door.fire("push", now=3) == ["creak"], "the bug's half deed must not be done with the next one"


def test_a_machine_without_deadlines_wants_to_be_woken_never() -> None:
    assert Door().next_deadline() is None
    with pytest.raises(AssertionError, match="Door has no deadline, but was woken at 5"):
        Door().due(5)


@pytest.mark.parametrize("machine", [AuthToken, FeedWatchdog, MarketSession])
def test_every_machine_is_a_synchronous_one_that_raises_and_never_shows_itself_between_two_states(
    machine: type[Machine],
) -> None:
    assert machine.atomic_configuration_update
    assert not machine.catch_errors_as_events
    assert machine.allow_event_without_transition
    assert not machine.enable_self_transition_entries


def test_a_new_machine_has_no_reason_and_has_counted_nothing() -> None:
    door = Door()
    assert (door.leaf, door.now, door.since, door.reason) == ("shut", 0, 0, None)
    assert (door.ignored_total, door.stale_results_total) == (0, 0)
    assert door.transitions_total == {("start", "shut"): 1}


def test_what_comes_again_is_counted_again() -> None:
    door = Door()
    for _ in range(2):
        door.fire("push", now=1, old=True)
        door.fire("push", now=1, fits=False)
    assert (door.stale_results_total, door.ignored_total) == (2, 2)
    machine = MarketSession("NSE_EQ")
    moments = [Moment("closed", "night"), Moment("live", "continuous"), Moment("closed", "night")]
    for moment in (*moments, *moments):
        machine.sync(moment, now=1)
    assert machine.transitions_total["closed", "live"] == 2


def test_an_event_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="knocks") as caught:
        Door().fire("knocks", now=1)
    assert str(caught.value) == "Door knows no event 'knocks'; known: pull, push"


def test_a_machine_without_a_deadline_says_so_when_it_is_woken() -> None:
    with pytest.raises(AssertionError) as caught:
        Door().due(7)
    assert str(caught.value) == "Door has no deadline, but was woken at 7"
