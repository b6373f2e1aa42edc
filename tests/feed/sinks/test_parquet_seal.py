import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ticks import OPENING, frames, write_journal
from tradewarden.feed import cursor
from tradewarden.feed.journal import Journal
from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.segment import first_seqs
from tradewarden.feed.sinks import parquet_seal
from tradewarden.feed.sinks.parquet_seal import Order, seal

KILLS = 4


def order_of(place: Path, until: int, seconds: float = 30.0) -> Order:
    return Order(place / "journal", place / "ticks", place / "instruments.json", until, seconds)


def found(place: Path) -> list[Path]:
    return sorted((place / "ticks").rglob("*.parquet"))


def numbers(place: Path) -> list[int]:
    """Every number that is sealed; one that is there twice, twice."""
    return sorted(seq for path in found(place) for seq in pq.read_table(path, columns=["seq"])["seq"].to_pylist())


def test_everything_up_to_the_number_is_sealed_and_the_cursor_tells(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 2000)
    told = list(seal(order_of(tmp_path, 1030)))
    assert numbers(tmp_path) == list(range(1, 1031))
    assert (told[0]["position"], told[-1]["position"], told[-1]["records"], told[-1]["files"]) == (0, 1030, 1030, 1)
    assert told[-1]["bytes"] == sum(path.stat().st_size for path in found(tmp_path))
    assert cursor.load(tmp_path / "journal", "parquet") == 1030
    list(seal(order_of(tmp_path, 2000)))
    assert numbers(tmp_path) == list(range(1, 2001))
    assert [path.relative_to(tmp_path / "ticks") for path in found(tmp_path)] == [
        Path("date=2026-11-23", "hour=09", f"{first:020d}.parquet") for first in (1, 1031)
    ]


def test_a_segment_that_spans_hours_is_split(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for nth, frame in enumerate(frames(200)):  # 09:15, 09:55, 10:35, 11:15
        journal.append(frame.records, frame.count, (OPENING + nth * 2400) * NANOSECONDS)
    journal.close()
    list(seal(order_of(tmp_path, 200)))
    assert [(path.parent.name, int(path.stem)) for path in found(tmp_path)] == [
        ("hour=09", 1),
        ("hour=10", 101),
        ("hour=11", 151),
    ]
    assert numbers(tmp_path) == list(range(1, 201))


def test_pieces_bound_the_memory_and_the_time_bounds_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_seal, "PIECE", 500)
    write_journal(tmp_path / "journal", 1700)
    assert [each["position"] for each in seal(order_of(tmp_path, 1700))] == [0, 500, 1000, 1500, 1700]
    assert numbers(tmp_path) == list(range(1, 1701))
    assert [each["position"] for each in seal(order_of(tmp_path, 1700, seconds=0.0))] == [1700]


def test_whoever_begins_again_writes_the_same_files_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal")
    for nth, frame in enumerate(frames(400)):  # the clock is set back in the middle
        journal.append(frame.records, frame.count, (OPENING + nth % 4 * 1500) * NANOSECONDS)
    journal.close()
    kept = cursor.save

    def power_fails(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(cursor, "save", power_fails)
    cursor_at_zero = tmp_path / "journal" / "cursors" / "parquet.json"
    kept(tmp_path / "journal", "parquet", 0)
    with pytest.raises(OSError, match="Input/output"):
        list(seal(order_of(tmp_path, 300)))
    assert numbers(tmp_path) == list(range(1, 301))
    assert json.loads(cursor_at_zero.read_bytes())["seq"] == 0
    monkeypatch.setattr(cursor, "save", kept)
    list(seal(order_of(tmp_path, 170)))
    list(seal(order_of(tmp_path, 400)))
    assert numbers(tmp_path) == list(range(1, 401))


def test_a_lost_cursor_is_found_again_in_the_files(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 900)
    list(seal(order_of(tmp_path, 600)))
    (tmp_path / "journal" / "cursors" / "parquet.json").write_text("torn")
    assert next(seal(order_of(tmp_path, 900)))["position"] == 600
    list(seal(order_of(tmp_path, 900)))
    assert numbers(tmp_path) == list(range(1, 901))


def test_numbers_that_were_given_and_never_written_hold_nothing_up(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 100)
    write_journal(tmp_path / "journal", 50, after=500)
    (*_, newest) = first_seqs(tmp_path / "journal")
    told = list(seal(order_of(tmp_path, 400)))
    assert told[-1]["position"] == 400
    assert numbers(tmp_path) == list(range(1, 101))
    list(seal(order_of(tmp_path, 550)))
    assert numbers(tmp_path) == [*range(1, 101), *range(501, 551)]
    assert newest


def test_killed_at_any_moment_it_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 8_000)
    request = {
        **{name: str(tmp_path / name) for name in ("journal", "ticks")},
        "names": str(tmp_path / "instruments.json"),
        "until": 8_000,
        "seconds": 30,
        "deadline": 60,
    }
    script = "import sys; from tradewarden.feed.sinks import parquet_seal as it; it.PIECE = 1000; sys.exit(it.main())"
    chance = random.Random(5)
    kills = 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(request).encode())
            child.stdin.close()
            child.stdout.readline()  # it has begun
            time.sleep(chance.random() * 0.1)
            child.send_signal(signal.SIGKILL)
        kills += child.returncode == -signal.SIGKILL
    assert kills
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(request).encode(), check=True, capture_output=True, timeout=30
    )
    assert json.loads(done.stdout.splitlines()[-1])["position"] == 8_000
    assert numbers(tmp_path) == list(range(1, 8_001))
    assert not list((tmp_path / "ticks").rglob("*.tmp"))


def test_a_disk_that_is_full_is_told_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 3000)
    request = {
        **{name: str(tmp_path / name) for name in ("journal", "ticks")},
        "names": str(tmp_path / "instruments.json"),
        "until": 3000,
        "seconds": 30,
        "deadline": 60,
    }
    script = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"  # no file may be longer
        "from tradewarden.feed.sinks import parquet_seal\nsys.exit(parquet_seal.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(request).encode(), capture_output=True, timeout=50, check=False
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, str(tmp_path / "ticks") in told["trouble"]) == (1, True), told
    assert "File too large" in told["trouble"]
    assert [path.name for path in (tmp_path / "ticks").rglob("*") if path.is_file()] == [".lock"]
    list(seal(order_of(tmp_path, 3000)))
    assert numbers(tmp_path) == list(range(1, 3001))


def test_only_one_process_seals_and_the_other_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path / "journal", 100)
    (tmp_path / "ticks").mkdir()
    holder = os.open(tmp_path / "ticks" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(parquet_seal.BusyError, match="another process"):
        list(seal(order_of(tmp_path, 100)))
    os.close(holder)
    list(seal(order_of(tmp_path, 100)))
    assert capsys.readouterr().out == ""


def test_what_the_journal_cannot_show_any_more_is_told_and_the_rest_is_sealed(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 200)
    path = tmp_path / "journal" / f"{1:020d}.seg"
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1  # in the second frame
    path.write_bytes(content)
    holes = [hole for told in seal(order_of(tmp_path, 200)) for hole in told.get("holes", ())]
    assert [(hole["first_seq"], hole["last_seq"]) for hole in holes] == [(51, 100)]
    assert holes[0]["reason"] == f"{path.name} is damaged from byte 12872 to 25712"
    assert numbers(tmp_path) == [*range(1, 51), *range(101, 201)]
