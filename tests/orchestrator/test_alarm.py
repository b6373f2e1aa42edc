"""It rings once, at the deadline that was set last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tradewarden.orchestrator.alarm import Alarm
from virtual_time import VirtualClock, run_virtually

SECOND = 1_000_000_000
MONDAY = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def rings(play: Callable[[Alarm, int], None], clock: type[VirtualClock] = VirtualClock) -> list[float]:
    """Seconds after which it rang; `play` sets it, and is told what time it is."""

    async def scene() -> list[float]:
        time, rang = clock(MONDAY), list[float]()
        begun = time.mono_ns()
        alarm = Alarm(time, lambda: rang.append((time.mono_ns() - begun) / SECOND))
        play(alarm, begun)
        await asyncio.sleep(60)
        return rang

    return run_virtually(scene)


def test_it_rings_once_at_its_deadline() -> None:
    assert rings(lambda alarm, now: alarm.set(now + 3 * SECOND)) == [pytest.approx(3.0)]
    assert rings(lambda alarm, now: alarm.set(now - SECOND)) == [pytest.approx(0.0)]  # one that has passed


def test_the_last_deadline_counts() -> None:
    def play(alarm: Alarm, now: int) -> None:
        for seconds in (3, 9, 5, 5):
            alarm.set(now + seconds * SECOND)

    assert rings(play) == [pytest.approx(5.0)]


def test_without_a_deadline_it_is_silent() -> None:
    def forget(alarm: Alarm, now: int) -> None:
        alarm.set(now + SECOND)
        alarm.set(None)

    def off(alarm: Alarm, now: int) -> None:
        alarm.set(now + SECOND)
        alarm.off()

    assert rings(forget) == rings(off) == []


def test_it_can_be_set_to_the_same_deadline_after_it_was_off() -> None:
    def play(alarm: Alarm, now: int) -> None:
        alarm.set(now + SECOND)
        alarm.off()
        alarm.set(now + SECOND)

    assert rings(play) == [pytest.approx(1.0)]


def test_a_timer_that_is_early_waits_for_the_rest() -> None:
    class Slow(VirtualClock):
        def mono_ns(self) -> int:
            return super().mono_ns() // 2

    assert rings(lambda alarm, now: alarm.set(now + 3 * SECOND), Slow) == [pytest.approx(3.0)]
