"""One day of one segment: the phases a file may name, what a venue says of itself, and the table of a day."""

from __future__ import annotations

import pytest

from tradewarden.machines.session import (
    EXPECTED,
    MIDNIGHT,
    PHASES,
    VENUE,
    Moment,
    Phase,
    clipped,
    most_expected,
    quiet_day,
    told_by_venue,
    trading_day,
    unknown_day,
)

REST = Moment("closed", "night", "regular")
OPEN = Phase(9, 16, "live.continuous", "dense")
PAUSE = Phase(12, 13, "closed.break", "none")


def test_every_phase_makes_the_agreed_data_due() -> None:
    assert PHASES == {
        "pre_open.cancel_only": "none",
        "pre_open.entry": "sparse",
        "pre_open.limit_only": "sparse",
        "pre_open.random_close": "none",
        "pre_open.match": "none",
        "pre_open.buffer": "none",
        "live.continuous": "dense",
        "live.online": "dense",
        "closing_auction.reference": "sparse",
        "closing_auction.entry": "sparse",
        "closing_auction.limit_only": "sparse",
        "closing_auction.random_close": "none",
        "closing_auction.match": "none",
        "post_close.wait": "none",
        "post_close.post_close": "sparse",
        "closed.break": "none",
    }


def test_a_day_has_86400_seconds_and_data_three_levels() -> None:
    assert MIDNIGHT == 86_400
    assert EXPECTED == ("none", "sparse", "dense")
    assert most_expected(["sparse", "none", "dense", "sparse"]) == "dense"
    assert most_expected(()) == "none"


@pytest.mark.parametrize(
    ("status", "moment"),
    [
        ("online", Moment("live", "online", "regular", None, "dense")),
        ("post_only", Moment("live", "post_only", "regular", "the venue says post_only", "sparse")),
        ("cancel_only", Moment("closed", "cancel_only", "regular", "the venue says cancel_only", "none")),
        ("maintenance", Moment("closed", "maintenance", "regular", "the venue says maintenance", "none")),
        ("asleep", Moment("unknown", "venue_status", "regular", "the venue says a word that is not known", "none")),
    ],
)
def test_a_venues_own_word_is_taken_and_an_unknown_one_claims_nothing(status: str, moment: Moment) -> None:
    assert told_by_venue(status) == moment
    assert (status in VENUE) is (status != "asleep")


def test_a_phase_says_its_state_and_its_name_and_in_a_mock_neither() -> None:
    assert OPEN.moment("special", "a drill") == Moment("live", "continuous", "special", "a drill", "dense")
    assert OPEN.moment("mock", "a mock") == Moment("closed", "mock", "mock", "a mock", "none")


def test_what_lies_outside_is_clipped_and_nothing_remains_of_what_only_touches() -> None:
    assert clipped((OPEN, PAUSE), 10, 12) == (Phase(10, 12, "live.continuous", "dense"),)
    assert clipped((OPEN,), 0, 9) == ()
    assert clipped((OPEN,), 16, 20) == ()
    assert clipped((PAUSE,), 12, 13) == (PAUSE,)


def test_a_quiet_day_says_one_thing_from_midnight_on() -> None:
    day = quiet_day(REST)
    assert (day.begins, day.moments, day.due, day.session) == ((0,), (REST,), (), None)
    assert day.at(0) == day.at(86_399) == REST


def test_a_trading_day_rests_before_and_after_its_phases() -> None:
    live = OPEN.moment("regular", None)
    day = trading_day((OPEN,), "regular", None, REST)
    assert (day.begins, day.moments) == ((0, 9, 16), (REST, live, REST))
    assert (day.due, day.session) == (((9, 16),), "regular")
    assert [day.at(second) for second in (0, 8, 9, 15, 16)] == [REST, REST, live, live, REST]


@pytest.mark.parametrize(
    ("begin", "end", "begins"),
    [(0, MIDNIGHT, (0,)), (1, MIDNIGHT, (0, 1)), (0, MIDNIGHT - 1, (0, MIDNIGHT - 1)), (1, 2, (0, 1, 2))],
)
def test_a_day_without_a_night_has_no_rest(begin: int, end: int, begins: tuple[int, ...]) -> None:
    phase = Phase(begin, end, "live.online", "dense")
    assert trading_day((phase,), "regular", None, REST).begins == begins


def test_only_phases_that_expect_data_are_due_and_a_mock_never() -> None:
    phases = (Phase(9, 12, "live.continuous", "dense"), PAUSE, Phase(13, 16, "post_close.post_close", "sparse"))
    assert trading_day(phases, "special", "two sessions", REST).due == ((9, 12), (13, 16))
    assert trading_day(phases, "mock", "a mock", REST).due == ()


def test_a_day_outside_the_calendar_claims_nothing_but_welcomes_data_in_the_usual_hours() -> None:
    day = unknown_day("past_coverage", "calendar ends", (OPEN, PAUSE))
    assert day.at(10) == Moment("unknown", "past_coverage", None, "calendar ends", "none")
    assert (day.begins, day.due, day.session) == ((0,), ((9, 16),), None)
