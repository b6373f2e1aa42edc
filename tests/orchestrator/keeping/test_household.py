"""What a service uses, at a glance: whoever comes or goes is noticed, and no file stays open."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kept import until
from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.keeping import household as module
from tradewarden.orchestrator.keeping.household import Household

BURN = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
THREADED = """
import subprocess, threading
def start():
    subprocess.Popen(["sleep", "1000"]).wait()
input()
threading.Thread(target=start, daemon=True).start()
print(flush=True)
input()
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[subprocess.Popen[str]] = []

    def one(*command: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True))
        return begun[-1]

    yield one
    for each in begun:
        for child in family.descendants(each.pid):
            os.kill(child, 9)
        each.kill()
        each.communicate()


def begun_since(before: frozenset[int]) -> list[int]:
    """What this process has started since then: servers of other tests may run beside."""
    return [pid for pid in family.descendants(os.getpid()) if pid not in before]


@pytest.fixture
def there() -> frozenset[int]:
    return frozenset(family.descendants(os.getpid()))


@pytest.fixture
def household(there: frozenset[int]) -> Iterator[Household]:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    made = Household(lambda: begun_since(there))
    yield made
    made.close()
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


def heard(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.readline()


def told(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_time_and_memory_are_those_that_the_kernel_counts(household: Household, start: Start) -> None:
    process = start(sys.executable, "-I", "-S", "-c", BURN)
    heard(process)
    for _ in range(7):
        seconds, memory, processes = household.look()
        assert 0.2 <= seconds < 0.6
        assert memory == family.usage([process.pid])[1]
        assert processes == 1


def test_whoever_comes_or_goes_is_noticed_at_the_next_look(household: Household, start: Start) -> None:
    assert household.look() == (0.0, 0, 0)
    first = start("sleep", "1000")
    assert household.look()[2] == 1
    shell = start("sh", "-c", "read word; sleep 1000 & echo; wait")
    assert household.look()[2] == 2
    told(shell)
    heard(shell)
    assert household.look()[2] == 3
    first.kill()
    first.wait()
    assert household.look()[2] == 2


def test_one_that_ended_and_was_not_buried_yet_is_not_counted_for_long(household: Household, start: Start) -> None:
    process = start("sleep", "1000")
    household.look()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert household.look()[1] == 0
    until(lambda: household.look()[2] == 0, what="it is counted no more")


def test_the_child_of_a_further_thread_is_found_after_a_while(
    household: Household, start: Start, there: frozenset[int]
) -> None:
    process = start(sys.executable, "-I", "-S", "-c", THREADED)
    household.look()
    told(process)
    heard(process)
    until(lambda: len(begun_since(there)) == 2, what="the child runs")
    assert max(household.look()[2] for _ in range(5)) == 2


def test_a_large_service_is_counted_whole(household: Household, start: Start) -> None:
    for number in range(12):
        start("sleep", "1000")
        assert household.look()[2] == number + 1
    assert household.look()[1] > 0


def test_without_a_descriptor_to_spare_it_is_looked_at_the_long_way(
    household: Household, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_pid: int) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    process = start(sys.executable, "-I", "-S", "-c", BURN)
    heard(process)
    monkeypatch.setattr(module, "_Member", refused)
    for _ in range(2):
        assert household.look()[1:] == (family.usage([process.pid])[1], 1)
