"""One source file, or the code cells of a notebook, as top-level statements, with what each binds and needs.

Parsing with `ast` under caps; nothing is run.

Where the file as a whole is not Python, it is cut before each top-level `def`,
`class` or decorator and every piece is parsed alone, so that a bracket left open in
one function costs that function and not the file.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from grader.submission.bounds import (
    MAX_BITS,
    MAX_BYTES,
    MAX_LINES,
    MAX_NODES,
    MAX_NOTEBOOK_BYTES,
    MAX_STATEMENTS,
)
from grader.submission.content import Unreadable, source_text
from grader.submission.exercise import marked_in
from grader.submission.notebook import Cell, read_notebook
from grader.submission.statement import Statement, statement_of
from grader.submission.syntax import is_unfinished, parsed
from grader.syntax import walk
from grader.wire.statements import opened

_PIECE = re.compile(r"^(?:def|class|async\s+def|@|if\s+__name__)\b|^@", re.MULTILINE)
_DEFINES = re.compile(r"^(?:def\s+|class\s+)?([A-Za-z_]\w*)\s*[(=:]", re.MULTILINE)
_ASSIGNS = re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*=", re.MULTILINE)
_DETECTED = re.compile(r" \(detected at line \d+\)$")  # counted from where the piece begins
_UNINDENTED = re.compile(r"^(?!else\b|elif\b|except\b|finally\b)[A-Za-z_]")
_MOST_READ_AGAIN = 256 << 10  # characters of one piece, to see where a text over several lines ends
_TOO_DEEP = "nested too deeply"
_SMALL = "answers are small"


@dataclass(frozen=True)
class Broken:
    """A piece of a file that is not Python: where, what the parser says, what it would have defined."""

    line: int
    problem: str
    names: frozenset[str]
    assigned: frozenset[str] = frozenset()  # also in loops and functions
    lines: range = range(0)  # by their index


def cell_at(cells: Sequence[Cell], line: int) -> Cell | None:
    """The cell that a line of the text stands in."""
    place = bisect_right(cells, line, key=lambda cell: cell.first) - 1
    return cells[place] if place >= 0 and line < cells[place].first + cells[place].lines else None


@dataclass(frozen=True)
class Program:
    """The top-level statements of one file, in order, with the line numbers of that file."""

    file: str
    lines: tuple[str, ...]
    statements: tuple[Statement, ...]
    broken: tuple[Broken, ...] = ()
    cells: tuple[Cell, ...] = ()  # of a notebook
    remarks: tuple[str, ...] = ()  # on what could not be read of it

    def place(self, line: int) -> Place:
        """Where a line of the text stands in the student's file."""
        return Origin(self.cells).place(line) or Place(line)

    def cell_start(self, line: int) -> int:
        """The first line of the cell that a line stands in; of a file, its first."""
        cell = cell_at(self.cells, line)
        return cell.first if cell else 1

    def marker(self, node: ast.stmt, name: str) -> str:
        """The exercise that a comment `# exercise.step` names for an answer, or the metadata of its cell; '' for none.

        The comment stands above the answer, in its first lines, or in the first line of its cell.
        """
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        numbers = [first - 2, node.lineno - 1, node.lineno]
        cell = cell_at(self.cells, first)
        if cell:
            if cell.step.endswith(f".{name}"):
                return cell.step.removesuffix(f".{name}")
            numbers.append(cell.first - 1)
        for number in numbers:
            marked = marked_in(self.lines[number], name) if 0 <= number < len(self.lines) else ""
            if marked:
                return marked
        return ""

    @cached_property
    def text(self) -> str:
        """What can be run: every statement at its own lines, and nothing of what is no Python."""
        kept = list(self.lines)
        for piece in self.broken:
            kept[piece.lines.start : piece.lines.stop] = [""] * len(piece.lines)
        return "\n".join(kept) + "\n"

    @cached_property
    def imports(self) -> frozenset[str]:
        """The modules that its code imports, wherever it does."""
        nodes = [node for statement in self.statements for node in statement.nodes]
        plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        found = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        beside = {alias.name for node in found if node.level and not node.module for alias in node.names}
        return frozenset(plain | beside | {node.module for node in found if node.module})

    @cached_property
    def binders(self) -> dict[str, list[Statement]]:
        """For each name the statements that bind or change it."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.binds:
                found.setdefault(name, []).append(statement)
        return found


@dataclass(frozen=True)
class Place:
    """A line of a file, or of a cell of a notebook."""

    line: int
    cell: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}" if self.cell is None else f"cell {self.cell}, line {self.line}"


@dataclass(frozen=True)
class Origin:
    """Where the lines of an answer's text come from."""

    cells: tuple[Cell, ...] = ()
    shift: int = 0  # lines of the text before the file's own first

    def place(self, line: int) -> Place | None:
        """The place in the student's file; None for lines that the student did not write."""
        own = line - self.shift
        cell = cell_at(self.cells, own)
        if cell:
            return Place(own - cell.first + 1, cell.number)
        return Place(own) if own > 0 and not self.cells else None


def read_program(path: Path, name: str = "") -> Program:
    """Reads a .py file or a notebook. Raises Unreadable for what is no text, or too much or nothing of it.

    name: what the file is called, where that is not its own name alone.
    """
    name = name or path.name
    is_notebook = path.suffix.lower() == ".ipynb"
    most = MAX_NOTEBOOK_BYTES if is_notebook else MAX_BYTES
    try:
        if path.stat().st_size > most:
            raise Unreadable(f"{name} is larger than {_shown(most)}; {_SMALL}")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{name} cannot be read: {error.strerror}") from None
    if is_notebook:
        return _notebook_program(name, data)
    program = parse_program(name, source_text(name, data))
    if all(line.strip()[:1] in ("", "#") for line in program.lines):
        raise Unreadable(f"{name} holds no code: save your work and hand it in again", is_empty=True)
    return program


def _notebook_program(name: str, data: bytes) -> Program:
    """The program in the code cells; each cell is parsed alone."""
    notebook = read_notebook(name, data)
    _refuse_much(name, notebook.text)
    lines = tuple(notebook.text.split("\n"))
    pieces = [piece for cell in notebook.cells for piece in _saved(lines, cell.first - 1, cell.first - 1 + cell.lines)]
    return Program(name, lines, *_sorted_out(name, pieces), notebook.cells, notebook.remarks)


def parse_program(file: str, text: str) -> Program:
    """The program in `text`; pieces that are not Python stand in `broken`. Raises Unreadable for too much of it."""
    _refuse_much(file, text)
    lines = tuple(text.split("\n"))
    return Program(file, lines, *_sorted_out(file, _saved(lines, 0, len(lines))))


def _refuse_much(file: str, text: str) -> None:
    if len(text) > MAX_BYTES:
        raise Unreadable(f"the code of {file} is larger than {_shown(MAX_BYTES)}; {_SMALL}")
    if text.count("\n") >= MAX_LINES:
        raise Unreadable(f"{file} has more than {MAX_LINES:,} lines of code; {_SMALL}")


def _shown(size: int) -> str:
    return f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"


def _saved(lines: tuple[str, ...], first: int, last: int) -> list[list[Statement] | Broken]:
    """The lines from `first` up to `last` as one piece; where that is not Python, as many."""
    whole = _parse("\n".join(lines[first:last]), first)
    if not isinstance(whole, Broken):
        return [whole]
    starts = [first + start for start in _piece_starts(lines[first:last])]
    pieces = [part for start, end in _spans(starts, last) for part in _pieces(lines, start, end)]
    return pieces if any(isinstance(piece, Broken) for piece in pieces) else [*pieces, replace(whole, lines=range(0))]


def _sorted_out(
    file: str, pieces: Iterable[list[Statement] | Broken]
) -> tuple[tuple[Statement, ...], tuple[Broken, ...]]:
    """Statements and broken pieces. Raises Unreadable over the bounds on either."""
    statements: list[Statement] = []
    broken: list[Broken] = []
    for piece in pieces:
        if isinstance(piece, Broken):
            broken.append(piece)
        else:
            statements += piece
    if len(statements) + len(broken) > MAX_STATEMENTS:
        raise Unreadable(f"{file} has more than {MAX_STATEMENTS:,} statements outside of functions; {_SMALL}")
    if sum(len(statement.nodes) for statement in statements) > MAX_NODES:
        raise Unreadable(f"the code of {file} has more than {MAX_NODES:,} parts; {_SMALL}")
    return tuple(statements), tuple(broken)


def _pieces(lines: tuple[str, ...], first: int, last: int) -> Iterator[list[Statement] | Broken]:
    """A piece; where it is broken, what can be saved: it is cut again before every line that is not indented."""
    piece = _parse(_text(lines, first, last), first)
    starts = [first] + [number for number in range(first + 1, last) if _UNINDENTED.match(lines[number])]
    if not isinstance(piece, Broken) or len(starts) == 1:
        yield piece
        return
    ends = [*starts[1:], last]
    room = _MOST_READ_AGAIN
    at = 0
    while at < len(starts):
        end, text = at, _text(lines, starts[at], ends[at])
        longer = part = _parse(text, starts[at])
        while isinstance(longer, Broken) and end + 1 < len(ends) and room > 0 and is_unfinished(text):
            end, text = end + 1, _text(lines, starts[at], ends[end + 1])
            room -= len(text)
            longer = _parse(text, starts[at])
        if isinstance(longer, Broken):
            yield part
            at += 1
        else:
            yield longer
            at = end + 1


def _text(lines: tuple[str, ...], first: int, last: int) -> str:
    return "\n".join(lines[first:last]) + "\n"


def _spans(starts: list[int], end: int) -> list[tuple[int, int]]:
    return list(zip(starts, [*starts[1:], end], strict=True))


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
        nodes = walk(module)
        if len(nodes) > MAX_NODES:
            raise ValueError(f"it has more than {MAX_NODES:,} parts; {_SMALL}")
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
                line = first + node.lineno
                raise ValueError(f"a whole number of more than {MAX_BITS:,} bits")
        if first:
            _move(nodes, first)
        return [statement_of(node) for node in opened(module.body)]
    except SyntaxError as error:
        problem, line = _DETECTED.sub("", f"{error.msg}"), first + (error.lineno or 1)
    except (RecursionError, MemoryError, SystemError):
        problem = _TOO_DEEP
    except ValueError as error:
        problem = str(error)
    span = range(first, first + text.count("\n") + (not text.endswith("\n")))
    return Broken(line, problem, frozenset(_DEFINES.findall(text)), frozenset(_ASSIGNS.findall(text)), span)


def _move(nodes: Iterable[Any], lines: int) -> None:
    """What ast.increment_lineno does, for nodes that are found already."""
    for node in nodes:
        if "lineno" in node._attributes:
            node.lineno += lines
            node.end_lineno += lines
