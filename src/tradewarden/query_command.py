"""Questions in SQL about the recorded ticks, for a person at a terminal; no daemon needs to run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tradewarden.orchestrator.query import Answer, QueryError, Questions

UNAVAILABLE = 69
BAD_DATA = 65
WIDEST = 40  # characters of a cell
MOST_BYTES = 256 << 20


async def query(
    questions: Questions,
    sql: str,
    *,
    rows: int,
    as_json: bool,
    say: Callable[[str], None],
    complain: Callable[[str], None],
) -> int:
    """A table, or JSON; exit status 0, 65 when the question was wrong, 69 when nobody can answer it."""
    try:
        answer = await questions.answer(sql, rows=rows)
    except QueryError as error:
        complain(str(error))
        return BAD_DATA if error.is_the_question else UNAVAILABLE
    if as_json:
        say(json.dumps(answer.document()))
        return 0
    for line in lines(answer):
        say(line)
    for note in notes(answer):
        complain(note)
    return 0


def lines(answer: Answer) -> Iterator[str]:
    """The table: a head, a rule, a line a row; figures stand to the right."""
    names = [column["name"] for column in answer.columns]
    cells = [[_cell(cell) for cell in row] for row in answer.rows]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(names, *cells, strict=True)]
    numeric = [all(isinstance(cell, int | float | None) for cell in column) for column in _columns(answer)]
    yield _line(names, widths, numeric)
    yield "  ".join("-" * width for width in widths)
    for row in cells:
        yield _line(row, widths, numeric)


def notes(answer: Answer) -> Iterator[str]:
    """What else there is to say."""
    plural = "row" if len(answer.rows) == 1 else "rows"
    more = ", and there are more: --rows" if answer.truncated else ""
    yield f"{len(answer.rows)} {plural} in {answer.seconds:.2f} s{more}"
    if answer.missing:
        yield f"{answer.missing} ticks are recorded and not seen yet: they are being sealed"


def _columns(answer: Answer) -> list[list[Any]]:
    return [[row[at] for row in answer.rows] for at in range(len(answer.columns))]


def _line(cells: list[str], widths: list[int], numeric: list[bool]) -> str:
    shown = (
        cell[:width].rjust(width) if is_number else cell[:width].ljust(width)
        for cell, width, is_number in zip(cells, widths, numeric, strict=True)
    )
    return "  ".join(shown).rstrip()


def _cell(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case float():
            return f"{cell:.10g}"
        case str():
            return " ".join(cell.split())
        case _:
            return str(cell)
