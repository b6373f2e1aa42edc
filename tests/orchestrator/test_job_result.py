"""What a run hands back: its program alone writes it, no link leads elsewhere, and nothing there holds a run up."""

from __future__ import annotations

import asyncio
import os
import pwd
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kept_jobs import Place, job, kept_jobs
from tradewarden.orchestrator.job_result import Back, forget, handed_back, prepare, sweep

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
    assert handed_back(file) == Back({"orders": 3})
    assert file.exists(), "until it is on record"
    forget(file)
    assert not file.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root runs programs as others")
def test_the_program_of_another_user_hands_back_what_no_third_one_can_touch(file: Path) -> None:
    prepare(file, "daemon")
    assert wrote(file, "daemon")
    assert not wrote(file, "nobody")
    assert handed_back(file) == Back({"by": "daemon"})


def test_a_link_in_place_of_the_file_is_followed_neither_to_write_nor_to_read(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"secret": true}')
    file.symlink_to(secret)
    prepare(file, None)
    assert handed_back(file).details == {"unreadable": "it is a link"}
    forget(file)
    assert not file.is_symlink()
    assert secret.read_text() == '{"secret": true}'


@pytest.mark.parametrize("inside", [[], ["kept"]])
def test_a_directory_in_place_of_the_file_is_in_nobodys_way(file: Path, inside: list[str]) -> None:
    file.mkdir()
    for name in inside:
        (file / name).touch()
    assert handed_back(file).details == {"unreadable": "the system says of it: Is a directory"}
    forget(file)
    assert file.exists() == bool(inside)
    forget(file)
    assert handed_back(file.with_name("no.8.result")) == Back({})


def test_what_ended_runs_have_left_is_swept_up_and_nothing_else(file: Path) -> None:
    left = ("buy@asha.7.result", "m.12.result", "m.13.result", "m.status", "m.x.result", ".daemon.7.result")
    for name in left:
        (file.parent / name).touch()
    sweep(file.parent, {12})
    assert sorted(each.name for each in file.parent.iterdir()) == [
        ".daemon.7.result",
        "m.12.result",
        "m.status",
        "m.x.result",
    ]


# With its keeper


def test_a_run_that_makes_a_directory_of_its_file_ends_and_the_daemon_begins_again(tmp_path: Path) -> None:
    place, f = Place(tmp_path), "$TRADEWARDEN_RESULT_FILE"
    odd = job("odd", f"rm {f}; mkdir {f}; touch {f}/kept; sleep 0.5")

    async def scene() -> None:
        async with kept_jobs(place, odd, killed=True) as kept:
            kept.driver.run_once("odd", "", by="asha")
            await kept.until(lambda: list(kept.keepers.run_dir.glob("odd.1.result/kept")))
            await kept.until_outcomes("odd", "running")
        async with kept_jobs(place, odd) as kept:
            await kept.until_outcomes("odd", "success")
            assert dict(kept.only("odd").details) == {"unreadable": "the system says of it: Is a directory"}

    asyncio.run(scene())


def test_what_a_run_handed_back_is_kept_until_its_end_is_on_record(tmp_path: Path) -> None:
    place = Place(tmp_path)
    buy = job("buy", "echo '{\"orders\": 2}' > $TRADEWARDEN_RESULT_FILE; sleep 0.3")

    async def scene() -> None:
        async with kept_jobs(place, buy, killed=True) as kept:
            kept.driver.run_once("buy", "", by="asha")
            await kept.until_outcomes("buy", "running")
            with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await kept.until(lambda: kept.runs.waiting)  # and now the daemon is killed
        async with kept_jobs(place, buy) as kept:
            await kept.until_outcomes("buy", "success")
            assert dict(kept.only("buy").details) == {"orders": 2}
            assert not list(kept.keepers.run_dir.glob("*.result"))

    asyncio.run(scene())


@pytest.mark.skipif(not IS_ROOT, reason="only root runs programs as others")
def test_a_job_of_another_user_hands_back_through_the_keepers_directory() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        place = Place(Path(folder))
        other = job("other", 'echo "{\\"by\\": \\"$(id -un)\\"}" > $TRADEWARDEN_RESULT_FILE', user="daemon")

        async def scene() -> None:
            async with kept_jobs(place, other) as kept:
                kept.driver.run_once("other", "", by="asha")
                await kept.until_outcomes("other", "success")
                assert dict(kept.only("other").details) == {"by": "daemon"}

        asyncio.run(scene())
