"""The machines' tables as they were agreed upon: whoever changes a transition changes a line that a reviewer sees."""

import pytest

from machine_page import GOLDEN, MACHINES, PAGE, golden, page
from transitions import events, leaves, walk

AGAIN = "the machines have changed: read the difference, then `make docs`"


@pytest.mark.parametrize("name", MACHINES)
def test_the_transitions_are_the_agreed_ones(name: str) -> None:
    assert (GOLDEN / f"{name}.md").read_text() == golden(name), AGAIN


def test_the_page_about_the_machines_is_as_new_as_they_are() -> None:
    assert PAGE.read_text() == page(), AGAIN


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_has_an_exit_and_every_state_can_be_reached(name: str) -> None:
    moves = [row for row in walk(MACHINES[name]) if not row.stays]
    assert {row.source for row in moves} == {row.target for row in moves} == set(leaves(MACHINES[name]))


@pytest.mark.parametrize("name", MACHINES)
def test_of_several_ways_the_last_is_open_to_all_unless_the_event_may_be_ignored(name: str) -> None:
    for leaf in leaves(MACHINES[name]):
        for event in events(MACHINES[name]):
            guards = [row.guard for row in walk(MACHINES[name]) if (row.source, row.event) == (leaf, event)]
            assert all(guards[:-1]), f"{leaf}, {event}: what comes after an unguarded way is never reached"


@pytest.mark.parametrize("name", MACHINES)
def test_a_transition_from_a_state_to_itself_never_enters_it_anew(name: str) -> None:
    assert all(row.stays == (row.source == row.target) for row in walk(MACHINES[name]))


def test_the_market_has_all_forty_two_transitions() -> None:
    assert len(walk(MACHINES["market"])) == 42
