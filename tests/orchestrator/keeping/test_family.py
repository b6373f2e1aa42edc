"""Who belongs to a service, where the kernel shows it in a strange way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kept import until
from tradewarden.orchestrator.keeping import family

HEADLESS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture
def headless() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose first thread has ended: it looks dead, and works on."""
    environment = {**os.environ, "TRADEWARDEN_KEEPER": "/run/headless"}
    process = subprocess.Popen([sys.executable, "-c", HEADLESS], env=environment, start_new_session=True)
    until(lambda: (family.stat(process.pid) or [""])[0] == "Z", what="its first thread ends")
    yield process
    process.kill()
    process.wait()


def test_a_process_whose_first_thread_has_ended_lives_until_its_last_one_has(
    headless: subprocess.Popen[bytes],
) -> None:
    assert headless.pid in family.descendants(os.getpid())
    headless.kill()
    until(lambda: headless.pid not in family.descendants(os.getpid()))


def test_its_mark_is_found_on_the_threads_that_live(headless: subprocess.Popen[bytes]) -> None:
    (found,) = family.carriers(b"TRADEWARDEN_KEEPER=/run/headless")
    assert found.pid == headless.pid
    found.close()
