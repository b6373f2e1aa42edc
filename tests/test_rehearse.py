"""Rehearsals: the script's grammar, the broker's behaviours, time that passes only when nothing is left to do."""

import asyncio
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tradewarden.__main__ import main
from tradewarden.orchestrator.clock import IST
from tradewarden.rehearse import ScriptError, rehearse
from tradewarden.rehearse_time import SECOND, VirtualClock, VirtualLoop

STORED = {"segments": ["NSE_EQ", "NFO"], "token": "stored", "stored_at": "2026-11-23T08:00:00+05:30"}
LIVE = {"headline": "market.live", "status": "pass", "http": 200, "auth": "valid", "feed": "streaming"}


def at(clock: str, **what: object) -> str:
    """A line of a script, on an ordinary Monday."""
    return json.dumps({"at": f"2026-11-23T{clock}+05:30", **what})


def play(*lines: str) -> list[dict[str, Any]]:
    """Everything that is told while a script is played."""
    told: list[dict[str, Any]] = []
    met = rehearse(lines, say=told.append, complain=lambda sentence: told.append({"complaint": sentence}))
    assert met == (not missed(told))
    return told


def missed(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line["missed"] for line in told if "missed" in line]


def states(told: Iterable[dict[str, Any]], machine: str) -> list[str]:
    return [line["to"] for line in told if line.get("machine") == machine]


def headlines(told: Iterable[dict[str, Any]]) -> list[str]:
    return [line["headline"] for line in told if "headline" in line]


# What is told


def test_transitions_dials_and_headlines_are_told_each_in_its_form() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:10", do="drop_socket"),
        at("10:00:20", expect=LIVE | {"dials_since_start": 2}),
    )
    transition = next(line for line in told if line.get("event") == "lost")
    assert transition == {
        "at": "2026-11-23T10:00:10.000+05:30",
        "machine": "feed",
        "from": "streaming",
        "to": "backing_off",
        "event": "lost",
        "reason": "network",
    }
    first, second = (line for line in told if "dial" in line)
    assert first == {"at": "2026-11-23T10:00:00.000+05:30", "dial": 1, "attempt": 0, "delay_s": 0.0}
    assert (second["dial"], second["attempt"]) == (2, 1)
    waited = datetime.fromisoformat(second["at"]) - datetime.fromisoformat(transition["at"])
    assert second["delay_s"] == pytest.approx(waited.total_seconds(), abs=0.002)
    assert second["delay_s"] >= 0.1
    assert told[told.index(transition) + 1] == {
        "at": "2026-11-23T10:00:10.000+05:30",
        "headline": "feed.backing_off",
        "status": "fail",
        "http": 503,
    }
    kinds = {frozenset(line) for line in told}
    assert kinds == {frozenset(transition), frozenset(first), frozenset(("at", "headline", "status", "http"))}


def test_a_headline_is_told_once_and_not_again_before_it_changes() -> None:
    told = [line for line in play(at("08:30:00", start=STORED), at("16:30:00", do="stop")) if "headline" in line]
    pairs = [(line["headline"], line["status"]) for line in told]
    assert all(one != next_one for one, next_one in pairwise(pairs))
    assert pairs[-1] == ("system.stopping", "fail")


def test_a_rehearsal_is_the_same_each_time() -> None:
    script = [at("10:00:00", world={"socket": "refuse"}), at("10:00:00", start=STORED), at("11:00:00", expect={})]
    assert play(*script) == play(*script)


def test_a_missed_expectation_tells_its_line_and_what_was_found() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:05", expect={"feed": "stale", "auth": "valid", "market.NFO": "closed", "gaps": 1}),
        at("10:00:06", expect={"feed": "streaming"}),
    )
    assert [line for line in told if "missed" in line] == [
        {
            "at": "2026-11-23T10:00:05.000+05:30",
            "line": 2,
            "missed": {
                "feed": {"expected": "stale", "found": "streaming"},
                "market.NFO": {"expected": "closed", "found": "live"},
                "gaps": {"expected": 1, "found": 0},
            },
        }
    ]


# When an expectation is checked


def test_what_happens_at_the_same_moment_has_settled_before_it_is_looked_at() -> None:
    play(
        at("09:15:00", start={"token": "none"}),
        at("09:15:00", expect={"market.NFO": "live", "auth": "required", "feed": "blocked_on_auth"}),
        at("09:15:00", do="login"),
        at("09:15:00", expect={"auth": "valid", "feed": "connected", "dials_since_start": 1}),
        at("09:15:00.500", expect=LIVE),
    )


def test_a_boundary_counts_at_its_own_moment_and_not_before() -> None:
    told = play(
        at("08:30:00", start=STORED),
        at("09:14:59.999", expect={"market.NFO": "pre_open"}),
        at("09:15:00", expect={"market.NFO": "live"}),
    )
    assert missed(told) == []


def test_silence_is_staleness_after_exactly_ten_seconds_and_a_gap_from_then_on() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("11:00:00", world={"ticks": "none"}),
        at("11:00:09.999", expect=LIVE | {"gaps": 0}),
        at("11:00:10", expect={"feed": "stale", "headline": "feed.stale", "http": 503, "gaps": 1}),
        at("11:00:12", world={"ticks": "flowing"}),
        at("11:00:13", expect=LIVE | {"gaps": 1, "dials_since_start": 1}),
    )
    assert missed(told) == []


# The world


def test_only_what_is_named_changes() -> None:
    told = play(
        at("10:00:00", world={"ticks": "none", "heartbeats": False}),
        at("10:00:00", world={"heartbeats": True}),
        at("10:00:00", start=STORED),
        at("10:00:08", expect={"feed": "connected"}),
        at("10:00:10", expect={"feed": "stale"}),
    )
    assert missed(told) == []


def test_neither_ticks_nor_heartbeats_is_a_dead_line_after_five_seconds() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", world={"ticks": "none", "heartbeats": False}),
        at("10:01:04.999", expect={"feed": "streaming"}),
        at("10:01:05", expect={"feed": "backing_off"}),
    )
    assert missed(told) == []
    assert next(line for line in told if line.get("event") == "lost")["reason"] == "mute"


def test_ticks_alone_keep_a_line_alive() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", world={"heartbeats": False}),
        at("11:00:00", expect=LIVE | {"dials_since_start": 1}),
    )
    assert missed(told) == []


def test_a_tick_that_came_before_the_world_went_quiet_proves_nothing() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:00.200", world={"ticks": "none"}),
        at("10:00:09", expect={"feed": "connected"}),
        at("10:00:10", expect={"feed": "stale", "gaps": 1}),
    )
    assert missed(told) == []


def test_403_meets_new_sockets_only() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:10", world={"socket": 403}),
        at("10:05:00", expect=LIVE | {"dials_since_start": 1}),
        at("10:05:00", do="drop_socket"),
        at("10:05:05", expect={"feed": "backing_off", "auth": "valid"}),
    )
    assert missed(told) == []
    assert states(told, "feed")[-3:] == ["connecting", "blocked_on_auth", "backing_off"]


def test_a_blackhole_closes_nothing_and_lets_nobody_in() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:10", world={"socket": "blackhole"}),
        at("10:00:14", expect={"feed": "streaming", "dials_since_start": 1}),
        at("10:00:14", world={"socket": "accept"}),
        at("10:01:00", expect=LIVE | {"dials_since_start": 1}),
        at("10:01:00", world={"socket": "blackhole"}),
        at("10:01:14.900", expect={"feed": "connecting", "dials_since_start": 2}),
    )
    assert missed(told) == []


def test_frames_that_drip_too_slowly_are_a_dead_line() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:00:10", world={"drip_ms": 4000}),
        at("10:05:00", expect=LIVE),
        at("10:05:00", world={"drip_ms": 5000}),
        at("10:05:05", expect={"feed": "backing_off"}),
    )
    assert missed(told) == []


def test_a_dripping_line_is_proven_by_its_second_tick() -> None:
    told = play(
        at("10:00:00", world={"drip_ms": 3000}),
        at("10:00:00", start=STORED),
        at("10:00:08.999", expect={"feed": "connected"}),
        at("10:00:09", expect=LIVE),
    )
    assert missed(told) == []


def test_a_dead_token_opens_no_socket() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", world={"profile": "dead"}),
        at("10:02:00", expect=LIVE),
        at("10:02:00", do="drop_socket"),
        at("10:02:05", expect={"auth": "expired", "feed": "blocked_on_auth", "dials_since_start": 2}),
    )
    assert missed(told) == []


def test_a_token_that_was_stored_yesterday_waits_for_the_brokers_word() -> None:
    old = STORED | {"stored_at": "2026-11-22T08:00:00+05:30"}
    told = play(
        at("10:00:00", world={"profile": "unreachable"}),
        at("10:00:00", start=old),
        at("10:10:00", expect={"auth": "unknown", "headline": "auth.unverified", "http": 503, "dials_since_start": 0}),
        at("10:10:00", world={"profile": "ok"}),
        at("10:11:00", expect=LIVE | {"dials_since_start": 1}),
    )
    assert missed(told) == []


def test_expire_token_kills_the_token_whatever_the_profile_says() -> None:
    told = play(
        at("05:00:00", start=STORED | {"stored_at": "2026-11-22T08:00:00+05:30"}),
        at("05:10:00", do="expire_token"),
        at("06:00:00", expect={"auth": "expired", "headline": "auth.required", "status": "warn", "http": 200}),
    )
    assert missed(told) == []


def test_a_login_in_a_dead_world_brings_a_token_that_never_works() -> None:
    told = play(
        at("07:00:00", world={"profile": "dead"}),
        at("07:00:00", start={"token": "none"}),
        at("07:00:00", do="login"),
        at("07:01:00", world={"profile": "ok"}),
        at("07:35:00", expect={"auth": "expired", "headline": "auth.required"}),
    )
    assert missed(told) == []


def test_a_refused_login_costs_the_held_token_nothing() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", do="bad_login"),
        at("10:01:05", expect=LIVE | {"dials_since_start": 1}),
    )
    assert missed(told) == []
    assert states(told, "auth") == ["verifying", "valid", "exchanging", "verifying", "valid"]


@pytest.mark.parametrize(
    ("report", "state"),
    [
        ({"type": "TokenException"}, "expired"),
        ({"type": "TokenException", "generation": "current"}, "expired"),
        ({"type": "TokenException", "generation": "previous"}, "valid"),
        ({"type": "TokenException", "message": "Invalid instrument_token 256265"}, "valid"),
        ({"type": "InputException", "message": "the token is dead, auth failed"}, "valid"),
        ({"type": "Timeout", "message": "Read timed out."}, "valid"),
    ],
)
def test_only_a_dead_tokens_error_of_the_current_token_counts(report: dict[str, str], state: str) -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", do="expire_token"),
        at("10:02:00", do="api_error", **report),
        at("10:02:00", expect={"auth": state, "feed": "streaming"}),
    )
    assert missed(told) == []


def test_a_dead_token_that_the_broker_contradicts_is_good_again() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:02:00", do="api_error", type="TokenException", message="so somebody says"),
        at("10:02:00", expect=LIVE),
    )
    assert missed(told) == []
    assert states(told, "auth") == ["verifying", "valid", "expired", "valid"]


def test_a_calendar_file_that_cannot_be_used_changes_nothing_and_spoils_no_later_one() -> None:
    closed = '[[closures]]\nsegments = ["NSE_EQ", "NFO"]\nsource = "a test"\ndays = { 2026-11-23 = "Flood" }\n'
    told = play(
        at("10:00:00", start=STORED),
        at("10:01:00", do="calendar_file", toml=closed.replace("Flood", "")),
        at("10:01:00", expect=LIVE),
        at("10:02:00", do="calendar_file", toml=closed),
        at("10:02:00", expect={"market.NFO": "closed", "reason.NSE_EQ": "Flood", "phase.NFO": "holiday"}),
        at("10:02:00", expect={"session.NFO": None, "feed": "halted", "headline": "market.closed"}),
    )
    assert missed(told) == []
    (complaint,) = (line["complaint"] for line in told if "complaint" in line)
    assert complaint.startswith("line 2: the calendar stays as it is: ")


def test_a_step_of_the_clock_moves_the_day_but_no_deadline() -> None:
    told = play(
        at("10:00:00", start=STORED),
        at("10:30:00", world={"ticks": "none"}),
        at("10:30:05", do="clock_jump", seconds=3600),
        at("10:30:09.999", expect={"feed": "streaming"}),
        at("10:30:10", expect={"feed": "stale"}),
        at("14:39:59.999", expect={"market.NFO": "live"}),
        at("14:40:00", expect={"market.NFO": "closed"}),
        at("15:00:00", expect={"market.NSE_EQ": "closed", "feed": "halted"}),
    )
    assert missed(told) == []


def test_the_hours_at_which_tokens_die_follow_the_clock_on_the_wall() -> None:
    told = play(
        at("05:00:00", start=STORED | {"stored_at": "2026-11-22T08:00:00+05:30"}),
        at("05:10:00", do="expire_token"),
        at("05:20:00", expect={"auth": "valid"}),
        at("05:20:00", do="clock_jump", seconds=3600),
        at("05:20:00", expect={"auth": "expired"}),
    )
    assert missed(told) == []


def test_a_second_life_finds_the_token_of_the_first_and_counts_its_own_dials() -> None:
    told = play(
        at("10:00:00", start={"token": "none"}),
        at("10:00:00", do="login"),
        at("10:01:00", do="stop"),
        at("10:01:00", expect={"headline": "system.stopping"}),
        at("10:02:00", do="token_file"),
        at("10:03:00", start={}),
        at("10:04:00", expect=LIVE | {"dials_since_start": 1}),
        at("10:05:00", do="stop"),
        at("10:06:00", start={"token": "none"}),
        at("10:06:01", expect={"auth": "required", "dials_since_start": 0}),
    )
    assert missed(told) == []


# Mistakes


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nonsense", "no JSON"),
        ("[1]", "the line is [1]; allowed: an object"),
        ('{"do": "login"}', "at is null; allowed: ISO 8601 with an offset"),
        ('{"at": "2026-11-23T10:00:00", "do": "login"}', "allowed: ISO 8601 with an offset"),
        ('{"at": "soon", "do": "login"}', "allowed: ISO 8601 with an offset"),
        (at("09:59:59", do="login"), "at must ascend"),
        (at("10:00:00"), "found nothing beside at; allowed: exactly one of start, world, do, expect"),
        (at("10:00:00", hope={}), "found hope beside at"),
        (at("10:00:00", do="login", world={}), "found world and do beside at"),
        (at("10:00:00", do="logn"), 'do is "logn"; allowed: login, bad_login, token_file, drop_socket, expire_token'),
        (at("10:00:00", do="login", user="x"), 'unknown key "user"; allowed: at, do, account'),
        (at("10:00:00", start={}), "the daemon runs already"),
        (at("10:00:00", world={"weather": "rain"}), "there is no behaviour 'weather'; allowed: profile, socket"),
        (at("10:00:00", world={"socket": "closed"}), "allowed: accept, 403, refuse, blackhole, 429"),
        (at("10:00:00", world=[]), "world is []; allowed: an object"),
        (at("10:00:00", do="clock_jump", seconds="60"), 'seconds is "60"; allowed: a number'),
        (at("10:00:00", do="clock_jump"), "seconds is null; allowed: a number"),
        (at("10:00:00", do="venue_status", segment="KRAKEN"), 'segment is "KRAKEN"; allowed: NSE_EQ, NFO'),
        (at("10:00:00", do="venue_status", segment="NFO"), "status is null; allowed: a text"),
        (at("10:00:00", do="calendar_file"), "toml is null; allowed: a text"),
        (at("10:00:00", do="api_error"), "type is null; allowed: a text"),
        (at("10:00:00", do="login", account="nobody"), 'account is "nobody"; allowed: kite, family'),
        (at("10:00:00", do="drop_socket", account="family"), 'unknown key "account"; allowed: at, do'),
        (at("10:00:00", expect={"auth.nobody": "valid"}), "allowed: headline, status, http, auth, feed"),
        (at("10:00:00", expect={"auth.family": "streaming"}), 'auth.family is "streaming"; allowed: unknown, required'),
        (at("10:00:00", do="api_error", type="T", generation="next"), 'is "next"; allowed: current, previous'),
        (at("10:00:00", expect={"feed": "flowing"}), 'feed is "flowing"; allowed: halted, blocked_on_auth'),
        (at("10:00:00", expect={"auth": None}), "auth is null; allowed: unknown, required"),
        (at("10:00:00", expect={"http": 404}), "http is 404; allowed: 200, 503"),
        (at("10:00:00", expect={"gaps": -1}), "gaps is -1; allowed: a whole number"),
        (at("10:00:00", expect={"headline": "all well"}), "allowed: a code such as market.live"),
        (at("10:00:00", expect={"market.MCX": "live"}), 'expect knows no "market.MCX"; allowed: headline, status'),
        (at("10:00:00", expect={"market.NFO": "open"}), 'market.NFO is "open"; allowed: unknown, closed'),
        ('{"at": "2026-11-23T10:00:00+05:30", "do": "login", "do": "stop"}', '"do" stands twice'),
        ('{"at": "2026-11-23T10:00:00+05:30", "do": "clock_jump", "seconds": NaN}', "NaN is no number"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed_there(line: str, sentence: str) -> None:
    told: list[object] = []
    first = at("10:00:00", start=STORED | {"accounts": ["family"]})
    with pytest.raises(ScriptError) as mistake:
        rehearse([first, "", line], say=told.append, complain=told.append)
    assert str(mistake.value).startswith("line 3: ")
    assert sentence in str(mistake.value)
    assert "allowed" in str(mistake.value) or "must ascend" in str(mistake.value)
    assert told == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (at("10:00:00", start={"segments": ["NYSE"]}), 'segment "NYSE" is in no calendar; allowed: BFO, BSE_EQ'),
        (at("10:00:00", start={"accounts": ["a", "a"]}), 'accounts is ["a", "a"]; allowed: a list of names'),
        (at("10:00:00", start={"accounts": ["kite"]}), 'accounts is ["kite"]; allowed: a list of names'),
        (at("10:00:00", start={"accounts": "family"}), 'accounts is "family"; allowed: a list of names'),
        (at("10:00:00", start={"segments": []}), "segments is []; allowed: a list of BFO"),
        (at("10:00:00", start={"instruments": []}), "instruments is []; allowed: a list of tokens such as [256265]"),
        (at("10:00:00", start={"instruments": [1, 1]}), "instruments is [1, 1]; allowed: a list of tokens"),
        (at("10:00:00", start={"instruments": ["NIFTY"]}), 'instruments is ["NIFTY"]; allowed: a list of tokens'),
        (at("10:00:00", start={"segments": ["NFO", "NFO"]}), "each once"),
        (at("10:00:00", start={"token": "good"}), 'token is "good"; allowed: stored, none'),
        (at("10:00:00", start={"token": "none", "stored_at": "2026-11-23T08:00:00+05:30"}), "with a stored token"),
        (at("10:00:00", start={"stored_at": "2026-11-23T10:00:01+05:30"}), "any time up to at"),
        (at("10:00:00", do="login"), "login needs a running daemon; allowed: after a start line"),
        (at("10:00:00", expect={}), "never started"),
    ],
)
def test_a_first_line_that_makes_no_sense_is_refused(line: str, sentence: str) -> None:
    with pytest.raises(ScriptError, match=r"^line 1: ") as mistake:
        rehearse([line], say=lambda _line: None, complain=lambda _sentence: None)
    assert sentence in str(mistake.value)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([at("10:00:00", start=STORED), at("10:00:05", expect=LIVE)], 0),
        ([at("10:00:00", start=STORED), at("10:00:05", expect={"feed": "stale"})], 1),
        ([at("10:00:00", start=STORED), at("10:00:05", expect={"feed": "stall"})], 65),
        ([""], 65),
    ],
)
def test_the_command_says_how_it_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], status: int
) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text("\n".join(lines))
    assert main(["rehearse", str(file)]) == status
    printed = capsys.readouterr()
    assert all(json.loads(line)["at"] for line in printed.out.splitlines())
    assert (str(file) in printed.err) == (status == 65)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: No such file" in capsys.readouterr().err


# Time


def test_time_jumps_from_timer_to_timer_and_never_past_what_is_awaited() -> None:
    rung: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        begun = loop.now_ns
        for seconds in (3600.0, 0.1, 1e-9, 3600.000001):
            loop.call_later(seconds, lambda: rung.append((loop.now_ns - begun) / SECOND))
        await loop.reach(begun + 3600 * SECOND)
        assert rung == [1e-6, 0.1, 3600.0]
        assert loop.now_ns == begun + 3600 * SECOND

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


def test_timers_still_ring_after_years() -> None:
    """A float of so many seconds cannot hold the nanoseconds any more."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        begun = loop.now_ns
        await loop.reach(begun + 2000 * 86_400 * SECOND)
        for seconds in (0.1, 1e-7, 3.3333333):
            before = loop.now_ns
            await asyncio.wait_for(_after(loop, seconds), 3600)
            assert 0 <= (loop.now_ns - before) / SECOND - seconds < 2e-6

    async def _after(loop: VirtualLoop, seconds: float) -> None:
        future = loop.create_future()
        loop.call_later(seconds, future.set_result, None)
        reached = asyncio.ensure_future(loop.reach(loop.now_ns + 10 * SECOND))
        await future
        reached.cancel()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


def test_a_fault_in_a_timer_ends_the_rehearsal() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_later(1, [].pop)
        await loop.reach(loop.now_ns + 2 * SECOND)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(IndexError):
        runner.run(scene())


def test_waiting_for_nothing_is_a_fault_and_no_hang() -> None:
    async def scene() -> None:
        await asyncio.get_running_loop().create_future()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(RuntimeError, match="would wait for ever"):
        runner.run(scene())


def test_the_wall_steps_and_the_script_does_not() -> None:
    start = datetime(2026, 11, 23, 10, tzinfo=IST)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        clock = VirtualClock(loop, start)
        await clock.until(start + timedelta(hours=1))
        clock.step(-1800)
        assert clock.true_now() == start + timedelta(hours=1)
        assert clock.now() == start + timedelta(minutes=30)
        assert clock.mono_ns() == loop.now_ns

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())
