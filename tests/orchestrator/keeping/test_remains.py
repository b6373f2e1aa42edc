"""What a life leaves behind is found, whatever ends or is handed on at that very moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kept import Yard, until
from tradewarden.machines.kept import Exited, Started
from tradewarden.orchestrator.keeping import family

HANDED_ON = """
import os, sys, time
sys.path.append(sys.argv[1])
from tradewarden.orchestrator.keeping import family, kernel
from tradewarden.orchestrator.keeping.remains import Remains

kernel.adopt_orphans()
reading, writing = os.pipe()
first = os.fork()
if not first:
    if not os.fork():
        time.sleep(1000)
    os.read(reading, 1)
    os._exit(0)
while len(family.descendants(os.getpid())) < 2:
    time.sleep(0.001)
real = family.children
def children(pid):
    found = real(pid)
    if pid == os.getpid() and first in found and (family.stat(first) or "Z")[0] != "Z":
        os.write(writing, b"x")  # it ends between this look and the next one, and hands its child to this process
        while (family.stat(first) or "Z")[0] != "Z":
            time.sleep(0.001)
    return found
family.children = children
remains = Remains(lambda: None)
left = remains.alive() if sys.argv[2] == "look" else remains.signal(9)
orphan = next(each for each in real(os.getpid()) if each != first)
print(left == [orphan] if sys.argv[2] == "look" else left)
os.kill(orphan, 9)
"""


BLIND = """
import os, resource, sys, time
sys.path.append(sys.argv[1])
from tradewarden.orchestrator.keeping import family, kernel
from tradewarden.orchestrator.keeping.remains import Remains

kernel.adopt_orphans()
remains = Remains(lambda: None)
child = os.fork()
if not child:
    time.sleep(1000)
seen = remains.alive() == [child]
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
unseen = bool(remains.alive())
os.kill(child, 9)
os.waitpid(child, 0)
print(seen, unseen, remains.alive())
"""


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path)) as made:
        yield made


@pytest.mark.parametrize(("deed", "told"), [("look", "True"), ("signal", "1")])
def test_a_child_that_is_handed_on_while_it_is_looked_for_is_found(deed: str, told: str) -> None:
    source = str(Path(family.__file__).parents[3])
    ran = subprocess.run(
        [sys.executable, "-c", HANDED_ON, source, deed], check=True, capture_output=True, text=True, timeout=30
    )
    assert ran.stdout.strip() == told


def test_a_keeper_without_a_descriptor_to_spare_does_not_take_what_it_cannot_see_to_have_ended() -> None:
    source = str(Path(family.__file__).parents[3])
    ran = subprocess.run([sys.executable, "-c", BLIND, source], check=True, capture_output=True, text=True, timeout=30)
    assert ran.stdout.split() == ["True", "True", "[]"]


def mark_of(yard: Yard, name: str) -> bytes:
    return f"TRADEWARDEN_KEEPER={yard.keepers.run_dir}/{name}".encode()


def test_what_outlived_its_keeper_leaves_nobody_behind_either_when_it_ends(yard: Yard) -> None:
    last = f"trap 'setsid sh -c \"echo \\$\\$ >>{yard.root}/left; exec sleep 1000\" & exit 0' TERM"
    yard.sh("heirs", f"exec 2>/dev/null; {last}; while :; do sleep .02; done")
    until(lambda: len(family.carriers(mark_of(yard, "heirs"))) > 1, what="it listens")
    os.kill(yard.running("heirs").keeper, signal.SIGKILL)
    until(lambda: not yard.keepers.held("heirs"), what="the keeper is gone")
    yard.keep("heirs", "sleep", "1000")
    begun = yard.nth("heirs", Started, 2)
    heirs = [each.pid for each in family.carriers(mark_of(yard, "heirs"))]
    assert heirs == [begun.pid]
    assert yard.nth("heirs", Exited).fenced
