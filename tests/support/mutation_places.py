"""A fault and its place: which bytes of a module say something else, and which lines a test must touch to notice."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

COMPARED: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
}
RECKONED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitXor: (r"\^", "&"),
    ast.Pow: (r"\*\*", "*"),
}
SWAPPED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "startswith": "endswith",
    "endswith": "startswith",
    "lower": "upper",
    "upper": "lower",
    "partition": "rpartition",
    "rpartition": "partition",
    "bisect_right": "bisect_left",
    "bisect_left": "bisect_right",
}
DISPENSABLE = {"cond", "on", "internal", "key", "default", "reverse", "maxlen"}  # what a call can be without
NAMES_OF_METHODS = {"cond", "on"}  # a wrong name there cannot even be imported
UNREACHABLE = {"assert_never"}

Compound = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault: which bytes of which module say something else, and what the lines were and are."""

    module: str
    operator: str
    line: int
    begin: int
    end: int
    text: str
    was: str
    now: str
    reach: tuple[int, int] | None  # the lines that a test must touch to notice; None: whoever imports the module

    def source(self, path: Path) -> bytes:
        """The module with the fault in it."""
        raw = path.read_bytes()
        return raw[: self.begin] + self.text.encode() + raw[self.end :]


class Places(ast.NodeVisitor):
    """Walks through a module and knows where it is; whoever walks notes what could be wrong there."""

    def __init__(self, path: Path) -> None:
        self.found: list[Mutation] = []
        self._module = path.stem
        self._raw = path.read_bytes()
        self.tree = ast.parse(self._raw)
        self._offsets = [0]
        for line in self._raw.splitlines(keepends=True):
            self._offsets.append(self._offsets[-1] + len(line))
        self._reach: tuple[int, int] | None = None
        self._functions = 0

    def visit(self, node: ast.AST) -> None:
        """Know which statement a node belongs to, and see what could be wrong with it."""
        if not isinstance(node, ast.stmt):
            super().visit(node)
            return
        before, self._reach = self._reach, self._lines_of(node)
        super().visit(node)
        self._reach = before

    def _lines_of(self, node: ast.stmt) -> tuple[int, int] | None:
        if not self._functions:
            return None
        if isinstance(node, ast.Match):
            return node.lineno, node.cases[0].body[0].lineno - 1
        if isinstance(node, Compound):
            return node.lineno, max(node.lineno, node.body[0].lineno - 1)
        return node.lineno, node.end_lineno or node.lineno

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._functions += 1
        body = node.body if isinstance(node.body, list) else [node.body]
        for each in body:
            self.visit(each)
        self._functions -= 1

    def _at(self, node: ast.AST) -> tuple[int, int]:
        place: ast.expr = node  # type: ignore[assignment] # whatever has a place in the text
        begin = self._offsets[place.lineno - 1] + place.col_offset
        return begin, self._offsets[(place.end_lineno or place.lineno) - 1] + (place.end_col_offset or 0)

    def _said(self, node: ast.AST) -> str:
        begin, end = self._at(node)
        return self._raw[begin:end].decode()

    def _line(self, offset: int) -> int:
        return next(nth for nth, start in enumerate(self._offsets) if start > offset)

    def _note(self, operator: str, begin: int, end: int, text: str) -> None:
        first, last = self._line(begin), self._line(max(begin, end - 1))
        head, tail = self._raw[self._offsets[first - 1] : begin], self._raw[end : self._offsets[last]]
        was, now = (
            re.sub(r"\s+", " ", (head + middle + tail).decode()).strip()
            for middle in (self._raw[begin:end], text.encode())
        )
        self.found.append(Mutation(self._module, operator, first, begin, end, text, was, now, self._reach))

    def _instead(self, operator: str, node: ast.AST, text: str) -> None:
        self._note(operator, *self._at(node), text)

    def _between(self, operator: str, left: ast.AST, right: ast.AST, pattern: str, text: str) -> None:
        begin, end = self._at(left)[1], self._at(right)[0]
        edge = r"\b" if pattern[-1].isalpha() else ""
        found = re.search(f"{edge}{pattern}{edge}".encode(), self._raw[begin:end])
        if found:
            self._note(operator, begin + found.start(), begin + found.end(), text)
