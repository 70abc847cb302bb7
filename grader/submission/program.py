"""One source file as top-level statements, with what each binds and needs.

Parsing with `ast` under caps; nothing is run.

Where the file as a whole is not Python, it is cut before each top-level `def`,
`class` or decorator and every piece is parsed alone, so that a bracket left open in
one function costs that function and not the file.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.scope import free_loads, stored
from grader.syntax import walk

MAX_BYTES = 256 << 10
MAX_NODES = 60_000
_PIECE = re.compile(r"^(?:def|class|async\s+def|@|if\s+__name__)\b|^@", re.MULTILINE)
_DEFINES = re.compile(r"^(?:def\s+|class\s+)?([A-Za-z_]\w*)\s*[(=:]", re.MULTILINE)
_UNINDENTED = re.compile(r"^(?!else\b|elif\b|except\b|finally\b)[A-Za-z_]")
# Methods that change what they are called on: `table.update(...)` at top level is part of `table`.
_CHANGING = frozenset({"append", "extend", "insert", "update", "setdefault", "add", "pop", "remove", "clear", "sort"})
_TOO_DEEP = "nested too deeply"


@dataclass(frozen=True)
class Broken:
    """A piece of a file that is not Python: where, what the parser says, what it would have defined."""

    line: int
    problem: str
    names: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """One top-level statement: the names it binds or changes, and those it takes from elsewhere."""

    node: ast.stmt
    binds: frozenset[str]
    needs: frozenset[str]

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


@dataclass(frozen=True)
class Program:
    """The top-level statements of one file, in order, with the line numbers of that file."""

    file: str
    lines: tuple[str, ...]
    statements: tuple[Statement, ...]
    broken: tuple[Broken, ...] = ()

    @cached_property
    def binders(self) -> dict[str, list[Statement]]:
        """For each name the statements that bind or change it."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.binds:
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def futures(self) -> tuple[Statement, ...]:
        """`from __future__ import ...`: part of every slice."""
        return tuple(s for s in self.statements if isinstance(s.node, ast.ImportFrom) and s.node.module == "__future__")


class Unreadable(Exception):
    """The file cannot be read as text; the message is for the student."""


def read_program(path: Path) -> Program:
    """Reads a .py file. Raises Unreadable for what is no text, or too much of it."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"{path.name} is larger than {MAX_BYTES // 1024} KiB; a file of answers is small")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from None
    return parse_program(path.name, _decode(path.name, data))


def parse_program(file: str, text: str) -> Program:
    """The program in `text`; pieces that are not Python stand in `broken`. Raises Unreadable over the cap on size."""
    lines = tuple(text.split("\n"))
    whole = _parse(text, 0)
    pieces: list[list[Statement] | Broken] = [whole]
    starts = _piece_starts(lines)
    if isinstance(whole, Broken):
        pieces = [part for first, last in _spans(starts, len(lines)) for part in _pieces(lines, first, last)]
    statements = [statement for piece in pieces if not isinstance(piece, Broken) for statement in piece]
    broken = [piece for piece in pieces if isinstance(piece, Broken)]
    if isinstance(whole, Broken) and not broken:
        broken = [whole]
    return Program(file, lines, tuple(statements), tuple(broken))


def _pieces(lines: tuple[str, ...], first: int, last: int) -> Iterator[list[Statement] | Broken]:
    """A piece; where it is broken, what can be saved: it is cut again before every line that is not indented."""
    piece = _parse("\n".join(lines[first:last]) + "\n", first)
    starts = [first] + [number for number in range(first + 1, last) if _UNINDENTED.match(lines[number])]
    if isinstance(piece, Broken) and len(starts) > 1:
        for start, end in _spans(starts, last):
            yield _parse("\n".join(lines[start:end]) + "\n", start)
    else:
        yield piece


def _spans(starts: list[int], end: int) -> list[tuple[int, int]]:
    return list(zip(starts, [*starts[1:], end], strict=True))


def _decode(name: str, data: bytes) -> str:
    if b"\0" in data:
        raise Unreadable(f"{name} is not a text file: it holds NUL bytes; save it as UTF-8 text")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        raise Unreadable(f"{name} is not UTF-8 text; save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _piece_starts(lines: tuple[str, ...]) -> list[int]:
    """Line indices at which pieces begin; decorators stay with what they decorate."""
    return [0] + [
        index
        for index, line in enumerate(lines)
        if index and _PIECE.match(line) and not lines[index - 1].startswith("@")
    ]


def _parse(text: str, first: int) -> list[Statement] | Broken:
    """The statements of a piece that begins after line `first`."""
    line = first + 1
    try:
        module = parsed(text)
        if len(walk(module)) > MAX_NODES:
            raise Unreadable(f"the code has more than {MAX_NODES} parts; a file of answers is small")
        if first:
            ast.increment_lineno(module, first)
        return [_statement(node) for statement in module.body for node in _unfolded(statement)]
    except SyntaxError as error:
        problem, line = f"{error.msg}", first + (error.lineno or 1)
    except (RecursionError, MemoryError):
        problem = _TOO_DEEP
    except ValueError as error:
        problem = str(error)
    return Broken(line, problem, frozenset(_DEFINES.findall(text)))


def parsed(text: str) -> ast.Module:
    """The syntax tree of a student's text; invalid escapes and the like are their style, and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _unfolded(statement: ast.stmt) -> Iterator[ast.stmt]:
    """A main guard is never run; each name of an import stands alone, so that only those needed count."""
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), orelse=otherwise):
            yield from otherwise
        case ast.Import(names=aliases):
            for alias in aliases:
                yield _at(statement, ast.Import([_top_module(alias)]))
        case ast.ImportFrom(module=module, names=aliases, level=level):
            for alias in aliases:
                yield _at(statement, ast.ImportFrom(module, [alias], level))
        case _:
            yield statement


def _top_module(alias: ast.alias) -> ast.alias:
    """`import torch.optim` binds `torch`, and that is all it is needed for."""
    return alias if alias.asname else ast.alias(alias.name.split(".")[0])


def _at(place: ast.stmt, node: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(node, place))


def _statement(node: ast.stmt) -> Statement:
    return Statement(node, _binds(node), frozenset(name.id for name in free_loads(node)))


def _binds(node: ast.stmt) -> frozenset[str]:
    """Names that a top-level statement binds or changes in place: `x[i] = ...`, `x += ...`, `x.append(...)`."""
    names = set(stored(node))
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        names |= {name for inner in walk(node) for name in _changes(inner)}
    return frozenset(names)


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
