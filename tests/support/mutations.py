"""What may be wrong in a line: every small fault that a module's source could have, one at a time.

The usual operators (comparisons, logic, arithmetic, constants, texts, removed statements) and those that our
machines need because much of them is data in class bodies: a transition, a guard, an action or an element left out.
Left alone: docstrings, annotations, imports, decorators, `strict=` (our own assertion) and what types make unreachable.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from mutation_places import (
    COMPARED,
    DISPENSABLE,
    NAMES_OF_METHODS,
    RECKONED,
    SWAPPED,
    UNREACHABLE,
    Mutation,
    Places,
)

# ruff: noqa: N802 - ast calls its visitors by the names of its nodes


def mutations(path: Path) -> list[Mutation]:
    """Every fault that a module could have, in the order of its lines; those that are no Python are left out."""
    finder = _Finder(path)
    finder.visit(finder.tree)
    found = {(each.begin, each.end, each.text): each for each in finder.found if _is_python(each.source(path))}
    return sorted(found.values(), key=lambda each: (each.line, each.begin, each.text))


def _is_python(source: bytes) -> bool:
    try:
        compile(source, "?", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder(Places):
    """Notes what could be wrong."""

    # What is left alone

    def visit_Import(self, node: ast.Import) -> None:
        """Nothing to be wrong."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Nothing to be wrong."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function's defaults and body, not its types, name or decorators."""
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """A class's body."""
        for each in node.body:
            self.visit(each)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """What it answers."""
        self._inside(node)

    # Statements

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call that is not made; a docstring stays."""
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Call):
            if isinstance(node.value.func, ast.Name) and node.value.func.id in UNREACHABLE:
                return
            self._instead("call removed", node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A value that is forgotten."""
        if any(isinstance(target, ast.Name) and target.id in ("__slots__", "__all__") for target in node.targets):
            return
        self._forgotten(node.value)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value, not its type."""
        if node.value is not None:
            self._forgotten(node.value)
            self.visit(node.value)

    def _forgotten(self, value: ast.expr) -> None:
        said = value.value if isinstance(value, ast.Constant) else value
        if self._functions and not isinstance(said, ast.Tuple | bool):  # a flag is turned, which says more
            self._instead("value forgotten", value, '""' if said is None else "None")

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """A sum that goes the other way, or begins anew."""
        pattern, other = RECKONED.get(type(node.op), ("", ""))
        if pattern:
            self._between("arithmetic", node.target, node.value, f"{pattern}=", f"{other}=")
            self._between("arithmetic", node.target, node.value, f"{pattern}=", "=")
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        """An answer that is not given."""
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            return
        self._instead("answer forgotten", node.value, "None")
        self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        """A fault that nobody hears of."""
        self._instead("fault swallowed", node, "pass")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        """A loop that goes on."""
        self._instead("loop", node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        """A loop that ends."""
        self._instead("loop", node, "break")

    def visit_If(self, node: ast.If) -> None:
        """A question answered the other way."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._opposite(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """A question answered the other way."""
        self._opposite(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """A question answered the other way."""
        self._opposite(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """A filter that lets the others through."""
        for test in node.ifs:
            self._opposite(test)
        self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        """A guard answered the other way, or not asked."""
        if node.guard is not None:
            self._opposite(node.guard)
            self._instead("guard removed", node.guard, "True")
        self.generic_visit(node)

    def visit_MatchOr(self, node: ast.MatchOr) -> None:
        """A case that no longer covers one of its patterns."""
        for left_out in node.patterns:
            kept = [self._said(each) for each in node.patterns if each is not left_out]
            self._instead("pattern left out", node, " | ".join(kept))
        self.generic_visit(node)

    def _opposite(self, test: ast.expr) -> None:
        flips = isinstance(test, ast.Compare) and type(test.ops[0]) not in (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
        negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        if not (flips or negated or isinstance(test, ast.Constant)):
            self._instead("question turned", test, f"not ({self._said(test)})")

    # Expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        """Another comparison."""
        for left, right, op in zip([node.left, *node.comparators], node.comparators, node.ops, strict=False):
            pattern, others = COMPARED[type(op)]
            for other in others:
                self._between("comparison", left, right, pattern, other)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """And for or, or for and; or one of the questions is not asked."""
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between("logic", left, right, word, other)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """A sign or a not that is missing."""
        if isinstance(node.op, ast.Not) or not isinstance(node.operand, ast.Constant):
            self._instead("logic" if isinstance(node.op, ast.Not) else "arithmetic", node, self._said(node.operand))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Another sum; of alternatives (transitions, types, sets) one is missing."""
        if isinstance(node.op, ast.BitOr):
            self._instead("alternative left out", node, f"({self._said(node.left)})")
            self._instead("alternative left out", node, f"({self._said(node.right)})")
        else:
            pattern, other = RECKONED[type(node.op)]
            self._between("arithmetic", node.left, node.right, pattern, other)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A call with a word less, or of its opposite."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SWAPPED:
            end = self._at(node.func)[1]
            self._note("opposite called", end - len(name), end, SWAPPED[name])
        for word in node.keywords:
            if word.arg in DISPENSABLE:
                begin, end = self._at(word)
                before = re.search(rb",?\s*\Z", self._raw[:begin])
                self._note("word left out", before.start() if before else begin, end, "")
            if word.arg == "cond":
                begin, _ = self._at(word)
                self._note("guard turned", begin, begin + len("cond"), "unless")
        self.visit(node.func)
        for each in (*node.args, *(word.value for word in node.keywords if self._is_asked(word))):
            self.visit(each)

    @staticmethod
    def _is_asked(word: ast.keyword) -> bool:
        return word.arg != "strict" and not (word.arg in NAMES_OF_METHODS and isinstance(word.value, ast.Constant))

    def visit_Constant(self, node: ast.Constant) -> None:
        """Another constant."""
        match node.value:
            case bool(value):
                self._instead("constant", node, str(not value))
            case int(value) | float(value):
                self._instead("constant", node, repr(value + 1))
            case str(value):
                self._instead("text", node, repr(f"XX{value}XX"))
            case _:
                pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Another text; its values where Python says truly where they stand."""
        self._instead("text", node, f'("XX" {self._said(node)})')
        for each in node.values:
            if isinstance(each, ast.FormattedValue) and self._stands_there(each.value):
                self.visit(each.value)

    def _stands_there(self, node: ast.expr) -> bool:
        try:
            return ast.dump(ast.parse(self._said(node), mode="eval").body) == ast.dump(node)
        except (SyntaxError, UnicodeDecodeError, IndexError):
            return False

    # Tables

    def visit_List(self, node: ast.List) -> None:
        """An element that is missing."""
        self._elements(node, node.elts)

    def visit_Set(self, node: ast.Set) -> None:
        """An element that is missing."""
        self._elements(node, node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        """An element that is missing from a table; two values in a row are no table."""
        if self._functions:
            self.generic_visit(node)
        else:
            self._elements(node, node.elts)

    def visit_Dict(self, node: ast.Dict) -> None:
        """An entry that is missing."""
        for nth, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is not None:
                self._left_out(self._at(key)[0], self._at(value)[1], nth, len(node.keys))
        self.generic_visit(node)

    def _elements(self, node: ast.AST, elements: list[ast.expr]) -> None:
        for nth, element in enumerate(elements):
            self._left_out(*self._at(element), nth, len(elements))
        self.generic_visit(node)

    def _left_out(self, begin: int, end: int, nth: int, count: int) -> None:
        if count > 1:  # an empty {} would be another kind of thing
            comma = re.match(rb"\s*,", self._raw[end:])
            before = re.search(rb",\s*\Z", self._raw[:begin])
            if comma:
                self._note("element left out", begin, end + comma.end(), "")
            elif nth and before:
                self._note("element left out", before.start(), end, "")


def every(folder: Path) -> Iterator[tuple[str, list[Mutation]]]:
    """The modules of a package that say anything, each with all its faults."""
    for path in sorted(folder.glob("*.py")):
        found = mutations(path)
        if found:
            yield path.stem, found
