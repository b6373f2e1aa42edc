"""The calendar as a person at a terminal uses it, and the daemon that follows."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk import LIVE, Desk, play
from tradewarden import calendar_command
from tradewarden.__main__ import main
from tradewarden.calendar_command import EXCHANGES, override, state_of, until
from tradewarden.commands.configured import settings_and_calendar
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST

Told = tuple[int, str, str]
Ask = Callable[..., Told]


@pytest.fixture
def calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))

    def ask(*arguments: str) -> Told:
        status = main(["calendar", *arguments])
        return status, *capsys.readouterr()

    return ask


def test_a_day_is_told_phase_by_phase_with_who_says_so(calendar: Ask) -> None:
    assert calendar("day", "2026-11-10", "--segment", "MCX", "--segment", "NSE_EQ") == (
        0,
        (
            "MCX, Tue 10 Nov 2026, IST: a trading day (confirmed: MCX's list of holidays for 2026; BSE 20251215-5: "
            "morning closed, evening open)\n"
            "  00:00-17:00  closed (holiday) (Diwali-Balipratipada)\n"
            "  17:00-23:55  live (continuous), dense data due (Diwali-Balipratipada)\n"
            "  23:55-24:00  closed (holiday) (Diwali-Balipratipada)\n"
            "NSE_EQ, Tue 10 Nov 2026, IST: no trading day "
            "(confirmed: NSE/CMTR/71775 and NSE/FAOP/71777 of 2025-12-12)\n"
            "  00:00-24:00  closed (holiday) (Diwali-Balipratipada)\n"
        ),
        "",
    )


@pytest.mark.parametrize(
    ("settings", "segments"),
    [
        (None, ["NSE_EQ", "NFO"]),
        ('segments = ["MCX", "CDS"]\n', ["MCX", "CDS"]),
        ("[[", ["NSE_EQ", "NFO"]),  # a day can be looked up all the same
    ],
)
def test_without_a_segment_the_desks_own_are_told_and_a_program_gets_json(
    calendar: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None, segments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if settings is not None:
        (tmp_path / "tradewarden.toml").write_text(settings)
    status, out, _ = calendar("day", "2026-11-08", "--json")
    body = json.loads(out)
    assert status == 0
    assert [each["segment"] for each in body["segments"]] == segments


def test_a_provisional_session_is_told_as_such_to_a_program(calendar: Ask) -> None:
    (nse,) = json.loads(calendar("day", "2026-11-08", "--segment", "NSE_EQ", "--json")[1])["segments"]
    assert (nse["status"], nse["spans"][1]["session"]) == ("provisional", "muhurat")


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2027-01-26", "NSE_EQ, Tue 26 Jan 2027, IST: not known: the calendar ends 2026-12-31\n"),
        ("2024-12-31", "NSE_EQ, Tue 31 Dec 2024, IST: not known: the calendar begins 2025-01-01\n"),
    ],
)
def test_a_day_outside_the_calendar_is_not_known(calendar: Ask, day: str, told: str) -> None:
    assert calendar("day", day, "--segment", "NSE_EQ") == (0, told, "")
    (nse,) = json.loads(calendar("day", day, "--segment", "NSE_EQ", "--json")[1])["segments"]
    assert (nse["tradingDay"], nse["status"], nse["source"]) == (None, "unknown", None)


@pytest.mark.parametrize(
    ("segment", "zone", "hours"),
    [("OANDA", "New York time", "  00:00-16:58  live"), ("KRAKEN", "UTC", "  00:00-24:00  live")],
)
def test_the_hours_of_a_market_abroad_name_their_own_zone(calendar: Ask, segment: str, zone: str, hours: str) -> None:
    heading, first, *_ = calendar("day", "2026-11-23", "--segment", segment)[1].splitlines()
    assert heading.startswith(f"{segment}, Mon 23 Nov 2026, {zone}: a trading day")
    assert first.startswith(hours)


def test_what_comes_next_is_told_for_each_segment(calendar: Ask) -> None:
    status, out, _ = calendar("next", "--segment", "KRAKEN", "--segment", "NSE_EQ")
    assert status == 0
    assert out.startswith("KRAKEN: live (online), dense data due; nothing else in sight\nNSE_EQ: ")
    _, out, _ = calendar("next", "--segment", "KRAKEN", "--json")
    (kraken,) = json.loads(out)["segments"]
    assert (kraken["state"], kraken["nextAt"], kraken["coveredUntil"]) == ("live", None, "2099-12-31")


def test_what_comes_next_is_told_of_the_desks_own_segments_unless_all_are_asked_for_and_names_the_zone(
    calendar: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = [line.partition(":")[0] for line in calendar("next")[1].splitlines()]
    assert told == ["NSE_EQ", "NFO"]
    (tmp_path / "tradewarden.toml").write_text('segments = ["MCX"]\n')
    (line,) = calendar("next")[1].splitlines()
    assert line.startswith("MCX: ")
    assert re.search(r"from \w{3} \d\d \w{3} \d{4} \d\d:\d\d IST", line), line
    assert len(calendar("next", "--all")[1].splitlines()) == 11
    assert len(json.loads(calendar("next", "--json")[1])["segments"]) == 1


def test_what_comes_next_knows_an_admins_order(calendar: Ask, tmp_path: Path) -> None:
    now = datetime.now(IST)
    order = {
        "segment": "KRAKEN",
        "since": now.isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "reason": "rehearsal",
        "state": "halted",
        "expect": None,
    }
    (tmp_path / "overrides.json").write_text(json.dumps({"overrides": [order]}))
    _, out, _ = calendar("next", "--segment", "KRAKEN")
    assert out.startswith("KRAKEN: halted (override) (override: rehearsal); live from ")


def test_an_unknown_segment_and_a_bad_date_are_told_as_such(calendar: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = calendar("day", "2026-11-10", "--segment", "NSE")
    assert status == 65
    assert err.startswith("tradewarden: 'NSE' is no segment; known: BFO, ")
    with pytest.raises(SystemExit) as refused:
        calendar("day", "tomorrow")
    assert refused.value.code == 2
    assert "'tomorrow' is no date such as 2026-11-30" in capsys.readouterr().err


def test_a_holiday_announced_tonight_is_one_line(calendar: Ask, tmp_path: Path) -> None:
    status, out, _ = calendar("add", "2026-11-30", "Election day")
    file = tmp_path / "calendar.d" / "2026-11-30-election-day.toml"
    assert status == 0
    assert out.splitlines()[0] == f"{file} is written; a running daemon follows it within a second."
    assert out.splitlines()[1] == "  NSE_EQ, Mon 30 Nov 2026: 00:00-24:00 closed"
    assert len(out.splitlines()) == 1 + len(EXCHANGES)
    noon = datetime(2026, 11, 30, 12, tzinfo=IST)
    found = load_calendar(tmp_path)
    assert {found.at(segment, noon).reason for segment in EXCHANGES} == {"Election day"}
    assert found.at("MCX", noon).state == "live"
    assert list(file.parent.iterdir()) == [file]
    assert calendar("check")[1].startswith("The calendar is good with 2026-11-30-election-day.toml: BFO to 2026-12-31")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--open-from", "17:00", "--segment", "MCX"], "MCX, Mon 30 Nov 2026: 00:00-17:00 closed, 17:00-23:55 live"),
        (["--open-until", "13:00", "--segment", "CDS"], "CDS, Mon 30 Nov 2026: 00:00-09:00 closed, 09:00-13:00 live"),
        (["--session", "mock", "--segment", "NFO"], "NFO, Mon 30 Nov 2026: 00:00-09:00 closed, 09:00-09:05 closed"),
        (
            ["--session", "muhurat", "--open-from", "18:00", "--open-until", "19:00", "--segment", "NFO"],
            "NFO, Mon 30 Nov 2026: 00:00-18:00 closed, 18:00-19:00 live, 19:00-24:00 closed",
        ),
    ],
)
def test_half_days_evenings_and_sessions_are_added_the_same_way(calendar: Ask, arguments: list[str], told: str) -> None:
    status, out, _ = calendar("add", "2026-11-30", "Something else", "--source", "NSE/CMTR/1", *arguments)
    assert status == 0
    assert told in out


@pytest.mark.parametrize("name", ['a "quoted" name', "दिवाली 😀", "back\\slash", "'"])
def test_a_name_may_be_anything_that_people_write(calendar: Ask, tmp_path: Path, name: str) -> None:
    assert calendar("add", "2026-11-30", name)[0] == 0
    assert load_calendar(tmp_path).at("NFO", datetime(2026, 11, 30, 12, tzinfo=IST)).reason == name


@pytest.mark.parametrize(
    ("arguments", "status", "wrong"),
    [
        (["--segment", "NSE"], 65, "segments: 'NSE' is not defined; known: "),
        (["--open-from", "5pm"], 65, "open_from: '5pm' is not a time of day such as 09:15"),
        (["--session", "special", "--open-from", "18:00"], 2, "both --open-from and --open-until"),
        (["--session", "special", "--open-from", "18:00", "--open-until", "17:00"], 65, "'17:00' is not after '18:00'"),
    ],
)
def test_nothing_is_written_when_the_holiday_makes_no_sense(
    calendar: Ask, tmp_path: Path, arguments: list[str], status: int, wrong: str
) -> None:
    told = calendar("add", "2026-11-30", "Election day", *arguments)
    assert told[0] == status
    assert wrong in told[2]
    assert not (tmp_path / "calendar.d").exists()


def test_a_file_is_checked_before_it_is_put_down(calendar: Ask, tmp_path: Path) -> None:
    file = tmp_path / "2027.toml"
    file.write_text('[segments.NSE_EQ]\ncovered_until = 2027-12-31\n\n[[closures]]\nsegments = ["NSE"]\n')
    status, out, err = calendar("check", str(file))
    assert (status, out) == (65, "")
    assert re.search(r"2027\.toml:5: closures\[0\]\.segments: 'NSE' is not defined", err)
    assert json.loads(calendar("check", str(file), "--json")[1])["good"] is False
    file.write_text("[segments.NSE_EQ]\ncovered_until = 2027-12-31\n")
    assert "NSE_EQ to 2027-12-31" in calendar("check", str(file))[1]
    body = json.loads(calendar("check", str(file), "--json")[1])
    assert (body["files"], body["coveredUntil"]["NSE_EQ"]) == (["2027.toml"], "2027-12-31")
    file.write_bytes(b"\xff")
    assert "is not UTF-8 text" in calendar("check", str(file))[2]
    assert "No such file" in calendar("check", str(tmp_path / "none.toml"))[2]


def test_a_bad_file_is_refused_by_check_but_keeps_no_desk_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calendar.d").mkdir()
    (tmp_path / "calendar.d" / "slip.toml").write_text("[[closures]]\nsegments = ['NSE']\n")
    (tmp_path / "desk.toml").write_text("[http]\nport = 8700\n")
    assert main(["check", "--config", "desk.toml"]) == 78
    assert "slip.toml:2: closures[0].segments: 'NSE' is not defined" in capsys.readouterr().err
    configured = settings_and_calendar(tmp_path / "desk.toml", lenient=True)
    assert configured is not None
    assert configured[1].at("NSE_EQ", LIVE).state == "live"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("15:30", "2026-11-23T15:30:00+05:30"),
        ("+90", "2026-11-23T11:30:00+05:30"),
        ("2026-11-24T09:00", "2026-11-24T09:00:00+05:30"),
        ("2026-11-24T09:00:00+00:00", "2026-11-24T09:00:00+00:00"),
    ],
)
def test_the_end_of_an_order_is_written_as_people_say_it(text: str, means: str) -> None:
    assert until(text, LIVE).isoformat() == means


@pytest.mark.parametrize(
    "arguments",
    [
        ["--until", "+10"],
        ["--reason", "x"],
        ["--until", "later", "--reason", "x"],
        ["--until", "25:00", "--reason", "x"],
    ],
)
def test_an_order_without_an_end_or_a_reason_is_not_sent(calendar: Ask, arguments: list[str]) -> None:
    assert calendar("override", "NSE_EQ", "--state", "closed", *arguments)[0] == 2


def test_the_calendar_that_is_meant_is_that_of_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calendar_command, "INSTALLED", tmp_path / "installed")
    assert state_of(None) == Path("var")
    (tmp_path / "installed").mkdir()
    assert state_of(None) == tmp_path / "installed"
    (tmp_path / "var").mkdir()
    assert state_of(None) == Path("var")
    (tmp_path / "desk.toml").write_text(f'state_dir = "{tmp_path}/own"\n')
    assert state_of(tmp_path / "desk.toml") == tmp_path / "own"
    (tmp_path / "desk.toml").write_text("[[")
    assert state_of(tmp_path / "desk.toml") == tmp_path / "var"
    monkeypatch.setenv("STATE_DIRECTORY", "/elsewhere")
    assert state_of(None) == Path("/elsewhere")


def test_without_a_daemon_an_order_says_so(calendar: Ask) -> None:
    status, out, _ = calendar("override", "NSE_EQ", "--state", "closed", "--until", "+10", "--reason", "x")
    assert status == 69
    assert "is it running?" in out


@pytest.mark.parametrize("over", ["socket", "url"])
async def test_why_no_daemon_answers_is_told_in_plain_words(tmp_path: Path, over: str) -> None:
    path = tmp_path / "control.sock"
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}" if over == "url" else None
        where, why = (url, "Connection refused") if url else (path, "No such file or directory")
        assert await override(url, path, {"segment": "NSE_EQ"}, lift=True, as_json=False, say=said.append) == 69
    assert said == [f"no tradewarden answers at {where} ({why}); is it running?"]


# With a running daemon ----------------------------------------------------------------------------------------------


def test_a_running_daemon_follows_a_new_holiday_within_a_second_and_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        put = desk.state / "calendar.d" / "tonight.toml"
        put.parent.mkdir()
        text = '[[closures]]\nsegments = ["NSE_EQ", "NFO"]\nsource = "a notice"\ndays = { 2026-11-23 = "Tonight" }\n'
        put.write_text(text.replace("NFO", "FNO"))
        await asyncio.sleep(1.0)
        segment = desk.picture.market.segments[0]
        assert (segment.state, desk.picture.feed.state) == ("live", "streaming")
        assert segment.problem is not None
        assert "tonight.toml:2: closures[0].segments: 'FNO' is not defined" in segment.problem
        _, body = await desk.health("/market")
        assert body["status"] == "warn"
        put.write_text(text)
        await asyncio.sleep(1.0)
        segment = desk.picture.market.segments[0]
        assert (segment.state, segment.reason, segment.problem) == ("closed", "Tonight", None)
        assert desk.picture.feed.state == "halted"

    play(tmp_path, LIVE, scene)


def test_an_order_reaches_the_daemon_over_its_control_socket_and_is_taken_back(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        said: list[str] = []
        where = desk.state / "control.sock"
        order = {"segment": "NSE_EQ", "state": "halted", "until": "2026-11-23T11:00:00+05:30", "reason": "circuit"}
        assert await override(None, where, order, lift=False, as_json=False, say=said.append) == 0
        assert said == ["NSE_EQ: halted until Mon 23 Nov 2026 11:00 IST, then the calendar rules again."]
        assert desk.picture.market.segments[0].state == "halted"
        assert await override(None, where, order, lift=True, as_json=False, say=said.append) == 0
        assert said[1] == "NSE_EQ follows the calendar again."
        assert desk.picture.market.segments[0].state == "live"
        assert await override(None, where, order, lift=True, as_json=False, say=said.append) == 1
        assert said[2] == "the daemon refused it: there is no order about NSE_EQ"
        wrong = order | {"state": "open"}
        assert await override(None, where, wrong, lift=False, as_json=False, say=said.append) == 1
        assert said[3].startswith("the daemon refused it: state 'open' is not one of closed, ")

    play(tmp_path, LIVE, scene)


def test_data_expected_by_an_order_brings_the_feed_up_on_a_sunday(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("halted")
        order = {"segment": "NSE_EQ", "expect": "dense", "until": "2026-11-22T11:00:00+05:30", "reason": "a test"}
        assert await override(None, desk.state / "control.sock", order, lift=False, as_json=True, say=print) == 0
        await desk.until_feed("streaming")
        await asyncio.sleep(3600)
        assert desk.picture.feed.state == "halted"

    play(tmp_path, LIVE - timedelta(days=1), scene)


def test_a_holiday_that_the_calendar_lacks_is_asked_about_after_five_minutes(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        await asyncio.sleep(280)
        assert desk.picture.market.segments[0].problem is None
        await asyncio.sleep(40)
        problem = desk.picture.market.segments[0].problem
        assert problem == "live, but no tick on any instrument for 5 minutes: a holiday?"
        desk.broker.world.change({"ticks": "flowing"})
        await desk.until_feed("streaming", within=120)
        await asyncio.sleep(2)
        assert desk.picture.market.segments[0].problem is None

    play(tmp_path, LIVE, scene)


def test_ticks_long_before_the_market_opens_become_the_headline(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.parts.market._lead = timedelta(hours=3)  # as a desk with feed.lead_minutes = 180 has it
        desk.parts.market.sync()
        picture = await desk.until_headline("calendar.conflict", within=90)
        assert picture.headline.severity.status == "warn"
        assert picture.market.segments[0].problem == "closed, but ticks come: a session that the calendar lacks?"
        _, body = await desk.health()
        assert body["headline"]["code"] == "calendar.conflict"
        await desk.until_headline("market.closed", within=3600)  # half an hour before an opening it is no news

    play(tmp_path, LIVE.replace(hour=7, minute=45), scene, tick_seconds=1.0)
