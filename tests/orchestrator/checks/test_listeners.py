"""Who holds a port: the process, its command, and which of the desk's programs it is."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tradewarden.orchestrator.checks.listeners import Listener, listeners

TALE = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A program of the desk that listens: its pid and its port."""
    marks = {"TRADEWARDEN_SERVICE": "feed", "TRADEWARDEN_KEEPER": f"{tmp_path}/feed"}
    command = [sys.executable, "-c", TALE, "--password", "x" * 200]
    with subprocess.Popen(
        command, env=os.environ | marks, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_the_process_that_listens_is_named_with_its_command_and_service(
    program: tuple[int, int], tmp_path: Path
) -> None:
    pid, port = program
    found = listeners()[port]
    assert (found.pid, found.service, found.keeper) == (pid, "feed", f"{tmp_path}/feed")
    assert found.user == pwd.getpwuid(os.geteuid()).pw_name
    assert str(found).startswith(f"pid {pid} ({sys.executable} -c import socket")
    assert len(found.command) < 100


def test_a_socket_that_only_calls_or_is_closed_is_no_listener() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))) as caller:
            calls_from = caller.getsockname()[1]
            found = listeners()
            assert calls_from not in found
            assert found[port].pid == os.getpid()
            assert found[port].service is None
    assert port not in listeners()


def test_an_address_of_ipv6_counts_too() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with closing(listener):
        assert listeners()[listener.getsockname()[1]].pid == os.getpid()


def test_what_another_user_holds_is_told_by_the_user_alone(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = "   0: 0100007F:{} 00000000:0000 {} 00000000:00000000 00:00000000 00000000 {}        0 {} 1 x 100 0 0 10 0"
    rows = [("1F96", "0A", 0, 4711), ("1F97", "01", 0, 4712), ("1F98", "0A", 99999, 4713)]
    (tmp_path / "net/tcp").write_text("\n".join(["  sl  local_address ...", *(row.format(*each) for each in rows)]))
    (tmp_path / "77").mkdir()  # a process whose descriptors nobody may see
    (tmp_path / "self").mkdir()
    found = listeners(tmp_path)
    assert found == {8086: Listener(8086, "root"), 8088: Listener(8088, "99999")}
    assert str(found[8086]) == "a program of user root"
