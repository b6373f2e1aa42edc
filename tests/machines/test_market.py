"""The market's machine follows the calendar, and nothing else."""

from itertools import permutations

import pytest

from tradewarden.machines.calendar import Moment
from tradewarden.machines.market import MarketSession

STATES = ("unknown", "closed", "pre_open", "live", "closing_auction", "post_close", "halted")


def session_in(state: str) -> MarketSession:
    session = MarketSession("NSE_EQ")
    session.sync(Moment(state, "some"), now=5)
    return session


@pytest.mark.parametrize(("source", "target"), list(permutations(STATES, 2)))
def test_every_state_reaches_every_other_in_one_step_because_the_clock_may_jump(source: str, target: str) -> None:
    session = session_in(source)
    assert session.fire(f"to_{target}", now=9) == []
    assert (session.leaf, session.since, session.ignored_total) == (target, 9, 0)


@pytest.mark.parametrize("state", STATES)
def test_the_state_it_is_in_is_no_news(state: str) -> None:
    session = session_in(state)
    since = session.since
    session.fire(f"to_{state}", now=9)
    assert (session.leaf, session.since, session.ignored_total) == (state, since, 1)


@pytest.mark.parametrize(("source", "target"), list(permutations(STATES, 2)))
def test_following_the_calendar_leads_wherever_it_says(source: str, target: str) -> None:
    session = session_in(source)
    moment = Moment(target, "phase", "regular", "why", "sparse")
    assert session.sync(moment, now=9) == []
    assert (session.leaf, session.since, session.moment, session.reason) == (target, 9, moment, "why")


def test_a_new_phase_of_the_same_state_is_a_fact_and_no_transition() -> None:
    session = session_in("pre_open")
    before = dict(session.transitions_total)
    moment = Moment("pre_open", "random_close", "regular", None, "none")
    session.sync(moment, now=9)
    assert (session.moment, session.since, session.ignored_total) == (moment, 5, 0)
    assert dict(session.transitions_total) == before


def test_nothing_is_known_of_the_market_before_the_calendar_was_asked() -> None:
    session = MarketSession("NFO")
    assert (session.leaf, session.moment, session.segment) == ("unknown", None, "NFO")


def test_it_has_no_deadline_of_its_own() -> None:
    assert session_in("live").next_deadline() is None


def test_a_state_that_no_machine_knows_is_a_fault_of_the_calendar() -> None:
    with pytest.raises(ValueError, match="knows no event 'to_lunch'"):
        session_in("live").sync(Moment("lunch", "x"), now=6)


def test_neither_the_token_nor_the_feed_ever_touches_the_market() -> None:
    foreign = {"token_found", "rejected", "refused", "verify_ok", "opened", "lost", "ticked", "wanted", "auth_lost"}
    assert not foreign & {event.id for event in MarketSession("NSE_EQ")._events}
