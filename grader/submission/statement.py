"""One statement of a student's, gone through once: what reading, checking and fixes ask of it again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from grader.scope import names_in
from grader.syntax import walk

# Methods that change what they are called on: `table.update(...)` at top level is part of `table`.
_CHANGING = frozenset({"append", "extend", "insert", "update", "setdefault", "add", "pop", "remove", "clear", "sort"})


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a module, with all that is below it. What is found out about it is kept as long as it is."""

    node: ast.stmt
    nodes: tuple[ast.AST, ...] = field(repr=False)  # itself and what is below, as grader.syntax.walk gives them
    free: tuple[ast.Name, ...] = field(repr=False)  # the names it takes from elsewhere, where they stand
    stored: frozenset[str]  # the names it binds
    binds: frozenset[str]  # these, and those whose objects it changes: `x[i] = ...`, `x += ...`, `x.append(...)`

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that it takes from elsewhere."""
        return frozenset([name.id for name in self.free])

    @cached_property
    def mentions(self) -> frozenset[str]:
        """All names in its code."""
        return frozenset([node.id for node in self.nodes if isinstance(node, ast.Name)])

    @cached_property
    def unparsed(self) -> str:
        """Its source, as Python writes it."""
        return ast.unparse(self.node)

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    @property
    def first_line(self) -> int:
        """The line that it begins on, its decorators included."""
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(decorator.lineno for decorator in decorators)])


def statement_of(node: ast.stmt) -> Statement:
    """Goes through a statement. Raises RecursionError where it is nested too deeply."""
    nodes, names = walk(node), names_in(node)
    binds = frozenset(names.bound)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        binds = binds.union([name for inner in nodes for name in _changes(inner)])
    return Statement(node, tuple(nodes), names.free, frozenset(names.bound), binds)


def _changes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
            yield from _base(node)
        case ast.Call(func=ast.Attribute(value=changed, attr=method)) if method in _CHANGING or method.endswith("_"):
            yield from _base(changed)


def _base(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
