"""`tradewarden sink mysql --from redis`, twice, on one stream: one of them is killed at work."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from servers.mariadb import PASSWORD, USER, Mariadb, mariadb
from servers.redis import RedisProcess, redis_server
from sink_contract import frames
from tradewarden.feed.sinks.redis import RedisSink

TICKS = 4000
DEADLINE = 40.0


async def writer(folder: Path, name: str) -> Process:
    words = ["sink", "mysql", "--from", "redis", "--group", "desk", "--consumer", name, "--config", "desk.toml"]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradewarden", *words, stdout=PIPE, stderr=PIPE, cwd=folder
    )


async def until_done(server: RedisProcess, database: str, store: Mariadb) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            ((count,),) = await store.ask("SELECT COUNT(*) FROM ticks", database=database)
            if count >= TICKS and not (await server.ask("XPENDING", "kite:frames", "desk"))["pending"]:
                return
            await asyncio.sleep(0.1)


async def until_at_work(server: RedisProcess) -> None:
    """The mortal one is connected: it reads, writes or is done."""
    async with asyncio.timeout(DEADLINE):
        while True:
            some = str(await server.ask("CLIENT", "LIST"))
            if "tradewarden:desk:mortal" in some:
                return
            await asyncio.sleep(0.02)


async def test_a_fleet_of_which_one_is_killed_writes_every_tick_once(tmp_path: Path) -> None:
    store = await asyncio.to_thread(mariadb)
    database = await store.new_database()
    async with redis_server(tmp_path / "redis") as server:
        config = tmp_path / "desk.toml"
        config.write_text(
            f'state_dir = "{tmp_path}"\n[sinks.redis]\nurl = "{server.url}"\n'
            f'[sinks.mysql]\nhost = "127.0.0.1"\nport = {store.port}\nuser = "{USER}"\npassword = "{PASSWORD}"\n'
            f'database = "{database}"\n'
        )
        config.chmod(0o600)
        sink = RedisSink(url=server.url)
        await sink.open()
        steady, mortal = await writer(tmp_path, "steady"), await writer(tmp_path, "mortal")
        try:
            for nth, first in enumerate(range(1, TICKS + 1, 100)):
                await sink.write(frames(first, 100))
                if nth == 19:
                    await until_at_work(server)
                    os.kill(mortal.pid, signal.SIGKILL)
                    await mortal.communicate()
                    mortal = await writer(tmp_path, "mortal")
            await until_done(server, database, store)
        finally:
            await sink.close()
            for process in (steady, mortal):
                process.terminate()
                async with asyncio.timeout(DEADLINE):
                    _, errors = await process.communicate()
                assert process is mortal or process.returncode == 0, errors.decode()
    ((count, distinct),) = await store.ask("SELECT COUNT(*), COUNT(DISTINCT seq) FROM ticks", database=database)
    assert (count, distinct) == (TICKS, TICKS)
