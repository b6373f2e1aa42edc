"""The tests' own desk leaves nobody behind, whenever it ends."""

import asyncio
from pathlib import Path

import pytest

from kept_desk import ALL, kept_desk, service
from tradewarden.orchestrator.launch import is_there


async def _broken_off(state: Path) -> None:
    async with kept_desk(state, service("feed"), begins=False) as desk:
        desk.driver.start(ALL, by="test")
        await asyncio.sleep(0)
        raise RuntimeError("the test fails here")


async def test_a_desk_that_ends_while_keepers_are_only_asked_for_leaves_nobody_who_starts_them(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await _broken_off(tmp_path)
    await asyncio.get_running_loop().shutdown_default_executor()  # whatever was begun beside it is done
    assert not is_there(tmp_path / "keepers")
