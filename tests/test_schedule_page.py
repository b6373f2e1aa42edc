"""docs/schedules.md: every schedule that it shows can be written, and every word of a run's end is explained."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime, time
from pathlib import Path
from typing import get_args

import pytest

from schedules import BOOK, IST, SEGMENTS, at
from tradewarden.job_words import _STANDS
from tradewarden.machines.due import is_window, next_due
from tradewarden.machines.job_report import Stands
from tradewarden.machines.run import Misfire, Outcome
from tradewarden.machines.schedule import After, Rule, Schedule
from tradewarden.machines.schedule_limits import Limits
from tradewarden.machines.schedule_problems import problems
from tradewarden.machines.schedule_words import ENDINGS, FORMS, parse
from tradewarden.orchestrator.dry_runs import A_DAY
from tradewarden.settings_jobs import JobsSettings
from tradewarden.settings_services import ServiceSettings

PAGE = (Path(__file__).parents[1] / "docs" / "schedules.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE))
TOML, LIMITS = re.findall(r"(?ms)^```toml\n(.*?)^```$", PAGE)
TABLES: list[tuple[str, str]] = re.findall(
    r"(?m)^\| (window|point|schedule) \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", PAGE
)
SHOWN = [(kind, text) for kind, rows in TABLES for text in re.findall(r"(?m)^\| `([^`]+)` \|", rows)]
NOW = at("2026-11-20 12:00")


def written(text: str) -> Schedule:
    return parse(text, segment="NSE_EQ", zone=IST.key, known_segments=SEGMENTS)


def first_words(title: str) -> list[str]:
    return re.findall(r"(?m)^\| `([^`]+)` \|", SECTIONS[title])


@pytest.mark.parametrize(("kind", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_each_schedule_that_is_shown_can_be_written_is_of_its_kind_and_comes(kind: str, text: str) -> None:
    schedule = written(text)
    assert kind == "schedule" or is_window(schedule) == (kind == "window")
    assert problems([schedule], after=NOW, book=BOOK) == []
    assert text == "always" or isinstance(schedule.rule, After) or next_due(schedule, NOW, BOOK) is not None


def test_each_form_and_each_ending_that_an_answer_offers_is_explained() -> None:
    assert {type(written(text).rule) for _, text in SHOWN} == set(get_args(Rule))
    told = {re.sub(r"\d+", "0", text) for _, text in SHOWN}
    lacking = [form for form in FORMS if not any(each.startswith(re.sub(r"\d+", "0", form)) for each in told)]
    assert lacking == []
    assert [ending for ending in ENDINGS if f"{ending}".split(" of ")[0] not in PAGE] == []


def test_the_example_of_a_file_is_a_good_one() -> None:
    tables = {name: ServiceSettings.model_validate(table) for name, table in tomllib.loads(TOML)["services"].items()}
    assert [problems([written(text) for text in each.schedule], after=NOW, book=BOOK) for each in tables.values()] == [
        [] for _ in tables
    ]


def test_the_limits_of_the_example_are_limits() -> None:
    limits = JobsSettings.model_validate(tomllib.loads(LIMITS)["jobs"]).limits
    assert limits == Limits(earliest=time(8), latest=time(20), minute=30)
    assert problems([written("at 21:00")], after=NOW, book=BOOK, limits=limits) != []


def test_how_often_is_too_often_is_what_is_refused() -> None:
    assert f"more than {A_DAY:,} times a day" in PAGE


def test_each_outcome_and_each_policy_is_explained_once_and_in_order() -> None:
    assert first_words("What each outcome means") == [str(each) for each in Outcome]
    assert first_words("Late") == [str(each) for each in Misfire]


def test_each_way_to_stand_is_explained_in_the_words_of_the_api_and_of_the_terminal() -> None:
    told = dict(re.findall(r"(?m)^\| `(\w+)` \| ([\w ]+) \|", SECTIONS["Whose jobs run"]))
    assert told == dict(_STANDS)
    assert list(told) == list(get_args(Stands))


def test_the_hours_that_are_told_are_those_of_the_calendar() -> None:
    told = re.search(
        r"NSE_EQ has\s+its pre-open at ([\d:]+), opens at ([\d:]+) and closes at ([\d:]+) "
        r"\(([\d:]+) before August 2026, ([\d:]+) from December",
        SECTIONS["What the market tells"],
    )
    assert told is not None
    today, before, later = (BOOK.hours("NSE_EQ", at(day).date()) for day in ("2026-11-20", "2026-07-31", "2026-12-07"))
    assert today is not None
    assert before is not None
    assert later is not None
    hours: list[datetime] = [today.pre_open, today.open, today.close, before.close, later.close]
    assert list(told.groups()) == [f"{each:%H:%M}" for each in hours]


def test_the_lists_say_where_the_sections_are() -> None:
    anchors = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in SECTIONS}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
