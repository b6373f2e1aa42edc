"""The calendar while the daemon runs: files that come and go, and an admin's word."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.machines.report import SegmentReport
from tradewarden.orchestrator.calendar import CalendarError, load_calendar, load_good_files
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper, RefusedOverrideError
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.market import MarketDriver
from virtual_time import VirtualClock, run_virtually

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=IST)
HOLIDAY = '[[closures]]\nsegments = ["NSE_EQ"]\nsource = "a notice"\ndays = { 2026-11-23 = "Announced tonight" }\n'


@dataclass
class Desk:
    """A market with its keeper, and everything that was said of NSE_EQ."""

    state: Path
    clock: VirtualClock
    market: MarketDriver
    keeper: CalendarKeeper
    told: list[str] = field(default_factory=list)

    @property
    def nse(self) -> SegmentReport:
        return self.market.report().segments[0]

    def put(self, name: str, text: str) -> Path:
        file = self.state / "calendar.d" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file


def play(state: Path, scene: Callable[[Desk], object], at: datetime = NOON) -> None:
    async def on_stage() -> None:
        clock = VirtualClock(at)
        market = MarketDriver(["NSE_EQ", "NFO"], load_good_files(state), clock, lambda: None)
        keeper = CalendarKeeper(state, market, clock)
        market.sync()
        done = scene(Desk(state, clock, market, keeper))
        if done is not None:
            await done  # type: ignore[misc]  # a scene may wait
        market.disarm()

    run_virtually(on_stage)


def test_a_file_put_down_is_in_force_at_the_next_beat_and_gone_when_it_is_taken_away(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        before = desk.nse.calendar_sha256
        file = desk.put("tonight.toml", HOLIDAY)
        assert desk.nse.state == "live"
        desk.keeper.look()
        assert (desk.nse.state, desk.nse.reason) == ("closed", "Announced tonight")
        assert desk.nse.calendar_sha256 != before
        assert desk.market.report().segments[1].state == "live"
        file.unlink()
        desk.keeper.look()
        assert (desk.nse.state, desk.nse.calendar_sha256) == ("live", before)

    play(tmp_path, scene)


def test_nothing_is_read_while_nothing_has_changed(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.put("tonight.toml", HOLIDAY)
        desk.keeper.look()
        kept = desk.market.calendar
        desk.keeper.look()
        assert desk.market.calendar is kept

    play(tmp_path, scene)


def test_a_change_that_keeps_size_and_time_is_seen_by_its_inode(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        file = desk.put("tonight.toml", HOLIDAY)
        desk.keeper.look()
        times = file.stat()
        new = file.with_suffix(".new")
        new.write_text(HOLIDAY.replace("tonight", "earlier"))
        os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
        new.replace(file)
        desk.keeper.look()
        assert desk.nse.reason == "Announced earlier"

    play(tmp_path, scene)


def test_a_bad_file_keeps_the_last_good_calendar_and_says_so_until_it_is_mended(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.put("1.toml", HOLIDAY)
        desk.keeper.look()
        good = desk.nse.calendar_sha256
        bad = desk.put("2.toml", HOLIDAY.replace("NSE_EQ", "NSE") + HOLIDAY.replace("2026-11-23", "2026-23-11"))
        desk.keeper.look()
        report = desk.nse
        assert (report.state, report.calendar_sha256) == ("closed", good)
        assert report.problem is not None
        assert report.problem.startswith(f"a calendar file is not used: {bad}:2: closures[0].segments: 'NSE' is not")
        assert report.problem.endswith("(and 1 more)")
        bad.write_text("")
        desk.keeper.look()
        assert desk.nse.problem is None

    play(tmp_path, scene)


def test_a_bad_file_that_was_there_from_the_start_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "calendar.d").mkdir()
    (tmp_path / "calendar.d" / "1.toml").write_text("[[")
    (tmp_path / "calendar.d" / "2.toml").write_text(HOLIDAY)
    (tmp_path / "calendar.d" / "3.toml").write_text(HOLIDAY.replace("NSE_EQ", "NSE"))
    with pytest.raises(CalendarError):
        load_calendar(tmp_path)

    def scene(desk: Desk) -> None:
        assert (desk.nse.state, desk.nse.reason) == ("closed", "Announced tonight")
        assert desk.nse.problem is not None
        assert "1.toml: not valid TOML" in desk.nse.problem
        assert desk.nse.problem.endswith("(and 1 more)")

    play(tmp_path, scene)


@pytest.mark.parametrize("kind", ["fifo", "huge"])
def test_what_is_no_calendar_file_neither_blocks_nor_fills_the_daemon(tmp_path: Path, kind: str) -> None:
    def scene(desk: Desk) -> None:
        file = desk.put("odd.toml", "")
        if kind == "fifo":
            file.unlink()
            os.mkfifo(file)
        else:
            os.truncate(file, 2 * 1024 * 1024)
        desk.keeper.look()
        assert desk.keeper.problem is not None
        assert ("not a plain file" if kind == "fifo" else "larger than") in desk.keeper.problem

    play(tmp_path, scene)


def test_half_written_and_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        desk.put(".tonight.toml.new", "[[")
        desk.put(".#tonight.toml", "[[")
        desk.keeper.look()
        assert desk.keeper.problem is None

    play(tmp_path, scene)


def order(desk: Desk, **changes: object) -> None:
    usual = {
        "segment": "NSE_EQ",
        "until": desk.clock.now() + timedelta(hours=1),
        "reason": "exchange halted",
        "state": "halted",
        "expect": None,
    }
    desk.keeper.order(**(usual | changes))  # type: ignore[arg-type]  # a table


def test_an_order_holds_at_once_and_ends_by_itself_on_the_second(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        order(desk)
        assert (desk.nse.state, desk.nse.reason) == ("halted", "override: exchange halted")
        assert (desk.nse.next_state, desk.nse.next_at) == ("live", NOON + timedelta(hours=1))
        await desk.clock.until(NOON + timedelta(minutes=59, seconds=59))
        assert desk.nse.state == "halted"
        await desk.clock.until(NOON + timedelta(hours=1, milliseconds=1))
        assert desk.nse.state == "live"
        desk.keeper.look()
        assert desk.keeper.overrides == []
        assert json.loads((desk.state / "overrides.json").read_text()) == {"overrides": []}

    play(tmp_path, scene)


def test_expect_data_now_wants_the_feed_on_a_sunday(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        assert not desk.market.wanted
        order(desk, state=None, expect="dense")
        assert desk.market.wanted
        assert desk.market.expected == "dense"
        assert desk.nse.state == "closed"

    play(tmp_path, scene, at=NOON - timedelta(days=1))


def test_an_order_outlives_the_daemon_and_a_change_of_the_files(tmp_path: Path) -> None:
    def first(desk: Desk) -> None:
        order(desk)
        desk.put("tonight.toml", HOLIDAY)
        desk.keeper.look()
        assert desk.nse.state == "halted"

    def second(desk: Desk) -> None:
        assert desk.nse.state == "halted"
        assert desk.keeper.lift("NSE_EQ")
        assert (desk.nse.state, desk.nse.reason) == ("closed", "Announced tonight")
        assert not desk.keeper.lift("NSE_EQ")

    play(tmp_path, first)
    assert (tmp_path / "overrides.json").stat().st_mode & 0o777 == 0o600
    play(tmp_path, second, at=NOON + timedelta(minutes=10))


def test_an_order_that_ended_while_the_daemon_was_down_is_forgotten(tmp_path: Path) -> None:
    play(tmp_path, order)

    def later(desk: Desk) -> None:
        assert desk.nse.state == "live"
        assert desk.keeper.overrides == []

    play(tmp_path, later, at=NOON + timedelta(hours=2))


def test_a_refused_order_changes_nothing(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        with pytest.raises(RefusedOverrideError, match="state: 'open' is not one of closed"):
            order(desk, state="open")
        assert desk.nse.state == "live"
        assert not (desk.state / "overrides.json").exists()

    play(tmp_path, scene)


ORDER = {
    "segment": "NSE_EQ",
    "since": "2026-11-23T11:00:00+05:30",
    "until": "2026-11-23T13:00:00+05:30",
    "reason": "a good one",
    "state": "halted",
    "expect": None,
}


def test_the_file_of_orders_may_be_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_text(json.dumps({"overrides": [ORDER]}))

    def scene(desk: Desk) -> None:
        assert desk.nse.state == "halted"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"overrides": 1}',
        '{"overrides": [{"segment": "NSE_EQ"}]}',
        '{"overrides": [{"segment": "NSE_EQ", "since": "2026-11-23T11:00:00", "until": "x", "reason": "r"}]}',
        json.dumps({"overrides": [ORDER | {"since": "2026-11-23T11:00:00"}]}),
        json.dumps({"overrides": [ORDER | {"state": "open"}]}),
        json.dumps({"overrides": [ORDER | {"expect": "much"}]}),
    ],
)
def test_a_damaged_file_of_orders_is_left_alone_and_the_calendar_rules(tmp_path: Path, text: str) -> None:
    (tmp_path / "overrides.json").write_text(text)
    play(tmp_path, _is_live)
    assert (tmp_path / "overrides.json").read_text() == text


def _is_live(desk: Desk) -> None:
    assert desk.nse.state == "live"


def test_an_order_that_cannot_be_saved_holds_all_the_same(tmp_path: Path) -> None:
    def scene(desk: Desk) -> None:
        (desk.state / "overrides.json").mkdir()
        order(desk)
        assert desk.nse.state == "halted"

    play(tmp_path, scene)


def test_what_a_venue_pushes_is_followed_at_once() -> None:
    async def on_stage() -> None:
        clock = VirtualClock(NOON)
        market = MarketDriver(["KRAKEN"], load_calendar(), clock, lambda: None)
        market.sync()
        told = []
        for status in ("online", "maintenance", "cancel_only", "post_only", "dancing", "online"):
            market.pushed("KRAKEN", status)
            report = market.report().segments[0]
            told.append((report.state, report.phase, report.expected, market.wanted))
        market.disarm()
        assert told == [
            ("live", "online", "dense", True),
            ("closed", "maintenance", "none", True),  # the socket stays up to hear when it is over
            ("closed", "cancel_only", "none", True),
            ("live", "post_only", "sparse", True),
            ("unknown", "venue_status", "none", True),
            ("live", "online", "dense", True),
        ]

    run_virtually(on_stage)
