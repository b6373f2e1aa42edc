"""The simulated broker's decisions, without a socket: a rehearsal uses them like this."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewarden.simulator.broker import Answer, Broker, Reply, Silence
from tradewarden.simulator.world import World

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=ZoneInfo("Asia/Kolkata"))


@pytest.fixture
def broker() -> Broker:
    return Broker(api_key="key", api_secret="secret", user_id="AB1234", seed=5)


def checksum(request_token: str, secret: str = "secret") -> str:
    return hashlib.sha256(f"key{request_token}{secret}".encode()).hexdigest()


def status(reply: Reply) -> int | Silence:
    return reply.status if isinstance(reply, Answer) else reply


def ask(broker: Broker, token: str) -> int | Silence:
    return status(broker.profile(f"token key:{token}"))


def test_a_login_brings_a_session_of_the_person_who_logged_in(broker: Broker) -> None:
    request_token = broker.log_in("XY9999", NOW)
    reply = broker.exchange("key", request_token, checksum(request_token), NOW)
    assert isinstance(reply, Answer)
    assert reply.data["user_id"] == "XY9999"
    assert reply.data["login_time"] == "2026-11-23 08:30:00"
    assert reply.data["access_token"] == broker.tokens[-1]
    assert ask(broker, broker.tokens[-1]) == 200


def test_a_request_token_works_once_and_for_five_minutes(broker: Broker) -> None:
    dead = Answer(403, error_type="TokenException", message="Token is invalid or has expired.")
    used, late = broker.log_in("AB1234", NOW), broker.log_in("AB1234", NOW)
    broker.exchange("key", used, checksum(used), NOW)
    assert broker.exchange("key", used, checksum(used), NOW) == dead
    assert broker.exchange("key", late, checksum(late), NOW + timedelta(minutes=5)) == dead
    assert broker.exchange("key", "invented", checksum("invented"), NOW) == dead
    assert len(broker.tokens) == 1


def test_a_wrong_secret_is_told_apart_from_a_dead_token_and_spends_nothing(broker: Broker) -> None:
    request_token = broker.log_in("AB1234", NOW)
    refused = broker.exchange("key", request_token, checksum(request_token, "wrong"), NOW)
    assert refused == Answer(403, error_type="TokenException", message="Invalid `checksum`.")
    assert status(broker.exchange("key", request_token, checksum(request_token), NOW)) == 200


def test_the_profile_answers_as_the_world_says(broker: Broker) -> None:
    token = broker.mint()
    expected: list[tuple[World, int | Silence]] = [
        (World(), 200),
        (World(profile="dead"), 403),
        (World(profile="throttled"), 429),
        (World(profile="unreachable"), Silence.HANG_UP),
        (World(http="500"), 500),
        (World(socket="blackhole"), 200),
    ]
    for world, answer in expected:
        broker.world = world
        assert ask(broker, token) == answer, world


def test_expiring_kills_the_current_token_whatever_the_profile_says(broker: Broker) -> None:
    old, new = broker.mint(), broker.mint()
    assert broker.expire() == new
    assert ask(broker, new) == 403
    assert ask(broker, old) == 200
    assert status(broker.handshake("key", new)) == 403
    assert broker.expire() == old
    assert broker.expire() is None


def test_a_handshake_looks_at_the_key_the_token_and_the_number_of_sockets(broker: Broker) -> None:
    token = broker.mint()
    assert status(broker.handshake("key", token)) == 101
    assert status(broker.handshake("key", "invented")) == 403
    assert status(broker.handshake("other", token)) == 403
    assert status(broker.handshake("key", None)) == 400
    assert status(broker.handshake("", token)) == 400
    broker.opened(token)
    assert status(broker.handshake("key", token)) == 101
    broker.opened(token)
    assert status(broker.handshake("key", token)) == 429
    broker.closed(token)
    assert status(broker.handshake("key", token)) == 101
    assert broker.dials == 8


@pytest.mark.parametrize(
    ("world", "answer"),
    [
        (World(socket="403"), 403),
        (World(socket="429"), 429),
        (World(socket="refuse"), Silence.HANG_UP),
        (World(socket="blackhole"), Silence.SWALLOW),
        (World(profile="dead"), 101),  # only expire_token kills a token
    ],
)
def test_a_good_token_meets_what_the_world_does_to_sockets(broker: Broker, world: World, answer: object) -> None:
    broker.world = world
    assert status(broker.handshake("key", broker.mint())) == answer


def test_a_logout_kills_the_token_once(broker: Broker) -> None:
    token = broker.mint()
    assert status(broker.log_out("key", token)) == 200
    assert status(broker.log_out("key", token)) == 403
    assert ask(broker, token) == 403


def test_the_state_tells_everything_that_was_minted(broker: Broker) -> None:
    tokens = [broker.mint(), broker.mint()]
    broker.expire()
    assert broker.state() == {
        "api_key": "key",
        "user_id": "AB1234",
        "tokens": tokens,
        "sockets": 0,
        "dials": 0,
        "world": World().as_dict(),
    }


def test_two_brokers_never_hand_out_the_same_token_unless_seeded() -> None:
    def first(seed: int | None) -> str:
        return Broker(api_key="k", api_secret="s", user_id="A", seed=seed).mint()

    assert first(None) != first(None)
    assert first(3) == first(3)
