"""The usual pause of an instrument, from the time it spent in pauses of each size."""

import pytest

from tradewarden.machines.pauses import Pauses

HOUR = 3600


def learned(*pauses: int, observed: int = HOUR) -> int:
    told = Pauses(3)
    for seconds in pauses:
        told.note(1, seconds)
    assert told.usual(0, observed) == told.usual(2, observed) == 2  # its neighbours know nothing of it
    return told.usual(1, observed)


def test_an_instrument_that_never_pauses_has_the_shortest_usual_pause() -> None:
    assert learned() == 2
    assert learned(*[1] * 5000) == 2
    assert learned(*[0] * 5000) == 2


@pytest.mark.parametrize(
    ("pause", "usual"),
    [
        (2, 4),
        (3, 4),
        (4, 8),
        (7, 8),
        (8, 16),
        (15, 16),
        (16, 32),
        (100, 128),
        (1000, 1024),
        (5000, 8192),
        (60_000, 8192),
    ],
)
def test_the_usual_pause_is_the_next_power_of_two(pause: int, usual: int) -> None:
    assert learned(*[pause] * 100, observed=100 * pause) == usual


def test_what_takes_a_hundredth_of_the_time_at_most_is_not_usual() -> None:
    assert learned(36) == 2  # 36 s of 3600
    assert learned(37) == 64
    assert learned(18, 18) == 2
    assert learned(18, 19) == 32


def test_time_is_weighed_and_pauses_are_not_counted() -> None:
    """A burst of a thousand ticks between two pauses of five minutes is mostly silence."""
    assert learned(*[2] * 1000, 300, 300, observed=2600) == 512


def test_longer_pauses_count_for_the_shorter_ones_too() -> None:
    assert learned(20, 10, 10, observed=3600) == 16
    assert learned(20, 10, observed=3600) == 2


def test_the_longest_size_counts() -> None:
    assert learned(4096, observed=HOUR) == 8192


def test_a_size_that_is_full_stays_full() -> None:
    assert learned(*[60_000] * 3, observed=6_553_499) == 8192
    assert learned(*[60_000] * 3, observed=6_553_500) == 2


def test_what_is_old_weighs_half() -> None:
    told = Pauses(2)
    told.note(0, 100)
    told.note(1, 100)
    told.halve(1)
    assert told.usual(0, 9_999) == told.usual(1, 4_999) == 128
    assert told.usual(1, 5_000) == 2
    assert told.usual(0, 5_000) == 128


def test_what_was_learned_moves_with_the_instrument() -> None:
    old, new = Pauses(2), Pauses(3)
    old.note(1, 100)
    old.note(0, 8)
    new.take(2, old, 1)
    assert [new.usual(slot, 600) for slot in range(3)] == [2, 2, 128]
