"""The feed's machine: ticks prove a stream, silence counts only while data is due, and nobody knocks too often."""

from collections.abc import Iterator
from typing import Any

import pytest

from machines_at import FEED_STATES, HOUR, START, feed_in, tell, tick, token, wake
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import Close, Connect, FeedWatchdog, Resubscribe

MINUTE = 60 * SECOND
SOCKET = ("connecting", "connected", "streaming", "stale")
FACTS: dict[str, dict[str, Any]] = {
    "wanted": {"usable": True, "token": token(2)},
    "unwanted": {},
    "auth_ready": {"token": token(3)},
    "auth_lost": {},
    "opened": {"gen": 1},
    "ticked": {"gen": 1},
    "silence": {"reason": "stall"},
    "give_up": {"reason": "stall"},
    "lost": {"gen": 1, "reason": "network"},
    "refused": {"gen": 1},
    "misconfigured": {"gen": 1},
    "dial_timeout": {"reason": "network"},
    "retry": {},
}

# Row by row what machines.md says; "-" is ignored and counted.
TABLE = """
from            wanted     unwanted auth_ready auth_lost       opened    ticked    silence give_up     lost        refused         dial_timeout retry      misconfigured
halted          connecting -        -          -               -         -         -       -           -           -               -            -          -
blocked_on_auth -          halted   connecting -               -         -         -       -           -           -               -            -          -
connecting      -          halted   -          blocked_on_auth connected -         -       -           backing_off blocked_on_auth backing_off  -          blocked_on_auth
connected       -          halted   -          -               -         streaming stale   -           backing_off blocked_on_auth -            -          -
streaming       -          halted   -          -               -         -         stale   -           backing_off blocked_on_auth -            -          -
stale           -          halted   -          blocked_on_auth -         streaming -       backing_off backing_off blocked_on_auth -            -          -
backing_off     -          halted   connecting blocked_on_auth -         -         -       -           -           -               -            connecting -
"""  # noqa: E501 - a table


def cells() -> Iterator[tuple[str, str, str]]:
    head, *rows = (line.split() for line in TABLE.strip().splitlines())
    for row in rows:
        for event, cell in zip(head[1:], row[1:], strict=True):
            yield row[0], event, cell


def refused(*, confirmed: bool) -> FeedWatchdog:
    """Token 2 was refused at the handshake, and auth has looked into it."""
    machine = feed_in("connecting")
    tell(machine, "refused", gen=machine.gen)
    tell(machine, "auth_ready", after=SECOND, token=token(2), confirmed=confirmed)
    return machine


def throttled() -> FeedWatchdog:
    machine = feed_in("connecting")
    tell(machine, "lost", gen=1, reason="rate_limited")
    return machine


@pytest.mark.parametrize(("state", "event", "expected"), list(cells()))
def test_each_event_in_each_state_leads_where_the_table_says(state: str, event: str, expected: str) -> None:
    machine = feed_in(state)
    machine.gen = 1
    effects = tell(machine, event, after=30 * SECOND, **FACTS[event])
    if expected == "-":
        assert (machine.leaf, effects) == (state, [])
        assert (machine.ignored_total, machine.stale_results_total) == (1, 0)
    else:
        assert (machine.leaf, machine.since) == (expected, machine.now)
        assert (machine.ignored_total, machine.stale_results_total) == (0, 0)


@pytest.mark.parametrize("event", ["opened", "ticked", "lost", "refused", "misconfigured"])
@pytest.mark.parametrize("state", FEED_STATES)
@pytest.mark.parametrize("gen", [6, 8])
def test_a_word_of_another_socket_is_dropped_and_counted(state: str, event: str, gen: int) -> None:
    machine = feed_in(state)
    machine.gen = 7
    before = machine.next_deadline()
    assert (
        tell(machine, event, **FACTS[event] | {"gen": gen, **({"reason": "rate_limited"} if event == "lost" else {})})
        == []
    )
    assert (machine.leaf, machine.next_deadline()) == (state, before)
    assert (machine.stale_results_total, machine.ignored_total) == (1, 0)


# Sockets: one at most, and none is forgotten


def test_dialling_takes_the_next_number_and_the_token_of_the_moment() -> None:
    machine = FeedWatchdog(lambda: 0.5)
    assert tell(machine, "wanted", usable=True, token=token(2)) == [Connect(1, token(2))]
    tell(machine, "lost", gen=1, reason="network")
    assert wake(machine) == [Connect(2, token(2))]
    tell(machine, "lost", gen=2, reason="network")
    assert tell(machine, "auth_ready", token=token(3)) == [Connect(3, token(3))]


@pytest.mark.parametrize(
    ("state", "event"), [cell[:2] for cell in cells() if cell[0] in SOCKET and cell[2] not in (*SOCKET, "-")]
)
def test_whoever_leaves_a_socket_closes_it(state: str, event: str) -> None:
    machine = feed_in(state)
    assert tell(machine, event, after=30 * SECOND, **FACTS[event]) == [Close(1)]


@pytest.mark.parametrize(("state", "event"), [cell[:2] for cell in cells() if cell[0] not in SOCKET and cell[2] != "-"])
def test_where_no_socket_is_open_none_is_closed(state: str, event: str) -> None:
    machine = feed_in(state)
    assert not any(isinstance(effect, Close) for effect in tell(machine, event, after=HOUR, **FACTS[event]))


@pytest.mark.parametrize("state", ["connected", "streaming"])
def test_silence_first_asks_for_the_instruments_again_on_the_same_socket(state: str) -> None:
    machine = feed_in(state)
    assert wake(machine) == [Resubscribe(1)]
    assert (machine.leaf, machine.has_socket, machine.reason) == ("stale", True, "stall")


@pytest.mark.parametrize("state", FEED_STATES)
def test_a_socket_is_there_exactly_while_connecting_connected_streaming_or_stale(state: str) -> None:
    assert feed_in(state).has_socket == (state in SOCKET)


def test_only_opened_sockets_are_counted_as_connections() -> None:
    machine = feed_in("connecting")
    tell(machine, "dial_timeout", reason="network")
    assert machine.opened_total == 0
    assert feed_in("connected").opened_total == 1


# Deadlines


def test_a_dial_gets_ten_seconds() -> None:
    machine = feed_in("connecting")
    assert machine.next_deadline() == START + 10 * SECOND
    assert wake(machine) == [Close(1)]
    assert (machine.leaf, machine.reason) == ("backing_off", "network")


@pytest.mark.parametrize("state", ["connected", "streaming"])
@pytest.mark.parametrize(("expected", "seconds"), [("dense", 10), ("sparse", 120)])
def test_silence_is_measured_by_what_the_phase_lets_us_expect(state: str, expected: str, seconds: int) -> None:
    machine = feed_in(state, expected=expected)
    assert machine.next_deadline() == START + seconds * SECOND
    wake(machine)
    assert (machine.leaf, machine.now) == ("stale", START + seconds * SECOND)


@pytest.mark.parametrize("state", ["connected", "streaming"])
def test_while_no_data_is_due_silence_means_nothing(state: str) -> None:
    machine = feed_in(state, expected="none")
    assert machine.next_deadline() is None
    tell(machine, "silence", after=HOUR, reason="stall")
    assert (machine.leaf, machine.ignored_total) == (state, 1)


@pytest.mark.parametrize("state", ["connected", "streaming"])
def test_silence_told_too_early_does_not_make_a_stream_stale(state: str) -> None:
    machine = feed_in(state)
    tell(machine, "silence", after=10 * SECOND - 1, reason="stall")
    assert (machine.leaf, machine.ignored_total) == (state, 1)
    tell(machine, "silence", after=1, reason="stall")
    assert machine.leaf == "stale"


def test_every_tick_moves_the_deadline_without_a_word_to_the_machine() -> None:
    machine = feed_in("streaming")
    machine.last_tick = START + 49_500_000_000
    assert machine.next_deadline() == START + 59_500_000_000


def test_a_snapshot_before_the_first_proven_tick_does_not_move_the_first_tick_deadline() -> None:
    machine = feed_in("connected")
    machine.last_tick = START + 9 * SECOND
    assert machine.next_deadline() == START + 10 * SECOND


@pytest.mark.parametrize("state", ["connected", "streaming"])
def test_silence_counts_from_the_begin_of_the_phase_that_expects_data(state: str) -> None:
    machine = feed_in(state, expected="none")
    machine.expect("dense", now=START + HOUR)
    assert machine.next_deadline() == START + HOUR + 10 * SECOND


def test_the_same_expectation_told_again_is_no_new_phase() -> None:
    machine = feed_in("streaming")
    machine.expect("dense", now=START + 9 * SECOND)
    assert machine.next_deadline() == START + 10 * SECOND


def test_a_stale_stream_gets_five_seconds() -> None:
    machine = feed_in("stale")
    assert machine.next_deadline() == machine.since + 5 * SECOND
    assert wake(machine) == [Close(1)]
    assert (machine.leaf, machine.reason) == ("backing_off", "stall")


@pytest.mark.parametrize("state", ["halted", "blocked_on_auth"])
def test_who_waits_for_the_market_or_for_a_token_has_no_deadline(state: str) -> None:
    assert feed_in(state).next_deadline() is None


@pytest.mark.parametrize("state", ["connecting", "connected", "streaming", "stale", "backing_off"])
def test_everything_else_has_one_while_data_is_due(state: str) -> None:
    assert feed_in(state).next_deadline() is not None


def test_every_deadline_passes_when_it_is_acted_upon() -> None:
    machine = feed_in("connecting")
    for _ in range(50):
        now = machine.next_deadline()
        assert now is not None
        machine.due(now)
        after = machine.next_deadline()
        assert after is not None
        assert after > now


# Backoff


def test_the_wait_doubles_with_every_failure_and_never_ends() -> None:
    machine = feed_in("connecting", uniform=lambda: 0.999999)
    waits = []
    for _ in range(60):
        tell(machine, "lost", gen=machine.gen, reason="network")
        assert machine.retry_at == machine.next_deadline() == machine.now + machine.delay
        waits.append(round(machine.delay / SECOND, 3))
        wake(machine)
        assert machine.leaf == "connecting"
    assert waits[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert set(waits[8:]) == {30.0}


def test_bad_luck_never_means_a_dial_without_a_wait() -> None:
    machine = feed_in("connecting", uniform=lambda: 0.0)
    tell(machine, "lost", gen=1, reason="network")
    assert machine.next_deadline() == machine.now + SECOND // 10


@pytest.mark.parametrize(("seconds", "attempt"), [(60, 1), (59.999, 6)])
@pytest.mark.parametrize("ending", ["lost", "unwanted", "silence", "refused"])
def test_only_a_minute_of_proven_ticks_makes_the_wait_short_again(seconds: float, attempt: int, ending: str) -> None:
    machine = feed_in("streaming")
    machine.attempt = 5
    machine.last_tick = machine.since + int(seconds * SECOND)
    tell(machine, ending, after=HOUR, **FACTS[ending])
    if ending != "lost":
        attempt -= 1
    assert machine.attempt == attempt


def test_silence_is_not_part_of_the_minute() -> None:
    machine = feed_in("streaming")
    machine.attempt = 5
    machine.last_tick = machine.since + 55 * SECOND
    wake(machine)
    assert (machine.leaf, machine.attempt) == ("stale", 5)


def test_two_half_minutes_are_no_minute() -> None:
    machine = feed_in("streaming")
    machine.attempt = 5
    machine.last_tick = machine.since + 40 * SECOND
    wake(machine)
    tick(machine, after=SECOND)
    machine.last_tick = machine.since + 40 * SECOND
    tell(machine, "lost", after=40 * SECOND, gen=1, reason="network")
    assert machine.attempt == 6


def test_an_open_socket_without_ticks_proves_nothing() -> None:
    machine = feed_in("backing_off", expected="none")
    wake(machine)
    tell(machine, "opened", gen=2)
    tell(machine, "lost", after=2 * HOUR, gen=2, reason="network")
    assert machine.attempt == 2


def test_neither_a_new_token_nor_the_end_of_the_session_makes_the_wait_short_again() -> None:
    machine = feed_in("backing_off")
    machine.attempt = 7
    tell(machine, "auth_ready", token=token(3))
    tell(machine, "unwanted", after=SECOND)
    tell(machine, "wanted", after=12 * HOUR, usable=True, token=token(4))
    assert machine.attempt == 7


# 429


@pytest.mark.parametrize("chance", [0.0, 0.999999])
def test_after_a_429_nobody_dials_for_a_minute(chance: float) -> None:
    machine = feed_in("connecting", uniform=lambda: chance)
    machine.attempt = 20
    tell(machine, "lost", gen=1, reason="rate_limited")
    assert machine.next_deadline() == machine.now + MINUTE


def test_another_loss_does_not_make_a_minute() -> None:
    machine = feed_in("connecting")
    tell(machine, "lost", gen=1, reason="server")
    assert (machine.next_deadline() or 0) < machine.now + SECOND


def test_a_new_token_does_not_shorten_the_minute_but_is_the_one_that_is_dialled() -> None:
    machine = throttled()
    end = machine.next_deadline()
    assert tell(machine, "auth_ready", after=30 * SECOND, token=token(3)) == []
    assert (machine.leaf, machine.next_deadline(), machine.ignored_total) == ("backing_off", end, 0)
    assert wake(machine) == [Connect(2, token(3))]


def test_a_new_token_after_the_minute_is_dialled_at_once() -> None:
    machine = throttled()
    machine.delay = HOUR
    assert tell(machine, "auth_ready", after=MINUTE, token=token(3)) == [Connect(2, token(3))]


@pytest.mark.parametrize("generation", [2, 3])
@pytest.mark.parametrize("detour", [("unwanted", "wanted"), ("auth_lost", "auth_ready")])
def test_no_detour_shortens_the_minute(detour: tuple[str, str], generation: int) -> None:
    machine = throttled()
    end = machine.now + MINUTE
    tell(machine, detour[0], after=SECOND)
    facts = {"usable": True} if detour[1] == "wanted" else {}
    assert tell(machine, detour[1], after=SECOND, token=token(generation), **facts) == []
    assert (machine.leaf, machine.next_deadline()) == ("backing_off", end)


@pytest.mark.parametrize("detour", [("unwanted", "wanted"), ("auth_lost", "auth_ready")])
def test_after_the_minute_a_detour_leads_straight_to_the_dial(detour: tuple[str, str]) -> None:
    machine = throttled()
    tell(machine, detour[0], after=SECOND)
    facts = {"usable": True} if detour[1] == "wanted" else {}
    tell(machine, detour[1], after=59 * SECOND, token=token(2), **facts)
    assert machine.leaf == "connecting"


# Refusals


def test_a_refused_dial_waits_for_auth_and_says_why() -> None:
    machine = feed_in("connecting")
    tell(machine, "refused", gen=1)
    assert (machine.leaf, machine.reason, machine.next_deadline()) == ("blocked_on_auth", "refused", None)


def test_a_refusal_that_the_probe_contradicts_costs_a_minute() -> None:
    machine = refused(confirmed=True)
    assert (machine.leaf, machine.reason) == ("backing_off", "refused")
    assert machine.next_deadline() == machine.now + MINUTE


def test_a_refusal_of_which_the_probe_cannot_tell_costs_the_ordinary_wait() -> None:
    machine = refused(confirmed=False)
    assert machine.leaf == "backing_off"
    assert machine.next_deadline() == machine.now + machine.delay <= machine.now + 30 * SECOND


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_new_token_ends_the_wait_of_a_refusal(confirmed: bool) -> None:  # noqa: FBT001 - drawn
    machine = refused(confirmed=confirmed)
    assert tell(machine, "auth_ready", token=token(3)) == [Connect(2, token(3))]


def test_a_new_token_after_a_refusal_is_dialled_at_once() -> None:
    machine = feed_in("connecting")
    tell(machine, "refused", gen=1)
    assert tell(machine, "auth_ready", token=token(3)) == [Connect(2, token(3))]
    tell(machine, "lost", gen=2, reason="network")
    assert (machine.next_deadline() or 0) <= machine.now + 30 * SECOND


def test_a_refusal_that_goes_on_means_one_dial_a_minute_and_never_none() -> None:
    machine = refused(confirmed=True)
    for _ in range(300):
        assert (machine.next_deadline() or 0) >= machine.now + MINUTE
        wake(machine)
        tell(machine, "refused", after=SECOND, gen=machine.gen)
        tell(machine, "auth_ready", after=SECOND, token=token(2), confirmed=True)
    assert machine.gen == 301


def test_auth_that_comes_and_goes_does_not_prolong_the_minute() -> None:
    machine = refused(confirmed=True)
    end = machine.next_deadline()
    for _ in range(5):
        tell(machine, "auth_lost", after=SECOND)
        tell(machine, "auth_ready", after=SECOND, token=token(2), confirmed=True)
        assert (machine.leaf, machine.next_deadline()) == ("backing_off", end)


def test_a_refusal_is_forgotten_once_the_broker_accepts_the_same_token() -> None:
    machine = refused(confirmed=True)
    wake(machine)
    tell(machine, "opened", gen=machine.gen)
    tell(machine, "lost", after=HOUR, gen=machine.gen, reason="network")
    tell(machine, "auth_lost")
    tell(machine, "auth_ready", token=token(2), confirmed=True)
    assert machine.leaf == "connecting"


@pytest.mark.parametrize(("seconds", "state"), [(59, "backing_off"), (60, "connecting")])
def test_the_minute_of_a_refusal_outlives_a_pause_of_the_session(seconds: int, state: str) -> None:
    machine = feed_in("connecting")
    tell(machine, "refused", gen=1)
    tell(machine, "unwanted")
    tell(machine, "wanted", after=seconds * SECOND, usable=True, token=token(2))
    assert machine.leaf == state


def test_a_pause_of_the_session_does_not_hold_up_a_new_token_after_a_refusal() -> None:
    machine = feed_in("connecting")
    tell(machine, "refused", gen=1)
    tell(machine, "unwanted")
    tell(machine, "wanted", usable=True, token=token(3))
    assert machine.leaf == "connecting"


# 400


def test_a_400_bars_the_token_and_says_that_the_configuration_is_wrong() -> None:
    machine = feed_in("connecting")
    tell(machine, "misconfigured", gen=1)
    assert (machine.leaf, machine.barred, machine.reason) == ("blocked_on_auth", 2, "configuration")
    assert machine.next_deadline() is None


def test_the_configuration_is_still_wrong_the_next_morning() -> None:
    machine = feed_in("connecting")
    tell(machine, "misconfigured", gen=1)
    tell(machine, "unwanted")
    tell(machine, "wanted", after=12 * HOUR, usable=False, token=token(2))
    assert (machine.leaf, machine.reason) == ("blocked_on_auth", "configuration")


def test_a_reload_forgives_the_400() -> None:
    machine = feed_in("connecting")
    tell(machine, "misconfigured", gen=1)
    machine.forgive()
    assert machine.barred is None
    tell(machine, "auth_ready", token=token(2))
    assert machine.leaf == "connecting"


# Tokens


def test_a_token_that_was_dialled_before_is_no_reason_to_cut_the_wait_short() -> None:
    machine = feed_in("backing_off")
    assert tell(machine, "auth_ready", token=token(2)) == []
    assert (machine.leaf, machine.ignored_total) == ("backing_off", 1)


@pytest.mark.parametrize("state", ["connected", "streaming"])
def test_auth_loss_does_not_close_an_open_stream(state: str) -> None:
    machine = feed_in(state)
    assert tell(machine, "auth_lost") == []
    assert machine.leaf == state


def test_without_a_usable_token_nothing_is_dialled() -> None:
    machine = feed_in("halted")
    assert tell(machine, "wanted", usable=False, token=token(2)) == []
    assert (machine.leaf, machine.reason) == ("blocked_on_auth", "auth")


@pytest.mark.parametrize("state", ["connecting", "stale", "backing_off"])
def test_a_feed_that_lost_its_token_says_so(state: str) -> None:
    machine = feed_in(state)
    tell(machine, "auth_lost")
    assert machine.reason == "auth"


# What it says of itself


@pytest.mark.parametrize("reason", ["network", "server", "rate_limited", "mute", "closed", "tls"])
def test_the_cause_of_trouble_is_kept_until_ticks_flow_again(reason: str) -> None:
    machine = feed_in("streaming")
    tell(machine, "lost", gen=1, reason=reason)
    wake(machine)
    tell(machine, "opened", gen=2)
    assert machine.reason == reason
    tick(machine)
    assert machine.reason is None


def test_an_ended_session_leaves_no_trouble_behind() -> None:
    machine = feed_in("backing_off")
    tell(machine, "unwanted")
    assert (machine.reason, machine.latched) == (None, False)


@pytest.mark.parametrize(
    ("state", "latched"),
    [(state, state in ("stale", "backing_off")) for state in FEED_STATES],
)
def test_trouble_is_latched_by_silence_and_by_a_lost_socket(state: str, latched: bool) -> None:  # noqa: FBT001 - drawn
    assert feed_in(state).latched == latched


def test_the_latch_falls_with_the_first_proven_tick_and_not_with_the_open_socket() -> None:
    machine = feed_in("backing_off")
    wake(machine)
    tell(machine, "opened", gen=2)
    assert machine.latched
    tick(machine)
    assert not machine.latched


def test_while_no_data_is_due_an_open_socket_is_proof_enough() -> None:
    machine = feed_in("backing_off", expected="none")
    wake(machine)
    assert machine.latched
    tell(machine, "opened", gen=2)
    assert (machine.latched, machine.reason) == (False, None)


def test_when_data_stops_being_due_an_open_socket_becomes_proof_enough() -> None:
    machine = feed_in("backing_off")
    wake(machine)
    tell(machine, "opened", gen=2)
    machine.expect("sparse", now=machine.now)
    assert machine.latched
    machine.expect("none", now=machine.now)
    assert not machine.latched


@pytest.mark.parametrize("state", [state for state in FEED_STATES if state != "backing_off"])
def test_only_a_feed_that_backs_off_says_when_it_dials_again(state: str) -> None:
    assert feed_in(state).retry_at is None


# The original's faults


def test_a_socket_that_never_ticks_is_reconnected_again_and_again() -> None:
    machine, dials = feed_in("connecting"), 0
    for _ in range(1000):
        if machine.leaf == "connecting":
            dials += 1
            tell(machine, "opened", after=SECOND // 5, gen=machine.gen)
        wake(machine)
        if machine.now > START + HOUR:
            break
    assert dials > 60


def test_a_lost_socket_is_reconnected_within_half_a_second() -> None:
    machine = feed_in("streaming")
    tell(machine, "lost", after=MINUTE, gen=1, reason="network")
    assert (machine.next_deadline() or 0) - machine.now <= SECOND // 2
    assert wake(machine) == [Connect(2, token(2))]


def test_a_new_feed_expects_nothing_has_heard_nothing_and_waits_for_nothing() -> None:
    machine = FeedWatchdog(lambda: 0.5)
    assert (machine.leaf, machine.gen, machine.token, machine.reason) == ("halted", 0, None, None)
    assert (machine.last_tick, machine.expected, machine.expected_since) == (0, "none", 0)
    assert (machine.attempt, machine.delay, machine.latched, machine.opened_total) == (0, 0, False, 0)
    assert (machine.barred, machine.refused_token, machine.next_deadline()) == (None, None, None)
