"""What the token and the market mean for the feed: the one place where the machines meet."""

from typing import Any

import pytest

from machines_at import AUTH_STATES, FEED_STATES, auth_in, feed_in, tell, token
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.coupling import tell_feed
from tradewarden.machines.feed import Close, Connect, FeedWatchdog

USABLE = ("unknown", "exchanging", "verifying", "valid", "expiring")


def told(auth: AuthToken, feed: FeedWatchdog, *, wanted: bool = True) -> list[str]:
    """All that the feed has to hear until it knows everything."""
    heard = []
    while (tell := tell_feed(auth, feed, wanted=wanted, now=feed.now)) is not None:
        heard.append(tell.event)
        feed.fire(tell.event, now=feed.now, **tell.facts)
        assert len(heard) < 5, "the two do not come to rest"
    return heard


@pytest.mark.parametrize("auth", AUTH_STATES)
@pytest.mark.parametrize("feed", FEED_STATES)
def test_what_nobody_wants_is_halted_whatever_the_token_is_like(auth: str, feed: str) -> None:
    machine = feed_in(feed)
    assert told(auth_in(auth), machine, wanted=False) == ([] if feed == "halted" else ["unwanted"])
    assert machine.leaf == "halted"


@pytest.mark.parametrize(
    ("feed", "event", "state"),
    [
        ("halted", ["wanted"], "connecting"),
        ("blocked_on_auth", ["auth_ready"], "connecting"),
        ("connecting", [], "connecting"),
        ("connected", [], "connected"),
        ("streaming", [], "streaming"),
        ("stale", [], "stale"),
        ("backing_off", [], "backing_off"),
    ],
)
@pytest.mark.parametrize("auth", USABLE)
def test_with_a_usable_token_a_wanted_feed_dials_or_goes_on(auth: str, feed: str, event: list[str], state: str) -> None:
    machine = feed_in(feed)
    assert told(auth_in(auth), machine) == event
    assert machine.leaf == state


@pytest.mark.parametrize(
    ("feed", "event", "state"),
    [
        ("halted", ["wanted"], "blocked_on_auth"),
        ("blocked_on_auth", [], "blocked_on_auth"),
        ("connecting", ["auth_lost"], "blocked_on_auth"),
        ("connected", [], "connected"),
        ("streaming", [], "streaming"),
        ("stale", ["auth_lost"], "blocked_on_auth"),
        ("backing_off", ["auth_lost"], "blocked_on_auth"),
    ],
)
@pytest.mark.parametrize("auth", ["required", "expired"])
def test_without_a_token_nothing_new_is_dialled_and_what_streams_goes_on(
    auth: str, feed: str, event: list[str], state: str
) -> None:
    machine = feed_in(feed)
    assert told(auth_in(auth), machine) == event
    assert machine.leaf == state


@pytest.mark.parametrize("feed", ["connecting", "stale", "backing_off"])
def test_a_doubted_token_blocks_the_next_dial_as_well(feed: str) -> None:
    auth, machine = auth_in("valid"), feed_in(feed)
    tell(auth, "refused", gen=2)
    assert told(auth, machine) == ["auth_lost"]


@pytest.mark.parametrize("feed", ["connecting", "stale", "backing_off"])
def test_a_token_past_its_hint_blocks_the_next_dial_until_there_is_a_verdict(feed: str) -> None:
    auth, machine = auth_in("valid"), feed_in(feed)
    auth.hint(expires_at=machine.now, probe_at=None)
    assert told(auth, machine) == ["auth_lost"]
    tell(auth, "verify_ok", after=SECOND * 60, gen=2, expires_at=machine.now * 2)
    assert told(auth, machine) == ["auth_ready"]
    assert machine.leaf == "connecting"


def test_a_newer_token_ends_a_wait() -> None:
    auth, machine = auth_in("valid"), feed_in("backing_off")
    tell(auth, "token_found", token=token(3))
    assert told(auth, machine) == ["auth_ready"]
    assert (machine.leaf, machine.token) == ("connecting", token(3))


@pytest.mark.parametrize("feed", ["connecting", "connected", "streaming", "stale"])
def test_a_newer_token_does_not_disturb_an_open_socket(feed: str) -> None:
    auth, machine = auth_in("valid"), feed_in(feed)
    tell(auth, "token_found", token=token(3))
    assert told(auth, machine) == []
    assert machine.token == token(2)


def test_a_newer_token_within_the_minute_of_a_429_is_told_once() -> None:
    auth, machine = auth_in("valid"), feed_in("connecting")
    tell(machine, "lost", gen=1, reason="rate_limited")
    tell(auth, "token_found", token=token(3))
    assert told(auth, machine) == ["auth_ready"]
    assert (machine.leaf, machine.token) == ("backing_off", token(3))


def test_a_barred_token_is_not_dialled_again_and_a_new_one_is() -> None:
    auth, machine = auth_in("valid"), feed_in("connecting")
    tell(machine, "misconfigured", gen=1)
    assert told(auth, machine) == []
    assert (machine.leaf, machine.reason) == ("blocked_on_auth", "configuration")
    assert told(auth, machine, wanted=False) == ["unwanted"]
    assert told(auth, machine) == ["wanted"]
    assert (machine.leaf, machine.reason) == ("blocked_on_auth", "configuration")
    tell(auth, "exchange_ok", token=token(3))
    assert told(auth, machine) == ["auth_ready"]
    assert machine.leaf == "connecting"


@pytest.mark.parametrize(
    ("answer", "facts", "state", "minute"),
    [
        ("verify_ok", {"gen": 2}, "backing_off", True),
        ("unreachable", {"gen": 2}, "backing_off", False),
        ("verify_late", {}, "backing_off", False),
        ("rejected", {"gen": 2}, "blocked_on_auth", False),
        ("exchange_ok", {"token": token(3)}, "connecting", False),
        ("token_found", {"token": token(3)}, "connecting", False),
    ],
)
def test_what_the_probe_says_decides_how_a_refusal_goes_on(
    answer: str,
    facts: dict[str, Any],
    state: str,
    minute: bool,  # noqa: FBT001 - drawn
) -> None:
    auth, machine = auth_in("valid"), feed_in("connecting")
    tell(machine, "refused", gen=1)
    tell(auth, "refused", gen=2)
    assert told(auth, machine) == [], "nobody dials before auth has looked into it"
    tell(auth, answer, **facts)
    told(auth, machine)
    assert machine.leaf == state
    if state == "backing_off":
        assert ((machine.next_deadline() or 0) - machine.now >= 60 * SECOND) == minute


@pytest.mark.parametrize("feed", ["connecting", "connected", "streaming", "stale"])
def test_somebody_elses_stream_is_hung_up_at_once(feed: str) -> None:
    auth, machine = auth_in("valid"), feed_in(feed)
    tell(auth, "logout", reason="other_account")
    assert told(auth, machine) == ["unwanted", "wanted"]
    assert (machine.leaf, machine.has_socket) == ("blocked_on_auth", False)


def test_the_next_account_streams_though_the_last_token_was_somebody_elses() -> None:
    auth, machine = auth_in("valid"), feed_in("streaming")
    tell(auth, "logout", reason="other_account")
    told(auth, machine)
    tell(auth, "exchange_ok", token=token(3))
    assert told(auth, machine) == ["auth_ready"]
    assert (machine.leaf, machine.token) == ("connecting", token(3))


@pytest.mark.parametrize("feed", ["connected", "streaming"])
def test_logging_out_leaves_a_live_stream_alone(feed: str) -> None:
    auth, machine = auth_in("valid"), feed_in(feed)
    tell(auth, "logout")
    assert told(auth, machine) == []


def test_a_dead_token_costs_one_dial_and_then_none() -> None:
    auth, machine = auth_in("unknown"), feed_in("halted")
    told(auth, machine)
    assert machine.gen == 1
    tell(machine, "refused", gen=1)
    tell(auth, "refused", gen=2)
    tell(auth, "rejected", gen=2)
    for _ in range(20):
        assert told(auth, machine) == []
        assert machine.next_deadline() is None
    assert machine.gen == 1


def test_a_stream_outlives_its_token_and_is_not_dialled_again_without_one() -> None:
    auth, machine = auth_in("valid"), feed_in("streaming")
    tell(auth, "rejected", gen=2)
    assert told(auth, machine) == []
    tell(machine, "lost", gen=1, reason="server")
    assert told(auth, machine) == ["auth_lost"]
    assert machine.leaf == "blocked_on_auth"


def test_a_login_after_a_lost_stream_dials_the_new_token() -> None:
    auth, machine = auth_in("expired"), feed_in("streaming")
    assert tell(machine, "lost", gen=1, reason="server") == [Close(1)]
    told(auth, machine)
    tell(auth, "exchange_ok", token=token(3))
    answer = tell_feed(auth, machine, wanted=True, now=machine.now)
    assert answer is not None
    assert machine.fire(answer.event, now=machine.now, **answer.facts) == [Connect(2, token(3))]
