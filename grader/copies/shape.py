"""Source text -> what is left of it when the names, comments and order that a copier changes are gone.

Parsed with `ast`, never run. Names that the lesson gives (tensors, sizes, gradients) and names of
methods stay, for they are the answer; a name of the student's own becomes one and the same sign. The
operands of + and * stand in a fixed order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from grader.lesson import Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.program import Program

_OWN = "·"  # any name that the student chose
_SYMMETRIC = (ast.Add, ast.Mult)
_MODULES = frozenset({"torch", "F", "math"})
_DEEPEST = 200


@dataclass(frozen=True)
class Token:
    """One sign of the shape, and the line it comes from."""

    sign: str
    line: int


@dataclass(frozen=True)
class Passage:
    """One top-level statement (nearly always a function) as tokens, and where it stands."""

    file: str
    first: int
    last: int
    tokens: tuple[Token, ...]


def given_names(lesson: Lesson) -> frozenset[str]:
    """Names that a student does not choose."""
    tensors = lesson.graph.tensors
    gradients = {GRADIENT_PREFIX + tensor for tensor in tensors}
    return frozenset(tensors | gradients | set(lesson.sizes) | _MODULES)


def passages_of(program: Program, given: frozenset[str]) -> list[Passage]:
    """The statements of a file; imports and loose texts say nothing."""
    found = []
    for statement in program.statements:
        if not isinstance(statement.node, ast.Import | ast.ImportFrom):
            node = statement.node
            tokens = tuple(_tokens(node, given, node.lineno, 0))
            found.append(Passage(program.file, node.lineno, node.end_lineno or node.lineno, tokens))
    return found


def _tokens(node: ast.AST, given: frozenset[str], line: int, depth: int) -> Iterator[Token]:
    """The tree from the top, each node before its children."""
    line = getattr(node, "lineno", line)
    if depth > _DEEPEST or _is_text(node):
        return
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):  # a signature is the template's
            for statement in body:
                yield from _tokens(statement, given, line, depth + 1)
            return
        case ast.AnnAssign(target=target, value=ast.expr() as value):  # the same without its type
            yield from _tokens(ast.Assign(targets=[target], value=value, lineno=line), given, line, depth)
            return
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SYMMETRIC):
            yield Token(type(op).__name__, line)
            for side in _in_order(left, right, given, line, depth):
                yield from side
            return
        case ast.Name(id=name):
            yield Token(name if name in given else _OWN, line)
            return
        case ast.Constant(value=value):
            yield Token(repr(value)[:40], line)
            return
        case ast.Attribute(attr=name):
            yield Token(f".{name}", line)
        case ast.keyword(arg=str() as name):
            yield Token(f"{name}=", line)
        case ast.arguments() | ast.expr_context():
            return
        case _:
            yield Token(type(node).__name__, line)
    for child in ast.iter_child_nodes(node):
        yield from _tokens(child, given, line, depth + 1)


def _in_order(left: ast.AST, right: ast.AST, given: frozenset[str], line: int, depth: int) -> list[list[Token]]:
    """Both operands' tokens, in an order that does not depend on which stands first."""
    sides = [list(_tokens(side, given, line, depth + 1)) for side in (left, right)]
    return sorted(sides, key=lambda tokens: [token.sign for token in tokens])


def _is_text(node: ast.AST) -> bool:
    """A docstring or another text that is not used."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
