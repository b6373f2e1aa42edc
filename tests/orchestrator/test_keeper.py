"""One service and its keeper, over the wire: real processes, each ended by its test."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kept import Yard, lives, until
from kept_desk import delete
from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)
from tradewarden.orchestrator.keepers import NotKeptError
from tradewarden.orchestrator.keeping import family

FOREVER = "while :; do sleep .05; done"
IS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path_factory.mktemp("yard"))) as made:
        yield made


def number_in(path: Path) -> int:
    until(lambda: path.exists() and path.read_text().endswith("\n"), what=f"{path} has a pid")
    return int(path.read_text().split()[-1])


# --- ends that nobody asked for ---------------------------------------------------------------------------------------


def test_a_crash_is_repaired_at_once_and_a_crash_loop_ends_in_a_pause(yard: Yard) -> None:
    yard.sh("loop", "exit 3", attempts=4)
    paused = yard.nth("loop", Paused)
    exits, starts = yard.all_of("loop", Exited), yard.all_of("loop", Started)
    assert [each.code for each in exits] == [3, 3, 3, 3]
    assert [each.life for each in starts] == [1, 2, 3, 4]
    assert exits[0].again_at is not None
    assert (exits[0].again_at - exits[0].at).total_seconds() < 0.01  # the first at once
    assert exits[-1].again_at is None  # the last waits for a word
    assert (paused.attempts, paused.window) == (4, 60.0)
    assert yard.keepers.held("loop")


def test_a_paused_service_starts_when_it_is_told_to_and_what_was_is_forgotten(yard: Yard) -> None:
    gate = yard.root / "gate"
    yard.sh("healed", f"test -e {gate} && exec sleep 1000; exit 1", attempts=2)
    yard.nth("healed", Paused)
    gate.touch()
    assert yard.keepers.command("healed", "start")
    assert yard.nth("healed", Started, 3).life == 1
    yard.stopped("healed")


def test_a_good_end_is_no_failure_where_only_failures_are_repaired(yard: Yard) -> None:
    yard.sh("fine", "exit 0", restart="failure")
    yard.nth("fine", Gone)
    assert [each.code for each in yard.all_of("fine", Exited)] == [0]


def test_a_step_leaves_when_it_has_ended_well(yard: Yard) -> None:
    yard.sh("step", f"test -e {yard.root}/second && exit 0; touch {yard.root}/second; exit 1", once=True)
    yard.nth("step", Gone)
    assert [each.code for each in yard.all_of("step", Exited)] == [1, 0]


def test_a_step_leaves_when_its_attempts_are_used_up(yard: Yard) -> None:
    yard.sh("hopeless", "exit 9", once=True, attempts=3)
    yard.nth("hopeless", Gone)
    assert [each.code for each in yard.all_of("hopeless", Exited)] == [9, 9, 9]
    assert not yard.all_of("hopeless", Paused)


def test_nothing_that_a_program_leaves_running_survives_into_its_next_life(yard: Yard) -> None:
    pids = yard.root / "forked"
    script = f"sh -c 'echo $$ >>{pids}; exec sleep 1000' & setsid sh -c 'echo $$ >>{pids}; exec sleep 1000' & sleep .2"
    yard.sh("forks", script, attempts=2)
    yard.nth("forks", Paused)
    assert [each.left for each in yard.all_of("forks", Exited)] == [2, 2]
    until(lambda: not any(lives(int(each)) for each in pids.read_text().split()), what="all of them end")
    assert yard.nth("forks", Started, 2).at > yard.nth("forks", Exited).at


def test_an_orphan_that_made_its_own_session_and_ignores_signals_is_killed_before_the_next_life(yard: Yard) -> None:
    pid = yard.root / "orphan"
    yard.sh(
        "orphan",
        f"(setsid sh -c 'trap \"\" TERM; echo $$ >{pid}; {FOREVER}' &); sleep .3",
        stop_seconds=0.2,
        attempts=1,
    )
    orphan = number_in(pid)
    yard.nth("orphan", Escalated)
    until(lambda: not lives(orphan), what="the orphan ends")
    assert yard.nth("orphan", Exited).left >= 1


# --- ends that somebody asked for -------------------------------------------------------------------------------------


def test_a_stop_asks_first_and_kills_what_does_not_hear_with_everything_it_started(yard: Yard) -> None:
    pid = yard.root / "stubborn"
    script = f"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ >{pid}; {FOREVER}' & echo up; {FOREVER}"
    yard.sh("stubborn", script)
    yard.said("stubborn", "up")
    child = number_in(pid)
    began = time.monotonic()
    end = yard.stopped("stubborn", "stop 15 0.3")
    assert time.monotonic() - began >= 0.3
    assert (end.code, end.asked, end.again_at) == (-9, True, None)
    assert not lives(child)
    kinds = [type(each) for each in yard.events("stubborn")]
    assert kinds == [Started, Stopping, Escalated, Exited, Gone]


def test_a_stop_gives_the_chosen_signal_and_time_to_end_well(yard: Yard) -> None:
    yard.sh("polite", f"trap 'echo bye; exit 5' INT; echo up; {FOREVER}")
    yard.said("polite", "up")
    end = yard.stopped("polite", "stop 2 5")
    assert (end.code, end.asked) == (5, True)
    assert yard.words("polite")[-1] == "bye"
    assert yard.nth("polite", Stopping).signal == signal.SIGINT


def test_a_child_that_has_heard_the_stop_is_not_hurried_by_a_second_one(yard: Yard) -> None:
    child = yard.root / "flushing.sh"
    child.write_text("trap 'echo term' TERM; echo ready; for each in 1 2 3 4 5 6 7 8; do sleep .05; done; echo flushed")
    yard.sh("flushing", f"trap 'exit 0' TERM; sh {child} & {FOREVER}")
    yard.said("flushing", "ready")
    yard.stopped("flushing")
    words = [each for each in yard.words("flushing") if each != "Terminated"]  # the shells', of their sleeps
    assert words == ["ready", "term", "flushed"]
    assert not yard.all_of("flushing", Escalated)


def test_a_program_that_is_halted_hears_a_stop_all_the_same(yard: Yard) -> None:
    yard.sh("halted", f"trap 'exit 6' TERM; echo up; {FOREVER}")
    yard.said("halted", "up")
    os.kill(yard.running("halted").pid, signal.SIGSTOP)
    assert yard.stopped("halted").code == 6


def test_a_restart_is_no_crash(yard: Yard) -> None:
    yard.sh("again", f"trap 'exit 0' TERM; echo up; {FOREVER}")
    yard.said("again", "up")
    assert yard.keepers.command("again", "restart 15 5")
    assert yard.nth("again", Started, 2).life == 1
    assert yard.nth("again", Exited).asked
    yard.stopped("again")


def test_a_start_that_overtakes_a_stop_wins(yard: Yard) -> None:
    yard.sh("wavering", f"trap 'sleep .2; exit 0' TERM; echo up; {FOREVER}")
    yard.said("wavering", "up")
    yard.keepers.command("wavering", "stop 15 5")
    yard.nth("wavering", Stopping)
    yard.keepers.command("wavering", "start")
    yard.nth("wavering", Started, 2)
    assert not yard.all_of("wavering", Gone)
    yard.stopped("wavering")


def test_a_signal_is_passed_to_the_program(yard: Yard) -> None:
    yard.sh("reread", f"trap 'echo reread' HUP; echo up; {FOREVER}")
    yard.said("reread", "up")
    yard.keepers.command("reread", f"sig {signal.SIGHUP.value}")
    yard.said("reread", "reread")
    yard.stopped("reread")


def test_nonsense_on_the_fifo_is_passed_over(yard: Yard) -> None:
    yard.sh("deaf", f"trap 'echo usr1' USR1; echo up; {FOREVER}")
    yard.said("deaf", "up")
    for nonsense in ("", "stop x y", "stop 99 1", "sig -9", "policy perhaps", "\0\0", "x" * 4000, "restart 15 -1"):
        yard.keepers.command("deaf", nonsense)
    yard.keepers.command("deaf", f"sig {signal.SIGUSR1.value}")
    yard.said("deaf", "usr1")
    assert [type(each) for each in yard.events("deaf")] == [Started]
    yard.stopped("deaf")


# --- permission to restart --------------------------------------------------------------------------------------------


def test_a_crash_outside_its_window_is_not_repaired_until_a_new_permission_comes(yard: Yard) -> None:
    yard.sh("window", f"echo up; {FOREVER}", until=time.time() - 1)
    yard.said("window", "up")  # asked for, so it starts; but not again by itself
    os.kill(yard.running("window").pid, signal.SIGKILL)
    assert yard.nth("window", Exited).again_at is None
    assert len(yard.all_of("window", Started)) == 1
    yard.keepers.command("window", f"policy until={time.time() + 100}")
    yard.nth("window", Started, 2)
    yard.stopped("window")


def test_a_person_may_start_what_its_keeper_may_not(yard: Yard) -> None:
    yard.sh("forbidden", FOREVER)
    yard.keepers.command("forbidden", "policy never")
    time.sleep(0.05)
    os.kill(yard.running("forbidden").pid, signal.SIGKILL)
    assert yard.nth("forbidden", Exited).again_at is None
    yard.keepers.command("forbidden", "start")
    yard.nth("forbidden", Started, 2)
    yard.stopped("forbidden")


# --- programs that cannot begin ---------------------------------------------------------------------------------------


def test_a_program_that_was_renamed_is_tried_again_until_it_is_back(yard: Yard) -> None:
    program, away = yard.root / "program", yard.root / "program.away"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    yard.keep("renamed", str(program), attempts=0)
    first = yard.running("renamed")
    program.rename(away)
    os.kill(first.pid, signal.SIGKILL)
    failed = yard.nth("renamed", StartFailed, 2)
    assert failed.errno == 2
    assert str(program) in failed.text
    assert failed.again_at is not None
    away.rename(program)
    yard.nth("renamed", Started, 2)
    yard.stopped("renamed")


@pytest.mark.parametrize(
    ("name", "argv", "other", "told"),
    [
        ("absent", ["no-such-command"], {}, (2, "no-such-command: no such command along its PATH")),
        ("closed", ["./closed"], {}, (13, "./closed: Permission denied")),
        ("homeless", ["true"], {"cwd": "/no/such/directory"}, (2, "directory /no/such/directory: No such file")),
        ("stranger", ["true"], {"user": "nobody-of-that-name"}, (22, "there is no user 'nobody-of-that-name'")),
    ],
)
def test_a_program_that_cannot_begin_says_why_and_is_paused(
    yard: Yard, name: str, argv: list[str], other: dict[str, str], told: tuple[int, str]
) -> None:
    errno, text = told
    (yard.root / "closed").touch(0o600)
    yard.keep(name, *argv, **other, attempts=2)
    failed = yard.nth(name, StartFailed)
    assert failed.errno == errno
    assert text in failed.text
    yard.nth(name, Paused)
    assert not yard.all_of(name, Started)


def test_want_of_processes_or_memory_is_waited_out_and_never_pauses(yard: Yard, tmp_path: Path) -> None:
    script = """
import errno
real, refused = os.posix_spawn, []
def spawn(*arguments, **more):
    if len(refused) < 6:
        refused.append(1)
        raise OSError([errno.EAGAIN, errno.ENOMEM][len(refused) % 2], "want")
    return real(*arguments, **more)
os.posix_spawn = spawn
"""
    with keeper_of_its_own(yard, "want", tmp_path, script, argv=["sleep", "1000"], attempts=2, base=0.01):
        yard.nth("want", Started)
        assert {each.errno for each in yard.all_of("want", StartFailed)} == {11, 12}
        assert len(yard.all_of("want", StartFailed)) == 6
        assert not yard.all_of("want", Paused)
        yard.stopped("want")


def test_a_wall_clock_that_steps_back_delays_neither_a_restart_nor_a_kill(yard: Yard, tmp_path: Path) -> None:
    script = """
class Stepping(Clocks):
    @staticmethod
    def wall():
        return time.time() - (3600 if os.path.exists(sys.argv[1]) else 0)
clocks = Stepping
"""
    step = tmp_path / "step"
    shell = f"trap '' TERM; echo up; {FOREVER}"
    with keeper_of_its_own(
        yard, "stepped", tmp_path, script, str(step), argv=["sh", "-c", shell], until=time.time() + 60, stop_seconds=0.2
    ):
        yard.said("stepped", "up")
        first = yard.running("stepped")
        step.touch()
        os.kill(first.pid, signal.SIGKILL)
        second = yard.nth("stepped", Started, 2)
        assert second.at < first.at  # the clock did step
        until(lambda: yard.words("stepped").count("up") == 2)
        assert yard.stopped("stepped", "stop 15 0.2").code == -9


@contextlib.contextmanager
def keeper_of_its_own(
    yard: Yard, name: str, tmp_path: Path, script: str, *arguments: str, **facts: object
) -> Iterator[None]:
    """A keeper without a zygote, in a process that may be tampered with."""
    code = f"""
import os, sys, time
sys.path.append({str(Path(family.__file__).parents[3])!r})
from tradewarden.orchestrator.keeper import Keeper
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.clocks import Clocks
from tradewarden.orchestrator.keeping.request import facts_of
import json
clocks = Clocks
{script}
facts = facts_of({name!r}, json.loads({json.dumps({"log": str(yard.log(name)), **facts})!r}))
run_dir = {str(yard.keepers.run_dir)!r}
Keeper(Brief(facts), run_dir, lock.take(run_dir + "/{name}.lock"), clocks).run()
"""
    program = tmp_path / "keeper.py"
    program.write_text(code)
    process = subprocess.Popen([sys.executable, "-I", "-S", str(program), *arguments])
    try:
        yield
    finally:
        yard.keepers.command(name, "stop 9 0")
        assert process.wait(20) == 0


# --- words ------------------------------------------------------------------------------------------------------------


def test_each_line_is_stamped_with_its_arrival_and_its_service(yard: Yard) -> None:
    yard.sh("speaks", "echo one; echo two >&2; printf half; exit 4", attempts=1)
    yard.nth("speaks", Paused)
    lines = yard.log("speaks").read_text().splitlines()
    assert [line.split(" ", 2)[1:] for line in lines] == [["speaks", "one"], ["speaks", "two"], ["speaks", "half"]]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ", line) for line in lines)
    assert yard.log("speaks").read_bytes().endswith(b"\n")  # two lives are never glued into one line


def test_a_flood_is_kept_whole_and_in_order_over_many_files(yard: Yard) -> None:
    yard.sh("flood", "seq -f '%.0f ............................................................' 300000; sleep 1000",
            log_bytes=8_000_000, log_files=9)  # fmt: skip
    until(lambda: " 300000 " in yard.end_of("flood"), what="the last line")
    files = [*(yard.log("flood").with_name(f"flood.log.{number}") for number in range(9, 0, -1)), yard.log("flood")]
    texts = [file.read_bytes() for file in files if file.exists()]
    assert len(texts) > 3
    assert all(text.endswith(b"\n") and len(text) <= 8_000_000 for text in texts)
    assert all(len(text) > 7_999_800 for text in texts[:-1])  # cut where the limit is, not before
    numbers = [int(line.split(b" ")[2]) for text in texts for line in text.splitlines()]
    assert numbers == list(range(1, 300_001))
    assert len(yard.all_of("flood", Started)) == 1
    assert yard.stopped("flood").dropped_lines == 0


def test_old_files_are_made_small_on_request(yard: Yard) -> None:
    yard.sh("small", "seq 1 20000; sleep 1000", log_bytes=300_000, log_files=9, compress=True)
    until(lambda: yard.end_of("small").endswith(" 20000\n"), what="the last line")
    old = [yard.log("small").with_name(f"small.log.{number}.gz") for number in range(9, 0, -1)]

    def numbers() -> list[int]:
        found = [line for each in old if each.exists() for line in gzip.decompress(each.read_bytes()).splitlines()]
        return [int(line.split()[2]) for line in [*found, *yard.log("small").read_bytes().splitlines()]]

    until(lambda: numbers() == list(range(1, 20_001)), what="all lines, the older ones compressed")
    assert not yard.log("small").with_name("small.log.part").exists()
    yard.stopped("small")


def test_old_files_that_an_earlier_keeper_left_large_are_made_small_by_the_next(yard: Yard) -> None:
    yard.log("later").parent.mkdir(parents=True, exist_ok=True)
    old = yard.log("later").with_name("later.log.1")
    old.write_text("once\n")
    yard.sh("later", FOREVER, log_files=3, compress=True)
    packed = old.with_name("later.log.1.gz")
    until(lambda: packed.exists() and not old.exists(), what="the old file made small")
    assert gzip.decompress(packed.read_bytes()) == b"once\n"
    yard.stopped("later")


def test_a_log_that_is_moved_away_or_whose_directory_is_removed_is_begun_anew(yard: Yard) -> None:
    directory = yard.root / "other" / "logs"
    yard.sh("moved", f"trap 'echo told' USR1; echo up; {FOREVER}", log=str(directory / "moved.log"))
    log = directory / "moved.log"
    until(lambda: log.exists() and "up" in log.read_text(), what="the first word")
    log.rename(directory / "moved.by.hand")
    yard.keepers.command("moved", f"sig {signal.SIGUSR1.value}")
    until(lambda: log.exists() and log.read_text().endswith("moved told\n"), what="a new file")
    shutil.rmtree(directory)
    yard.keepers.command("moved", f"sig {signal.SIGUSR1.value}")
    until(lambda: log.exists() and log.read_text().endswith("moved told\n"), what="a new directory")
    yard.stopped("moved")


@pytest.mark.skipif(not IS_ROOT, reason="a small disk can be mounted by root only")
def test_a_disk_that_fills_up_keeps_whole_lines_and_takes_new_ones_when_there_is_room_again(yard: Yard) -> None:
    disk = yard.root / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("a small disk cannot be mounted on this machine")
    try:
        log = disk / "filled.log"
        script = f"seq 1 100000; touch {yard.root}/filled; trap 'echo back' USR1; echo up; {FOREVER}"
        yard.sh("filled", script, log=str(log))
        until((yard.root / "filled").exists, what="the service is not held up")
        so_far = yard.nth("filled", OutputLost)
        assert (so_far.lasting, so_far.lines > 0) == (True, True), "it is told while the disk is full"
        numbers = [int(line.split()[2]) for line in log.read_text().splitlines()]
        assert numbers == list(range(1, len(numbers) + 1))  # whole lines, in order, up to the edge
        assert 5000 < len(numbers) < 100_000
        log.write_text("")  # somebody makes room
        yard.keepers.command("filled", "sig 10")
        until(lambda: "back\n" in log.read_text(), what="words again")
        lost = yard.nth("filled", OutputLost, 2)
        assert (lost.lasting, lost.since) == (False, so_far.since)
        assert f"[tradewarden: {lost.lines} lines from " in log.read_text().splitlines()[-1]
        assert yard.stopped("filled").dropped_lines == lost.lines == 100_001 - len(numbers)
    finally:
        if yard.keepers.held("filled"):
            yard.stopped("filled", "stop 9 0")
        subprocess.run(["umount", disk], check=True)


def test_a_child_that_holds_the_pipe_neither_keeps_the_next_life_up_nor_loses_a_word(yard: Yard) -> None:
    child, ready = yard.root / "child.sh", yard.root / "child.ready"
    child.write_text(
        f"trap 'sleep .1; echo last words; exit 0' TERM; touch {ready}; while :; do sleep .02; done",
    )
    script = f"echo born; setsid sh {child} & while ! test -e {ready}; do sleep .02; done; rm {ready}; exit 1"
    yard.sh("holds", script, attempts=2)
    yard.nth("holds", Paused)
    until(lambda: yard.words("holds").count("last words") == 2, what="words of both children")
    words = [each for each in yard.words("holds") if each != "Terminated"]  # the shell's, of its sleep
    assert words == ["born", "last words"] * 2  # no life begins beside what is left of the one before
    yard.nth("holds", Started, 2)


# --- keepers that die -------------------------------------------------------------------------------------------------


def kill_keeper(yard: Yard, name: str) -> None:
    os.kill(yard.running(name).keeper, signal.SIGKILL)
    until(lambda: not yard.keepers.held(name), what="the lock falls")


def test_a_silent_service_whose_keeper_was_killed_is_ended_before_the_next_copy_begins(yard: Yard) -> None:
    child = yard.root / "silent.child"
    script = f"setsid sh -c 'echo $$ >{child}; exec sleep 1000' & trap '' TERM; touch {yard.root}/silent; {FOREVER}"
    yard.sh("silent", script)
    until((yard.root / "silent").exists)
    first, stray = yard.running("silent"), number_in(child)
    kill_keeper(yard, "silent")
    assert lives(first.pid)
    yard.sh("silent", FOREVER, stop_seconds=0.2)
    second = yard.nth("silent", Started, 2)
    end = yard.nth("silent", Exited)
    assert (end.code, end.fenced) == (None, True)
    assert not lives(first.pid)
    assert not lives(stray)
    assert end.at <= second.at
    yard.stopped("silent")


def test_a_keeper_that_only_fences_ends_what_is_left_and_starts_nothing_whatever_it_is_told(yard: Yard) -> None:
    yard.sh("fenced", f"trap '' TERM; touch {yard.root}/fenced; {FOREVER}")
    until((yard.root / "fenced").exists)
    first = yard.running("fenced")
    kill_keeper(yard, "fenced")
    yard.sh("fenced", FOREVER, stop_seconds=0.3, fence_only=True)
    for line in ("start", "restart 15 1", "policy always"):
        yard.keepers.command("fenced", line)
    yard.nth("fenced", Gone)
    until(lambda: not yard.keepers.held("fenced"), what="the keeper leaves")
    assert not lives(first.pid)
    assert [type(each) for each in yard.events("fenced")] == [Started, Escalated, Exited, Gone]
    assert yard.nth("fenced", Exited).fenced


def test_a_keeper_that_only_fences_leaves_at_once_where_nothing_is_left(yard: Yard) -> None:
    yard.keep("unfenced", "sleep", "1000")  # it has no children that outlive it
    first = yard.running("unfenced")
    kill_keeper(yard, "unfenced")
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not lives(first.pid))
    yard.sh("unfenced", FOREVER, fence_only=True)
    yard.nth("unfenced", Gone)
    assert [type(each) for each in yard.events("unfenced")] == [Started, Exited, Gone]
    assert not yard.nth("unfenced", Exited).fenced


def test_a_service_that_prints_ends_with_its_keeper_and_the_next_keeper_says_so(yard: Yard) -> None:
    yard.sh("prints", "while :; do echo word || exit 1; sleep .02; done")
    yard.said("prints", "word")
    first = yard.running("prints")
    kill_keeper(yard, "prints")
    until(lambda: not lives(first.pid), what="it ends at its next word")
    yard.sh("prints", FOREVER)
    yard.nth("prints", Started, 2)
    end = yard.nth("prints", Exited)
    assert (end.pid, end.code, end.fenced) == (first.pid, None, False)
    yard.stopped("prints")


def test_a_stray_of_a_dead_keeper_is_found_by_its_mark_though_the_status_log_is_gone(yard: Yard) -> None:
    yard.sh("marked", FOREVER)
    first = yard.running("marked")
    kill_keeper(yard, "marked")
    (yard.keepers.run_dir / "marked.status").unlink()
    yard.sh("marked", FOREVER)
    until(lambda: not lives(first.pid), what="the first copy ends")
    assert yard.nth("marked", Exited).fenced
    yard.stopped("marked")


@pytest.mark.parametrize("name", ["forged", "halved", "reborn"])
def test_a_stranger_is_never_signalled_whatever_the_status_log_says(yard: Yard, name: str) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        began, boot = (
            family.ticks(stranger.pid),
            Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""),
        )
        line = {"ev": "start", "t": 1.5, "keeper": 1, "pid": stranger.pid, "ctime": began, "rev": "", "boot": boot}
        told = {
            "forged": json.dumps({**line, "ctime": 12345}) + "\n",  # its number, and not its birth
            "halved": json.dumps(line)[:-3],  # the keeper was killed while it wrote
            "reborn": json.dumps({**line, "boot": "another start of the machine"}) + "\n",
        }[name]
        (yard.keepers.run_dir / f"{name}.status").write_text(told)
        yard.sh(name, FOREVER)
        yard.nth(name, Started)
        assert stranger.poll() is None
        yard.stopped(name)
        if name == "halved":
            assert yard.keepers.unreadable >= 1
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_the_status_log_names_rightly_is_ended_though_it_hides_its_mark(yard: Yard) -> None:
    yard.sh("hiding", f"exec env -i sh -c '{FOREVER}'")
    first = yard.running("hiding")
    until(lambda: b"TRADEWARDEN" not in Path(f"/proc/{first.pid}/environ").read_bytes())
    kill_keeper(yard, "hiding")
    yard.sh("hiding", FOREVER)
    assert yard.nth("hiding", Exited).fenced
    assert not lives(first.pid)
    yard.stopped("hiding")


def test_a_second_keeper_leaves_at_once(yard: Yard) -> None:
    yard.sh("twice", f"echo up; {FOREVER}")
    yard.said("twice", "up")
    yard.sh("twice", f"echo up; {FOREVER}")
    assert yard.keepers.held("twice")
    assert len(yard.all_of("twice", Started)) == 1
    yard.stopped("twice")


def test_a_keeper_whose_lock_and_fifo_were_deleted_makes_them_again(yard: Yard) -> None:
    yard.sh("robbed", FOREVER)
    yard.running("robbed")
    for ending in ("lock", "ctl"):
        (yard.keepers.run_dir / f"robbed.{ending}").unlink()
    until(lambda: yard.keepers.held("robbed"), what="the lock is back")
    assert yard.stopped("robbed").asked


def test_a_keeper_whose_lock_was_deleted_gets_no_second_one_beside_it(yard: Yard) -> None:
    yard.sh("sole", FOREVER)
    first = yard.running("sole")
    (yard.keepers.run_dir / "sole.lock").unlink()
    with pytest.raises(
        NotKeptError, match=rf"its keeper lives \(pid {first.keeper}\), and makes its deleted files again"
    ):
        yard.sh("sole", FOREVER)
    until((yard.keepers.run_dir / "sole.lock").exists)
    yard.sh("sole", FOREVER)  # it is there already
    assert (yard.running("sole"), lives(first.pid)) == (first, True)
    yard.stopped("sole")


def test_two_keepers_that_each_hold_a_lock_end_with_one_copy(yard: Yard, tmp_path: Path) -> None:
    yard.sh("usurped", FOREVER)
    first = yard.running("usurped")
    (yard.keepers.run_dir / "usurped.lock").unlink()
    with keeper_of_its_own(yard, "usurped", tmp_path, "", argv=["sh", "-c", FOREVER]):  # nobody asked whether it may
        until(lambda: not lives(first.keeper), what="the first keeper leaves")
        until(lambda: not lives(first.pid))
        second = yard.nth("usurped", Started, 2)
        assert second.keeper != first.keeper
        assert lives(second.pid)
        assert yard.keepers.held("usurped")
        yard.stopped("usurped")


def test_a_keeper_whose_directory_was_removed_makes_it_again_and_keeps_on(tmp_path: Path) -> None:
    hurried = "from tradewarden.orchestrator import keeper; keeper.TICK = 0.05"
    with (
        contextlib.closing(Yard(tmp_path)) as yard,
        keeper_of_its_own(yard, "homeless", tmp_path, hurried, argv=["sh", "-c", FOREVER]),
    ):
        first = yard.running("homeless")
        delete(yard.keepers.run_dir)
        until(lambda: yard.keepers.held("homeless"), what="the lock is back")
        assert stat.S_IMODE(yard.keepers.run_dir.stat().st_mode) == 0o700
        until(lambda: yard.keepers.figures("homeless"), what="so are the figures")
        os.kill(first.pid, signal.SIGKILL)
        yard.nth("homeless", Started, 2)
        until(lambda: yard.keepers.command("homeless", "stop 9 0"), what="the fifo is back")
        until(lambda: not yard.keepers.held("homeless"), what="the keeper leaves")


def test_a_host_that_refuses_the_lock_or_the_fifo_is_asked_again(yard: Yard, tmp_path: Path) -> None:
    script = """
import errno
from tradewarden.orchestrator import keeper
keeper.TICK = 0.05
def refusing(real):
    def refused(*arguments, **more):
        if os.path.exists(sys.argv[1]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **more)
    return refused
os.makedirs, os.mkfifo = refusing(os.makedirs), refusing(os.mkfifo)
"""
    full = tmp_path / "full"
    with keeper_of_its_own(yard, "refused", tmp_path, script, str(full), argv=["sh", "-c", FOREVER]):
        first = yard.running("refused")
        full.touch()
        for ending in ("ctl", "lock"):
            (yard.keepers.run_dir / f"refused.{ending}").unlink()
        os.kill(first.pid, signal.SIGKILL)
        yard.nth("refused", Exited)
        time.sleep(0.3)
        assert not yard.keepers.held("refused")
        assert len(yard.all_of("refused", Started)) == 1  # nothing shows that it is the only keeper
        full.unlink()
        yard.nth("refused", Started, 2)
        until(lambda: yard.keepers.command("refused", "stop 9 0"), what="the fifo is back")
        until(lambda: not yard.keepers.held("refused"), what="the keeper leaves")


def test_nothing_can_be_told_to_a_keeper_that_has_gone(yard: Yard) -> None:
    yard.sh("ended", "exit 0", restart="never")
    yard.nth("ended", Gone)
    until(lambda: not yard.keepers.held("ended"), what="the keeper leaves")
    assert not (yard.keepers.run_dir / "ended.ctl").exists()


# --- no room for the status log ---------------------------------------------------------------------------------------


def refuse_to_write(pid: int, *, refuse: bool) -> None:
    """As on a full disk: no file grows by a byte, while directories can still be made."""
    most = 0 if refuse else resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


HURRIED = "from tradewarden.orchestrator import keeper; keeper.TICK = 0.05"


def test_a_keeper_whose_last_words_no_disk_takes_stays_and_repeats_no_finished_work(yard: Yard, tmp_path: Path) -> None:
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    runs.mkdir()
    script = f"mkdir {runs}/$$; until test -e {gate}; do sleep .02; done; exit 0"
    with keeper_of_its_own(yard, "finished", tmp_path, HURRIED, argv=["sh", "-c", script], once=True):
        first = yard.running("finished")
        refuse_to_write(first.keeper, refuse=True)
        gate.touch()
        until(lambda: not lives(first.pid), what="the step ends")
        for line in ("start", "restart 15 1", "start"):  # as a daemon says that knows nothing of the end
            assert yard.keepers.command("finished", line)
            time.sleep(0.1)
        assert yard.keepers.held("finished")
        refuse_to_write(first.keeper, refuse=False)
        yard.nth("finished", Gone)
        until(lambda: not yard.keepers.held("finished"), what="the keeper leaves")
    assert [type(each) for each in yard.events("finished")] == [Started, Exited, Gone]
    assert yard.nth("finished", Exited).code == 0
    assert len(list(runs.iterdir())) == 1


def test_attempts_are_counted_on_while_no_disk_takes_the_status_log(yard: Yard, tmp_path: Path) -> None:
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    runs.mkdir()
    script = f"until test -e {gate}; do sleep .02; done; mkdir {runs}/$$; exit 3"
    with keeper_of_its_own(
        yard, "counted", tmp_path, HURRIED, argv=["sh", "-c", script], attempts=3, base=0.01, cap=0.02
    ):
        keeper = yard.running("counted").keeper
        refuse_to_write(keeper, refuse=True)
        gate.touch()
        until(lambda: len(list(runs.iterdir())) == 3, what="its attempts are used up")
        for _ in range(3):
            time.sleep(0.1)
            assert yard.keepers.command("counted", "start")
        time.sleep(0.1)
        assert len(list(runs.iterdir())) == 3
        refuse_to_write(keeper, refuse=False)
        assert yard.nth("counted", Paused).attempts == 3
        assert [each.life for each in yard.all_of("counted", Started)] == [1, 2, 3]
        assert yard.keepers.command("counted", "start")  # from now on somebody can know what he asks for
        assert yard.nth("counted", Started, 4).life == 1


# --- debuggers --------------------------------------------------------------------------------------------------------


def test_a_keeper_waits_idly_for_a_dead_program_that_a_debugger_holds(yard: Yard, tmp_path: Path) -> None:
    script = """
real = os.wait4
looks = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
def withheld(*arguments):
    os.write(looks, b".")
    return (0, 0, None) if os.path.exists(sys.argv[1]) else real(*arguments)
os.wait4 = withheld
"""
    held, looks = tmp_path / "held", tmp_path / "looks"
    with keeper_of_its_own(yard, "debugged", tmp_path, script, str(held), str(looks), argv=["sleep", "1000"]):
        first = yard.running("debugged")
        held.touch()
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: not lives(first.pid))
        before = looks.stat().st_size
        time.sleep(0.5)
        assert looks.stat().st_size - before < 20
        assert not yard.all_of("debugged", Exited)
        held.unlink()
        assert yard.nth("debugged", Exited).code == -9
        yard.nth("debugged", Started, 2)
        yard.stopped("debugged")


def test_an_end_that_somebody_else_was_told_of_has_no_exit_code(yard: Yard, tmp_path: Path) -> None:
    script = """
real, lost = os.wait4, []
def stolen(*arguments):
    pid, status, usage = real(*arguments)
    if pid and not lost:
        lost.append(pid)
        return (0, 0, None)
    return (pid, status, usage)
os.wait4 = stolen
"""
    with keeper_of_its_own(yard, "stolen", tmp_path, script, argv=["sleep", "1000"]):
        os.kill(yard.running("stolen").pid, signal.SIGKILL)
        assert yard.nth("stolen", Exited).code is None
        yard.nth("stolen", Started, 2)
        yard.stopped("stolen")


def test_what_a_program_that_could_not_be_pinned_has_begun_is_ended_before_the_next_attempt(
    yard: Yard, tmp_path: Path
) -> None:
    script = """
import errno
real, refused = os.pidfd_open, []
def busy(pid, *flags):
    if len(refused) < 1 and sys._getframe(1).f_code.co_name == "__init__":
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        refused.append(pid)
        raise OSError(errno.ENFILE, "Too many open files in system")
    return real(pid, *flags)
os.pidfd_open = busy
"""
    pids = tmp_path / "pids"
    shell = f"setsid sh -c 'echo $$ >>{pids}; exec sleep 1000' & echo $$ >>{tmp_path}/own; {FOREVER}"
    with keeper_of_its_own(yard, "unpinned", tmp_path, script, str(pids), argv=["sh", "-c", shell], base=0.01):
        yard.nth("unpinned", StartFailed)
        yard.nth("unpinned", Started)
        until(lambda: len(pids.read_text().split()) == 2, what="both copies have begun")
        for path in (pids, tmp_path / "own"):
            first, second = map(int, path.read_text().split())
            assert not lives(first)
            assert lives(second)
        yard.stopped("unpinned")


def test_a_program_whose_first_thread_has_ended_is_killed_when_its_time_is_over(yard: Yard) -> None:
    script = """
import ctypes, signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(1000,)).start()
print("up", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
    yard.keep("headless", sys.executable, "-c", script)
    yard.said("headless", "up")
    pid = yard.running("headless").pid
    until(lambda: (family.stat(pid) or [""])[0] == "Z", what="its first thread ends")
    assert yard.stopped("headless", "stop 15 0.2").code == -9


# --- surroundings -----------------------------------------------------------------------------------------------------


def test_a_service_finds_a_clean_place_to_live_in(yard: Yard) -> None:
    script = "pwd; echo $GREETING; echo $TRADEWARDEN_SERVICE; trap; ls /proc/self/fd | wc -l; sleep 1000"
    yard.sh("place", script, cwd="/usr", env={"PATH": os.environ["PATH"], "GREETING": "namaste"})
    until(lambda: len(yard.words("place")) == 4)
    assert yard.words("place") == ["/usr", "namaste", "place", "4"]  # 0, 1, 2 and the directory that ls reads
    pid = yard.running("place").pid
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = int(re.findall(r"SigIgn:\s+(\w+)\n", status)[0], 16) & ~(3 << 31)  # 32 and 33 are the C library's own
    assert ignored == 0  # nothing of the keeper's ways
    assert os.getsid(pid) == pid
    yard.stopped("place")


def test_what_a_service_says_of_itself_and_what_it_uses_can_be_read(yard: Yard) -> None:
    line = '{"text": "50 quotes a batch", "figures": {"batches": 20, "bad": "x"}}'
    yard.sh("figures", f"echo '{line}' >$TRADEWARDEN_STATUS_FILE; echo up; {FOREVER}")
    yard.said("figures", "up")
    says = yard.keepers.says("figures")
    assert says is not None
    assert (says.text, dict(says.figures)) == ("50 quotes a batch", {"batches": 20.0})
    pid = yard.running("figures").pid
    until(lambda: yard.keepers.figures("figures"), what="figures")
    used = yard.keepers.figures("figures")
    assert used is not None
    assert used.pid == pid
    assert used.processes in (1, 2)  # with a sleep of its own
    assert used.memory_bytes > 100_000
    yard.stopped("figures")
    assert yard.keepers.figures("figures") is None


@pytest.mark.skipif(not IS_ROOT, reason="only root can run a service as another user")
def test_a_service_runs_as_its_user_and_can_speak_for_itself(yard: Yard) -> None:
    for parent in (yard.root, *yard.root.parents[:-2]):
        parent.chmod(0o711 | parent.stat().st_mode)
    yard.sh(
        "guest", f"id -un; echo hi >/dev/stdout; echo good >$TRADEWARDEN_STATUS_FILE; {FOREVER}", user="nobody", cwd="/"
    )
    until(lambda: yard.words("guest") == ["nobody", "hi"])
    until(lambda: (yard.keepers.says("guest") or None) is not None)
    yard.stopped("guest")


# --- one run of a job ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["sh", "-c", "echo ran"], ["no-such-command"]])
def test_a_run_of_a_job_begins_once_whoever_asks_again(yard: Yard, command: list[str]) -> None:
    name = f"{command[0].replace('-', '_')}@asha"
    for revision in ("run-7", "run-7", "run-8"):
        yard.keep(name, *command, restart="never", revision=revision)
        until(lambda: not yard.keepers.held(name), what="its keeper leaves")
    began = [each.revision for each in yard.all_of(name, Started) + yard.all_of(name, StartFailed)]
    assert began == ["run-7", "run-8"]
    assert len(yard.all_of(name, Gone)) == 3


def test_a_run_of_a_job_begins_only_once_that_is_written_down(yard: Yard) -> None:
    status, ran, unreadable = (
        yard.keepers.run_dir / "unwritten.status",
        yard.root / "unwritten",
        yard.keepers.unreadable,
    )
    status.mkdir()  # as good as a full disk
    for _ in range(2):
        yard.sh("unwritten", f"echo ran >>{ran}", restart="never", revision="run-7")
        until(lambda: not yard.keepers.held("unwritten"), what="its keeper leaves")
    assert not ran.exists()
    status.rmdir()
    yard.sh("unwritten", f"echo ran >>{ran}", restart="never", revision="run-7")
    yard.nth("unwritten", Gone)
    assert ran.read_text() == "ran\n"
    assert yard.keepers.unreadable == unreadable


KILLED_AT_ITS_BIRTH = """
from tradewarden.orchestrator.keeping import birth
def killed(brief, *arguments):
    if sys.argv[1] == "after":
        begin(brief, *arguments)
    os._exit(0)
begin, birth.begin = birth.begin, killed
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_whose_keeper_is_killed_as_it_begins_does_not_begin_again(yard: Yard, tmp_path: Path, when: str) -> None:
    name, ran = f"torn-{when}", tmp_path / "ran"
    argv = ["sh", "-c", f"echo $$ >>{ran}; exec sleep 1000"]
    with keeper_of_its_own(
        yard, name, tmp_path, KILLED_AT_ITS_BIRTH, when, argv=argv, restart="never", revision="run-7"
    ):
        until(lambda: not yard.keepers.held(name) and yard.keepers.names().count(name), what="it is killed")
    for revision in ("run-7", "run-7"):
        yard.keep(name, *argv, restart="never", revision=revision)
        until(lambda: not yard.keepers.held(name), what="the next one leaves")
    assert not yard.all_of(name, Started)
    (failed,) = yard.all_of(name, StartFailed)
    assert (failed.revision, failed.again_at) == ("run-7", None)
    assert "its keeper was killed at that moment" in failed.text
    if when == "after":
        assert "what was left of it was ended" in failed.text
        assert not any(lives(int(each)) for each in (ran.read_text().split() if ran.exists() else ()))
    else:
        assert not ran.exists()


def test_a_run_that_could_not_begin_and_was_to_be_tried_again_is_by_the_next_keeper(yard: Yard, tmp_path: Path) -> None:
    program, name = tmp_path / "late", "tried"
    yard.keep(name, str(program), revision="run-7", base=100.0, cap=100.0)
    assert yard.nth(name, StartFailed).again_at is not None
    os.kill(yard.nth(name, StartFailed).keeper, signal.SIGKILL)
    until(lambda: not yard.keepers.held(name), what="it is killed")
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    yard.keep(name, str(program), revision="run-7", restart="failure")
    yard.nth(name, Gone)
    assert [each.revision for each in yard.all_of(name, Started)] == ["run-7"]


def test_what_is_no_run_of_a_job_begins_as_often_as_it_is_asked_for(yard: Yard) -> None:
    for _ in range(2):
        yard.keep("repeated", "true", restart="never", revision="r1")
        until(lambda: not yard.keepers.held("repeated"), what="its keeper leaves")
    assert len(yard.all_of("repeated", Started)) == 2
