"""The process that has keepers forked: asked over its socket, killed, started twice, told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kept import Yard, lives, until
from kept_desk import delete
from tradewarden.machines.kept import Exited, Gone, Started, StartFailed
from tradewarden.orchestrator import descriptors, launch
from tradewarden.orchestrator.keeping import family

ZYGOTE = launch.ZYGOTE
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


def modules_of(*words: str) -> set[str]:
    """What a program imports, as Python itself tells it."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", *words]
    told = subprocess.run(command, check=False, capture_output=True, text=True, close_fds=True)
    return {line.split("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time:")}


RECEPTION = (
    f"import sys; sys.path.append({str(ZYGOTE.parents[2])!r}); import tradewarden.orchestrator.keeping.reception"
)


@pytest.mark.parametrize("words", [(str(ZYGOTE),), ("-c", RECEPTION)], ids=["at first", "in the end"])
def test_nothing_but_the_standard_library_is_needed_and_nothing_of_it_is_shadowed(words: tuple[str, ...]) -> None:
    found = modules_of(*words)
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


def test_a_zygote_whose_directory_was_deleted_serves_there_again(yard: Yard) -> None:
    with foreground(yard) as process:
        delete(yard.keepers.run_dir)
        assert yard.keepers.run_dir.exists() is False
        until((yard.keepers.run_dir / "zygote.sock").exists, what="it serves again")
        assert yard.zygote() == process.pid
        yard.keep("after", "sleep", "1000")
        yard.running("after")
        yard.stopped("after")


def test_a_zygote_leaves_when_another_one_serves_where_its_directory_was_deleted(yard: Yard) -> None:
    with foreground(yard) as first:
        yard.keep("before", "sleep", "1000")
        pid = yard.running("before").pid
        for name in (".zygote.lock", "zygote.sock"):
            (yard.keepers.run_dir / name).unlink()
        with foreground(yard) as second:
            assert first.wait(20) == 0
            assert yard.zygote() == second.pid
            assert lives(pid)
            yard.stopped("before")


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


def test_a_zygote_of_a_daemons_own_leaves_when_it_keeps_nothing_and_the_next_request_has_another_one(
    tmp_path: Path,
) -> None:
    with contextlib.closing(Yard(tmp_path, idle=0.2)) as yard:
        yard.sh("needed", FOREVER)
        first, (mould,) = yard.zygote(), moulds_of(yard)
        assert first is not None
        yard.running("needed")
        time.sleep(0.6)
        assert lives(first)  # it keeps something, though nobody has asked it anything
        yard.stopped("needed")
        until(lambda: not lives(first), what="it leaves")
        until(lambda: not lives(mould), what="and its mould")
        yard.sh("needed", FOREVER)
        assert yard.zygote() not in (None, first)
        yard.nth("needed", Started, 2)
        yard.stopped("needed")


def moulds_of(yard: Yard) -> list[int]:
    """The processes that its keepers are forked from."""
    zygote = yard.zygote()
    return [] if zygote is None else family.children(zygote)


def test_the_unit_of_the_keepers_stays_though_it_keeps_nothing(yard: Yard) -> None:
    with foreground(yard, "--stop-all-on-term") as zygote:
        assert "--idle" not in " ".join(map(str, zygote.args))  # type: ignore[arg-type]
        time.sleep(0.1)
        assert zygote.poll() is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[" * 100_000 + b"\n", "recursion"),
        (b'{"keep": "vast", "spec": {"argv": ["true"], "log": "/tmp/log", "log_bytes": Infinity}}\n', "infinity"),
    ],
)
def test_a_request_beyond_all_measure_costs_nobody_else_anything(shared: Yard, line: bytes, why: str) -> None:
    shared.sh("bystander", "exit 0", restart="never")
    before = shared.zygote()
    answer = ask(shared, line)
    assert answer["ok"] is False
    assert why in answer["why"]
    assert shared.zygote() == before


def test_a_command_that_this_machine_cannot_spell_is_told_as_one_that_cannot_begin(shared: Yard) -> None:
    spec = json.dumps({"argv": ["sleep", "\ud800"], "log": str(shared.log("unspeakable")), "attempts": 1})
    shared.sh("bystander", "exit 0", restart="never")
    assert ask(shared, b'{"keep": "unspeakable", "spec": %b}\n' % spec.encode())["ok"]
    failed = shared.nth("unspeakable", StartFailed)
    assert failed.errno == errno.EINVAL
    assert "signs unknown here" in failed.text


def test_services_have_the_limits_and_the_signals_that_the_daemon_had_before_it_changed_its_own(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "USUAL", 500)
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    ignored = [signal.SIGALRM, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH, signal.SIGVTALRM]
    earlier = {each: signal.signal(each, signal.SIG_IGN) for each in ignored}
    descriptors.take_all()
    try:
        yard.sh("modest", "ulimit -Sn; ulimit -Hn; grep SigIgn /proc/self/status; echo up; sleep 1000")
        yard.said("modest", "up")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
        for each, deed in earlier.items():
            signal.signal(each, deed)
    soft, hard, signals, _ = yard.words("modest")
    assert (int(soft), int(hard)) == (500, most)
    assert int(signals.split()[1], 16) & ~(3 << 31) == 0
    yard.stopped("modest")


def test_a_zygote_without_a_descriptor_to_spare_waits_idly_and_answers_later(yard: Yard) -> None:
    with foreground(yard) as zygote, socket.socket(socket.AF_UNIX) as asking:
        before = resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE)
        used = 1 + max(int(each.name) for each in Path(f"/proc/{zygote.pid}/fd").iterdir())
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        asking.settimeout(20)
        asking.connect(str(yard.keepers.run_dir / "zygote.sock"))
        asking.sendall(b'{"hello": 1}\n')
        earlier, _ = family.usage([zygote.pid])
        time.sleep(0.6)
        later, _ = family.usage([zygote.pid])
        assert later - earlier < 0.04
        resource.prlimit(zygote.pid, resource.RLIMIT_NOFILE, before)
        assert json.loads(asking.makefile().readline())["pid"] == zygote.pid
