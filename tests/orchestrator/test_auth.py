import asyncio
import errno
import os
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


def write(bench: Bench, path: Path, value: str) -> None:
    path.write_text(value)
    now = bench.clock.now().timestamp()
    os.utime(path, (now, now))
    bench.auth.look()


def with_watched(
    folder: Path, scene: Callable[[Bench, Path], Coroutine[Any, Any, None]], *, login: bool = False
) -> None:
    """A bench whose store watches `desk.env`; with `login` a token of an own login is kept as well."""
    file = folder / "desk.env"

    async def play() -> None:
        bench = Bench(folder, EVENING, EVENING - timedelta(hours=1) if login else None)
        bench.store._watched = (file,)
        bench.broker.takes = 0.5
        bench.auth.begin()
        await scene(bench, file)
        bench.auth.disarm()

    run_virtually(play)


class Judging(Counter):
    """A broker that knows which values are good."""

    good: frozenset[str] = frozenset()

    async def probe(self, access_token: str) -> Probe:
        await super().probe(access_token)
        return Probe(Verdict.GOOD, user_id="AB1234") if access_token in self.good else Probe(Verdict.DEAD, "dead")


def judge(bench: Bench, *good: str) -> None:
    bench.broker = bench.auth._broker = Judging(bench.clock)
    bench.broker.good = frozenset(good)


def test_a_typo_in_the_token_file_is_forgiven_once_the_old_value_is_back(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench, "good-token")
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        write(bench, file, "good-tokne")
        await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "expired"
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "valid"

    with_watched(tmp_path, scene)


def test_a_file_that_was_seen_half_written_costs_a_question_and_not_the_token(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench, "good-token")
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        write(bench, file, "good-")
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "valid"
        assert bench.auth.machine.held is not None
        assert bench.auth.machine.held.value == "good-token"

    with_watched(tmp_path, scene)


def test_garbage_from_another_program_gives_way_to_the_token_of_our_own_login(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench, "kept")
        await asyncio.sleep(5)
        write(bench, file, "garbage")
        await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "valid"
        assert bench.auth.machine.held is not None
        assert bench.auth.machine.held.value == "kept"

    with_watched(tmp_path, scene, login=True)


def test_a_dead_value_is_asked_about_once_however_often_its_file_is_touched(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench)
        for _ in range(5):
            write(bench, file, "dead-token")
            await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "expired"
        assert len(bench.broker.asked) == 1

    with_watched(tmp_path, scene)


def test_a_file_that_is_empty_for_one_look_is_being_written_and_pages_nobody(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench, "good-token", "better-token")
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        write(bench, file, "")
        assert bench.auth.machine.leaf == "valid"
        write(bench, file, "better-token")
        await asyncio.sleep(5)
        assert bench.auth.machine.leaf == "valid"
        write(bench, file, "")
        bench.auth.look()
        assert bench.auth.machine.leaf == "required"

    with_watched(tmp_path, scene)


@pytest.mark.parametrize("trouble", [errno.EMFILE, errno.EIO, errno.ENOMEM])
def test_a_host_in_trouble_says_nothing_about_the_token_file(
    tmp_path: Path, trouble: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(bench: Bench) -> None:
        await asyncio.sleep(5)

        def fail(*_: object, **__: object) -> None:
            raise OSError(trouble, os.strerror(trouble))

        with monkeypatch.context() as patch:  # a full table of descriptors has no wire
            patch.setattr("tradewarden.orchestrator.token.read_own", fail)
            bench.auth.read_files()
        assert bench.auth.machine.leaf == "valid"
        assert (tmp_path / "token.json").exists()
        assert bench.store.changed()  # so the next beat tries again

    on_bench(tmp_path, scene)


def test_two_callbacks_with_one_request_token_are_one_exchange_and_both_are_told(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        first, second = await asyncio.gather(bench.auth.login("same"), bench.auth.login("same"))
        assert first == second == LoggedIn("AB1234")

    on_bench(tmp_path, scene, minted_at=None)


def test_an_older_login_that_fails_does_not_end_the_newer_one(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        answers: dict[str, tuple[float, Session | BrokerRefused]]
        answers = {"old": (1.0, BrokerRefused("refused", "too old")), "new": (3.0, Session("fresh", "AB1234", None))}

        async def exchange(request_token: str) -> Session:
            takes, answer = answers[request_token]
            await asyncio.sleep(takes)
            if isinstance(answer, Exception):
                raise answer
            return answer

        bench.broker.exchange = exchange  # type: ignore[method-assign]
        old, new = asyncio.create_task(bench.auth.login("old")), asyncio.create_task(bench.auth.login("new"))
        await asyncio.sleep(2)
        assert bench.auth.machine.leaf == "exchanging"
        assert await old == LoginFailed("refused", "too old")
        assert await new == LoggedIn("AB1234")
        assert bench.auth.machine.leaf == "valid"

    on_bench(tmp_path, scene, minted_at=None)


def test_a_verdict_is_the_brokers_even_when_a_newer_token_came_meanwhile(tmp_path: Path) -> None:
    async def scene(bench: Bench, file: Path) -> None:
        judge(bench, "good-token", "newer-token")
        write(bench, file, "good-token")
        await asyncio.sleep(5)
        asking = asyncio.create_task(bench.auth.verify())
        await asyncio.sleep(0.1)
        write(bench, file, "newer-token")
        assert (await asking).verdict == "valid"

    with_watched(tmp_path, scene)


def test_a_probe_hour_that_fell_into_a_suspend_is_made_up_for(tmp_path: Path) -> None:
    start = datetime(2026, 11, 24, 7, 0, tzinfo=IST)

    async def scene(bench: Bench) -> None:
        await asyncio.sleep(5)
        asked = len(bench.broker.asked)
        bench.clock._start += timedelta(minutes=50)  # the host slept from 07:00 to 07:50
        bench.auth.clock_jumped()
        await asyncio.sleep(5)
        assert len(bench.broker.asked) == asked + 1

    on_bench(tmp_path, scene, start=start, minted_at=start - timedelta(minutes=30))
