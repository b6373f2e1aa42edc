"""The demo desk: the real daemon on a simulated broker, a few minutes before the market opens."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, time
from pathlib import Path

from tradewarden.daemon import Desk, run
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST, ShiftedClock
from tradewarden.settings import FeedSettings, HttpSettings, KiteSettings, Settings
from tradewarden.simulator.kite import KiteSimulator

START = datetime(2026, 11, 23, 9, 14, tzinfo=IST)  # a Monday, inside the pre-open: the market opens a minute later
HOURS = (time(9, 0), time(16, 0))  # when the simulated exchange sends prices
USER = "AB1234"
GLYPHS = {"ok": "●", "warning": "!", "critical": "✕"}


@asynccontextmanager
async def broker(port: int, desk_url: str, clock: ShiftedClock) -> AsyncIterator[KiteSimulator]:
    """The simulated broker of a demo desk; its logins come back to that desk."""
    simulator = KiteSimulator(
        port=port,
        redirect_url=f"{desk_url}/auth/callback",
        api_key="demokey",
        api_secret="demosecret",
        user_id=USER,
        now=clock.now,
        hours=HOURS,
    )
    async with simulator:
        yield simulator


def settings_for(simulator: KiteSimulator, desk_url: str, port: int, state: Path) -> Settings:
    """Settings of a desk that lives off the simulated broker, without any file or environment."""
    return Settings.model_construct(
        segments=["NSE_EQ", "NFO"],
        kite=KiteSettings(
            api_key="demokey",
            api_secret="demosecret",
            user_id=USER,
            rest_url=simulator.url,
            ticker_url=simulator.ws_url,
            login_url=simulator.login_url,
        ),
        feed=FeedSettings(instruments={"full": [256265, 260105, 738561, 408065, 779521]}),
        http=HttpSettings(port=port, public_url=desk_url),
        state_dir=state,
    )


def _command() -> str:
    """How a person at this terminal calls the command line."""
    return "tradewarden" if shutil.which("tradewarden") else str(Path(sys.executable).with_name("tradewarden"))


async def demo(
    *,
    port: int,
    start: datetime,
    auto_login: bool,
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    """Run the demo desk until `stop`; `say` gets one line for each thing a person should know."""
    clock = ShiftedClock(start)
    desk_url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="tradewarden-demo-") as folder:
        async with broker(port + 1, desk_url, clock) as simulator:
            settings = settings_for(simulator, desk_url, port, Path(folder))

            def ready(desk: Desk) -> None:
                say(f"Your desk:          {desk_url}")
                say(f"Simulated broker:   {simulator.url}  (break it there: every fault is a button)")
                say(f"Commands find it by:  STATE_DIRECTORY={folder} {_command()} status")
                say(f"The desk's clock started at {start:%a %d %b %Y %H:%M} IST. Ctrl-C ends everything.")
                story = Story(say)
                desk.reports.subscribe(story.go_on)
                story.go_on(desk.reports.picture)

            if auto_login:
                settings.kite.token_files = [_token_of_another_program(Path(folder), simulator, start)]
            await run(settings, load_calendar(None), clock, stop, ready)


def _token_of_another_program(folder: Path, simulator: KiteSimulator, minted_at: datetime) -> Path:
    file = folder / "token.env"
    file.write_text(f"KITE_ACCESS_TOKEN={simulator.mint()}\n", encoding="ascii")
    os.utime(file, (minted_at.timestamp(), minted_at.timestamp()))
    return file


class Story:
    """The demo's lines, each when it says something that the one before did not."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told = ""

    def go_on(self, picture: Picture) -> None:
        """The desk has changed, in what a line shows or in something else."""
        moment, _, told = tell(picture).partition("  ")
        if told != self._told:
            self._told = told
            self._say(f"{moment}  {told}")


def tell(picture: Picture) -> str:
    """One line of the demo's story."""
    line = picture.headline
    states = f"auth {picture.auth.state}, feed {picture.feed.state}, market {picture.market.segments[0].state}"
    return f"{picture.now:%H:%M:%S}  {GLYPHS[line.severity.value]} {line.code:<22} {states}"
