"""What goes before the rest of the daemon, and how it ends."""

import asyncio
from pathlib import Path

from servers.process import free_port
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.settings import HttpSettings, Settings
from tradewarden.wiring.vanguard import Vanguard


async def test_what_is_at_its_last_words_is_not_cut_short(tmp_path: Path) -> None:
    """A sink lets go of its file when the desk is put to rest; the end of everything comes meanwhile."""
    said: list[str] = []
    at_it = asyncio.Event()

    async def sink() -> None:
        at_it.set()
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)  # as it lets go, the end of everything comes
            said.append("closed")

    settings = Settings(state_dir=tmp_path, http=HttpSettings(port=free_port()))
    async with asyncio.timeout(10), Vanguard(settings, SystemClock()) as ahead:
        deed = ahead.spawn(sink(), name="sink")
        await at_it.wait()
        deed.cancel()
        await asyncio.sleep(0)
    assert said == ["closed"]


async def test_what_is_under_way_ends_with_it(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, http=HttpSettings(port=free_port()))
    async with asyncio.timeout(10), Vanguard(settings, SystemClock()) as ahead:
        deed = ahead.spawn(asyncio.sleep(1000), name="sleeper")
    assert deed.cancelled()
