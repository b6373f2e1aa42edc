"""The desk's door is taken before anything is started, at every address of its host."""

import socket

import pytest

from tradewarden.http.door import CannotListenError, listeners


def test_who_knocks_before_the_daemon_answers_waits() -> None:
    (door,) = listeners("127.0.0.1", 0)
    with door, socket.create_connection(door.getsockname(), timeout=5) as early:
        assert early.getpeername() == door.getsockname()


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    (door,) = listeners("127.0.0.1", 0)
    port = door.getsockname()[1]
    with door, pytest.raises(CannotListenError, match=rf"cannot listen at 127\.0\.0\.1:{port}: .* set http\.port"):
        listeners("127.0.0.1", port)


def test_every_address_of_a_host_has_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    doors = listeners("localhost", 0)
    try:
        assert len({door.getsockname()[1] for door in doors}) == 1
        assert [door.getsockname()[0] for door in doors] == ["127.0.0.1", "127.0.0.2"]
    finally:
        for door in doors:
            door.close()
