"""Whole trading days, played through the real machines and drivers; each script says itself what must be true when."""

import json
import re
import time
from pathlib import Path

import pytest

from tradewarden.rehearse import rehearse

DAYS = sorted((Path(__file__).parent / "days").glob("*.jsonl"))
PAGE = Path(__file__).parents[1] / "docs" / "rehearsals.md"


@pytest.mark.parametrize("script", DAYS, ids=lambda script: script.stem)
def test_the_day_goes_as_its_script_says(script: Path) -> None:
    missed: list[dict[str, object]] = []
    begun = time.monotonic()
    rehearse(
        script.read_text().splitlines(),
        say=lambda line: missed.append(line) if "missed" in line else None,
        complain=lambda _sentence: None,
    )
    assert missed == []
    assert time.monotonic() - begun < 55  # a year, too


@pytest.mark.parametrize("script", DAYS, ids=lambda script: script.stem)
def test_a_script_expects_something(script: Path) -> None:
    assert any(json.loads(line).get("expect") for line in script.read_text().splitlines())


def test_every_script_is_told_of_and_no_other() -> None:
    told = re.findall(r"(?m)^\| \[`(\w+)`\]\(\.\./tests/days/\1\.jsonl\) \|", PAGE.read_text())
    assert sorted(told) == [script.stem for script in DAYS]


def test_in_the_year_nobody_logs_in_twice_a_day() -> None:
    lines = map(json.loads, (Path(__file__).parent / "days" / "year_2026.jsonl").read_text().splitlines())
    logins = [line["at"][:10] for line in lines if line.get("do") == "login"]
    assert len(logins) == len(set(logins)) == 247
