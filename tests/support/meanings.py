"""What a name in the source stands for: the object itself where there is one, or what its type says."""

from __future__ import annotations

import ast
import functools
import inspect
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

OURS: Final = "tradewarden"
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
UNKNOWN: Final = object()


@dataclass(frozen=True)
class Some:
    """An instance of a class of which there is none at hand."""

    of: type[Any]


def attribute(of: Any, name: str) -> Any:
    """What is behind the dot."""
    if of is UNKNOWN:
        return UNKNOWN
    if isinstance(of, types.ModuleType | type):
        return getattr(of, name, UNKNOWN)
    kind = of.of if isinstance(of, Some) else type(of)
    return _member(of, kind, name) if kind.__module__.startswith(OURS) else UNKNOWN


def _member(of: Any, kind: type[Any], name: str) -> Any:
    match inspect.getattr_static(kind, name, None):
        case property() as found:
            return some(hints(found.fget).get("return"))
        case staticmethod() | classmethod() as found:
            return found.__func__
        case types.FunctionType() as found:
            return types.MethodType(found, of)
        case _:
            return some(hints(kind).get(name)) if isinstance(of, Some) else getattr(of, name, UNKNOWN)


def result(called: Any) -> Any:
    """What a call of it gives, by its own word."""
    if isinstance(called, type):
        return Some(called)
    function, _ = function_of(called)
    return UNKNOWN if function is None else some(hints(function).get("return"))


def some(hint: Any) -> Any:
    """An instance of what is hinted at; of an optional one, of what it is if it is there."""
    kinds = [each for each in typing.get_args(hint) if each is not type(None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType) and len(kinds) == 1:
        return some(kinds[0])
    return Some(hint) if isinstance(hint, type) and hint.__module__.startswith(OURS) else UNKNOWN


def hints(of: Any) -> dict[str, Any]:
    """The types of a function's arguments and answer, or of a class's members."""
    return _hints(of)


@functools.cache
def _hints(of: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(of)
    except (NameError, TypeError):  # what is imported for the type checker alone
        return {}


def function_of(target: Any) -> tuple[types.FunctionType | None, Any]:
    """What is run when this is called, and the object that it belongs to."""
    if isinstance(target, functools.partial):
        return function_of(target.func)
    owner = target.__self__ if isinstance(target, types.MethodType) else None
    function = inspect.unwrap(target.__func__ if isinstance(target, types.MethodType) else target, stop=None)
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith(OURS):
        return None, None
    return function, owner


def nodes_of(function: types.FunctionType) -> list[ast.AST]:
    """Its place in the source; lambdas of one line are taken together."""
    return _placed(function.__code__.co_filename).get((function.__name__, function.__code__.co_firstlineno), [])


@functools.cache
def _placed(file: str) -> dict[tuple[str, int], list[ast.AST]]:
    found: dict[tuple[str, int], list[ast.AST]] = {}
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, FUNCTIONS):
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            first = [] if isinstance(node, ast.Lambda) else [each.lineno for each in node.decorator_list]
            found.setdefault((name, min([node.lineno, *first])), []).append(node)
    return found
