"""One fault tried in a process of its own: forked, watched by a clock, and gone with whatever the fault broke.

A fault within a function is put into the living function of a process that has collected all tests already: a moment's
work. A fault in what a module says while it is imported (tables, transitions, defaults) needs it, and the tests,
imported anew: pytest starts once more in a process that has imported everything but the machines.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from mutation_places import Mutation

ROOT = Path(__file__).parents[2]
PACKAGE = "tradewarden.machines"
SOURCES = ROOT / "src" / "tradewarden" / "machines"
TESTS = ROOT / "tests" / "machines"
MEMORY = 4 << 30  # bytes: a fault may ask for all there is
BROKEN = 70  # a fault that even pytest cannot live with
PASSED, FAILED = 0, 1


def apart(work: Callable[[], int], patience: float, *, loud: bool = False) -> int | None:
    """Do something in a forked process; its exit code, or None when it had to be ended."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        _alone(work, loud=loud)
    end = os.pidfd_open(pid)
    try:
        if not select.select([end], [], [], patience)[0]:
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(end)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None


def _alone(work: Callable[[], int], *, loud: bool) -> None:
    code = BROKEN
    try:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0,) if loud else (0, 1, 2):
            os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = work()
    except BaseException:  # noqa: BLE001 - nothing of this process may go on in its parent's name
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def run_pytest(files: Iterable[str], *plugins: object, more: Sequence[str] = ()) -> int:
    """The tests of the machines in these files, in this process, without a word."""
    quiet = ["-q", "-s", "--tb=no", "--assert=plain", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
    paths = (str(TESTS / file) for file in files)
    return int(pytest.main([*quiet, *more, f"--rootdir={ROOT}", *paths], plugins=plugins))


# What a module says while it is imported


class Faulty(importlib.abc.MetaPathFinder):
    """Whoever imports the module gets it with the fault."""

    def __init__(self, mutation: Mutation) -> None:
        self._name = f"{PACKAGE}.{mutation.module}"
        self._path = SOURCES / f"{mutation.module}.py"
        self._code = compile(mutation.source(self._path), str(self._path), "exec")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The one module, and no other."""
        del path, target
        if fullname != self._name:
            return None
        loader = _Loader(fullname, str(self._path))
        loader.code = self._code
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.code


class _Only:
    """Of what pytest finds, these tests in this order."""

    def __init__(self, order: Sequence[str]) -> None:
        self._place = {test: nth for nth, test in enumerate(order)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose and sort."""
        chosen = (item for item in items if item.nodeid in self._place)
        items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])


def imported_anew(mutation: Mutation, order: Sequence[str]) -> int:
    """Run these tests with the fault in what its module says while it is imported."""
    sys.meta_path.insert(0, Faulty(mutation))
    files = dict.fromkeys(Path(test.partition("::")[0]).name for test in order)
    return run_pytest(files, _Only(order), more=["-x"])


# What stands in a function


def functions(code: CodeType) -> Iterator[CodeType]:
    """The functions of a module and of its classes, methods too, not those within functions."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_flags & inspect.CO_OPTIMIZED:
                yield const
            else:
                yield from functions(const)


class InPlace:
    """A plugin that, instead of running what pytest has collected, lets `work` try faults on it."""

    def __init__(self, work: Callable[[InPlace], None]) -> None:
        self._work = work
        self._items: dict[str, pytest.Item] = {}
        self._living: dict[CodeType, list[FunctionType]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """All is imported and collected: begin."""
        self._items = {item.nodeid: item for item in session.items}
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(SOURCES)):
                self._living.setdefault(each.__code__, []).append(each)
        gc.freeze()
        self._work(self)
        return True

    def knows(self, mutation: Mutation) -> bool:
        """Whether the fault stands in a function that lives."""
        return self._replaced(mutation) is not None

    def tried(self, mutation: Mutation, order: Sequence[str]) -> int:
        """Run these tests with the fault in its function."""
        found = self._replaced(mutation)
        if found is None:
            raise LookupError(f"no function holds line {mutation.line} of {mutation.module}")
        living, code = found
        for function in living:
            function.__code__ = code
        for test in order:
            reports = runtestprotocol(self._items[test], log=False, nextitem=None)
            if any(report.failed for report in reports):
                return FAILED
        return PASSED

    def _replaced(self, mutation: Mutation) -> tuple[list[FunctionType], CodeType] | None:
        path = SOURCES / f"{mutation.module}.py"
        before = list(functions(compile(path.read_bytes(), str(path), "exec")))
        after = list(functions(compile(mutation.source(path), str(path), "exec")))
        for old, new in zip(before, after, strict=True):
            if mutation.line in _lines(old) and (living := self._living.get(old)):
                return living, new
        return None


def _lines(code: CodeType) -> range:
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    own: list[Any] = [line for *_, line in code.co_lines() if line is not None]
    own += [line for each in inner for line in _lines(each)]
    return range(code.co_firstlineno, max(own) + 1)
