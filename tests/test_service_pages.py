"""docs/services.md: every word of the desk's programs, and every example, as the settings take them."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tradewarden.__main__ import parser
from tradewarden.machines.condition import MARKET_STATES, parse
from tradewarden.machines.plan import problems
from tradewarden.settings_programs import services_of
from tradewarden.settings_services import OF_JOBS, DeskSettings, ServiceSettings

PAGE = (Path(__file__).parents[1] / "docs" / "services.md").read_text()
ROWS = re.findall(r"(?m)^\| `([a-z_.]+)` \| (?:(`[^`]*`) )?\| .* \| `([^`]+)` \|$", PAGE)
BLOCKS = re.findall(r"(?ms)^```toml\n(.*?)^```$", PAGE)
A_PROGRAM = {"command": ["true"]}


def words(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every word with what holds when it is not set; words of a table inside have its name before them."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= words(type(field.default), f"{before}{name}.")
        else:
            found[before + name] = field.default
    return found


KNOWN = words(DeskSettings) | words(ServiceSettings)


def test_every_word_is_explained_once_and_no_other() -> None:
    told = [word for word, _, _ in ROWS]
    assert sorted(told) == sorted(KNOWN)


@pytest.mark.parametrize(("word", "unset", "example"), ROWS, ids=[word for word, _, _ in ROWS])
def test_a_word_has_the_value_that_the_page_says_and_takes_the_one_that_it_shows(
    word: str, unset: str, example: str
) -> None:
    assert unset == ("" if KNOWN[word] is None else f"`{json.dumps(KNOWN[word])}`")
    said = tomllib.loads(example)
    assert list(words_of(said)) == [word]
    if word in words(DeskSettings):
        DeskSettings.model_validate(said)
        return
    besides: dict[str, Any] = {"compose": {"kind": "containers"}, "ready.exit": A_PROGRAM | {"kind": "step"}}
    besides |= dict.fromkeys(OF_JOBS, A_PROGRAM | {"kind": "job"})
    ServiceSettings.model_validate(besides.get(word, A_PROGRAM) | said)


def words_of(table: dict[str, Any], before: str = "") -> list[str]:
    """The words that a table sets."""
    inner = {"ready", "restarts", "stop", "log"}
    return [
        word
        for name, value in table.items()
        for word in (words_of(value, f"{name}.") if not before and name in inner else [before + name])
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_every_example_is_a_desk_that_could_be(block: str) -> None:
    told = tomllib.loads(block)
    tables = {name: ServiceSettings.model_validate(table) for name, table in told["services"].items()}
    assert problems(services_of(tables, None)) == []
    assert DeskSettings.model_validate(told.get("desk", {}))


def test_every_condition_that_the_page_shows_is_one() -> None:
    table = PAGE.partition("\n| condition | holds |\n")[2].partition("\n\n")[0].splitlines()[1:]
    shown = [text for row in table for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(shown) == 6
    for text in shown:
        parse(text)
    states = re.findall(r"`(\w+)`", table[0].split(" | ")[1])
    assert sorted(states) == sorted(MARKET_STATES)


def test_every_command_line_that_the_page_shows_is_one() -> None:
    shown = re.findall(r"`tradewarden ([^`\n]+)`", PAGE)
    assert len(shown) > 10
    for line in shown:
        parser().parse_args(shlex.split(line))
