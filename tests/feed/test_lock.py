"""A file that one process at a time may hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradewarden.feed.lock import HeldError, held

HOLDER = """
import sys
from pathlib import Path
from tradewarden.feed.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_it_until_that_one_dies(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(HeldError, match=str(other.pid)), held(file):
            pass
        other.kill()
        other.wait(10)
        with held(file):
            assert file.read_text() == str(os.getpid())


def test_it_is_free_again_after_a_fault_of_its_holder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fault"), held(tmp_path / "lock"):
        raise ValueError("fault")
    with held(tmp_path / "lock"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_place_that_is_not_there_is_the_system_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), held(tmp_path / "none" / "lock"):
        pass
