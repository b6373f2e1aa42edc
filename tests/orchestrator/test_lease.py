"""A process is known by its number, its start and the boot: nobody else is taken for it, and the dead are dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

from tradewarden.orchestrator.lease import is_alive, lease_of, own_lease


def test_this_process_is_alive() -> None:
    assert own_lease().pid == os.getpid()
    assert is_alive(own_lease())


def test_a_number_of_another_start_or_of_another_boot_is_another_process() -> None:
    assert not is_alive(replace(own_lease(), ticks=own_lease().ticks + 1))
    assert not is_alive(replace(own_lease(), boot="another"))
    assert not is_alive(None)


def test_a_killed_process_is_dead_also_before_anybody_has_reaped_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        lease = lease_of(process.pid)
        assert lease is not None
        assert is_alive(lease)
        process.send_signal(signal.SIGKILL)
        until = time.monotonic() + 10
        while is_alive(lease):
            assert time.monotonic() < until
        assert process.returncode is None  # it is a zombie still, with its number and its start
        process.wait(10)
    assert not is_alive(lease)
    assert lease_of(process.pid) is None
