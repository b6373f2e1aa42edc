"""One wrong line in a machine, and whether the tests notice: the machines' modules are loaded anew with the change."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tradewarden.machines

PACKAGE = "tradewarden.machines"
SOURCES = Path(tradewarden.machines.__path__[0])
TESTS = Path(__file__).parents[1] / "machines"
SUPPORT = ("machines_at",)  # what the tests share and what knows the machines


@dataclass(frozen=True, slots=True)
class Mutant:
    """What would be wrong, and the one place of the source where it is."""

    fault: str
    module: str
    old: str
    new: str

    def source(self) -> str:
        """The module's text with the fault in it."""
        text = (SOURCES / f"{self.module}.py").read_text()
        if text.count(self.old) != 1:
            raise LookupError(
                f"{self.fault}: {self.old!r} stands {text.count(self.old)} times in {self.module}.py, not once"
            )
        return text.replace(self.old, self.new)


@contextmanager
def mutated(mutant: Mutant | None) -> Iterator[None]:
    """While this lasts, whoever imports a machine gets one with the fault; none loads them anew as they are."""
    before = {name: module for name, module in sys.modules.items() if name.startswith(f"{PACKAGE}.") or name in SUPPORT}
    for name in before:
        del sys.modules[name]
    try:
        if mutant is not None:
            name = f"{PACKAGE}.{mutant.module}"
            module = sys.modules[name] = ModuleType(name)
            exec(compile(mutant.source(), f"{mutant.module}.py", "exec"), module.__dict__)
        yield
    finally:
        for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.") or name in SUPPORT]:
            del sys.modules[name]
        sys.modules.update(before)
        for name, module in before.items():
            if name not in SUPPORT:
                setattr(tradewarden.machines, name.rpartition(".")[2], module)


def first_failure(mutant: Mutant | None, tests: list[str]) -> tuple[str | None, int]:
    """The first test that notices, and how many cases were tried."""
    tried = 0
    with mutated(mutant):
        for name in tests:
            try:
                found = _load(name)
            except Exception as failure:  # noqa: BLE001 - a machine that cannot even be defined is noticed
                return f"{name}: {failure!r}", tried
            for title, case in _cases(found):
                tried += 1
                try:
                    case()
                except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever it is, it was noticed
                    return title, tried
    return None, tried


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mutated_{name}", TESTS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise LookupError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cases(module: ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every test with every combination of its parameters, the pointed ones before the long tables."""
    tests = [(name, list(_choices(test)), test) for name, test in vars(module).items() if name.startswith("test_")]
    for name, choices, test in sorted(tests, key=lambda entry: len(entry[1])):
        yield from ((name, partial(test, **choice)) for choice in choices)


def _choices(test: Any) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for choice in product(*(_values(*mark.args) for mark in marks)):
        yield {key: value for part in choice for key, value in part.items()}


def _values(names: str | tuple[str, ...], values: list[Any]) -> list[dict[str, Any]]:
    if isinstance(names, str):
        return [{names: value} for value in values]
    return [dict(zip(names, value, strict=True)) for value in values]
