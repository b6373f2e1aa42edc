import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.machines.claim import Claim
from tradewarden.machines.gap import Gap
from tradewarden.machines.run import Lease, Outcome, Run, Trigger
from tradewarden.orchestrator.ledger import UPGRADES, Ledger, LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.run_history import RunHistory
from tradewarden.orchestrator.runs import Runs

BEGAN = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def gap(number: int) -> Gap:
    return Gap(BEGAN + timedelta(minutes=number), BEGAN + timedelta(minutes=number, seconds=30), ("stall", "network"))


def test_what_is_written_down_is_found_after_a_restart_newest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    for number in range(3):
        ledger.add_gap("kite", gap(number), [256265, 408065])
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    assert [found.gap for found in again.gaps()] == [gap(2), gap(1), gap(0)]
    assert again.gaps(limit=1)[0].instruments == (256265, 408065)
    again.close()


def test_an_older_ledger_is_upgraded_after_a_copy_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = Ledger(path)
    old.add_gap("kite", gap(1), [1])
    old.close()
    newer = Ledger(path, upgrades=[*UPGRADES, "ALTER TABLE gaps ADD COLUMN note TEXT"])
    assert newer.version == len(UPGRADES) + 1
    assert [found.gap for found in newer.gaps()] == [gap(1)]
    newer.close()
    with sqlite3.connect(tmp_path / f"ledger.db.v{len(UPGRADES)}") as copy:
        assert copy.execute("SELECT count(*) FROM gaps").fetchone() == (1,)
    copy.close()


@pytest.mark.parametrize("version", range(1, len(UPGRADES)))
def test_a_ledger_of_every_older_version_keeps_its_gaps_and_takes_runs(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    old = Ledger(path, upgrades=UPGRADES[:version])
    assert old.version == version
    for number in range(3):
        old.add_gap("kite", gap(number), [number])
    old.close()
    newer = Ledger(path)
    assert newer.version == len(UPGRADES)
    assert [(found.gap, found.instruments) for found in newer.gaps()] == [(gap(n), (n,)) for n in (2, 1, 0)]
    newer.close()
    file = LedgerFile(path)
    runs = Runs(file, now=lambda: BEGAN)
    run = runs.give(
        Claim(job="eod", user="asha", trigger=Trigger.SCHEDULE, due=BEGAN, by="schedule", lease=Lease(1, 2, "boot"))
    )
    assert isinstance(run, Run)
    assert runs.finish(run.id, Outcome.SUCCESS)
    file.close()
    with closing(sqlite3.connect(tmp_path / f"ledger.db.v{version}")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (version,)
        assert copy.execute("SELECT count(*) FROM gaps").fetchone() == (3,)


def test_runs_outlive_an_upgrade_and_an_older_program_refuses_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    file = LedgerFile(path)
    run = Runs(file, now=lambda: BEGAN).give(
        Claim(job="eod", user="", trigger=Trigger.ONCE, due=BEGAN, by="asha", lease=Lease(1, 2, "boot"))
    )
    file.close()
    Ledger(path, upgrades=[*UPGRADES, "ALTER TABLE runs ADD COLUMN note TEXT"]).close()
    file = LedgerFile(path)
    assert RunHistory(file).open() == [run]
    file.close()
    with pytest.raises(LedgerError, match="install that one again"):
        Ledger(path, upgrades=UPGRADES[:1])


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with pytest.raises(LedgerError):
        Ledger(path, upgrades=[*UPGRADES, "ALTER TABLE gaps ADD COLUMN note TEXT; SELECT * FROM nowhere"])
    ledger = Ledger(path)
    assert ledger.version == len(UPGRADES)
    ledger.add_gap("kite", gap(1), [])
    ledger.close()


def test_a_ledger_of_a_newer_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path, upgrades=[*UPGRADES, "SELECT 1"]).close()
    with pytest.raises(LedgerError, match="written by a newer tradewarden"):
        Ledger(path)


def test_a_file_that_is_no_ledger_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, but a letter to my mother" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db: .*move it away"):
        Ledger(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_disk_that_takes_nothing_stops_nobody_and_the_gaps_are_written_once_it_does(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger._db.execute("PRAGMA query_only = ON")
    for number in range(3):
        ledger.add_gap("kite", gap(number), [])
    ledger.look()
    assert ledger.gaps() == []
    ledger._db.execute("PRAGMA query_only = OFF")
    ledger.look()
    assert [found.gap for found in ledger.gaps()] == [gap(2), gap(1), gap(0)]
    ledger._db.execute("PRAGMA query_only = ON")
    ledger.add_gap("kite", gap(3), [])
    ledger.close()  # it does not raise, though this one is lost


def test_nobody_else_reads_it_whoever_made_it_and_under_whichever_mask(tmp_path: Path) -> None:
    path, mask = tmp_path / "ledger.db", os.umask(0)
    try:
        Ledger(path, upgrades=UPGRADES[:1]).close()
        path.chmod(0o644)  # as an older one lies there
        opened = Ledger(path)
    finally:
        os.umask(mask)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    opened.close()
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.v1"), 0o600)


def test_gaps_that_cannot_be_read_are_the_ledgers_trouble(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
            other.execute("DROP TABLE gaps")
        with pytest.raises(LedgerError, match=r"ledger\.db: no such table: gaps; look after its disk"):
            ledger.gaps()
