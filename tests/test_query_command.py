"""`tradewarden query`, as a person types it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ticks import write_journal
from tradewarden.feed.sinks.parquet_seal import Order, seal
from tradewarden.orchestrator.query import Answer
from tradewarden.query_command import lines, notes


def query(state: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(state)}
    command = [sys.executable, "-m", "tradewarden", "query", *arguments]
    return subprocess.run(
        command, env=environment, cwd=state, input=said, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_journal(tmp_path / "journal", 300)
    list(seal(Order(tmp_path / "journal", tmp_path / "ticks", tmp_path / "instruments.json", 200, 30.0)))
    return tmp_path


def test_a_question_is_answered_with_a_table(state: Path) -> None:
    done = query(state, "SELECT seq, kind, date FROM ticks ORDER BY seq LIMIT 2")
    assert done.stdout.splitlines() == [
        "seq  kind  date",
        "---  ----  ----------",
        "  1     1  2026-11-23",
        "  2     1  2026-11-23",
    ]
    assert done.returncode == 0
    assert done.stderr.startswith("tradewarden: 2 rows in ")


def test_standard_input_and_json_work_for_programs(state: Path) -> None:
    done = query(state, "-", "--json", "--rows", "1", said="SELECT max(seq) AS last FROM ticks UNION ALL SELECT 0")
    told = json.loads(done.stdout)
    assert (told["columns"], told["rows"]) == ([{"name": "last", "type": "BIGINT"}], [[300]])
    assert (told["truncated"], told["lastSeq"], told["missing"]) == (True, 300, 0)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (("SELECT ltp FROM ticks",), 65, "last_price"),
        (
            ("SELECT count(*) FROM range(100000) a, range(1000000) b, range(1000) c", "--seconds", "0.5"),
            65,
            "no answer within 0.5 s",
        ),
    ],
)
def test_a_wrong_question_says_what_to_do(state: Path, arguments: tuple[str, ...], status: int, word: str) -> None:
    done = query(state, *arguments)
    assert (done.returncode, word in done.stderr, done.stdout) == (status, True, ""), done.stderr


def test_without_the_extra_it_says_what_to_install(state: Path) -> None:
    (state / "duckdb.py").write_text("raise ModuleNotFoundError('no', name='duckdb')")
    (state / "run.py").write_text(
        "import sys\nfrom tradewarden.__main__ import main\nsys.exit(main(['query', 'FROM ticks']))"
    )
    environment = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(state)}
    done = subprocess.run(
        [sys.executable, str(state / "run.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 69
    assert done.stderr == "tradewarden: questions need the package duckdb: pip install 'tradewarden[parquet]'.\n"


def an_answer(names: tuple[str, ...], *rows: list[Any]) -> Answer:
    columns = [{"name": name, "type": ""} for name in names]
    return Answer(columns=columns, rows=list(rows), truncated=True, last_seq=9, missing=4, seconds=0.25)


def test_long_cells_are_cut_and_figures_stand_to_the_right() -> None:
    answer = an_answer(("symbol", "price", "note"), ["INFY", 1500.05, "x" * 50], ["M&M", 3.5, None])
    head, rule, first, second = lines(answer)
    assert head == "symbol    price  note"
    assert rule == f"------  -------  {'-' * 40}"
    assert first == f"INFY    1500.05  {'x' * 40}"
    assert second == "M&M         3.5"
    assert list(notes(answer)) == [
        "2 rows in 0.25 s, and there are more: --rows",
        "4 ticks are recorded and not seen yet: they are being sealed",
    ]


def test_no_rows_are_a_head_and_a_rule() -> None:
    assert list(lines(an_answer(("seq",)))) == ["seq", "---"]
