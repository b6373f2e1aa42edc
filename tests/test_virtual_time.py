"""The tests' own loop leaves nothing behind for the next test."""

import asyncio
import gc
import subprocess
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from virtual_time import run_virtually


async def _begun() -> int:
    """A child of which only the number is kept."""
    child = await asyncio.create_subprocess_exec("sleep", "1000", stdout=subprocess.PIPE)
    return child.pid


async def _forgotten() -> list[int]:
    """A child that nobody waits for when the scene is over."""
    return [await _begun()]


async def _cancelled_twice() -> list[int]:
    """A child whose start is broken off, and the wait for its end too, as a daemon that stops does it."""
    before, task = _children(), asyncio.create_task(_begun())
    await asyncio.sleep(0)
    begun = sorted(_children() - before)  # at the end it may be buried already
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return begun


def _children() -> set[int]:
    threads = Path("/proc/self/task").glob("*/children")
    return {int(pid) for thread in threads for pid in thread.read_text().split()}


@pytest.mark.parametrize("scene", [_forgotten, _cancelled_twice])
def test_a_loop_that_closes_ends_its_children(scene: Callable[[], Coroutine[Any, Any, list[int]]]) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        left = run_virtually(scene)
        gc.collect()
    assert left
    assert not _children() & set(left)
    assert [str(each.message) for each in told] == []
