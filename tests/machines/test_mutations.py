"""The mutation gate itself: which faults it finds in a text, that it notices each end, and what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mutants_page import GOAL, PAGE, page, results, share, unexplained
from mutations import mutations
from trials import BROKEN, FAILED, PASSED, SOURCES, apart, functions

TEXT = '''
"""A machine of a few lines."""

import enum

LIMIT = 10
NAMES = {"a", "b"}


class Machine(enum.Enum):
    """What it is."""

    moves = first.to(second, cond="is_open", on="take") | second.to(first)

    def late(self, at: int | None = None) -> bool:
        """Whether it is."""
        if at is None or not self.known:
            raise ValueError(f"no {at}")
        self.count += 1
        self.emit(at)
        return self.since + LIMIT <= at
'''


def changes(tmp_path: Path, text: str = TEXT) -> set[tuple[str, str]]:
    path = tmp_path / "machine.py"
    path.write_text(text)
    return {(each.operator, each.now) for each in mutations(path)}


@pytest.mark.parametrize(
    "change",
    [
        ("constant", "LIMIT = 11"),
        ("element left out", 'NAMES = {"a"}'),
        ("text", "NAMES = {\"a\", 'XXbXX'}"),
        ("word left out", 'moves = first.to(second, on="take") | second.to(first)'),
        ("guard turned", 'moves = first.to(second, unless="is_open", on="take") | second.to(first)'),
        ("alternative left out", 'moves = (first.to(second, cond="is_open", on="take"))'),
        ("alternative left out", "moves = (second.to(first))"),
        ("comparison", "if at is not None or not self.known:"),
        ("logic", "if at is None and not self.known:"),
        ("logic", "if at is None or self.known:"),
        ("question turned", "if not (at is None or not self.known):"),
        ("fault swallowed", "pass"),
        ("text", 'raise ValueError(("XX" f"no {at}"))'),
        ("arithmetic", "self.count -= 1"),
        ("arithmetic", "self.count = 1"),
        ("call removed", "pass"),
        ("answer forgotten", "return None"),
        ("arithmetic", "return self.since - LIMIT <= at"),
        ("comparison", "return self.since + LIMIT < at"),
        ("comparison", "return self.since + LIMIT > at"),
    ],
)
def test_a_text_could_be_wrong_in_each_of_these_ways(tmp_path: Path, change: tuple[str, str]) -> None:
    assert change in changes(tmp_path)


def test_what_says_nothing_is_left_alone_and_every_fault_is_python(tmp_path: Path) -> None:
    path = tmp_path / "machine.py"
    path.write_text(TEXT)
    for each in mutations(path):
        compile(each.source(path), "machine.py", "exec")
        assert "XXA machine" not in each.text
        assert "import" not in each.was
        assert "def late" not in each.was


def test_a_fault_is_reached_by_its_statement_or_by_whoever_imports_it(tmp_path: Path) -> None:
    path = tmp_path / "machine.py"
    path.write_text(TEXT)
    reached = {each.was: each.reach for each in mutations(path)}
    assert reached["LIMIT = 10"] is None
    assert reached["self.count += 1"] == (19, 19)
    assert reached["if at is None or not self.known:"] == (17, 17)


def stands_still() -> int:
    time.sleep(60)
    return PASSED


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (lambda: PASSED, PASSED),
        (lambda: FAILED, FAILED),
        (lambda: 1 // 0, BROKEN),
        (lambda: len(bytes(64 << 30)), BROKEN),
        (stands_still, None),
    ],
    ids=["passes", "fails", "falls over", "asks for all memory", "stands still"],
)
def test_each_fault_is_tried_apart_and_comes_to_an_end(work: Callable[[], int], end: int | None) -> None:
    assert apart(work, 1.0) == end


def test_every_method_of_a_class_is_found_and_nothing_within_it() -> None:
    code = compile(TEXT + "\ndef free() -> object:\n    return lambda: [each for each in ()]\n", "machine.py", "exec")
    assert [each.co_qualname for each in functions(code)] == ["Machine.late", "free"]


# What was measured


def test_the_page_is_what_the_committed_results_say() -> None:
    assert PAGE.read_text() == page(), "run `PYTHONPATH=tests/support python -m mutants_page`"


def test_at_least_ninety_five_of_a_hundred_faults_are_noticed_and_of_the_others_is_known_why() -> None:
    assert share() >= GOAL
    assert unexplained() == []


def test_every_module_of_the_machines_was_tried() -> None:
    there = {path.stem for path in SOURCES.glob("*.py") if path.stem != "__init__"}
    assert set(results()["modules"]) <= there
    untried = there - set(results()["modules"])
    assert not {name for name in untried if mutations(SOURCES / f"{name}.py")}  # some have nothing that could be wrong
