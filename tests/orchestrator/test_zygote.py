"""The process that has keepers forked: asked over its socket, killed, started twice, told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kept import Yard, lives, until
from tradewarden.machines.kept import Exited, Gone, Started
from tradewarden.orchestrator import keepers

ZYGOTE = keepers.ZYGOTE
FOREVER = "while :; do sleep .05; done"
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path)) as made:
        yield made


@contextlib.contextmanager
def foreground(yard: Yard, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A zygote as `tradewarden keepers` has it."""
    process = subprocess.Popen([sys.executable, "-I", "-S", str(ZYGOTE), str(yard.keepers.run_dir), *options])
    try:
        until(yard.zygote, what="it serves")
        yield process
    finally:
        process.kill()
        process.wait()


def ask(yard: Yard, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(20)
        asking.connect(str(yard.keepers.run_dir / "zygote.sock"))
        with contextlib.suppress(BrokenPipeError):  # answered unheard
            asking.sendall(line)
        answer: dict[str, Any] = json.loads(asking.makefile().readline())
        return answer


def modules_of(program: Path) -> set[str]:
    """What a program imports, as Python itself tells it."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", str(program)]
    told = subprocess.run(command, check=False, capture_output=True, text=True, close_fds=True)
    return {line.split("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("name", ["zygote.py", "keeping/mould.py"])
def test_nothing_but_the_standard_library_is_needed_and_nothing_of_it_is_shadowed(name: str) -> None:
    found = modules_of(ZYGOTE.parent / name)
    ours = {each for each in found if each.startswith("tradewarden")}
    parts = {"tradewarden", "tradewarden.orchestrator", "tradewarden.orchestrator.keeper"}
    assert all(each in parts or each.startswith("tradewarden.orchestrator.keeping") for each in ours)
    assert {each.partition(".")[0] for each in found - ours} <= sys.stdlib_module_names | {"imported package"}
    assert not found & {"asyncio", "dataclasses", "logging", "pathlib", "subprocess", "typing"}  # memory, times eleven


def test_it_says_who_it_is(yard: Yard) -> None:
    with foreground(yard) as zygote:
        assert ask(yard, b'{"hello": 1}\n') == {"protocol": 1, "pid": zygote.pid}
        assert (yard.keepers.run_dir / "zygote.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nonsense\n", "no keeper"),
        (b"[1]\n", "an object was expected"),
        (b'{"keep": 1, "spec": {}}\n', "a name and a spec were expected"),
        (b'{"keep": "../up", "spec": {"argv": ["x"], "log": "/x"}}\n', "'../up' is no name of a service"),
        (b'{"keep": "a", "spec": {"argv": [], "log": "/x"}}\n', "a needs a command and a log"),
        (b'{"keep": "a", "spec": {"argv": "sh", "log": "/x"}}\n', "argv should be a list of texts"),
        (b'{"keep": "a", "spec": {"argv": ["x\\u0000"], "log": "/x"}}\n', "argv should be a list of texts"),
        (
            b'{"keep": "a", "spec": {"argv": ["x"], "log": "/x", "stop_signal": 99}}\n',
            "cannot be stopped with signal 99",
        ),
        (
            b'{"keep": "a", "spec": {"argv": ["x"], "log": "/x", "env": {"a=b": "c"}}}\n',
            "env should be names and texts",
        ),
        (b'{"keep": "a", "spec": {"argv": ["' + b"x" * 300_000 + b'"], "log": "/x"}}\n', "262144 are possible"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(shared: Yard, line: bytes, why: str) -> None:
    answer = ask(shared, line)
    assert answer["ok"] is False
    assert why in answer["why"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path_factory.mktemp("shared"))) as yard, foreground(yard):
        yield yard


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
def test_a_stranger_may_not_ask(shared: Yard) -> None:
    for place in (shared.keepers.run_dir, *shared.keepers.run_dir.parents[:-1]):
        place.chmod(place.stat().st_mode | 0o011)
    (shared.keepers.run_dir / "zygote.sock").chmod(0o666)
    hearing, telling = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setuid(65534)
            os.write(telling, json.dumps(ask(shared, b"")).encode())
        except OSError as trouble:
            os.write(telling, json.dumps(str(trouble)).encode())
        finally:
            os._exit(0)
    os.close(telling)
    with os.fdopen(hearing, "rb") as told:
        assert json.load(told) == {"ok": False, "why": "only user 0 and root may ask for keepers here"}
    os.waitpid(pid, 0)


def test_the_second_of_a_directory_leaves_at_once(shared: Yard) -> None:
    first = shared.zygote()
    for options in ([], ["--detach"]):
        command = [sys.executable, "-I", "-S", str(ZYGOTE), str(shared.keepers.run_dir), *options]
        assert subprocess.run(command, check=False, timeout=20).returncode == 75
    assert shared.zygote() == first


def test_a_directory_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-I", "-S", str(ZYGOTE), str(tmp_path / "file" / "run")]
    told = subprocess.run(command, check=False, timeout=20, capture_output=True, text=True)
    assert told.returncode == 73
    assert told.stderr == f"{tmp_path}/file/run: no keepers can be kept here: Not a directory\n"


def test_a_killed_zygote_takes_no_keeper_with_it_and_another_one_serves_in_its_place(yard: Yard) -> None:
    yard.sh("kept", f"echo up; {FOREVER}")
    yard.said("kept", "up")
    first = yard.zygote()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: not lives(first), what="it ends")
    assert yard.keepers.held("kept")
    yard.sh("next", FOREVER)
    assert yard.running("next").pid
    assert yard.zygote() != first
    assert lives(yard.running("kept").pid)
    yard.stopped("kept")


def test_a_zygote_that_is_asked_to_leave_stops_nothing(yard: Yard) -> None:
    with foreground(yard) as zygote:
        yard.sh("stays", FOREVER)
        started = yard.running("stays")
        zygote.send_signal(signal.SIGTERM)
        assert zygote.wait(20) == 0
    assert lives(started.pid)
    assert yard.keepers.held("stays")
    yard.stopped("stays")


def test_the_unit_of_the_keepers_stops_each_service_in_its_own_way_before_it_leaves(yard: Yard) -> None:
    with foreground(yard, "--stop-all-on-term") as zygote:
        yard.sh("tidy", f"trap 'echo tidied; exit 3' INT; echo up; {FOREVER}", stop_signal=signal.SIGINT)
        yard.sh("stubborn", f"trap '' TERM; echo up; {FOREVER}", stop_seconds=0.2)
        yard.said("tidy", "up")
        yard.said("stubborn", "up")
        zygote.send_signal(signal.SIGTERM)
        assert zygote.wait(20) == 0
        assert yard.nth("tidy", Exited).code == 3
        assert yard.words("tidy")[-1] == "tidied"
        assert yard.nth("stubborn", Exited).code == -9
        assert yard.all_of("tidy", Gone)
        assert yard.all_of("stubborn", Gone)


def test_a_detached_zygote_survives_its_caller_and_the_callers_terminal(yard: Yard) -> None:
    asyncio.run(yard.keepers.keep(yard.spec("far", "sleep", "1000")))
    zygote, keeper = yard.zygote(), yard.running("far").keeper
    assert zygote is not None
    for pid in (zygote, keeper):
        assert os.getsid(pid) != os.getsid(0)
        assert all(Path(f"/proc/{pid}/fd/{each}").readlink() == Path("/dev/null") for each in (0, 1, 2))
    os.kill(zygote, signal.SIGHUP)
    for name in ("SIGHUP", "SIGINT", "SIGTERM"):
        os.kill(keeper, getattr(signal, name))
    yard.sh("later", FOREVER)
    assert yard.zygote() == zygote
    assert lives(keeper)
    assert [type(each) for each in yard.events("far")] == [Started]


def test_sockets_deep_in_the_file_system_can_be_reached(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    with contextlib.closing(Yard(deep)) as yard:
        yard.sh("deep", FOREVER)
        assert yard.running("deep").pid
        assert asyncio.run(yard.keepers.reachable())


def test_the_machines_figures_are_told(yard: Yard) -> None:
    with foreground(yard):
        until(yard.keepers.host, what="figures")
        host = yard.keepers.host()
        assert host is not None
        assert 0 < host.memory_used < host.memory_total
        assert 0 <= host.cpu_percent <= 100
        assert host.disk_free is not None
