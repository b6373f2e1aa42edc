import asyncio
from datetime import UTC, datetime, timedelta

from tradewarden.orchestrator.heartbeat import INTERVAL, Heartbeat
from virtual_time import VirtualClock, run_virtually


class JumpyClock(VirtualClock):
    """A wall clock that somebody can set."""

    step = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.step


def test_it_beats_often_enough_to_notice_a_file_within_a_second() -> None:
    assert INTERVAL < 1.0


def test_every_beat_calls_everybody() -> None:
    async def scene() -> list[str]:
        calls: list[str] = []
        beats = [lambda: calls.append("a"), lambda: calls.append("b")]
        heart = Heartbeat(VirtualClock(datetime(2026, 1, 5, tzinfo=UTC)), beats=beats, jumps=[], interval=1.0)
        task = asyncio.create_task(heart.run())
        await asyncio.sleep(3.5)
        task.cancel()
        return calls

    assert run_virtually(scene) == ["a", "b"] * 3


def test_a_step_of_the_wall_clock_is_told_once() -> None:
    async def scene() -> int:
        jumps: list[float] = []
        clock = JumpyClock(datetime(2026, 1, 5, tzinfo=UTC))
        heart = Heartbeat(clock, beats=[], jumps=[lambda: jumps.append(1.0)], interval=1.0)
        task = asyncio.create_task(heart.run())
        await asyncio.sleep(5.5)
        assert not jumps
        clock.step = timedelta(hours=1)
        await asyncio.sleep(5)
        task.cancel()
        return len(jumps)

    assert run_virtually(scene) == 1


def test_its_age_grows_while_it_does_not_beat() -> None:
    async def scene() -> float:
        heart = Heartbeat(VirtualClock(datetime(2026, 1, 5, tzinfo=UTC)), beats=[], jumps=[])
        await asyncio.sleep(7)
        return heart.age()

    assert round(run_virtually(scene)) == 7


def test_lag_is_counted_by_size() -> None:
    async def scene() -> list[int]:
        heart = Heartbeat(VirtualClock(datetime(2026, 1, 5, tzinfo=UTC)), beats=[], jumps=[], interval=1.0)
        task = asyncio.create_task(heart.run())
        await asyncio.sleep(10.5)
        task.cancel()
        return heart.lag_counts

    assert run_virtually(scene)[0] == 10
