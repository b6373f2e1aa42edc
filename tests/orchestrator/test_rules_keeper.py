"""Rule files that change while the daemon runs: followed on a reload, or refused with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from desk import LIVE, Desk, play
from tradewarden.feed.tick import Mode
from tradewarden.machines.dump import Dump, DumpError
from tradewarden.machines.instruments import Listed, Needs
from tradewarden.orchestrator.dump_file import DumpFile
from tradewarden.orchestrator.instruments import InstrumentsDriver
from tradewarden.orchestrator.rules_keeper import RulesKeeper
from virtual_time import VirtualClock, run_virtually

NIFTY, RELIANCE, INFY = 256265, 738561, 408065
LISTED = '[[rules]]\nname = "Mine"\nmode = "ltp"\ntokens = {tokens}\n'


class Nobody:
    """No broker: these rules need none."""

    async def dump(self, needs: Needs, *, day: date, now: datetime, lines: Mapping[str, int]) -> Dump:
        raise DumpError(f"{needs} of {day} at {now} for {lines}")


class Bench:
    """A keeper of one file, with room for three instruments."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mine.toml"
        self.told: list[dict[int, Mode]] = []
        self.driver = InstrumentsDriver(
            [Listed("fixed", "full", tokens=(NIFTY,))],
            broker=Nobody(),
            keep=DumpFile(folder / "instruments.json"),
            clock=VirtualClock(LIVE),
            spawn=lambda deed, *, name: asyncio.get_running_loop().create_task(deed, name=name),
            trading_day=lambda day: day.weekday() < 5,
        )
        self.driver.attach(lambda wanted: self.told.append(dict(wanted)))
        self.keeper = RulesKeeper([Listed("fixed", "full", tokens=(NIFTY,))], [str(self.file)], self.driver, capacity=3)

    def read(self, text: str) -> str | None:
        self.file.write_text(text)
        self.keeper.read_files()
        health = self.driver.health()
        return None if health is None else health.rules_problem


def on_bench(folder: Path) -> Bench:
    async def make() -> Bench:
        return Bench(folder)

    return run_virtually(make)


def test_rules_are_followed_and_only_the_difference_is_told(tmp_path: Path) -> None:
    bench = on_bench(tmp_path)
    assert bench.read(LISTED.format(tokens=[RELIANCE])) is None
    assert bench.read(LISTED.format(tokens=[RELIANCE])) is None
    assert bench.read(LISTED.format(tokens=[INFY])) is None
    assert bench.told == [{NIFTY: Mode.FULL, RELIANCE: Mode.LTP}, {NIFTY: Mode.FULL, INFY: Mode.LTP}]


def test_a_class_alone_is_a_difference(tmp_path: Path) -> None:
    bench = on_bench(tmp_path)
    bench.read(LISTED.format(tokens=[RELIANCE]))
    assert bench.driver.class_of(RELIANCE) is None
    bench.read(LISTED.format(tokens=[RELIANCE]) + 'freshness = "liquid"\n')
    assert bench.driver.class_of(RELIANCE) == "liquid"
    assert bench.driver.class_of(INFY) is None
    assert len(bench.told) == 2


def test_a_file_that_cannot_be_used_changes_nothing_and_is_told_until_it_can(tmp_path: Path) -> None:
    bench = on_bench(tmp_path)
    bench.read(LISTED.format(tokens=[RELIANCE]))
    problem = bench.read("rules = 5")
    assert problem is not None
    assert problem.startswith(f"a rule file is not used: {bench.file}: has no rules;")
    two = bench.read('[[rules]]\nname = "A"\n[[rules]]\nname = "B"\n')
    assert two is not None
    assert two.endswith("(and 1 more)")
    assert len(bench.told) == 1
    assert bench.read(LISTED.format(tokens=[RELIANCE])) is None
    assert len(bench.told) == 1


def test_more_than_the_connections_carry_is_refused_before_it_is_asked_for(tmp_path: Path) -> None:
    bench = on_bench(tmp_path)
    assert bench.read(LISTED.format(tokens=[1, 2])) is None
    assert bench.read(LISTED.format(tokens=[1, 2, 3])) == (
        "a rule file is not used: the rules come to up to 4 instruments, and the connections that were made at the "
        "start carry 3: restart tradewarden"
    )
    assert len(bench.told) == 1


def test_a_reload_of_the_daemon_settles_the_difference_on_the_open_socket_and_shows_what_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(LISTED.format(tokens=[RELIANCE, INFY]))

    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        (stream,) = desk.broker._streams
        file.write_text(LISTED.format(tokens=[INFY, 779521]))
        desk.parts.reload()
        async with asyncio.timeout(10):
            while set(stream.modes) != {NIFTY, INFY, 779521}:  # noqa: ASYNC110 - the broker's books have no bell
                await asyncio.sleep(0.1)
        file.write_text("no toml")
        desk.parts.reload()
        await desk.until(lambda picture: picture.instruments is not None)
        _, body = await desk.health()
        (check,) = body["checks"]["feed:instruments"]
        assert check["status"] == "warn"
        assert check["output"].startswith(f"A rule file is not used: {file}: is not TOML")
        assert check["output"].endswith("the rules before it stay in force.")
        assert body["status"] == "pass"
        assert desk.dials() == 1
        file.write_text(LISTED.format(tokens=[INFY]))
        desk.parts.reload()
        await desk.until(lambda picture: picture.instruments is None)
        assert "feed:instruments" not in (await desk.health())[1]["checks"]

    play(tmp_path, LIVE, scene, instruments=(NIFTY,), rules=(str(file),), tick_seconds=1.0)


def test_a_refused_dump_warns_in_the_health_answer_with_its_reason_and_the_age_of_the_kept_one(tmp_path: Path) -> None:
    async def first(desk: Desk) -> None:
        await desk.until(lambda picture: picture.instruments is not None and picture.instruments.is_fresh)
        _, body = await desk.health()
        (check,) = body["checks"]["feed:instruments"]
        assert (check["status"], check["observedValue"]) == ("pass", "fresh")
        assert "output" not in check

    async def next_day(desk: Desk) -> None:
        desk.broker.world.change({"http": "500"})
        await desk.until(lambda picture: picture.instruments is not None and picture.instruments.trouble is not None)
        _, body = await desk.health()
        (check,) = body["checks"]["feed:instruments"]
        assert (check["status"], check["observedValue"]) == ("warn", "kept")
        assert check["output"].startswith("The dump of 2026-11-25 is not used: ")
        assert check["output"].endswith("; that of 2026-11-23 is, 48 hours old.")

    play(tmp_path, LIVE, first, instruments=(), rules=("indices",), tick_seconds=1.0)
    play(tmp_path, LIVE.replace(day=25), next_day, instruments=(), rules=("indices",), tick_seconds=1.0, token=False)
