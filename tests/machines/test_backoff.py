"""How long the desk waits before the next try."""

from random import Random

import pytest

from tradewarden.machines.backoff import SECOND, Backoff

LATE = 0.9999999


@pytest.mark.parametrize(("tries", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)])
def test_the_longest_wait_doubles_with_every_try_up_to_half_a_minute(tries: int, seconds: float) -> None:
    assert Backoff().delay(tries, lambda: LATE) == pytest.approx(seconds * SECOND, rel=1e-6)


@pytest.mark.parametrize("tries", [0, 5, 31, 32, 33, 10_000_000])
def test_no_number_of_tries_leads_beyond_the_cap_or_gives_up(tries: int) -> None:
    chance = Random(1).random
    assert all(SECOND // 10 <= Backoff().delay(tries, chance) <= 30 * SECOND for _ in range(100))


def test_bad_luck_never_means_no_wait_at_all() -> None:
    assert Backoff().delay(9, lambda: 0.0) == SECOND // 10


def test_the_wait_is_spread_over_the_whole_range_so_that_a_crowd_of_desks_does_not_knock_at_once() -> None:
    chance = Random(2).random
    waits = [Backoff().delay(6, chance) for _ in range(1000)]
    for tenth in range(10):
        share = sum(tenth * 3 * SECOND <= wait < (tenth + 1) * 3 * SECOND for wait in waits)
        assert 60 < share < 140


def test_a_wait_is_a_whole_number_of_nanoseconds() -> None:
    assert isinstance(Backoff().delay(3, lambda: 0.3), int)


def test_other_bounds_can_be_chosen() -> None:
    patient = Backoff(base=2 * SECOND, cap=60 * SECOND, floor=SECOND)
    assert patient.delay(0, lambda: 0.0) == SECOND
    assert patient.delay(0, lambda: 0.5) == SECOND
    assert patient.delay(9, lambda: 0.5) == 30 * SECOND
