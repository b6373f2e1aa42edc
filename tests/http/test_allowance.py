from __future__ import annotations

from pictures import DeskClock, MemoryReports, all_well
from tradewarden.http.allowance import Allowance

SECOND = 1_000_000_000


def a_clock() -> DeskClock:
    return DeskClock(MemoryReports(all_well()))


def test_five_a_minute_may_come_at_once_and_then_one_every_twelve_seconds() -> None:
    clock = a_clock()
    allowance = Allowance(5, 60, clock)
    assert [allowance.take("a") for _ in range(6)] == [0, 0, 0, 0, 0, 12]
    clock.mono += 11 * SECOND
    assert allowance.take("a") == 1
    clock.mono += 1 * SECOND
    assert [allowance.take("a"), allowance.take("a")] == [0, 12]
    clock.mono += 600 * SECOND
    assert [allowance.take("a") for _ in range(6)] == [0, 0, 0, 0, 0, 12]


def test_each_address_has_its_own() -> None:
    allowance = Allowance(1, 10, a_clock())
    assert [allowance.take("a"), allowance.take("b"), allowance.take("a")] == [0, 0, 10]


def test_a_crowd_of_addresses_takes_no_more_memory() -> None:
    allowance = Allowance(1, 10, a_clock())
    for number in range(10_000):
        allowance.take(str(number))
    assert len(allowance._full_at) == 4096
