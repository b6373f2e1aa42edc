"""Where things stand in a TOML text."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewarden.machines.toml_lines import lines_of
from tradewarden.orchestrator.calendar import SHIPPED

TEXT = '''# a comment with [brackets] = 1
name = "a # b" # [no]
"quoted key" = 'x'
a.b = 1

[table.sub] # said
day = 2026-01-01
long = """
[[not.a.table]]
"""
after = 1

[[list]]
[list.inner]
x = 1
[[list]]
nested = [
  { a = 1, b = [1,
    2] }, # {
  { a = "}" },
]
2026-05-28 = "x"
'''


def test_every_key_table_and_element_is_found_where_it_stands() -> None:
    assert lines_of(TEXT) == {
        "name": 2,
        "quoted key": 3,
        "a.b": 4,
        "table.sub": 6,
        "table.sub.day": 7,
        "table.sub.long": 8,
        "table.sub.after": 11,
        "list[0]": 13,
        "list[0].inner": 14,
        "list[0].inner.x": 15,
        "list[1]": 16,
        "list[1].nested": 17,
        "list[1].nested[0]": 18,
        "list[1].nested[0].a": 18,
        "list[1].nested[0].b": 18,
        "list[1].nested[0].b[0]": 18,
        "list[1].nested[0].b[1]": 19,
        "list[1].nested[1]": 20,
        "list[1].nested[1].a": 20,
        "list[1].2026-05-28": 22,
    }


def test_the_line_ends_of_another_system_are_line_ends_too() -> None:
    assert lines_of(TEXT.replace("\n", "\r\n")) == lines_of(TEXT)
    assert lines_of("") == {}


def paths_of(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        found = [p for key, each in value.items() for p in paths_of(each, f"{path}.{key}" if path else key)]
    elif isinstance(value, list):
        found = [p for index, each in enumerate(value) for p in paths_of(each, f"{path}[{index}]")]
    else:
        found = []
    return [path, *found] if path else found


@pytest.mark.parametrize("name", sorted(file.name for file in SHIPPED.iterdir() if file.name.endswith(".toml")))
def test_nothing_of_a_shipped_file_is_missed(name: str) -> None:
    text = (SHIPPED / name).read_text()
    headless = {"segments", "rules", "closures", "specials"}  # [[rules]] opens rules[0], not rules
    assert set(paths_of(tomllib.loads(text))) - headless == set(lines_of(text)) - headless


@given(st.text(alphabet=" \n\t[]{}=,.\"'#ab1-", max_size=60))
def test_no_valid_text_is_too_odd(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = text.count("\n") + 1
    assert all(1 <= line <= lines for line in lines_of(text).values())


def test_lines_count_from_the_very_first_whatever_ends_them() -> None:
    assert lines_of("\n\na = 1\n") == {"a": 3}
    assert lines_of("a = 1\r\nb = [\r\n1,\r\n2]\r\nc = 3\r\n") == {"a": 1, "b": 2, "b[0]": 3, "b[1]": 4, "c": 5}


def test_a_table_may_lie_deep() -> None:
    assert lines_of("[a.b.c.d]\nx = 1\n[[a.e]]\n[a.e.f.g]\ny = 2\n") == {
        "a.b.c.d": 1,
        "a.b.c.d.x": 2,
        "a.e[0]": 3,
        "a.e[0].f.g": 4,
        "a.e[0].f.g.y": 5,
    }
