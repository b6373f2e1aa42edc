import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tradewarden.orchestrator.notify import Notifier, Pulse

US = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}


class Systemd:
    """The other end: a datagram socket as systemd opens it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(address.replace("@", "\0", 1))

    def heard(self) -> list[str]:
        """Everything that lies in the socket; a datagram on this machine is there once it was sent."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@tradewarden-{uuid4()}"
    end = Systemd(address)
    yield end
    end.close()


@pytest.fixture
def notifier(systemd: Systemd) -> Iterator[Notifier]:
    it = Notifier({"NOTIFY_SOCKET": systemd.address} | US)
    yield it
    it.close()


def test_the_life_of_a_daemon_as_systemd_hears_it(systemd: Systemd, notifier: Notifier) -> None:
    notifier.ready()
    notifier.status("auth valid / feed streaming / market live")
    notifier.alive()
    notifier.stopping()
    assert systemd.heard() == [
        "READY=1",
        "STATUS=auth valid / feed streaming / market live",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_reload_tells_the_time_at_which_it_began(systemd: Systemd, notifier: Notifier) -> None:
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", systemd.heard()[0])
    assert found
    assert before <= int(found[1]) <= time.monotonic_ns() // 1000


def test_a_status_is_one_line_whatever_it_says(systemd: Systemd, notifier: Notifier) -> None:
    notifier.status("one\nREADY=1")
    assert systemd.heard() == ["STATUS=one READY=1"]


def test_without_systemd_nothing_is_said_and_nothing_fails() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive()
    notifier.close()


def test_a_systemd_that_went_away_or_does_not_listen_costs_nothing(systemd: Systemd, notifier: Notifier) -> None:
    for _ in range(2000):  # more than any queue holds
        notifier.status("x" * 1000)
    assert 0 < len(systemd.heard()) < 2000
    systemd.close()
    notifier.ready()


def test_nothing_is_said_after_the_end(systemd: Systemd, notifier: Notifier) -> None:
    notifier.close()
    notifier.close()
    notifier.ready()
    assert systemd.heard() == []


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}],
    ids=["none asked", "another process", "no number", "zero"],
)
def test_signs_of_life_are_for_the_process_that_was_asked_for_them(
    systemd: Systemd, environment: dict[str, str]
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address} | environment)
    notifier.alive()
    notifier.close()
    assert systemd.heard() == []


class Desk:
    """Seconds, lag and overdue deadlines, as a test sets them."""

    now = 5.0
    lag = 0.0
    overdue = 0.0


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def pulse(notifier: Notifier, desk: Desk) -> Pulse:
    return Pulse(notifier, seconds=lambda: desk.now, lag=lambda: desk.lag, overdue=lambda: desk.overdue)


def signs(systemd: Systemd, pulse: Pulse, desk: Desk, *, seconds: int) -> int:
    """How often a desk that beats twice a second says that it lives."""
    for _ in range(seconds * 2):
        desk.now += 0.5
        pulse.beat()
    return systemd.heard().count("WATCHDOG=1")


def test_a_desk_that_works_says_so_three_times_in_systemds_patience(systemd: Systemd, pulse: Pulse, desk: Desk) -> None:
    assert signs(systemd, pulse, desk, seconds=30) == 3


def test_a_late_beat_or_a_missed_deadline_is_no_sign_of_life(systemd: Systemd, pulse: Pulse, desk: Desk) -> None:
    desk.lag = 2.5
    assert signs(systemd, pulse, desk, seconds=60) == 0
    desk.lag, desk.overdue = 0.0, 6.0
    assert signs(systemd, pulse, desk, seconds=60) == 0


def test_a_desk_that_works_again_says_so_at_once(systemd: Systemd, pulse: Pulse, desk: Desk) -> None:
    desk.overdue = 6.0
    signs(systemd, pulse, desk, seconds=25)
    desk.overdue = 0.0
    pulse.beat()
    assert systemd.heard() == ["WATCHDOG=1"]


def test_a_desk_that_nobody_watches_beats_in_silence(systemd: Systemd, desk: Desk) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    pulse = Pulse(notifier, seconds=lambda: desk.now, lag=lambda: 0.0, overdue=lambda: 0.0)
    assert signs(systemd, pulse, desk, seconds=60) == 0
    notifier.close()
