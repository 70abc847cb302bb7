"""Source text -> what is left of it when the names, comments and order that a copier changes are gone.

Parsed with `ast`, never run. Names that the lesson gives (tensors, sizes, gradients) and names of
methods stay, for they are the answer; a name of the student's own becomes one and the same sign. The
operands of + and * stand in a fixed order.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from grader.lesson import Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.program import Program

_OWN = "·"  # any name that the student chose
_SYMMETRIC = (ast.Add, ast.Mult)
_MODULES = frozenset({"torch", "F", "math"})
_DEEPEST = 200
_LONGEST = 40  # signs of a constant


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
            tokens: list[Token] = []
            _read(node, _Reader(given, tokens), node.lineno, 0)
            found.append(Passage(program.file, node.lineno, node.end_lineno or node.lineno, tuple(tokens)))
    return found


@dataclass(frozen=True)
class _Reader:
    """The given names, and where the tokens go."""

    given: frozenset[str]
    tokens: list[Token]


def _read(node: ast.AST, reader: _Reader, line: int, depth: int) -> None:
    """The tree from the top, each node before its children."""
    line = getattr(node, "lineno", line)
    if depth > _DEEPEST or _is_text(node):
        return
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):  # a signature is the template's
            for statement in body:
                _read(statement, reader, line, depth + 1)
            return
        case ast.AnnAssign(target=target, value=ast.expr() as value):  # the same without its type
            _read(ast.Assign(targets=[target], value=value, lineno=line), reader, line, depth)
            return
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SYMMETRIC):
            reader.tokens.append(Token(type(op).__name__, line))
            for side in _in_order(left, right, reader.given, line, depth):
                reader.tokens.extend(side)
            return
        case ast.Name(id=name):
            reader.tokens.append(Token(name if name in reader.given else _OWN, line))
            return
        case ast.Constant(value=value):
            reader.tokens.append(Token(_shown(value), line))
            return
        case ast.Attribute(attr=name):
            reader.tokens.append(Token(f".{name}", line))
        case ast.keyword(arg=str() as name):
            reader.tokens.append(Token(f"{name}=", line))
        case ast.arguments() | ast.expr_context():
            return
        case _:
            reader.tokens.append(Token(type(node).__name__, line))
    for child in ast.iter_child_nodes(node):
        _read(child, reader, line, depth + 1)


def _shown(value: object) -> str:
    return repr(value[:_LONGEST] if isinstance(value, str | bytes) else value)[:_LONGEST]


def _in_order(left: ast.AST, right: ast.AST, given: frozenset[str], line: int, depth: int) -> list[list[Token]]:
    """Both operands' tokens, in an order that does not depend on which stands first."""
    sides: list[list[Token]] = []
    for side in (left, right):
        tokens: list[Token] = []
        _read(side, _Reader(given, tokens), line, depth + 1)
        sides.append(tokens)
    return sorted(sides, key=lambda tokens: [token.sign for token in tokens])


def _is_text(node: ast.AST) -> bool:
    """A docstring or another text that is not used."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
