"""The daemon is killed at any moment, again and again: each second's job runs once or says why not, and none twice."""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from kept_desk import end_keepers

KILLS = int(os.environ.get("CHAOS_KILLS", "10")) // 10
SEED = int(os.environ.get("CHAOS_SEED", "27"))
SECOND = 1_000_000  # microseconds
DESK = """
state_dir = "{state}"
[http]
port = {port}
[services.each]
command = ["sh", "-c", "echo $TRADEWARDEN_RUN >> {state}/ran"]
schedule = "every 1s on all days"
does = "work"
[services.watch]
command = ["sh", "-c", "echo $$ >> {state}/watched; exec sleep 1000"]
schedule = "always"
does = "monitor"
"""


class Desk:
    """A daemon of its own, begun again after each kill."""

    def __init__(self, state: Path) -> None:
        self.state, self.log = state, state / "daemon.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (state / "tradewarden.toml").write_text(DESK.format(state=state, port=port))

    def begin(self) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEWARDEN_", "NOTIFY_", "STATE_"))}
        command = [sys.executable, "-m", "tradewarden", "run", "--config", str(self.state / "tradewarden.toml")]
        with self.log.open("ab") as log:
            env = kept | {"PYTHONPATH": os.pathsep.join(sys.path)}
            return subprocess.Popen(command, cwd=self.state, env=env, stdout=log, stderr=log)

    def rows(self, job: str) -> list[tuple[int, int, str, str]]:
        """Number, due time, trigger and outcome of all its runs."""
        if not (self.state / "ledger.db").exists():
            return []
        with closing(sqlite3.connect(self.state / "ledger.db")) as db:
            question = (
                "SELECT runs.id, due, trigger, outcome FROM runs JOIN jobs ON jobs.id = runs.job WHERE jobs.job = ?"
            )
            try:
                return db.execute(f"{question} ORDER BY due", (job,)).fetchall()
            except sqlite3.OperationalError:
                return []  # it is being made

    def until_more(self) -> None:
        """Until two more runs have ended well."""
        before, deadline = self.done, time.monotonic() + 60
        while self.done < before + 2:
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)

    @property
    def done(self) -> int:
        """How many runs have ended well."""
        return [outcome for *_, outcome in self.rows("each")].count("success")


@pytest.mark.timeout(120 + 30 * KILLS)
def test_whenever_the_daemon_is_killed_each_due_time_has_one_outcome_and_no_run_two_processes(tmp_path: Path) -> None:
    chance, desk = random.Random(SEED), Desk(tmp_path)
    try:
        for _ in range(KILLS):
            daemon = desk.begin()
            desk.until_more()
            time.sleep(chance.uniform(0.0, 1.2))
            daemon.kill()
            daemon.wait(10)
        daemon = desk.begin()
        desk.until_more()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
    finally:
        daemon.kill()
        daemon.wait(10)
        end_keepers(tmp_path / "keepers")
    rows = desk.rows("each")
    dues = [due for _, due, _, _ in rows]
    assert dues == list(range(dues[0], dues[-1] + 1, SECOND)), "a due time is silent, or has two outcomes"
    ran = Counter((tmp_path / "ran").read_text().split())
    assert max(ran.values()) == 1, "a run had two processes"
    assert {str(number) for number, _, _, outcome in rows if outcome == "success"} <= ran.keys()
    ended, under_way = [outcome for *_, outcome in rows[:-5]], [outcome for *_, outcome in rows[-5:]]
    assert set(ended) <= {"success", "missed", "skipped"}
    assert under_way.count("queued") + under_way.count("running") <= 1
    assert (tmp_path / "watched").read_text().count("\n") == 1, "what runs outlives the daemon, in one copy"
    assert [outcome for *_, outcome in desk.rows("watch")] == ["running"]
