"""What a run hands back: only its own program writes it, and no link leads the daemon elsewhere."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradewarden.orchestrator.job_spec import handed_back, prepare

IS_ROOT = os.geteuid() == 0
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def file() -> Iterator[Path]:
    """In a directory that others can walk through, as the keepers' is where programs have users of their own."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "buy@asha.7.result"


def wrote(file: Path, user: str) -> bool:
    """Whether a program of this user could write there."""
    script = f'printf \'{{"by": "{user}"}}\' > {file}'
    group = pwd.getpwnam(user).pw_gid
    return subprocess.run(["sh", "-c", script], user=user, group=group, extra_groups=[], check=False).returncode == 0


@pytest.mark.parametrize("user", [None, ME, "nobody-here"])
def test_nobody_else_can_read_or_write_what_a_run_hands_back(file: Path, user: str | None) -> None:
    prepare(file, user)
    assert file.stat().st_mode & 0o007 == 0
    file.write_text('{"orders": 3}')
    assert handed_back(file) == {"orders": 3}
    assert not file.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root runs programs as others")
def test_the_program_of_another_user_hands_back_what_no_third_one_can_touch(file: Path) -> None:
    prepare(file, "daemon")
    assert wrote(file, "daemon")
    assert not wrote(file, "nobody")
    assert handed_back(file) == {"by": "daemon"}


def test_a_link_in_place_of_the_file_is_followed_neither_to_write_nor_to_read(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"secret": true}')
    file.symlink_to(secret)
    prepare(file, None)
    assert handed_back(file) == {}
    assert secret.read_text() == '{"secret": true}'
