from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.gap import (
    INSTRUMENT_SILENCE,
    LEFT,
    NEAR,
    SESSION_ENDED,
    STOPPED,
    Gap,
    Outage,
    together,
)

OPEN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return OPEN + timedelta(seconds=seconds)


def tell(
    outage: Outage,
    now: float,
    *,
    streaming: bool = False,
    expected: str = "dense",
    last_tick: float | None = None,
    cause: str | None = None,
) -> Gap | None:
    return outage.observe(
        now=at(now),
        streaming=streaming,
        expected=expected,
        due_since=OPEN,
        last_tick=None if last_tick is None else at(last_tick),
        cause=cause,
    )


def test_a_gap_reaches_from_the_last_tick_to_the_first_proven_one() -> None:
    outage = Outage()
    assert tell(outage, 110, last_tick=100, cause="stall") is None
    assert tell(outage, 130, streaming=True) == Gap(at(100), at(130), ("stall",))


def test_an_outage_is_one_gap_however_often_was_dialled_and_names_every_cause_once() -> None:
    outage = Outage()
    for second, cause in ((110, "stall"), (115, "network"), (120, "network"), (125, "server")):
        assert tell(outage, second, last_tick=100, cause=cause) is None
    gap = tell(outage, 130, streaming=True)
    assert gap is not None
    assert gap.causes == ("stall", "network", "server")
    assert tell(outage, 140, streaming=True) is None


@pytest.mark.parametrize(("expected", "limit"), [("dense", 10), ("sparse", 120)])
def test_what_is_no_longer_than_the_limit_of_silence_is_no_gap(expected: str, limit: int) -> None:
    short, long = Outage(), Outage()
    tell(short, 101, expected=expected, last_tick=100, cause="network")
    assert tell(short, 100 + limit, streaming=True, expected=expected) is None
    tell(long, 101, expected=expected, last_tick=100, cause="network")
    assert tell(long, 100.001 + limit, streaming=True, expected=expected) is not None


def test_a_gap_begins_no_earlier_than_data_was_due() -> None:
    outage = Outage()
    tell(outage, 1, last_tick=-3600, cause="auth")
    gap = tell(outage, 300, streaming=True)
    assert gap is not None
    assert (gap.began, gap.seconds) == (OPEN, 300)


def test_a_feed_that_never_ticked_has_a_gap_from_the_begin_of_the_phase() -> None:
    outage = Outage()
    tell(outage, 1, cause="auth")
    gap = tell(outage, 60, streaming=True)
    assert gap is not None
    assert gap.began == OPEN


def test_a_gap_that_is_open_when_data_stops_being_due_ends_there_and_says_so_beside_its_cause() -> None:
    outage = Outage()
    tell(outage, 110, last_tick=100, cause="network")
    assert tell(outage, 200, expected="none") == Gap(at(100), at(200), ("network", SESSION_ENDED))
    assert tell(outage, 300, expected="none") is None


def test_nothing_is_missing_while_nothing_is_due() -> None:
    outage = Outage()
    assert tell(outage, 100, expected="none", cause="network") is None
    assert outage.began is None


# Silences of single instruments


def silence(began: float, ended: float, *causes: str) -> Gap:
    return Gap(at(began), at(ended), causes or (INSTRUMENT_SILENCE,))


def test_the_causes_are_told_in_these_words() -> None:
    assert (SESSION_ENDED, INSTRUMENT_SILENCE, LEFT, STOPPED) == (
        "session ended", "instrument silence", "unsubscribed", "daemon stopped",
    )  # fmt: skip
    assert timedelta(seconds=5) == NEAR


def test_silences_that_began_together_are_one_whenever_they_ended() -> None:
    told = together([(9, silence(12, 40)), (7, silence(10, 60)), (8, silence(15, 50))])
    assert told == [(silence(10, 60), (7, 8, 9))]


def test_silences_of_another_beginning_or_another_end_are_entries_of_their_own() -> None:
    told = together(
        [
            (3, silence(100, 130)),
            (2, silence(10, 60, INSTRUMENT_SILENCE, LEFT)),
            (1, silence(10, 50)),
            (4, silence(105.1, 131)),
        ]
    )
    assert told == [
        (silence(10, 50), (1,)),
        (silence(100, 130), (3,)),
        (silence(105.1, 131), (4,)),
        (silence(10, 60, INSTRUMENT_SILENCE, LEFT), (2,)),
    ]


def test_near_is_measured_from_the_first_of_them() -> None:
    told = together([(1, silence(0, 20)), (2, silence(4, 20)), (3, silence(8, 20))])
    assert [tokens for _, tokens in told] == [(1, 2), (3,)]


def test_an_instrument_is_named_once_and_in_order() -> None:
    told = together([(70_000, silence(0, 20)), (3, silence(1, 20)), (70_000, silence(2, 20)), (500, silence(3, 20))])
    assert [tokens for _, tokens in told] == [(3, 500, 70_000)]


def test_no_silence_is_no_entry() -> None:
    assert together([]) == []


def test_the_causes_are_the_agreed_words() -> None:
    assert (SESSION_ENDED, INSTRUMENT_SILENCE, LEFT, STOPPED) == (
        "session ended",
        "instrument silence",
        "unsubscribed",
        "daemon stopped",
    )
    assert timedelta(seconds=5) == NEAR


def quiet(began: float, ended: float, cause: str = INSTRUMENT_SILENCE) -> Gap:
    return Gap(at(began), at(ended), (cause,))


def test_silences_that_began_together_are_one_as_long_as_the_longest() -> None:
    over = [(3, quiet(2, 9)), (1, quiet(0, 20)), (2, quiet(5, 8)), (1, quiet(0, 20))]
    assert together(over) == [(quiet(0, 20), (1, 2, 3))]


def test_a_silence_that_began_later_or_ended_otherwise_stands_alone() -> None:
    over = [(2, quiet(5.001, 9)), (1, quiet(0, 3)), (4, quiet(0, 3, LEFT)), (3, quiet(9, 10))]
    assert together(over) == [
        (quiet(0, 3), (1,)),
        (quiet(5.001, 10), (2, 3)),
        (quiet(0, 3, LEFT), (4,)),
    ]
    assert together([]) == []


def test_silences_that_began_in_the_same_moment_are_told_by_their_instruments() -> None:
    assert together([(2, quiet(0, 3)), (1, quiet(0, 4))]) == [(quiet(0, 4), (1, 2))]


def test_a_gap_that_is_open_can_be_told_before_it_is_over() -> None:
    outage = Outage()
    began = datetime(2026, 11, 23, 4, tzinfo=UTC)

    def now(seconds: float) -> datetime:
        return began + timedelta(seconds=seconds)

    assert outage.so_far(now(0)) is None
    outage.observe(now=now(1), streaming=False, expected="dense", due_since=began, last_tick=None, cause="network")
    assert outage.so_far(now(10)) is None  # no longer than a silence may be
    assert outage.so_far(now(11)) == Gap(began, now(11), ("network",))
    assert outage.close(now(12), None) == Gap(began, now(12), ("network",))
    assert outage.so_far(now(13)) is None
