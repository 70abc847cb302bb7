"""What was run in a notebook, as the text of one submission.

Its cells, in the order they were run, are one program. Definitions that newer ones have
replaced are left out, and so is what binds no name: checks, looks, prints, plots. The judge
then takes from it what an answer reaches, as from every file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.submission.content import Unreadable
from grader.submission.program import Program, parse_program
from grader.submission.statement import Statement

_CELL_MAGIC = re.compile(r"\s*%%(\w+).*")
_RUNS_ITS_CELL = frozenset({"time", "timeit", "capture", "prun"})  # magics whose cell is Python of this kernel


@dataclass(frozen=True)
class Cell:
    """One cell that was run: its number, as In[number] has it, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Place:
    """A line of a cell."""

    cell: int
    line: int


@dataclass(frozen=True)
class Written:
    """A program put together from cells, and where each of its lines stands."""

    text: str
    places: tuple[Place, ...]

    def place(self, line: int) -> Place | None:
        """Where line `line` of the text, counted from 1, was written."""
        return self.places[line - 1] if 0 < line <= len(self.places) else None


def as_python(text: str) -> str:
    """A cell as plain Python with the same line numbers, as far as magics allow; '' for a cell in another language."""
    magic = _CELL_MAGIC.match(text)
    if magic:
        if magic.group(1) not in _RUNS_ITS_CELL:
            return ""
        text = text[: magic.start(1)].replace("%%", "") + text[magic.end() :]
    if _is_python(text):
        return text
    from IPython.core.inputtransformer2 import TransformerManager  # present wherever there are magics

    blank = len(text) - len(text.lstrip("\n"))
    turned = "\n" * blank + TransformerManager().transform_cell(text.lstrip("\n"))
    return turned if _is_python(turned) else ""


def written_in(cells: Iterable[Cell]) -> Written:
    """The program in the cells, each given in the order it was run."""
    lines: list[str] = []
    places: list[Place] = []
    for cell, kept in reversed(_kept(cells)):
        text = cell.text.split("\n")
        for number in sorted(kept):
            lines.append(text[number - 1])
            places.append(Place(cell.number, number))
    return Written("\n".join(lines) + "\n", tuple(places))


def _kept(cells: Iterable[Cell]) -> list[tuple[Cell, set[int]]]:
    """The cells from the last to the first, each with the lines that still count."""
    replaced: set[str] = set()  # names that a later definition makes anew before anything uses the older one
    found: list[tuple[Cell, set[int]]] = []
    for cell in reversed(list(cells)):
        program = _program(cell.text)
        kept: set[int] = set()
        for statement in reversed(program.statements if program else ()):
            if statement.binds <= replaced:  # also where it binds nothing
                continue
            if _defines(statement):
                replaced |= statement.binds
            else:
                replaced -= statement.needs
            kept |= set(_span(statement))
        found.append((cell, kept))
    return found


def _defines(statement: Statement) -> bool:
    """Whether it makes its names anew from nothing that came before: `def`, `class`, `import`."""
    return statement.is_definition or isinstance(statement.node, ast.Import | ast.ImportFrom)


def _span(statement: Statement) -> range:
    """The lines of a statement, its decorators included."""
    node = statement.node
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _program(text: str) -> Program | None:
    try:
        program = parse_program("a cell", text)
    except Unreadable:
        return None
    return None if program.broken else program


def _is_python(text: str) -> bool:
    return _program(text) is not None


def numbered(texts: Sequence[str]) -> list[Cell]:
    """IPython's history, in which In[0] is nothing, as cells."""
    return [Cell(number, as_python(text)) for number, text in enumerate(texts) if number and text.strip()]
