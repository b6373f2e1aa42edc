"""Writes docs/benchmarks.md from the committed results, and shows the same table to whoever ran them.

page.py           write the page and print the table
page.py --print   print the table only
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
ORDER = (
    "start",
    "events",
    "health",
    "stop",
    "recovery",
    "stale",
    "decode",
    "stream",
    "swaps",
    "journal",
    "redis_bus",
    "mysql",
    "influx",
    "query",
    "sqlite",
    "sinks",
    "latency",
    "supervisors",
    "history",
    "lateness",
)

Result = dict[str, Any]
Row = tuple[str, str, str, str, str, str]

INTRODUCTION = """# Benchmarks

Written by `bench/page.py` from the results in `bench/results/`; a test compares the two, so edit neither by hand.
`make bench` sets up its own environments, runs every script, writes results and page anew and prints the table. It
takes about an hour, stays on this machine's loopback, and wants two cores that nobody else needs meanwhile.

How to read it: a figure stands for one machine on one day; a ratio to a peer in the same run travels better. Where a
row has rounds, the value is their median, and the smallest and the largest stand in brackets. CPU time is the kernel's
count; wall time suffers from neighbours, so each table tells how much of the machine they had during the run.
"""
HEAD: Row = ("figure", "measured", "goal", "", "peer", "ratio")


def results(folder: Path = HERE / "results") -> list[Result]:
    """Everything that has been measured, in the page's order."""
    paths = [folder / f"{name}.json" for name in ORDER]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def page(measured: Sequence[Result]) -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(result) for result in measured)])


def _section(result: Result) -> str:
    script = HERE.parent / result["script"]
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    title, _, method = text.partition("\n\n")
    facts, busy = result["machine"], result["busy"]
    machine = (
        f"{result['date']}, `{result['script']}`; {facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']:g} GB, "
        f"Python {facts['python']}, Linux {facts['kernel']}; "
        f"cores busy {busy['ours']} % for the bench, {busy['others']} % for others, {busy['stolen']} % stolen."
    )
    rows = [HEAD, ("---",) * len(HEAD), *map(row, result["figures"])]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    notes = "".join(f"- {figure['name']}: {figure['note']}\n" for figure in result["figures"] if "note" in figure)
    return f"## {title.rstrip('.')}\n{method}\n\n{machine}\n\n{table}\n{chr(10) + notes if notes else ''}"


def row(figure: dict[str, Any]) -> Row:
    """One line of the table: what was measured, what it should be, whether it is, and how a peer does."""
    rounds = figure.get("rounds", [])
    spread = f" ({min(rounds):g} to {max(rounds):g})" if rounds else ""
    unit = figure.get("unit", "")
    measured = f"{figure['value']:g} {unit}".strip()
    peer = f"{figure['peer']}: {figure['peer_value']:g} {unit}".strip() if "peer" in figure else ""
    ratio = f"{figure['ratio']:.1f}x" if "ratio" in figure else ""
    return figure["name"], measured + spread, _goal(figure, unit), _verdict(figure), peer, ratio


def _goal(figure: dict[str, Any], unit: str) -> str:
    if "ratio_at_least" in figure:
        return f"≥ {figure['ratio_at_least']:g}x"
    if "at_least" in figure:
        return f"≥ {figure['at_least']:g} {unit}".strip()
    return f"≤ {figure['at_most']:g} {unit}".strip() if "at_most" in figure else ""


def _verdict(figure: dict[str, Any]) -> str:
    if "ratio_at_least" in figure:
        met = figure["ratio"] >= figure["ratio_at_least"]
    elif "at_most" in figure:
        met = figure["value"] <= figure["at_most"]
    elif "at_least" in figure:
        met = figure["value"] >= figure["at_least"]
    else:
        return ""
    return "met" if met else "**missed**"


def _lines(measured: Sequence[Result]) -> Iterator[str]:
    rows = [HEAD, *(row(figure) for result in measured for figure in result["figures"])]
    widths = [max(len(cells[nth]) for cells in rows) for nth in range(len(HEAD))]
    for cells in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def main() -> None:
    measured = results()
    if "--print" not in sys.argv:
        PAGE.write_text(page(measured), encoding="utf-8")
    for line in _lines(measured):
        print(line)


if __name__ == "__main__":
    main()
