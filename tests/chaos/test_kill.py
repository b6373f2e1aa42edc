"""The daemon is killed at any moment and comes up again as if nothing had happened; `make chaos` tries it longer."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sqlite3
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tradewarden.machines.auth import Token
from tradewarden.orchestrator.clock import IST, ShiftedClock
from tradewarden.orchestrator.token_file import read_own, write_own
from tradewarden.simulator.kite import KiteSimulator

KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "27"))
LIVE = datetime(2026, 11, 23, 10, tzinfo=IST)
KEY, SECRET, USER = "chaoskey", "chaossecret", "AB1234"

# What `tradewarden run` does, on a Monday morning.
DAEMON = """
import asyncio, datetime
from tradewarden import daemon, log
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import ShiftedClock
from tradewarden.orchestrator.statedir import claim
from tradewarden.settings import load

settings = load()
log.configure("info")
clock = ShiftedClock(datetime.datetime.fromisoformat("2026-11-23T10:00:00+05:30"))
with claim(settings.state_dir):
    asyncio.run(daemon.run(settings, load_calendar(settings.state_dir), clock, asyncio.Event()))
"""


class Life:
    """One life of the daemon, from its start to the kill."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls, folder: Path) -> Life:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("TRADEWARDEN_", "NOTIFY_", "STATE_", "RUNTIME_"))
        }
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                DAEMON,
                cwd=folder,
                env=kept,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )

    async def until_it_streams(self) -> None:
        """The headline is that of a desk on which all is well: the token was found, the feed dialled, ticks proven."""
        assert self.process.stdout is not None
        heard = []
        async with asyncio.timeout(30):
            while line := await self.process.stdout.readline():
                heard.append(line.decode())
                if '"market.live"' in heard[-1]:
                    return
        raise AssertionError("".join(heard))

    async def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        async with asyncio.timeout(20):
            await self.process.communicate()


def sound(folder: Path, tokens: set[str]) -> None:
    """What outlives a daemon can be read, and is one of the tokens that it was given."""
    assert read_own(folder / "var" / "token.json").found.value in tokens
    assert (folder / "bots.env").read_text() in {f"KITE_ACCESS_TOKEN={token}\n" for token in tokens}
    ledger = folder / "var" / "ledger.db"
    if ledger.exists():
        with sqlite3.connect(ledger) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()


async def log_in(url: str, broker: KiteSimulator, now: datetime) -> None:
    """A login that the kill may meet anywhere: between the redirect and the last byte of the last export."""
    async with aiohttp.ClientSession() as client:
        try:
            async with client.get(f"{url}/login", allow_redirects=False) as begun:
                query = parse_qs(urlsplit(begun.headers["Location"]).query)
            state = parse_qs(query["redirect_params"][0])["state"][0]
            answer = {"state": state, "request_token": broker.broker.log_in(USER, now), "status": "success"}
            async with client.get(f"{url}/auth/callback", params=answer) as page:
                assert page.status == 200
        except aiohttp.ClientError:
            return  # the daemon was killed under it


def tokens_of(broker: KiteSimulator) -> set[str]:
    minted = broker.state()["tokens"]
    assert isinstance(minted, list)
    return {each["token"] if isinstance(each, dict) else str(each) for each in minted}


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_a_daemon_that_is_killed_at_any_moment_comes_up_with_its_token_and_streams(tmp_path: Path) -> None:
    chance, clock = random.Random(SEED), ShiftedClock(LIVE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    broker = KiteSimulator(api_key=KEY, api_secret=SECRET, user_id=USER, now=clock.now, seed=SEED, tick_seconds=0.1)
    async with broker:
        (tmp_path / "tradewarden.toml").write_text(f"""
[kite]
api_key = "{KEY}"
api_secret = "{SECRET}"
user_id = "{USER}"
rest_url = "{broker.url}"
ticker_url = "{broker.ws_url}"
login_url = "{broker.login_url}"
export_files = ["{tmp_path / "bots.env"}"]
[feed.instruments]
full = [256265, 738561]
[http]
port = {port}
""")
        first = broker.mint()
        write_own(tmp_path / "var" / "token.json", Token(first, 1, clock.now(), USER), {})
        (tmp_path / "bots.env").write_text(f"KITE_ACCESS_TOKEN={first}\n")
        for kill in range(KILLS):
            life = await Life.begin(tmp_path)
            if kill % 2:
                await asyncio.sleep(chance.uniform(0, 1.0))
            else:
                await life.until_it_streams()
                login = asyncio.create_task(log_in(url, broker, clock.now()))
                await asyncio.sleep(chance.uniform(0, 1.2))
            await life.end()
            if not kill % 2:
                await login
            sound(tmp_path, tokens_of(broker))
        life = await Life.begin(tmp_path)
        await life.until_it_streams()
        await life.end()
        sound(tmp_path, tokens_of(broker))
