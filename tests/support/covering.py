"""Which lines of the machines each test touches, and how long it takes: a plugin for one run of the tests."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

LOOKS = 200  # at one function in one test: what a long table does afterwards is taken as seen
Tracer = Callable[[FrameType, str, Any], Any]


@dataclass(slots=True)
class Touched:
    """What one test did: the lines of each module, and the seconds it took."""

    file: str
    seconds: float
    lines: dict[str, set[int]]


@dataclass(slots=True)
class Covering:
    """Watches the tests of one run."""

    folder: Path
    failed: list[str] = field(default_factory=list)
    _tests: dict[str, Touched] = field(default_factory=dict)

    def passed(self) -> dict[str, Touched]:
        """What each test touched that did not fail."""
        return {name: touched for name, touched in self._tests.items() if name not in self.failed}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a failure."""
        if report.failed:
            self.failed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Trace one test, its set-up included."""
        lines: defaultdict[str, set[int]] = defaultdict(set)
        begun = time.perf_counter()
        sys.settrace(_tracer(str(self.folder) + "/", lines))
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._tests[item.nodeid] = Touched(item.path.name, time.perf_counter() - begun, dict(lines))


def _tracer(folder: str, lines: defaultdict[str, set[int]]) -> Tracer:
    calls: Counter[CodeType] = Counter()

    def line(frame: FrameType, _event: str, _arg: Any) -> Tracer:
        lines[Path(frame.f_code.co_filename).stem].add(frame.f_lineno)
        return line

    def call(frame: FrameType, event: str, arg: Any) -> Tracer | None:
        code = frame.f_code
        if not code.co_filename.startswith(folder):
            return None
        calls[code] += 1
        return line(frame, event, arg) if calls[code] <= LOOKS else None

    return call
