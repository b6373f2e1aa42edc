"""Signals on standard input, and on the terminal."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs_shown import serving_jobs
from terminals import paper
from tradewarden.control import Control
from tradewarden.desk_command import Terminal
from tradewarden.signals_command import NoSignalsError, put, show, signals_in

INFY, TCS = {"symbol": "INFY", "verdict": "buy"}, {"symbol": "TCS", "verdict": "hold"}


@pytest.mark.parametrize(
    "text",
    [
        '{"symbol": "INFY", "verdict": "buy"}\n\n{"symbol": "TCS", "verdict": "hold"}\n',
        json.dumps([INFY, TCS]),
        json.dumps([INFY, TCS], indent=2),
        json.dumps({"signals": [INFY, TCS]}),
        json.dumps({"INFY": {"verdict": "buy"}, "TCS": {"verdict": "hold"}}),
    ],
)
def test_signals_are_read_in_each_shape_in_which_an_analysis_prints_them(text: str) -> None:
    assert [dict(sorted(each.items())) for each in signals_in(text)] == [INFY, TCS]


def test_one_alone_and_none_at_all() -> None:
    assert signals_in('{"symbol": "INFY", "verdict": "buy"}') == [INFY]
    assert signals_in(" \n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("buy INFY", "line 1 is no JSON: 'buy INFY'"),
        ('{"symbol": "INFY"}\nTraceback (most recent call last):\n', "line 2 is no JSON"),
        ("[1, 2]", "entry 1 is no object: 1"),
        ('{"symbol": "INFY"}\n[1]', "line 2 is no object: [1]"),
        ('{"INFY": "buy"}', "INFY is no object"),
        ("7", "expected are signals as JSON"),
    ],
)
def test_what_is_none_is_told_with_its_place_and_what_is_expected(text: str, said: str) -> None:
    with pytest.raises(NoSignalsError) as trouble:
        signals_in(text)
    assert said in str(trouble.value)
    assert "one object a line" in str(trouble.value)


async def handed(directory: Path, text: str, *, closed: str = "", **how: Any) -> tuple[int, str, list[str]]:
    screen, out = paper()
    said: list[str] = []
    async with serving_jobs(directory) as (_, jobs):
        jobs.closed = [closed] if closed else []
        terminal = Terminal(
            Control(socket=directory / "control"), screen, said.append, as_json=how.pop("as_json", False)
        )
        code = await put(terminal, text, **{"run": None, "result": None} | how)
    return code, out.getvalue().strip(), said


async def test_what_became_of_them_is_told_and_the_run_remembers_it(tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.write_text('{"scanned": 500}')
    code, told, said = await handed(tmp_path, json.dumps([INFY, TCS]), run=7, result=result)
    assert (code, told, said) == (0, "2 new and 0 updated signals of Mon 5 Jan 2026.", [])
    put_in = {"day": "2026-01-05", "new": 2, "updated": 0, "skipped": None}
    assert json.loads(result.read_text()) == {"scanned": 500, "signals": put_in}
    code, told, _ = await handed(tmp_path, json.dumps(INFY), as_json=True)
    assert (code, json.loads(told)) == (0, put_in | {"new": 0, "updated": 1})


async def test_a_closed_day_changes_nothing_and_is_no_failure(tmp_path: Path) -> None:
    code, told, _ = await handed(tmp_path, json.dumps(INFY), closed="skipped update: 2026-01-05 is a holiday")
    assert (code, told) == (0, "Nothing was changed: skipped update: 2026-01-05 is a holiday.")


async def test_what_the_daemon_does_not_take_is_told(tmp_path: Path) -> None:
    code, told, said = await handed(tmp_path, '{"symbol": "a b\\n"}')
    expected = "signal 1: a symbol such as INFY or NSE:INFY is expected, not 'a b\\n'"
    assert (code, told, said) == (1, "", [expected])
    rows = [INFY, {"symbol": "TCS", "price": "much"}, {"verdict": "buy"}]
    code, told, said = await handed(tmp_path, json.dumps(rows), closed="skipped update: 2026-01-05 is a holiday")
    assert (code, told) == (1, ""), "on a closed day, too"
    price, symbol = said[0].split("; ")
    assert price == "signal 2, TCS: a price is a number, not 'much'"
    assert symbol == "signal 3: a symbol such as INFY or NSE:INFY is expected, and there is none"
    code, _, said = await handed(tmp_path, "no JSON")
    assert code == 1
    assert "line 1" in said[0]


async def test_the_list_shows_each_symbol_with_what_was_said_of_it(tmp_path: Path) -> None:
    await handed(tmp_path, json.dumps([INFY | {"price": 1530.5, "why": ["gap", "volume"]}, TCS]), run=7)
    screen, out = paper()
    async with serving_jobs(tmp_path):
        control = Control(socket=tmp_path / "control")
        assert await show(Terminal(control, screen, print), None) == 0
    assert out.getvalue().splitlines() == [
        "2 signals of Mon 5 Jan 2026",
        "SYMBOL  VERDICT  PRICE   WHY                AT        RUN",
        'INFY    buy      1530.5  ["gap", "volume"]  10:00:00  7',
        "TCS     hold                                10:00:00  7",
    ]


async def test_a_day_without_signals_names_those_that_have_some(tmp_path: Path) -> None:
    await handed(tmp_path, json.dumps(INFY))
    screen, out = paper()
    async with serving_jobs(tmp_path):
        assert await show(Terminal(Control(socket=tmp_path / "control"), screen, print), date(2026, 1, 2)) == 0
    assert out.getvalue() == "No signals of Fri 2 Jan 2026; there are some of Mon 5 Jan 2026.\n"
