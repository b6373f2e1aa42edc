"""docs/sessions.md says what the calendar does: its commands, its frame for next year and its tables are tried."""

from __future__ import annotations

import re
import shlex
from datetime import date, datetime
from pathlib import Path

from tradewarden.__main__ import parser
from tradewarden.machines.session import PHASES, VENUE
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST

PAGE = (Path(__file__).parents[1] / "docs" / "sessions.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"(?s)```{kind}\n(.*?)```", PAGE)


def rows(title: str) -> list[str]:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_every_command_on_the_page_can_be_typed() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "tradewarden"
        assert parser().parse_args(arguments).deed in arguments


def test_the_frame_for_next_year_is_a_good_file() -> None:
    (frame,) = blocks("toml")
    calendar = load_calendar(instead={Path("2027.toml"): frame})
    assert calendar.covered_until("NSE_EQ") == date(2027, 12, 31)
    assert calendar.at("NFO", datetime(2027, 1, 26, 11, tzinfo=IST)).reason == "Republic Day"
    assert calendar.at("NFO", datetime(2027, 10, 29, 18, 30, tzinfo=IST)).session == "muhurat"
    assert calendar.at("CDS", datetime(2027, 1, 26, 11, tzinfo=IST)).state == "unknown"


def test_the_page_tells_every_segment_and_no_other() -> None:
    told = [name for row in rows("The segments") for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(told) == sorted(load_calendar().segments)


def test_the_page_tells_every_phase_beside_its_state() -> None:
    told = {row.split("`")[1]: row.split("|")[2] for row in rows("States, phases and the data they make due")}
    for name in (*PHASES, *(f"{state}.{word}" for word, (state, _) in VENUE.items())):
        state, _, phase = name.partition(".")
        assert re.search(rf"\b{phase}\b", told[state]), name
