"""Writes docs/mutants.md from the results of the mutation gate and from what is known of the survivors."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

from trials import ROOT, TESTS

PAGE = ROOT / "docs" / "mutants.md"
RESULTS = TESTS / "mutants.json"
REASONS = TESTS / "survivors.toml"
GOAL = 0.95
LONGEST = 160  # characters of a line that is shown

INTRODUCTION = """# Mutants

Written by `make mutants` from `tests/machines/mutants.json` and `tests/machines/survivors.toml`; a test compares them.

Every small fault that a module of `src/tradewarden/machines/` could have is put into it, one at a time, and the tests
of `tests/machines/` run on it: a fault that no test notices has survived. At least 95 % must be noticed.

**The tool** is our own, in `tests/support/` (`mutations.py` names the faults, `trials.py` tries one, `mutants.py` runs
them all): mutmut leaves alone what is said in class bodies and in decorated classes, which is where our transitions,
tables and most of our methods stand; cosmic-ray starts an interpreter for each fault. Ours forks, puts the fault into
the living function (or imports the module anew with it), and asks only the tests that touch its line. The faults:
another comparison, and for or, a question turned or not asked, another sum, another number, another text, a call left
out, a value or an answer forgotten, a fault swallowed, min for max and the like, and, because much of a machine is
data, a transition, a guard, an action, a pattern, an alternative, an element or an optional word left out. Docstrings,
types, imports, decorators and `strict=` are left alone. The random desks of `test_properties.py` are not asked, nor
are tests of other layers; a test that measures time is not asked either. `make mutants` tries all modules (about an
hour of one core); with `make mutants MODULES="feed gap"` only these are tried anew. Where the table says "120 of 562",
so many were drawn by chance, the same ones at each run (`--most 120`).

"""


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "\n".join([*_table(), "", "## Survivors", "", *_survivors()]) + "\n"


def results() -> dict[str, Any]:
    """What was measured, module by module."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text())
    return kept


def share() -> float:
    """How many of all faults were noticed."""
    modules = results()["modules"].values()
    return sum(map(_noticed, modules)) / float(sum(each["mutants"] for each in modules))


def reasons() -> dict[tuple[str, str, str], str]:
    """What is known of a survivor, by its module, its line as it was and as it would be."""
    known = tomllib.loads(REASONS.read_text())
    return {
        (module, entry["was"], now): entry["why"]
        for module, entries in known.items()
        for entry in entries
        for now in entry["now"]
    }


def unexplained() -> list[str]:
    """The survivors of which nothing is known."""
    known = reasons()
    return [
        f"{module}.py:{each['line']}: {each['was']} -> {each['now']}"
        for module, told in results()["modules"].items()
        for each in told["survivors"]
        if (module, each["was"], each["now"]) not in known
    ]


def _noticed(told: dict[str, Any]) -> int:
    return int(told["killed"] + told["too_slow"])


def _table() -> Iterator[str]:
    kept = results()
    yield f"Python {kept['python']}, {kept['tests']} tests."
    yield ""
    yield "| module | date | faults | noticed | of these by its slowness | share |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for module, told in kept["modules"].items():
        tried = told["mutants"] if told["mutants"] == told["possible"] else f"{told['mutants']} of {told['possible']}"
        noticed = _noticed(told)
        rest = f"{noticed} | {told['too_slow'] or ''} | {100 * noticed / told['mutants']:.1f} %"
        yield f"| {module} | {told['date']} | {tried} | {rest} |"
    every = sum(told["mutants"] for told in kept["modules"].values())
    noticed = sum(map(_noticed, kept["modules"].values()))
    yield f"| **all** | | {every} | {noticed} | | **{100 * share():.1f} %** |"


def _survivors() -> Iterator[str]:
    known = reasons()
    for module, told in results()["modules"].items():
        if not told["survivors"]:
            continue
        yield f"### {module}"
        yield ""
        for each in told["survivors"]:
            why = known.get((module, each["was"], each["now"]), "not looked at yet")
            change = f"{_code(each['was'])} → {_code(each['now'] or ' ')}"
            yield f"- line {each['line']}, {each['operator']}: {change}: {why}"
        yield ""


def _code(text: str) -> str:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"``{shown}``" if "`" in shown else f"`{shown}`"


if __name__ == "__main__":
    PAGE.write_text(page())
