"""When a keeper starts its service again by itself, and until when it may."""

from __future__ import annotations

import pytest

from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.request import facts_of
from tradewarden.orchestrator.keeping.restarts import LEAVE, PAUSE, Leave, Restarts, leave_of


def restarts(chance: float = 1.0, **facts: object) -> Restarts:
    return Restarts(Brief(facts_of("x", {"argv": ["x"], "log": "/x", "attempts": 0, **facts})), lambda: chance)


def crashes(life: Restarts, count: int, up: float = 0.0) -> list[float | str]:
    return [life.ended(float(now), up, well=False) for now in range(count)]


def test_the_first_crash_is_repaired_at_once_and_each_wait_is_twice_the_one_before() -> None:
    assert crashes(restarts(), 10) == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_chance_takes_its_full_part_of_each_wait() -> None:
    assert crashes(restarts(chance=0.5), 4) == [0.0, 0.25, 0.5, 1.0]
    assert crashes(restarts(chance=0.0), 4) == [0.0, 0.0, 0.0, 0.0]


def test_a_long_row_of_crashes_overflows_nothing() -> None:
    assert crashes(restarts(), 5000)[-1] == 60.0


def test_a_long_life_forgets_the_row() -> None:
    life = restarts()
    crashes(life, 5)
    assert life.ended(100.0, 1.0, well=False) == 0.0
    assert life.ended(101.0, 0.9, well=False) == 0.5


def test_too_many_crashes_within_the_window_are_a_pause_however_long_each_life_was() -> None:
    assert crashes(restarts(attempts=3, window=60), 3)[-1] == PAUSE
    assert crashes(restarts(attempts=3, window=60), 3, up=5.0)[-1] == PAUSE
    slow = restarts(attempts=3, window=60)
    assert [slow.ended(now, 29.0, well=False) for now in (0.0, 30.0, 60.1, 90.2)] == [0.0] * 4


def test_a_word_forgets_everything() -> None:
    life = restarts(attempts=3)
    crashes(life, 3)
    life.forget()
    assert crashes(life, 2) == [0.0, 0.5]


@pytest.mark.parametrize(
    ("when", "well", "outcome"),
    [
        ("always", True, 0.0), ("always", False, 0.0),
        ("failure", True, LEAVE), ("failure", False, 0.0),
        ("never", True, LEAVE), ("never", False, LEAVE),
    ],
)  # fmt: skip
def test_what_was_ordered_decides_whether_an_end_is_followed_by_a_start(when: str, well: bool, outcome: object) -> None:  # noqa: FBT001
    assert restarts(restart=when).ended(0.0, 9.0, well=well) == outcome


def test_a_step_has_so_many_attempts_in_all_and_ends_with_the_first_good_one() -> None:
    step = restarts(once=True, attempts=2, window=1)
    assert step.ended(0.0, 100.0, well=False) == 0.0
    assert step.ended(500.0, 100.0, well=False) == LEAVE
    assert restarts(once=True).ended(0.0, 0.0, well=True) == LEAVE


def test_a_program_that_cannot_begin_is_never_tried_again_without_a_wait() -> None:
    life = restarts()
    assert [life.failed(0.0, passing=False) for _ in range(3)] == [0.5, 1.0, 2.0]


def test_want_of_memory_never_pauses() -> None:
    life = restarts(attempts=2, restart="never")
    assert [life.failed(0.0, passing=True) for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert life.failed(0.0, passing=False) == LEAVE


def test_a_permission_ends_when_either_clock_says_so() -> None:
    leave = Leave(1000.0, wall=900.0, running=50.0)  # a hundred seconds
    assert leave.holds(999.0, 149.0)
    assert not leave.holds(1000.0, 60.0)  # the wall's clock was put forward
    assert not leave.holds(10.0, 150.0)  # it was put back, and the time is over all the same
    assert Leave(None, 0.0, 0.0).holds(1e12, 1e12)


@pytest.mark.parametrize(
    ("word", "holds"),
    [("always", True), ("never", False), ("until=1000", True), ("until=900", False), ("until=1e300", True)],
)
def test_a_command_gives_or_takes_permission(word: str, holds: bool) -> None:  # noqa: FBT001
    leave = leave_of(word, 950.0, 5.0)
    assert leave is not None
    assert leave.holds(950.0, 5.0) is holds


@pytest.mark.parametrize("word", ["", "perhaps", "until", "until=", "until=noon", "until 5"])
def test_other_words_change_nothing(word: str) -> None:
    assert leave_of(word, 0.0, 0.0) is None


def test_a_permission_until_no_number_at_all_is_none() -> None:
    leave = leave_of("until=nan", 0.0, 0.0)
    assert leave is not None
    assert not leave.holds(0.0, 0.0)
