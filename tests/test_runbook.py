"""The runbook of the desk's programs has every state and every reason that the code can give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewarden.machines.desk_step import DeskState
from tradewarden.machines.service import ServiceState
from tradewarden.orchestrator.checks.registry import KINDS
from tradewarden.orchestrator.earshot import ENDED, SILENT
from tradewarden.orchestrator.halt import HALTED

ROOT = Path(__file__).parents[1]
MACHINES = ROOT / "src" / "tradewarden" / "machines"
TEXT = (ROOT / "docs" / "runbook.md").read_text()
TOLD = set(re.findall(r"`([^`\n]+)`", TEXT))
SECTIONS: dict[str, str] = dict(re.findall(r"(?ms)^## ((?:It|A step|No keeper|My job)[^\n]*)\n(.*?)(?=^## |\Z)", TEXT))
MODULES = ("service_life", "life", "past", "condition", "desk")
OF_JOBS = ("claim", "due_day", "job_run", "misfire")
OF_KEEPERS = {SILENT, ENDED, HALTED}
# What is told of a configuration, to a keeper, or as a length of time is no reason.
ELSEWHERE = {"parse", "_states", "_above_nought", "span", "tell_policy", "token_changed"}


def reasons(module: str) -> set[str]:
    """Every text of two words or more that this module may say; what is put in stands as an ellipsis."""
    tree = ast.parse((MACHINES / f"{module}.py").read_text())
    return {text for node in _said(tree) if (text := _pattern(node)) is not None and len(text.split()) > 1}


def _said(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) if name in ELSEWHERE:
                continue
            case ast.AnnAssign(target=ast.Name(id="ALLOWED")) | ast.Expr(value=ast.Constant()):
                continue
            case ast.JoinedStr() | ast.Constant():
                yield child
            case _:
                yield from _said(child)


def _pattern(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in values)
    return None


@pytest.mark.parametrize("module", MODULES)
def test_every_reason_is_told(module: str) -> None:
    found = reasons(module)
    assert len(found) > 3
    assert sorted(found - TOLD) == []


@pytest.mark.parametrize("module", OF_JOBS)
def test_every_reason_of_a_job_is_told(module: str) -> None:
    found = reasons(module)
    assert len(found) > 3
    assert sorted(found - TOLD) == []


def test_no_reason_is_told_that_nobody_gives() -> None:
    table = {row for row in re.findall(r"(?m)^\| `([^`\n]+)` \|$", TEXT) if " " in row}
    assert sorted(table - set().union(OF_KEEPERS, *map(reasons, MODULES))) == []


def test_what_is_told_of_a_keeper_is_explained() -> None:
    assert sorted(OF_KEEPERS - TOLD) == []


def test_every_state_is_explained() -> None:
    rows = set(re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| `\w+`.*?\|", TEXT))))
    assert {str(state) for state in (*ServiceState, *DeskState)} <= rows


def test_every_way_to_be_ready_is_explained() -> None:
    told = set(re.findall(r"`(\w+)`", SECTIONS["It does not become ready"]))
    assert set(KINDS) - {"exit"} <= told


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_says_what_it_means_what_is_done_and_what_to_do(title: str) -> None:
    for word in ("**Means** ", "**The desk**", "**You**: "):
        assert SECTIONS[title].count(word) == 1, word


def test_every_link_within_the_page_has_its_section() -> None:
    anchors = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"(?m)^#+ (.+)$", TEXT)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= anchors
