"""Statements that are allowed wherever they stand, because nothing in them depends on what stands around.

Nearly all of an honest answer is of this kind: names, arithmetic, allowed words behind a dot. A slice of
plain statements has no breach: each rule of `vocabulary` and `forms` is about a node that is not plain,
or about a node and one that is not. So a statement is looked at once, however many answers it is part of.
A no decides nothing: then the slice is read as a whole.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Collection, Iterable
from typing import Any

from grader.submission.forms import FORMED, power_in
from grader.submission.statement import Statement
from grader.submission.vocabulary import OPEN_MODULES, Vocabulary

_BUILTINS = frozenset(dir(builtins))
# Kinds of nodes that no rule is about, where the list of kinds has them.
_WITHOUT_RULES: tuple[type[ast.AST], ...] = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Pass, ast.If, ast.For, ast.While, ast.Break,
    ast.Continue, ast.With, ast.withitem, ast.Assert, ast.Raise, ast.Return, ast.Lambda, ast.arguments,
    ast.Subscript, ast.Slice, ast.Starred, ast.Call, ast.NamedExpr, ast.IfExp, ast.BoolOp, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.comprehension, ast.JoinedStr, ast.FormattedValue,
    *(kind for base in (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
      for kind in base.__subclasses__()),
)  # fmt: skip


class PlainStatements:
    """Which statements of one program are plain by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._known: dict[Statement, bool] = {}
        self._attributes = vocabulary.attributes - FORMED
        self._refused_builtins = (_BUILTINS - vocabulary.names) | {"type"}  # `type` has a form
        ruled: dict[type[ast.AST], Callable[[Any], bool]] = {
            ast.Name: lambda node: not node.id.startswith("__"),
            ast.Attribute: self._is_plain_attribute,
            ast.Constant: lambda node: not isinstance(node.value, complex),
            ast.arg: lambda node: not node.arg.startswith("__"),
            ast.keyword: lambda node: node.arg is None or not node.arg.startswith(("__", "requires_grad")),
            ast.FunctionDef: lambda node: not node.name.startswith("__"),
            ast.Import: lambda node: all(alias.name in vocabulary.modules for alias in node.names),
            ast.ImportFrom: lambda node: all(self._may_import(node, alias.name) for alias in node.names),
            ast.alias: lambda node: node.name not in vocabulary.imports and not (node.asname or "").startswith("__"),
        }
        self._rules = {kind: rule for kind, rule in ruled.items() if kind.__name__ in vocabulary.syntax}
        self._without_rules = frozenset(kind for kind in _WITHOUT_RULES if kind.__name__ in vocabulary.syntax)

    def are_all(self, statements: Iterable[Statement]) -> bool:
        """Whether these are plain, so that a slice of them has no breach."""
        return all(self._is_plain(statement) for statement in statements)

    def _is_plain(self, statement: Statement) -> bool:
        if statement not in self._known:
            self._known[statement] = (
                not statement.needs & self._refused_builtins
                and all(map(self._is_plain_node, statement.nodes))
                and not _may_have_complex_power(statement)
            )
        return self._known[statement]

    def _is_plain_node(self, node: ast.AST) -> bool:
        kind = type(node)
        if kind in self._without_rules:
            return True
        rule = self._rules.get(kind)
        return rule is not None and rule(node)

    def _is_plain_attribute(self, node: ast.Attribute) -> bool:
        if not isinstance(node.ctx, ast.Load):
            return node.attr == "data"
        return node.attr in self._attributes and not node.attr.startswith("__")

    def _may_import(self, node: ast.ImportFrom, name: str) -> bool:
        """Whether a name that is no star and has no form may be imported from there."""
        module = node.module or ""
        if node.level or name == "*" or name in FORMED or name.startswith("_"):
            return False
        if module in self.vocabulary.imports:
            return name in self.vocabulary.imports[module]
        return module in self.vocabulary.modules and (
            name in self.vocabulary.attributes
            or module in OPEN_MODULES
            or f"{module}.{name}" in self.vocabulary.modules
        )


def _may_have_complex_power(statement: Statement) -> bool:
    """Whether a power may be the root of a negative number, by what this or another statement says of its names."""
    calculating = [node for node in statement.nodes if isinstance(node, ast.BinOp | ast.Call)]
    powers = [power for node in calculating if (power := power_in(node))]
    filled = {node.arg for node in statement.nodes if isinstance(node, ast.arg)} if powers else set()
    return any(not _is_whole(exponent) and not _is_no_number(base, filled) for base, exponent in powers)


def _is_whole(exponent: ast.expr) -> bool:
    """A whole power of a real number is real."""
    if isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.USub):
        exponent = exponent.operand
    return isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)


def _is_no_number(node: ast.expr, filled: Collection[str]) -> bool:
    """Whether the text never shows a number here: it holds a parameter, which is filled in by whoever calls, or more
    than arithmetic."""
    match node:
        case ast.Name(id=name):
            return name in filled
        case ast.Constant():
            return False
        case ast.UnaryOp(operand=operand):
            return _is_no_number(operand, filled)
        case ast.BinOp(left=left, right=right):
            return _is_no_number(left, filled) or _is_no_number(right, filled)
    return True
