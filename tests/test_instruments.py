"""The whole desk by rules: what the simulated broker really streams, and what the desk says of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from desk import LIVE, Desk, play
from tradewarden.instruments_command import instruments
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.statedir import control_socket
from tradewarden.simulator.packets import Mode

ORIGINAL = ("original-128",)
NIFTY_FUTURE = "NFO:NIFTY26NOVFUT"


def streamed(desk: Desk) -> dict[int, Mode]:
    """What the broker streams on its one socket."""
    (stream,) = desk.broker._streams
    return stream.modes


async def until(holds: Callable[[], object]) -> None:
    """Wait, in the loop's time, until it is so; the broker's own books have no bell to ring."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)


async def until_streamed(desk: Desk, number: int) -> dict[int, Mode]:
    await until(lambda: desk.broker._streams and len(streamed(desk)) == number)
    return streamed(desk)


def move(desk: Desk, name: str, price: float) -> None:
    """The broker's price of this instrument jumps."""
    instrument = desk.broker.board.find(name)
    assert instrument is not None
    desk.broker.board.quote(instrument.token, desk.broker.now()).last = round(price * instrument.divisor)


def strikes(desk: Desk, name: str) -> list[float]:
    known = {i.token: i for i in desk.broker.board.instruments}
    return sorted(
        {known[token].strike for token in streamed(desk) if known[token].option and known[token].name == name}
    )


def test_the_originals_128_instruments_are_what_the_broker_streams(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        modes = await until_streamed(desk, 128)
        known = {i.token: i for i in desk.broker.board.instruments}
        kinds = Counter((known[token].name, known[token].option or "FUT") for token in modes)
        assert kinds == {
            ("NIFTY", "FUT"): 2,
            ("BANKNIFTY", "FUT"): 2,
            ("NIFTY", "CE"): 41,
            ("NIFTY", "PE"): 41,
            ("BANKNIFTY", "CE"): 21,
            ("BANKNIFTY", "PE"): 21,
        }
        assert set(modes.values()) == {Mode.QUOTE}
        picture = await desk.until_headline("market.live")
        assert picture.feed.instruments == 128
        assert desk.dials() == 1

    play(tmp_path, LIVE, scene, instruments=(), rules=ORIGINAL)


def test_the_window_moves_with_the_spot_on_the_open_socket(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await until_streamed(desk, 128)
        before = strikes(desk, "NIFTY")
        move(desk, NIFTY_FUTURE, 26_420.0)
        await until(lambda: strikes(desk, "NIFTY") != before)
        await asyncio.sleep(1)
        after = strikes(desk, "NIFTY")
        assert len(after) == 41
        assert 26_350 <= after[20] <= 26_450
        assert len(streamed(desk)) == 128
        assert desk.dials() == 1
        assert desk.picture.feed.state == "streaming"

    play(tmp_path, LIVE, scene, instruments=(), rules=ORIGINAL)


def test_after_a_reconnect_the_moved_window_is_asked_for_and_not_the_old_one(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await until_streamed(desk, 128)
        move(desk, NIFTY_FUTURE, 26_420.0)
        await asyncio.sleep(3)
        moved = dict(streamed(desk))
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.state != "streaming")
        await desk.until_feed("streaming")
        assert await until_streamed(desk, 128) == moved

    play(tmp_path, LIVE, scene, instruments=(), rules=ORIGINAL)


def test_over_an_expiry_the_kept_dump_carries_the_desk_until_the_new_one_is_out(tmp_path: Path) -> None:
    async def tuesday(desk: Desk) -> None:  # a holiday, too
        await until(lambda: desk.parts.instruments.report().dump)
        chosen = desk.parts.instruments.report().chosen.values()
        assert {f"{each.instrument.expiry}" for each in chosen} == {"2026-11-24", "2026-12-29"}

    async def wednesday(desk: Desk) -> None:
        before = desk.parts.instruments.report()
        assert before.dump is not None
        assert before.dump.day == date(2026, 11, 23)
        assert [pick.expiry for pick in before.picks] == [None, date(2026, 12, 1), date(2026, 12, 29)]
        assert [len(pick.instruments) for pick in before.picks] == [2, 82, 42]  # January is not listed yet
        await asyncio.sleep(20)
        after = desk.parts.instruments.report()
        assert after.dump is not None
        assert after.dump.day == date(2026, 11, 25)
        assert [pick.problem for pick in after.picks] == [None] * 3
        assert len(after.chosen) == 128

    play(tmp_path, datetime(2026, 11, 24, 10, 0, tzinfo=IST), tuesday, instruments=(), rules=ORIGINAL)
    play(tmp_path, datetime(2026, 11, 25, 8, 29, 50, tzinfo=IST), wednesday, instruments=(), rules=ORIGINAL)


def test_more_than_one_connection_carries_flows_over_two_and_both_are_dialled_anew_when_one_is_lost(
    tmp_path: Path,
) -> None:
    own = tmp_path / "wide.toml"
    tokens = [number << 8 | 1 for number in range(1, 3002)]
    own.write_text(f'[[rules]]\nname = "Wide"\nmode = "ltp"\ntokens = {tokens}\n')

    def held(desk: Desk) -> list[int]:
        return sorted(len(stream.modes) for stream in desk.broker._streams)

    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        await until(lambda: held(desk) == [1, 3000])
        assert desk.picture.feed.instruments == 3001
        next(stream for stream in desk.broker._streams if len(stream.modes) == 1).drop()
        await desk.until(lambda picture: picture.feed.state != "streaming")
        await desk.until_feed("streaming")
        await until(lambda: held(desk) == [1, 3000])
        assert desk.dials() == 4

    play(tmp_path, LIVE, scene, instruments=(), rules=(str(own),), tick_seconds=1.0)


def test_who_asks_without_a_token_is_not_told_what_the_desk_watches(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        async with desk.client.get(f"{desk.url}/api/instruments") as answer:
            assert answer.status == 401
        header = {"Authorization": "Bearer desktestadmin"}
        await until_streamed(desk, 4)
        async with desk.client.get(f"{desk.url}/api/instruments", headers=header) as answer:
            assert answer.status == 200
            body = await answer.json()
        assert body["total"] == len(body["instruments"]) == 4
        assert body["dump"]["fresh"]
        assert body["dump"]["day"] == "2026-11-23"
        assert [rule["name"] for rule in body["rules"]] == ["feed.instruments", "Indices"]
        assert {
            "token": 256265,
            "instrument": "NSE:NIFTY 50",
            "mode": "full",
            "why": ["feed.instruments", "Indices"],
            "class": "index",
            "limitSeconds": 30.0,
        } in body["instruments"]
        assert (body["silent"], body["rulesProblem"]) == ([], None)

    play(tmp_path, LIVE, scene, instruments=(256265, 738561), rules=("indices",))


def test_the_command_says_what_is_streamed_and_why(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await until_streamed(desk, 129)
        said: list[str] = []
        assert await instruments(None, control_socket(desk.state), as_json=False, say=said.append) == 0
        lines = "\n".join(said).splitlines()
        assert lines[0] == "129 instruments"
        assert lines[1].startswith("  dump    of 2026-11-23, 0 h 0 min old")
        assert "  rule    Index futures: 4 of 4, quote" in lines
        assert any(line.startswith("  rule    NIFTY options: 82 of 82, quote, around 26") for line in lines)
        assert any(NIFTY_FUTURE in line and line.endswith("quote  Index futures") for line in lines)
        assert any("NSE:INFY" in line or "408065" in line for line in lines)
        said.clear()
        assert await instruments(None, control_socket(desk.state), as_json=True, say=said.append) == 0
        assert json.loads(said[0])["total"] == 129

    play(tmp_path, LIVE, scene, instruments=(408065,), rules=ORIGINAL)


def test_a_rule_that_finds_nothing_is_named_and_the_command_fails(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[rules]]\nname = "Tin"\nmode = "ltp"\nfutures = "TIN"\nexchange = "MCX"\n')

    async def scene(desk: Desk) -> None:
        await until(lambda: desk.parts.instruments.report().dump)
        said: list[str] = []
        assert await instruments(desk.url, None, as_json=False, say=said.append) == 1  # not 69: it answers
        assert said == ["The daemon answered 401 (A token is needed); ask it over its control socket."]
        said.clear()
        assert await instruments(None, control_socket(desk.state), as_json=False, say=said.append) == 1
        assert said[0].splitlines()[-1] == (
            "! rule 'Tin' finds only 0 of 1 for TIN among the futures of MCX (by the dump of 2026-11-23)."
        )

    play(tmp_path, LIVE, scene, rules=(str(own),))


def test_a_broker_without_a_dump_is_told_with_the_reason_and_the_tokens_stream_on(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.broker.world.change({"http": "500"})
        await until_streamed(desk, 1)
        await until(lambda: desk.parts.instruments.report().trouble)
        said: list[str] = []
        assert await instruments(None, control_socket(desk.state), as_json=False, say=said.append) == 1
        assert "! no dump of 2026-11-23: Kite answered 500" in said[0].splitlines()
        assert "  dump    none yet" in said[0].splitlines()
        desk.broker.world.change({"http": "ok"})
        await asyncio.sleep(60)
        assert len(await until_streamed(desk, 129)) == 129

    play(tmp_path, LIVE, scene, instruments=(408065,), rules=ORIGINAL)


async def test_where_no_daemon_runs_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    assert await instruments(None, tmp_path / "control.sock", as_json=False, say=said.append) == 69
    assert said[0].startswith("no tradewarden answers at ")
    assert capsys.readouterr().out == ""
