"""Which statuses a handler can answer: its own code and all that it leads to are read, over the daemon's real objects.

What raises LedgerError counts as 503, as the boundary of http/problems.py answers it, unless somebody on the way
catches it. What cannot be known by reading (an object out of a list, a status out of a variable) is left out.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from meanings import FUNCTIONS, UNKNOWN, Some, attribute, function_of, hints, nodes_of, result, some
from tradewarden.http.body import answer
from tradewarden.http.problems import ProblemError
from tradewarden.orchestrator.ledger import LedgerError

Named = tuple[str, str]  # method and path
Found = Mapping[int, str]  # each status, and where it comes from
LEDGER: Final = 503
_STOPS: Final = (LedgerError, Exception, BaseException)


def answered(handlers: Mapping[Named, Any], ports: Mapping[type[Any], Any]) -> dict[Named, Found]:
    """The statuses of each; `ports` are the objects behind protocols, where no code would be found."""
    reader = _Reader(ports)
    found = {named: reader.read(handler) for named, handler in handlers.items()}
    while reader.another_round():  # functions may lead to each other: until there is nothing further
        found = {named: reader.read(handler) for named, handler in handlers.items()}
    return found


class _Reader:
    """Reads each function once in a round, for each object that it belongs to."""

    def __init__(self, ports: Mapping[type[Any], Any]) -> None:
        self._ports = ports
        self._found: dict[tuple[object, int], dict[int, str]] = {}
        self._read: set[tuple[object, int]] = set()
        self._known = 0
        self._kept: list[object] = []  # a number of an object stays its own only as long as the object lives

    def another_round(self) -> bool:
        """Whether the last one has found anything, and another one may."""
        self._read.clear()
        before, self._known = self._known, sum(map(len, self._found.values()))
        return self._known > before

    def read(self, handler: Any) -> Found:
        """What is known by now of this one."""
        return self._called(handler)

    def _called(self, target: Any) -> dict[int, str]:
        function, owner = function_of(target)
        if function is None:
            return {}
        key = (function.__code__, id(owner))
        found = self._found.setdefault(key, {})
        if key in self._read:
            return found
        self._read.add(key)
        self._kept.append((owner, target))
        for node in nodes_of(function):
            found |= _Body(function, owner, self._called, self._ports).read(node)
        return found


class _Body:
    """The body of one function: what its names mean, and what it calls."""

    def __init__(
        self,
        function: types.FunctionType,
        owner: Any,
        called: Callable[[Any], dict[int, str]],
        ports: Mapping[type[Any], Any],
    ) -> None:
        self._called, self._ports = called, ports
        self._names: dict[str, Any] = dict(function.__globals__)
        closed = function.__closure__ or ()
        cells = zip(function.__code__.co_freevars, closed, strict=True)
        self._names |= {name: cell.cell_contents for name, cell in cells if _is_full(cell)}
        self._names |= {name: some(hint) for name, hint in hints(function).items() if name != "return"}
        if owner is not None and function.__code__.co_varnames:
            self._names[function.__code__.co_varnames[0]] = owner
        self._where = f"{Path(function.__code__.co_filename).name}:"

    def read(self, function: ast.AST) -> dict[int, str]:
        """All of it."""
        body = function.body if isinstance(function, FUNCTIONS) else []
        found: dict[int, str] = {}
        for node in body if isinstance(body, list) else [body]:
            found |= self._read(node)
        return found

    def _read(self, node: ast.AST) -> dict[int, str]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self.read(node)  # it stands there to be called
            case ast.Try():
                return self._tried(node)
            case ast.Raise(exc=ast.expr() as raised) if self._raises(raised, LedgerError):
                return {LEDGER: f"{self._where}{node.lineno}"}
            case _:
                self._name(node)
                return self._all(node)

    def _name(self, node: ast.AST) -> None:
        """What a statement calls by a name from now on."""
        match node:
            case ast.ImportFrom(module=str(module)):
                there = importlib.import_module(module)
                self._names |= {each.asname or each.name: getattr(there, each.name) for each in node.names}
            case ast.Assign(targets=[target]):
                self._assign(target, node.value)
            case ast.withitem(optional_vars=ast.expr() as target):
                self._assign(target, node.context_expr)

    def _all(self, node: ast.AST) -> dict[int, str]:
        found = dict.fromkeys(self._statuses(node), f"{self._where}{getattr(node, 'lineno', 0)}")
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            found |= self._called(self._value(node))
        for child in ast.iter_child_nodes(node):
            found |= self._read(child)
        return found

    def _tried(self, node: ast.Try) -> dict[int, str]:
        found: dict[int, str] = {}
        for inside in node.body:
            found |= self._read(inside)
        caught = [self._value(each) for handler in node.handlers for each in _listed(handler.type)]
        if any(each in _STOPS for each in caught):
            found.pop(LEDGER, None)
        for child in (*node.handlers, *node.orelse, *node.finalbody):
            found |= self._read(child)
        return found

    def _raises(self, raised: ast.expr, kind: type[Exception]) -> bool:
        found = self._value(raised.func if isinstance(raised, ast.Call) else raised)
        return isinstance(found, type) and issubclass(found, kind)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self._names[name] = self._value(value)
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for each, its in zip(targets, values, strict=True):
                    self._assign(each, its)
            case _:
                pass  # nothing that has statuses

    def _statuses(self, node: ast.AST) -> Iterator[int]:
        if not isinstance(node, ast.Call):
            return
        made = self._value(node.func)
        given = {each.arg: each.value for each in node.keywords}
        if made is ProblemError:
            yield from _numbers(node.args[0])
        elif made is answer:
            yield from _numbers(given.get("status", node.args[1] if len(node.args) > 1 else ast.Constant(200)))
        elif isinstance(made, type) and issubclass(made, web.HTTPException):
            yield made.status_code
        elif isinstance(made, type) and issubclass(made, web.StreamResponse):
            yield from _numbers(given.get("status", ast.Constant(200)))

    def _value(self, node: ast.expr | None) -> Any:
        found = self._meant(node)
        return self._ports.get(found.of, found) if isinstance(found, Some) else found

    def _meant(self, node: ast.expr | None) -> Any:
        match node:
            case ast.Name(id=name):
                return self._names.get(name, vars(sys.modules["builtins"]).get(name, UNKNOWN))
            case ast.Attribute(value=inner, attr=name):
                return attribute(self._value(inner), name)
            case ast.Call(func=called):
                return result(self._value(called))
            case ast.Await(value=inner):
                return self._value(inner)
            case _:
                return UNKNOWN


def _numbers(node: ast.expr) -> Iterator[int]:
    match node:
        case ast.Constant(value=int(number)):
            yield number
        case ast.IfExp(body=one, orelse=other):
            yield from _numbers(one)
            yield from _numbers(other)


def _listed(kind: ast.expr | None) -> list[ast.expr]:
    return [] if kind is None else list(kind.elts) if isinstance(kind, ast.Tuple) else [kind]


def _is_full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
