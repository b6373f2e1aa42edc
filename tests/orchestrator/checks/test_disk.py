"""A directory has room or has not, and how long it lasts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewarden.orchestrator.checks.disk import DiskCheck, size

GB = 10**9
Free = Callable[..., None]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """A disk with so many bytes and inodes left."""

    def pretend(count: float, inodes: int = 1000) -> None:
        told = os.statvfs_result((4096, 4096, 10**9, 0, int(count / 4096), 10**6, inodes, inodes, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _: told)

    return pretend


async def test_a_directory_that_is_not_there_yet_lies_where_its_parent_does(tmp_path: Path) -> None:
    verdict = await DiskCheck("the journal", tmp_path / "a/b").ask()
    assert f"{tmp_path}/a/b (the journal) has " in verdict.text


@pytest.mark.parametrize(
    ("bytes_free", "a_day", "good", "told"),
    [
        (80 * GB, None, True, "has 80 GB free"),
        (80 * GB, 8 * GB, True, "has 80 GB free, 10 days at 8 GB a day"),
        (15 * GB, 8 * GB, False, "has 15 GB free, 1.9 days at 8 GB a day: make room there"),
        (0.5 * GB, None, False, "has 500 MB free: make room there, or choose another disk"),
    ],
)
async def test_days_are_what_is_free_by_what_is_written(
    free: Free, tmp_path: Path, bytes_free: float, a_day: float | None, told: str, *, good: bool
) -> None:
    free(bytes_free)
    verdict = await DiskCheck("the journal", tmp_path, a_day).ask()
    assert verdict.good is good
    assert told in verdict.text


async def test_a_disk_without_inodes_is_full_too(free: Free, tmp_path: Path) -> None:
    free(80 * GB, inodes=0)
    assert "takes no more files" in (await DiskCheck("logs", tmp_path).ask()).text


def test_sizes_are_told_as_disks_are_sold() -> None:
    assert [size(count) for count in (0, 999, 1000, 123_456, 7.5e9, 5e15)] == [
        "0 bytes",
        "999 bytes",
        "1 kB",
        "123 kB",
        "7.5 GB",
        "5e+03 TB",
    ]
