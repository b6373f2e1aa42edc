"""Questions over real files: what is seen, what it comes to, and what nobody can do with them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from ticks import OPENING, frames
from tradewarden.feed import cursor
from tradewarden.feed.journal import Journal
from tradewarden.feed.query import Question, _what, answer
from tradewarden.feed.record import HAS_LTP, NANOSECONDS, Row, rows
from tradewarden.feed.sinks.parquet_seal import Order, seal

COUNT, SEALED = 6000, 4030


@dataclass
class Desk:
    """A state directory with ticks of three hours, of which the last are not sealed."""

    path: Path
    rows: list[Row]

    def request(self, sql: str, **changes: Any) -> dict[str, Any]:
        places = {name: str(self.path / name) for name in ("ticks", "journal")}
        costs = {"rows": 10_000, "bytes": 10_000_000, "seconds": 20, "memory_mb": 256, "threads": 2}
        return {**places, "names": str(self.path / "instruments.json"), "sql": sql, **costs, **changes}

    def ask(self, sql: str, **changes: Any) -> dict[str, Any]:
        """What the process would say, without a process for each question."""
        asked = self.request(sql, **changes)
        question = Question(**asked | {name: Path(asked[name]) for name in ("ticks", "journal", "names")})
        try:
            told: dict[str, Any] = json.loads(orjson.dumps(answer(question)))
        except Exception as trouble:  # noqa: BLE001 - as the process does
            kind, text = _what(trouble, question)
            return {"error": kind, "text": text}
        return told

    def run(self, sql: str, **changes: Any) -> subprocess.CompletedProcess[bytes]:
        """The process itself."""
        return subprocess.run(
            [sys.executable, "-m", "tradewarden.feed.query"],
            input=json.dumps(self.request(sql, **changes)).encode(),
            capture_output=True,
            timeout=30,
            check=False,
        )

    def cells(self, sql: str) -> list[list[Any]]:
        told = self.ask(sql)
        assert "error" not in told, told
        found: list[list[Any]] = told["rows"]
        return found

    def of(self, instrument: int) -> list[Row]:
        return [row for row in self.rows if row.instrument == instrument and row.has & HAS_LTP]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    path = tmp_path_factory.mktemp("desk")
    journal, some = Journal(path / "journal"), []
    for nth, frame in enumerate(frames(COUNT, instruments=9)):  # 09:15 to 11:51
        at = (OPENING + nth * 78) * NANOSECONDS + nth
        journal.append(frame.records, frame.count, at)
        some += list(rows([type(frame)(frame.first_seq, frame.count, at, frame.records)]))
    journal.close()
    names = [[row.instrument, "NSE", f"S{row.instrument >> 8}", "", "EQ", None, 0.0, 0.0] for row in some[:500]]
    (path / "instruments.json").write_text(json.dumps({"instruments": names}))
    for until in (1500, 2010, SEALED):  # several files an hour, and an hour in several files
        list(seal(Order(path / "journal", path / "ticks", path / "instruments.json", until, 30.0)))
    return Desk(path, some)


def busiest(desk: Desk) -> int:
    counts: dict[int, int] = defaultdict(int)
    for row in desk.rows:
        counts[row.instrument] += row.has != HAS_LTP and row.instrument & 0xFF == 1
    return max(counts, key=counts.__getitem__)


def test_every_tick_is_seen_once_sealed_or_not(desk: Desk) -> None:
    told = desk.ask("SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM ticks")
    assert told["rows"] == [[COUNT, COUNT, 1, COUNT]]
    assert told["seen"] == {"seq": COUNT, "missing": 0}
    assert not told["truncated"]


def test_prices_are_rupees_beside_the_raw_ones_and_times_are_in_india(desk: Desk) -> None:
    for seq in (1, SEALED + 1):
        row = desk.rows[seq - 1]
        (cells,) = desk.cells(
            "SELECT instrument, last_price_raw, last_price, scale, received, date, hour, exchange, symbol"
            f" FROM ticks WHERE seq = {seq}"
        )
        assert cells[:4] == [row.instrument, row.last_price, row.last_price / 10**row.scale, row.scale]
        minute = (row.received_ns // NANOSECONDS - OPENING) // 60 + 15
        assert cells[4].startswith(f"2026-11-23T{9 + minute // 60:02d}:{minute % 60:02d}:")
        assert cells[4].endswith("+05:30")
        assert cells[5:] == ["2026-11-23", 9 + minute // 60, "NSE", f"S{row.instrument >> 8}"]


def test_bars_of_so_many_ticks_are_those_of_the_ticks_in_their_order(desk: Desk) -> None:
    instrument = busiest(desk)
    mine = desk.of(instrument)
    wanted = []
    for at in range(0, len(mine), 100):
        prices = [row.last_price / 10**row.scale for row in mine[at : at + 100]]
        wanted.append([at // 100, prices[0], max(prices), min(prices), prices[-1], len(prices)])
    found = desk.cells(f"SELECT bar, open, high, low, close, ticks FROM tick_bars({instrument}, '2026-11-23')")
    assert found == wanted
    assert len(wanted) > 20
    assert len(desk.cells(f"FROM tick_bars({instrument}, '2026-11-23', each := 1000)")) == -(-len(mine) // 1000)


def test_a_volume_profile_is_what_was_traded_at_each_price(desk: Desk) -> None:
    instrument = busiest(desk)
    wanted: dict[float, int] = defaultdict(int)
    before = None
    for row in desk.of(instrument):
        volume = row.volume if row.has != HAS_LTP else None
        if before is not None and volume is not None and volume > before:
            wanted[row.last_price / 10**row.scale] += volume - before
        before = volume
    found = desk.cells(f"SELECT price, volume FROM volume_profile({instrument}, DATE '2026-11-23')")
    assert found == [list(each) for each in sorted(wanted.items())]
    assert len(found) > 20


def test_minute_bars_hold_together(desk: Desk) -> None:
    instrument = busiest(desk)
    found = desk.cells(
        "SELECT minute, open, high, low, close, ticks, volume FROM bars"
        f" WHERE instrument = {instrument} ORDER BY minute"
    )
    wanted: dict[int, list[float]] = defaultdict(list)
    for row in desk.of(instrument):
        wanted[row.received_ns // (60 * NANOSECONDS)].append(row.last_price / 10**row.scale)
    assert [row[1:6] for row in found] == [[p[0], max(p), min(p), p[-1], len(p)] for p in wanted.values()]
    assert sum(row[6] for row in found) == max(row.volume for row in desk.of(instrument)) - min(
        row.volume for row in desk.of(instrument) if row.volume
    )


def test_an_answer_is_cut_where_it_is_too_long(desk: Desk) -> None:
    told = desk.ask("SELECT seq FROM ticks ORDER BY seq", rows=7)
    assert (told["rows"], told["truncated"]) == ([[seq] for seq in range(1, 8)], True)
    assert len(desk.ask("SELECT repeat('x', 1000) FROM range(100)", bytes=10_000)["rows"]) == 10
    assert not desk.ask("FROM range(7)", rows=7)["truncated"]


@pytest.mark.parametrize(
    "sql", ["DESCRIBE ticks", "SUMMARIZE SELECT last_price FROM ticks", "SHOW TABLES", "VALUES (1)"]
)
def test_looking_around_is_possible(desk: Desk, sql: str) -> None:
    assert desk.cells(sql)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT ltp FROM ticks", "last_price"),  # the nearest names are told
        ("SELECT * FROM tick", 'Did you mean "ticks"'),
        ("SELEC 1", "syntax error"),
        ("", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
    ],
)
def test_a_slip_is_told_with_what_to_do(desk: Desk, sql: str, word: str) -> None:
    assert word in desk.ask(sql)["text"]


WRITES = [
    "COPY ticks TO '{there}'",
    "COPY (SELECT 1) TO '{ticks}/x.csv'",
    "EXPORT DATABASE '{there}'",
    "ATTACH '{there}' AS other",
    "CREATE TABLE mine AS SELECT 1",
    "INSTALL httpfs",
    "LOAD '{there}'",
    "SET memory_limit = '100GB'",
    "PRAGMA enable_profiling",
    "CALL enable_logging()",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{there}'",
    "DROP VIEW ticks",
]
READS = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('{there}')",
    "SELECT * FROM '{there}'",
    "SELECT * FROM read_text('{ticks}/../secret')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM 'https://127.0.0.1/x.parquet'",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{there}''')",
    "SELECT * FROM enable_profiling(save_location = '{there}')",
    "SELECT * FROM enable_logging(storage = 'file', storage_config = {{'path': '{there}'}})",
    "SELECT getenv('HOME')",
]


@pytest.mark.parametrize("sql", WRITES + READS)
def test_nothing_can_be_written_and_nothing_else_be_read(desk: Desk, sql: str) -> None:
    (desk.path / "secret").write_text("a token")
    before = sorted(desk.path.rglob("*"))
    told = desk.ask(sql.format(there=desk.path / "secret", ticks=desk.path / "ticks"))
    assert told["error"] == ("refused" if sql in WRITES else "sql"), told
    assert "a token" not in json.dumps(told)
    assert sorted(desk.path.rglob("*")) == before
    assert (desk.path / "secret").read_text() == "a token"


def test_the_process_answers_with_its_status(desk: Desk) -> None:
    good, bad = desk.run("SELECT max(seq) FROM ticks"), desk.run("SELECT nothing FROM ticks")
    assert (good.returncode, json.loads(good.stdout)["rows"], good.stderr) == (0, [[COUNT]], b"")
    assert (bad.returncode, json.loads(bad.stdout)["error"], bad.stderr) == (1, "sql", b"")


def test_a_question_that_needs_too_much_memory_is_told_so(desk: Desk) -> None:
    done = desk.run("SELECT list(a.range || repeat('x', 100)) FROM range(3_000_000) a", memory_mb=64)
    told = json.loads(done.stdout)
    assert (told["error"], "64 MB" in told["text"]) == ("memory", True)


def test_a_question_without_end_ends_with_its_time(desk: Desk) -> None:
    done = desk.run("SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b", seconds=1)
    assert done.returncode in (-signal.SIGALRM, -signal.SIGXCPU)
    assert done.stdout == b""


def test_without_any_ticks_the_columns_are_known_all_the_same(tmp_path: Path) -> None:
    nobody = Desk(tmp_path, [])
    assert nobody.cells("SELECT last_price FROM ticks") == []
    assert len(nobody.cells("DESCRIBE ticks")) > 60
    assert nobody.cells("SELECT * FROM bars") == []


def test_files_that_cannot_be_read_are_no_fault_of_the_question(tmp_path: Path) -> None:
    (tmp_path / "ticks").write_text("in the way")
    told = Desk(tmp_path, []).ask("SELECT 1")
    assert told["error"] == "unavailable"
    assert f"{tmp_path / 'ticks'}: Not a directory" in told["text"]


def test_a_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    hour = tmp_path / "ticks" / "date=2026-11-23" / "hour=09"
    hour.mkdir(parents=True)
    (hour / f"{1:020d}.parquet").write_bytes(b"PAR1 torn")
    cursor.save(tmp_path / "journal", "parquet", 10)
    told = Desk(tmp_path, []).ask("SELECT count(*) FROM ticks")
    assert (told["error"], "00001.parquet" in told["text"]) == ("unavailable", True), told


def test_a_piece_that_is_being_written_again_is_taken_from_the_journal(desk: Desk, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "journal").mkdir(parents=True)
    for name in desk.path.glob("journal/*.seg"):
        os.link(name, state / "journal" / name.name)
    (state / "ticks").symlink_to(desk.path / "ticks")
    cursor.save(state / "journal", "parquet", 2010)  # the process was killed before the cursor moved
    told = Desk(state, desk.rows).ask("SELECT count(*), count(DISTINCT seq) FROM ticks")
    assert told["rows"] == [[COUNT, COUNT]]


FORBIDDEN = """
def tried(deed):
    try:
        deed()
    except OSError as trouble:
        return type(trouble).__name__
    return "done"
print([tried(deed) for deed in (
    lambda: open("/etc/hostname"),
    lambda: open("/proc/1/environ"),
    lambda: os.listdir("/"),
    lambda: open(sys.argv[2] + "/x", "w"),
    lambda: os.mkdir(sys.argv[2] + "/x"),
    lambda: os.truncate(sys.argv[3], 0),
    lambda: os.unlink(sys.argv[3]),
    lambda: os.execv("/bin/true", ["true"]),
    lambda: socket.create_connection(("127.0.0.1", 9), 1),
    lambda: open(sys.argv[1] + "/test_query.py").read(),
    lambda: os.listdir(sys.argv[1]),
)])
"""


def test_the_kernel_keeps_a_confined_process_from_everything_but_reading_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    script = (
        "import os, socket, sys\nfrom pathlib import Path\nfrom tradewarden.feed.confine import confine, limit\n"
        f"limit(seconds=10, memory=1 << 30)\nprint(confine([Path(sys.argv[1])]))\n{FORBIDDEN}"
    )
    places = [str(Path(__file__).parent), str(tmp_path), str(tmp_path / "kept")]
    done = subprocess.run(
        [sys.executable, "-c", script, *places], capture_output=True, text=True, timeout=20, check=True
    )
    if done.stdout.startswith("False"):
        pytest.skip("this kernel has no Landlock: Linux 5.13 or newer has")
    assert done.stdout == f"True\n{['PermissionError'] * 9 + ['done'] * 2}\n"
    assert (tmp_path / "kept").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_confined_process_can_make_no_file_grow(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom tradewarden.feed.confine import limit\nlimit(seconds=10, memory=1 << 30)\n"
        "with open(sys.argv[1], 'wb', buffering=0) as out: out.write(b'x')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x")], capture_output=True, text=True, timeout=20, check=False
    )
    assert "File too large" in done.stderr
    assert (tmp_path / "x").read_bytes() == b""
