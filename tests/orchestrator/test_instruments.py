"""When the dump is fetched, what is done with a bad one, and how the subscription follows the spot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewarden.feed.brokers.kite_rest import BrokerUnreachable
from tradewarden.feed.tick import LtpTick, Mode
from tradewarden.machines.dump import Dump, DumpError
from tradewarden.machines.instruments import Futures, Instrument, Listed, Needs, Options, Rule
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.dump_file import DumpFile
from tradewarden.orchestrator.instruments import InstrumentsDriver, forecast
from virtual_time import VirtualClock, run_virtually

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=IST)
FUTURE, NEXT_FUTURE = 1, 2
RULES: tuple[Rule, ...] = (
    Futures("Futures", "full", "NFO", ("NIFTY",), 1),
    Options("Options", "quote", "NFO", "NIFTY", "nearest", 1),
)
STRIKES = range(26_000, 26_400, 50)


def instruments(price: float = 0.0) -> tuple[Instrument, ...]:
    expiry = date(2026, 11, 24)
    later = date(2026, 12, 29)
    return (
        Instrument(FUTURE, "NFO", "NIFTY26NOVFUT", "NIFTY", "FUT", expiry, 0, price),
        Instrument(NEXT_FUTURE, "NFO", "NIFTY26DECFUT", "NIFTY", "FUT", later, 0, price),
        *(
            Instrument(strike * 10 + put, "NFO", f"NIFTY{day}{strike}", "NIFTY", "PE" if put else "CE", day, strike)
            for strike in STRIKES
            for put in (0, 1)
            for day in (expiry,)
        ),
        *(
            Instrument(
                strike * 10 + 2 + put, "NFO", f"NIFTY{later}{strike}", "NIFTY", "PE" if put else "CE", later, strike
            )
            for strike in STRIKES
            for put in (0, 1)
        ),
    )


@dataclass
class Broker:
    """Stands where the child process would: answers as told, and writes down when it was asked for which day."""

    clock: VirtualClock
    answers: list[Exception | str] = field(default_factory=list)  # what goes wrong, in order; then all is well
    price: float = 0.0
    asked: list[tuple[str, date]] = field(default_factory=list)
    lines: list[Mapping[str, int]] = field(default_factory=list)

    async def dump(self, needs: Needs, *, day: date, now: datetime, lines: Mapping[str, int]) -> Dump:
        assert needs.exchanges == ("NFO",)
        self.asked.append((f"{self.clock.now():%a %H:%M}", day))
        self.lines.append(lines)
        await asyncio.sleep(0.2)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return Dump(day, now, {"NFO": 999}, instruments(self.price), answer)


class Bench:
    """A driver on its own, with a heart that beats."""

    def __init__(self, path: Path, *, at: datetime = MONDAY, rules: tuple[Rule, ...] = RULES) -> None:
        self.clock = VirtualClock(at)
        self.broker = Broker(self.clock)
        self.keep = DumpFile(path / "instruments.json")
        self.rules = rules
        self.told: list[dict[int, Mode]] = []
        self.make()

    def make(self) -> None:
        self.driver = InstrumentsDriver(
            self.rules,
            broker=self.broker,
            keep=self.keep,
            clock=self.clock,
            spawn=lambda deed, *, name: asyncio.get_running_loop().create_task(deed, name=name),
            trading_day=lambda day: day.weekday() < 5,
        )
        self.driver.attach(lambda wanted: self.told.append(dict(wanted)))

    async def until(self, moment: datetime, *, every: float = 20.0) -> None:
        while self.clock.now() < moment:
            self.driver.look()
            await asyncio.sleep(min(every, (moment - self.clock.now()).total_seconds()))
        self.driver.look()

    async def beat(self) -> None:
        await self.until(self.clock.now() + timedelta(seconds=1), every=0.5)

    def tick(self, price: float, token: int = FUTURE) -> None:
        self.driver.ticks([LtpTick(token, round(price * 100))])

    def strikes(self) -> list[float]:
        chosen = self.driver.report().chosen.values()
        return sorted({each.instrument.strike for each in chosen} - {0.0})


def play(path: Path, scene: Callable[[Bench], Coroutine[Any, Any, None]], **how: Any) -> None:
    async def on_stage() -> None:
        await scene(Bench(path, **how))

    run_virtually(on_stage)


# The dump


def test_a_desk_without_any_dump_fetches_one_at_once_and_a_new_one_after_half_past_eight(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.until(MONDAY + timedelta(days=7))
        assert bench.broker.asked == [
            ("Mon 08:00", date(2026, 11, 20)),  # the last one that is out by then
            ("Mon 08:30", date(2026, 11, 23)),
            ("Tue 08:30", date(2026, 11, 24)),
            ("Wed 08:30", date(2026, 11, 25)),
            ("Thu 08:30", date(2026, 11, 26)),
            ("Fri 08:30", date(2026, 11, 27)),
        ]

    play(tmp_path, scene)


def test_a_kept_dump_of_the_day_is_good_for_every_start_of_that_day(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.price = 26_110
        await bench.until(MONDAY + timedelta(hours=1))
        wanted = dict(bench.driver.wanted)
        assert len(wanted) == 7
        bench.make()
        assert dict(bench.driver.wanted) == wanted  # before any beat
        await bench.until(MONDAY + timedelta(hours=2))
        assert len(bench.broker.asked) == 2

    play(tmp_path, scene)


def test_a_rule_that_the_kept_dump_was_not_sifted_for_asks_for_another(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.until(MONDAY + timedelta(hours=1))
        bench.rules = (*RULES, Futures("New", "ltp", "NFO", ("BANKNIFTY",), 1))
        bench.make()
        await bench.until(MONDAY + timedelta(hours=2))
        assert len(bench.broker.asked) == 3  # once, although this broker has none
        assert "0 of 1 for BANKNIFTY" in str(bench.driver.report().picks[-1].problem)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (DumpError("the dump of NFO: it is empty"), "refused: the dump of NFO: it is empty"),
        (BrokerUnreachable("Kite answered 500"), "Kite answered 500"),
        ("it is not of 2026-11-23: Kite made it on 2026-11-20 08:10", "refused: it is not of 2026-11-23: "),
    ],
)
def test_a_bad_dump_leaves_the_last_good_one_in_force_and_is_asked_for_again(
    tmp_path: Path, wrong: Exception | str, told: str
) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.price = 26_110
        await bench.beat()
        before = dict(bench.driver.wanted)
        bench.broker.answers = [wrong] * 3
        await bench.until(MONDAY.replace(hour=8, minute=32), every=1.0)
        report = bench.driver.report()
        assert report.trouble is not None
        assert report.trouble.startswith(told)
        assert report.dump is not None
        assert (report.dump.day, report.dump_wanted) == (date(2026, 11, 20), date(2026, 11, 23))
        assert dict(bench.driver.wanted) == before
        kept = bench.keep.load()
        assert kept is not None
        assert kept.day == date(2026, 11, 20)
        await bench.until(MONDAY.replace(hour=9), every=1.0)
        report = bench.driver.report()
        assert (report.trouble, report.dump and report.dump.day) == (None, date(2026, 11, 23))
        assert [at for at, _ in bench.broker.asked[1:]] == ["Mon 08:30", "Mon 08:31", "Mon 08:33", "Mon 08:37"]
        assert bench.broker.lines[1] == {"NFO": 999}

    play(tmp_path, scene)


def test_a_broker_in_trouble_is_asked_every_quarter_of_an_hour_at_the_least_and_the_most(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.answers = [BrokerUnreachable("no")] * 100
        await bench.until(MONDAY + timedelta(hours=6))
        assert 24 <= len(bench.broker.asked) <= 29

    play(tmp_path, scene)


def test_yesterdays_dump_is_better_than_none_but_todays_is_asked_for_again(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        late = "it is not of 2026-11-20: Kite made it on 2026-11-19 08:10"
        bench.broker.answers = [late]
        await bench.beat()
        assert bench.driver.report().trouble == late
        assert set(bench.driver.wanted) == {FUTURE}
        await bench.until(MONDAY.replace(minute=10))
        assert len(bench.broker.asked) == 2
        assert bench.driver.report().trouble is None

    play(tmp_path, scene)


def test_rules_that_only_list_tokens_never_ask_for_a_dump(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        assert bench.driver.wanted == {408065: Mode.FULL}
        await bench.until(MONDAY + timedelta(days=2))
        assert bench.broker.asked == []
        assert bench.driver.report().dump_wanted is None

    play(tmp_path, scene, rules=(Listed("L", "full", (), (408065,)),))


def test_a_clock_that_is_put_forward_a_day_asks_for_that_days_dump(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.until(MONDAY + timedelta(hours=1))
        bench.clock._start += timedelta(days=1)
        await bench.beat()
        assert bench.broker.asked[-1] == ("Tue 09:00", date(2026, 11, 24))

    play(tmp_path, scene)


def test_before_a_start_the_kept_dump_says_which_rules_will_find_nothing(tmp_path: Path) -> None:
    keep = DumpFile(tmp_path / "instruments.json")
    rules = (*RULES, Futures("Tin", "ltp", "NFO", ("TIN",), 1))
    assert forecast(rules, keep) == ()
    keep.save(Dump(MONDAY.date(), MONDAY, {"NFO": 7}, instruments(), None))
    assert forecast(rules, keep) == (
        "rule 'Tin' finds only 0 of 1 for TIN among the futures of NFO (by the dump of 2026-11-23).",
    )
    assert forecast((Listed("L", "full", (), (408065,)),), keep) == ()


# The kept file


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1, "day": "soon"}', b"\xff\xfe"])
def test_a_kept_file_that_cannot_be_read_is_fetched_anew(
    tmp_path: Path, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    (tmp_path / "instruments.json").write_bytes(body)

    async def scene(bench: Bench) -> None:
        assert bench.driver.report().dump is None
        await bench.beat()
        assert bench.driver.report().dump is not None

    play(tmp_path, scene)


def test_the_kept_file_is_readable_by_nobody_else_and_comes_back_as_it_was(tmp_path: Path) -> None:
    keep = DumpFile(tmp_path / "instruments.json")
    dump = Dump(MONDAY.date(), MONDAY, {"NFO": 7}, instruments(26_110), None)
    keep.save(replace(dump, late="x"))
    keep.save(dump)
    assert keep.load() == dump
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


def test_a_state_directory_that_takes_no_file_costs_nothing_but_the_next_start(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.keep._path = tmp_path / "gone" / "instruments.json"
        bench.broker.price = 26_110
        await bench.beat()
        assert len(bench.driver.wanted) == 7

    play(tmp_path, scene)


# Following the spot


def test_options_wait_for_the_first_price_of_their_spot_and_follow_within_a_beat(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.beat()
        assert bench.told == [{FUTURE: Mode.FULL}]
        bench.tick(26_110)
        assert len(bench.told) == 1  # a tick changes nothing by itself
        bench.driver.look()
        assert bench.strikes() == [26_050, 26_100, 26_150]
        assert len(bench.told) == 2
        assert bench.told[-1] == {FUTURE: Mode.FULL} | {
            strike * 10 + put: Mode.QUOTE for strike in (26_050, 26_100, 26_150) for put in (0, 1)
        }

    play(tmp_path, scene)


def test_the_window_follows_a_spot_that_runs_and_ignores_one_that_wiggles(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.beat()
        for price in (26_110, 26_149, 26_060, 26_140, 0.0, 26_110):
            bench.tick(price)
            bench.driver.look()
        assert len(bench.told) == 2
        bench.tick(26_150)
        bench.driver.look()
        assert bench.strikes() == [26_100, 26_150, 26_200]
        before, after = (set(wanted) for wanted in bench.told[-2:])
        assert (len(before - after), len(after - before)) == (2, 2)

    play(tmp_path, scene)


def test_ticks_of_other_instruments_are_nothing_to_a_window(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.price = 26_110
        await bench.beat()
        bench.tick(20_000, token=NEXT_FUTURE)
        bench.tick(20_000, token=261000)
        bench.driver.look()
        assert len(bench.told) == 1

    play(tmp_path, scene)


def test_the_day_after_the_expiry_the_next_contracts_are_streamed_from_midnight_on(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.price = 26_110
        await bench.until(datetime(2026, 11, 24, 23, 59, 59, tzinfo=IST))
        assert FUTURE in bench.driver.wanted
        before = bench.strikes()
        bench.broker.answers = [BrokerUnreachable("no")] * 9
        await bench.until(datetime(2026, 11, 25, 0, 0, 1, tzinfo=IST))
        assert FUTURE not in bench.driver.wanted
        assert NEXT_FUTURE in bench.driver.wanted
        assert bench.strikes() == before
        assert {each.instrument.expiry for each in bench.driver.report().chosen.values()} == {date(2026, 12, 29)}

    play(tmp_path, scene)


def test_a_subscription_that_stays_the_same_is_told_to_nobody(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.broker.price = 26_110
        await bench.until(MONDAY + timedelta(hours=2))
        assert len(bench.broker.asked) == 2
        assert len(bench.told) == 1

    play(tmp_path, scene)
