"""`tradewarden sink NAME`: the runner in a process of its own, and what the daemon sees of it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from structlog.testing import capture_logs

from sink_contract import frames
from tradewarden import sink_command
from tradewarden.commands.argument import SINKS
from tradewarden.commands.terminal import BAD_CONFIGURATION
from tradewarden.feed import cursor
from tradewarden.feed.journal import Journal
from tradewarden.feed.names import Names
from tradewarden.feed.sinks.registry import STORES
from tradewarden.machines.sink import BACKOFF, SinkReport, SinkState
from tradewarden.orchestrator import sink_group
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.sink_group import SinkGroup
from tradewarden.orchestrator.sink_status import publish, read

DEADLINE = 30.0


def config(folder: Path, text: str = '[sinks.sqlite]\nprocess = "own"\nticks = true\n') -> Path:
    path = folder / "tradewarden.toml"
    path.write_text(f'state_dir = "{folder}"\n{text}')
    return path


def command(folder: Path, name: str = "sqlite") -> list[str]:
    return [sys.executable, "-m", "tradewarden", "sink", name, "--config", str(folder / "tradewarden.toml")]


@contextmanager
def carried(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(folder), stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)


def until_position(folder: Path, seq: int) -> SinkReport:
    limit = time.monotonic() + DEADLINE
    while time.monotonic() < limit:
        found = read(folder / "journal", "sqlite")
        if found is not None and found[0].position == seq:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"it did not come to {seq}: {read(folder / 'journal', 'sqlite')}")


def receive(journal: Journal, count: int) -> None:
    for frame in frames(journal.next_seq, count):
        journal.append(frame.records, frame.count, time.time_ns())


def test_it_carries_the_journal_goes_on_after_a_kill_and_tells_the_daemon(tmp_path: Path) -> None:
    config(tmp_path)
    journal = Journal(tmp_path / "journal")
    receive(journal, 500)
    with carried(tmp_path) as process:
        until_position(tmp_path, 500)
        process.kill()
        process.communicate(timeout=DEADLINE)
    receive(journal, 500)
    with carried(tmp_path) as process:
        report = until_position(tmp_path, 1000)
        assert (report.state, report.process, report.name) == ("writing", "own", "sqlite")
        assert cursor.load(journal.directory, "sqlite") in (500, 1000)
        refused = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False, timeout=DEADLINE)
        assert (refused.returncode, refused.stderr) == (
            1,
            f"tradewarden: another process (pid {process.pid}) carries sqlite already: stop that one first.\n",
        )
        rss = int(Path(f"/proc/{process.pid}/status").read_text().partition("VmRSS:")[2].split()[0])
        assert rss < 50 * 1024  # kB
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    journal.close()
    assert cursor.load(journal.directory, "sqlite") == 1000
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        assert db.execute("SELECT count(*), max(seq) FROM ticks").fetchone() == (1000, 1000)


def test_a_store_that_is_opened_again_at_once_is_not_taken_for_one_of_another_journal(tmp_path: Path) -> None:
    """The end of the journal must be younger than the shortest pause before a store is asked how far it is."""

    class Still:
        seconds = 5.0

        def mono_ns(self) -> int:
            return int(self.seconds * 1e9)

    clock, journal = Still(), Journal(tmp_path)
    receive(journal, 10)
    latest = sink_command._Tail(tmp_path, clock)  # type: ignore[arg-type]
    receive(journal, 20)
    clock.seconds += BACKOFF.floor / 1e9
    assert latest() == 30
    journal.close()


def test_a_status_that_cannot_be_kept_is_told_once_and_not_each_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = itertools.count(1)
    thrice = asyncio.Event()

    def full(*_: object) -> None:
        if next(tries) == 3:
            thrice.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    async def some_seconds() -> None:
        monkeypatch.setattr(sink_command, "BEAT", 0.01)
        monkeypatch.setattr(sink_command, "logger", structlog.get_logger())  # one that no other test has used
        with monkeypatch.context() as patch:
            patch.setattr(sink_command, "publish", full)
            stop = asyncio.Event()
            carrying = asyncio.create_task(sink_command.sink("sqlite", {}, tmp_path, stop))
            async with asyncio.timeout(20):
                await thrice.wait()
            stop.set()
            await carrying

    Journal(tmp_path / "journal").close()
    with capture_logs() as told:
        asyncio.run(some_seconds())
    assert [line["why"] for line in told if line["event"] == "sink.status_not_kept"] == ["No space left on device"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", 'the daemon carries sqlite: set sinks.sqlite.process = "own" and restart it.'),
        (
            '[sinks.sqlite]\nenabled = false\nprocess = "own"\n',
            "sinks.sqlite is not enabled: set sinks.sqlite.enabled = true.",
        ),
        ("[sinks.sqlite]\nproces = 1\n", "sinks.sqlite.proces is not known; did you mean process."),
    ],
)
def test_it_says_why_it_must_not(tmp_path: Path, text: str, sentence: str) -> None:
    config(tmp_path, text)
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == BAD_CONFIGURATION
    assert sentence in done.stderr


def test_every_store_can_be_carried_so() -> None:
    assert tuple(STORES) == SINKS


def test_it_holds_neither_the_door_nor_the_broker_nor_the_reader_of_settings() -> None:
    script = (
        "import sys; from tradewarden import lean; lean.import_structlog()\n"
        "import tradewarden.sink_command, tradewarden.feed.sinks.sqlite\n"
        "print([name for name in sys.modules if name.startswith(('aiohttp', 'pydantic', 'kiteconnect',"
        " 'tradewarden.http', 'tradewarden.feed.brokers', 'statemachine'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=False, timeout=DEADLINE)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# What the daemon sees


def report(name: str = "redis", **how: object) -> SinkReport:
    now = datetime.fromisoformat("2026-11-23T10:00:00+05:30")
    known: dict[str, object] = {
        "process": "own",
        "state": SinkState.WRITING,
        "reason": None,
        "since": now,
        "needs_a_look": False,
        "position": 40,
        "last_error_at": now,
        "last_error": "refused",
    }
    return SinkReport(name=name, **(known | how))  # type: ignore[arg-type] # checked by what is read back


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    publish(tmp_path, report())
    found = read(tmp_path, "redis")
    assert found is not None
    assert found[0] == report()
    assert read(tmp_path, "mysql") is None
    (tmp_path / "status" / "mysql.json").write_text('{"name": 1}')
    assert read(tmp_path, "mysql") is None


def test_a_process_that_is_silent_for_ten_seconds_is_absent_and_after_half_a_minute_worth_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor.save(tmp_path, "redis", 30)
    group = SinkGroup([], ["redis"], tmp_path, SystemClock(), names=Names(tmp_path / "x"), latest=lambda: 50)
    (found,) = group.reports()
    assert (found.state, found.lag_ticks, found.needs_a_look) == ("absent", 20, False)
    assert "tradewarden-sink@redis" in (found.reason or "")
    publish(tmp_path, report())
    group.look()
    (found,) = group.reports()
    assert (found.state, found.lag_ticks, found.reason) == ("writing", 10, None)
    old = time.time() - 11
    os.utime(tmp_path / "status" / "redis.json", (old, old))
    monkeypatch.setattr(sink_group, "GRACE", sink_group.GRACE * 0)
    group.look()
    (found,) = group.reports()
    assert (found.state, found.needs_a_look, found.last_error) == ("absent", True, "refused")


async def test_a_new_dump_is_read_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand names take a second, in which no tick would be heard."""
    names, threads = Names(tmp_path / "i.json"), list[int]()
    group = SinkGroup([], [], tmp_path, SystemClock(), names=names, latest=lambda: 0)
    begun: list[asyncio.Task[None]] = []

    def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        begun.append(asyncio.create_task(deed, name=name))
        return begun[-1]

    group.begin(spawn)
    read = orjson.loads

    def noted(text: bytes) -> object:
        threads.append(threading.get_ident())
        return read(text)

    monkeypatch.setattr("tradewarden.feed.names.orjson.loads", noted)
    group.look()
    assert begun == []
    dump = '{"instruments": [[408065, "NSE", "INFY", "", "EQ", null, 0, 0]]}'
    await asyncio.to_thread((tmp_path / "i.json").write_text, dump)
    for _ in range(2):
        group.look()
    await asyncio.gather(*begun)
    group.look()
    assert (len(begun), names.of(408065).symbol) == (1, "INFY")
    assert threading.get_ident() not in threads
