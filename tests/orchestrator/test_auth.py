import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, Probe, Session, Verdict
from tradewarden.machines.auth import AuthToken
from tradewarden.orchestrator.auth import PROBE_HOURS, AuthDriver, LoggedIn, LoginFailed, next_hour
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.token import TokenStore
from virtual_time import VirtualClock, run_virtually

EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=IST)


class Counter:
    """Stands where the child process would, and notes when it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.asked: list[datetime] = []
        self.probe_answer = Probe(Verdict.GOOD, user_id="AB1234")
        self.exchange_answer: Session | Exception = Session("fresh", "AB1234", None)
        self.takes = 0.5

    async def probe(self, access_token: str) -> Probe:
        assert access_token
        self.asked.append(self.clock.now())
        await asyncio.sleep(self.takes)
        return self.probe_answer

    async def exchange(self, request_token: str) -> Session:
        assert request_token
        await asyncio.sleep(self.takes)
        if isinstance(self.exchange_answer, Exception):
            raise self.exchange_answer
        return self.exchange_answer


class Bench:
    """An auth driver alone, with a token file that another program has written."""

    def __init__(self, folder: Path, start: datetime, minted_at: datetime | None) -> None:
        self.clock = VirtualClock(start)
        self.broker = Counter(self.clock)
        self.store = TokenStore(folder / "token.json", now=self.clock.now, user_id="AB1234")
        if minted_at is not None:
            self.store.save("kept", user_id="AB1234", minted_at=minted_at)
        self.changes = 0
        self.auth = AuthDriver(
            AuthToken(lambda: 0.5),
            self.clock,
            spawn,
            self._count,
            broker=self.broker,
            store=self.store,
            user_id="AB1234",
        )

    def _count(self) -> None:
        self.changes += 1


def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(deed, name=name)


def on_bench(
    folder: Path,
    scene: Callable[[Bench], Coroutine[Any, Any, None]],
    *,
    start: datetime = EVENING,
    minted_at: datetime | None = EVENING - timedelta(hours=11),
) -> Bench:
    async def play() -> Bench:
        bench = Bench(folder, start, minted_at)
        bench.auth.begin()
        await scene(bench)
        bench.auth.disarm()
        return bench

    return run_virtually(play)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-23T05:59", "2026-11-23T06:00"),
        ("2026-11-23T06:00", "2026-11-23T07:35"),
        ("2026-11-23T08:14", "2026-11-23T08:15"),
        ("2026-11-23T08:15", "2026-11-24T06:00"),
        ("2026-12-31T23:00", "2027-01-01T06:00"),
    ],
)
def test_the_next_hour_of_the_day_is_strictly_later(after: str, expected: str) -> None:
    moment = next_hour(datetime.fromisoformat(after).replace(tzinfo=IST), PROBE_HOURS)
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=IST)


def test_the_host_may_live_in_any_zone() -> None:
    new_york = datetime.fromisoformat("2026-11-22T19:31:00-05:00")  # 06:01 in India
    assert next_hour(new_york, [time(6)]) == datetime(2026, 11, 24, 6, 0, tzinfo=IST)


def test_the_broker_is_asked_at_the_start_and_at_the_hours_when_tokens_die_and_never_else(tmp_path: Path) -> None:
    async def scene(_bench: Bench) -> None:
        await asyncio.sleep(36 * 3600)

    asked = [f"{moment:%d %H:%M}" for moment in on_bench(tmp_path, scene).broker.asked]
    assert asked == ["23 20:00", "24 06:00", "24 07:35", "24 08:15", "25 06:00", "25 07:35"]


def test_half_an_hour_before_its_expected_end_a_token_is_expiring_and_a_good_probe_makes_it_valid_again(
    tmp_path: Path,
) -> None:
    async def scene(bench: Bench) -> None:
        seen = []
        for minutes in (1, 9 * 60 + 31, 40):
            await asyncio.sleep(minutes * 60)
            seen.append(bench.auth.machine.leaf)
        assert seen == ["valid", "expiring", "valid"]
        report = bench.auth.report()
        assert report.expires_at == datetime(2026, 11, 25, 6, 0, tzinfo=IST)

    on_bench(tmp_path, scene)


def test_a_token_that_died_in_the_night_is_expired_by_the_brokers_word_and_not_by_the_clock(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await asyncio.sleep(60)
        bench.broker.probe_answer = Probe(Verdict.UNKNOWN, "timed out")
        await asyncio.sleep(12 * 3600)
        assert bench.auth.machine.leaf == "unknown"
        assert not bench.auth.machine.usable(bench.clock.mono_ns())
        bench.broker.probe_answer = Probe(Verdict.DEAD, "TokenException")
        await asyncio.sleep(60)
        assert bench.auth.machine.leaf == "expired"
        assert bench.auth.report().holds_token is False

    on_bench(tmp_path, scene)


def test_a_good_token_of_another_account_in_a_file_is_not_used(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.probe_answer = Probe(Verdict.GOOD, user_id="ZZ9999")
        await asyncio.sleep(5)
        report = bench.auth.report()
        assert (report.state, report.reason, report.holds_token) == ("required", "other_account", False)

    on_bench(tmp_path, scene)


def test_two_who_ask_at_once_ask_the_broker_once(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await asyncio.sleep(5)
        first, second = await asyncio.gather(bench.auth.verify(), bench.auth.verify())
        assert (first.verdict, second.verdict) == ("valid", "pending")
        assert len(bench.broker.asked) == 2

    on_bench(tmp_path, scene)


def test_without_a_token_there_is_nothing_to_verify(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        assert (await bench.auth.verify()).verdict == "none"
        assert bench.broker.asked == []

    on_bench(tmp_path, scene, minted_at=None)


def test_a_login_tells_how_it_ended(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        assert await bench.auth.login("one") == LoggedIn("AB1234")
        bench.broker.exchange_answer = BrokerRefused("refused", "Token is invalid or has expired.")
        assert await bench.auth.login("two") == LoginFailed("refused", "Token is invalid or has expired.")
        bench.broker.exchange_answer = BrokerUnreachable("timed out")
        assert await bench.auth.login("three") == LoginFailed("unreachable", "timed out")
        bench.broker.exchange_answer = Session("theirs", "ZZ9999", None)
        failed = await bench.auth.login("four")
        assert isinstance(failed, LoginFailed)
        assert failed.reason == "other_account"
        await asyncio.sleep(5)
        assert bench.auth.machine.held is not None
        assert bench.auth.machine.held.value == "fresh"

    on_bench(tmp_path, scene, minted_at=None)


def test_a_logout_forgets_the_token_and_its_file(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.auth.logout()
        assert bench.auth.report().state == "required"
        bench.auth.read_files()
        assert bench.auth.report().state == "required"

    on_bench(tmp_path, scene)


def test_no_token_is_ever_in_a_report(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await asyncio.sleep(5)
        assert "kept" not in repr(bench.auth.report())
        assert "kept" not in repr(bench.auth.machine.held)

    on_bench(tmp_path, scene)
