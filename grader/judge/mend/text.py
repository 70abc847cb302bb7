"""An edit as a change of the student's text: one piece of source written otherwise."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from grader.submission.syntax import parsed
from grader.syntax import walk

_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.Tuple, ast.List)


@dataclass(frozen=True)
class Edit:
    """One small change. Of two, that with the smaller cost is nearer."""

    cost: int
    tag: str  # of the mistake, where the edit shows it; '' where it may be mended so for many reasons
    line: int
    words: str  # completes "line 31: ...": what is, and what would be right
    hint: str  # the same for students: where to look, and not what to write
    source: str  # the whole text after the change
    column: int = 0
    growth: int = 0  # by how many characters the text is longer
    kind: str = ""  # the tag of the change, where it is not told, too
    asks: tuple[str, ...] = ()  # the parameters that it adds, before all others

    @property
    def position(self) -> tuple[int, int]:
        return self.line, self.column

    def distance(self) -> tuple[int, int, bool]:
        """How far it is from what is written: the kind of change, then its length; rather less text than more."""
        return self.cost, abs(self.growth), self.growth > 0


class Source:
    """The text of a program, with places by line and column as ast counts them, and the tree of one answer in it."""

    def __init__(self, text: str, nodes: Sequence[ast.stmt] | None = None) -> None:
        self.text = text
        self.tree = parsed(text) if nodes is None else ast.Module([*nodes], [])
        self.size = sum(1 for _ in walk(self.tree))
        self._bytes = text.encode()
        starts = [0]
        for line in self._bytes.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        self._starts = starts

    def replaced(self, old: ast.expr | ast.stmt, new: str) -> str:
        """The text with `new` in the place of a node."""
        start, end = self.span(old)
        return (self._bytes[:start] + new.encode() + self._bytes[end:]).decode()

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node stands, in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def piece(self, node: ast.expr | ast.stmt) -> str:
        """The source of a node, as the student wrote it, on one line."""
        start, end = self.span(node)
        return " ".join(self._bytes[start:end].decode().split())

    def shown(self, statement: ast.stmt, old: ast.expr | ast.stmt, new: str) -> str:
        """The source of a statement with one of its nodes written otherwise, on one line."""
        first, last = self.span(statement)
        start, end = self.span(old)
        return " ".join((self._bytes[first:start] + new.encode() + self._bytes[end:last]).decode().split())


def bracketed(node: ast.expr, parent: ast.AST, old: ast.expr) -> str:
    """The text of a new expression in the place of `old` under `parent`, in brackets where it needs them."""
    text = ast.unparse(node)
    return text if isinstance(node, _ATOMS) or _stands_alone(node, parent, old) else f"({text})"


def _stands_alone(node: ast.expr, parent: ast.AST, old: ast.expr) -> bool:
    """Whether an expression keeps together there without brackets."""
    match parent:
        case ast.Return() | ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Lambda():
            return True
        case ast.Call(args=args):
            return any(argument is old for argument in args)
        case ast.BinOp(op=ast.Pow(), right=right):
            return right is old and isinstance(node, ast.UnaryOp)
        case ast.BinOp(left=left):
            inner, outer = _strength(node), _strength(parent)
            return inner >= outer if left is old else inner > outer and not isinstance(node, ast.UnaryOp)
    return False


def _strength(node: ast.expr) -> int:
    """How closely an operator binds; 0 for what is none of those that can do without brackets."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return 1
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.FloorDiv() | ast.MatMult() | ast.Mod()):
            return 2
        case ast.UnaryOp(op=ast.USub()):
            return 3
        case ast.BinOp(op=ast.Pow()):
            return 4
    return 0
