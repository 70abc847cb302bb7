"""A notebook as text: its code cells one below the other, with what is no Python taken out.

Of the JSON only the cells' sources are read: outputs, widgets and attachments may be of any size and form,
and are passed over. Where the file breaks off, the cells that are whole are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.submission.bounds import MAX_CELL_BYTES, MAX_CELLS, MAX_NOTEBOOK_VALUES
from grader.submission.content import Unreadable, notebook_bytes
from grader.submission.syntax import is_python
from grader.wording import counted

_METADATA = "grader"  # of a cell: {"grader": {"step": "ex2_cross_entropy.dlogits"}}
# Cell magics whose cells hold Python that is run as it stands.
_PYTHON_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun", "python", "python3", "memit", "mprun", "lprun", "scalene"}
)
# Every pattern here takes each character once: no part can give back what another one takes.
_MAGIC = re.compile(r"(\s*+)([%!?]|\w[\w.]*+\?++\s*$)")
_TIMED = re.compile(r"(\s*+)%time\s++(?=\S)")
_TARGETS = re.compile(r"[\w.,\s\[\]]+")
# Of JSON: a text, a bracket, or the quote of a text that never ends.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}"]', re.DOTALL)
_SCALAR = re.compile(rb"[\w.+-]++")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_LONGEST_KEY = 64  # bytes of a key that is looked at


@dataclass(frozen=True)
class Cell:
    """Where a code cell stands in the text: lines `first` to `first + lines - 1`, counted from 1."""

    number: int  # among all cells of the notebook, from 1
    first: int
    lines: int
    step: str = ""  # of the lesson, as the cell's metadata says: "ex2_cross_entropy.dlogits"


@dataclass(frozen=True)
class Notebook:
    """The code of a notebook, and remarks on what could not be read."""

    text: str
    cells: tuple[Cell, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawCell:
    """A cell as the file has it."""

    number: int
    source: str
    is_code: bool
    step: str = ""


def read_notebook(name: str, data: bytes) -> Notebook:
    """The code of the notebook in `data`. Raises Unreadable."""
    cells, remarks = cells_of(name, data)
    code = [cell for cell in cells if cell.is_code]
    if not any(cell.source.strip() for cell in code):
        what = "its code cells are empty" if code else "it has no code cells"
        raise Unreadable(f"{name} has no code ({what}): save your work and hand it in again", is_empty=True)
    return _joined(code, remarks)


def cells_of(name: str, data: bytes) -> tuple[list[RawCell], list[str]]:
    """All cells of code and prose, and remarks on the file. Raises Unreadable."""
    data = notebook_bytes(name, data)
    reading = _Reading(name, _Json(data))
    remarks: list[str] = []
    try:
        reading.read()
    except _Torn as problem:
        line = data.count(b"\n", 0, problem.place) + 1
        told = f"{name} is not whole (it breaks off at line {line})"
        if not reading.cells:
            raise Unreadable(f"{told}: save it again in Jupyter and hand it in anew") from None
        read = counted(reading.count, "cell")
        remarks.append(f"{told}: only {read} before that line could be read; save it again in Jupyter")
    language = reading.language
    if language and not language.lower().startswith(("python", "ipython")):
        raise Unreadable(f"{name} is a notebook whose language is {language[:40]}: the exercise is in Python")
    if not reading.has_cells:
        raise Unreadable(f"{name} is JSON, but not a notebook: hand in the .ipynb file that Jupyter or Colab saves")
    return reading.cells, [*remarks, *reading.remarks]


def _joined(found: Iterable[RawCell], remarks: Iterable[str]) -> Notebook:
    lines: list[str] = []
    cells: list[Cell] = []
    for cell in found:
        own = python_of(cell.source).split("\n")
        cells.append(Cell(cell.number, len(lines) + 1, len(own), cell.step))
        lines += [*own, ""]
    return Notebook("\n".join(lines), tuple(cells), tuple(remarks))


# The JSON of a notebook, of which the wanted parts are taken and the others passed over


class _Torn(Exception):
    """The JSON breaks off, or is none from some place on."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place


class _TooMany(Exception):
    """More values than a notebook has."""


class _Json:
    """JSON as places in bytes. Goes through each value without keeping it, so it takes no memory of its own."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = 3 * MAX_NOTEBOOK_VALUES  # what is asked for is gone through as list, as cell and as value

    def start(self) -> int:
        """The place of the outermost value."""
        return self._after_space(0)

    def members(self, place: int) -> Iterator[tuple[str, int]]:
        """The keys of an object, and the places of their values; nothing for what is no object."""
        if not self._at(place, b"{"):
            return
        place = self._after_space(place + 1)
        while not self._at(place, b"}"):
            end = self._end(place) if self._at(place, b'"') else self._torn(place)
            colon = self._after_space(end)
            value = self._after_space(colon + 1) if self._at(colon, b":") else self._torn(colon)
            yield self._text(place, end) if end - place < _LONGEST_KEY else "", value
            place = self._next(self._end(value), b"}")

    def elements(self, place: int) -> Iterator[int]:
        """The places of a list's elements; nothing for what is no list."""
        if not self._at(place, b"["):
            return
        place = self._after_space(place + 1)
        while not self._at(place, b"]"):
            yield place
            place = self._next(self._end(place), b"]")

    def picked(self, place: int | None, *keys: str) -> dict[str, int]:
        """The places of these members of an object."""
        return {key: value for key, value in self.members(place) if key in keys} if place is not None else {}

    def text(self, place: int | None) -> str:
        """A text, or a list of texts as one; '' for other values and for what is larger than a cell may be."""
        if place is None:
            return ""
        end = self._end(place)
        if end - place > MAX_CELL_BYTES:
            return ""
        if self._at(place, b"["):
            return "".join(self._text(part, self._end(part)) for part in self.elements(place))
        return self._text(place, end)

    def is_large(self, place: int) -> bool:
        """Whether a value is larger than a cell's source may be."""
        return self._end(place) - place > MAX_CELL_BYTES

    def _text(self, place: int, end: int) -> str:
        if not self._at(place, b'"'):
            return ""
        try:
            text = json.loads(self._data[place:end].decode("utf-8", "replace"), strict=False)
        except ValueError:
            return ""
        return text if isinstance(text, str) else ""

    def _end(self, place: int) -> int:
        """The place behind a value. Raises _Torn where it has no end."""
        if self._data[place : place + 1] not in (b'"', b"[", b"{"):
            scalar = _SCALAR.match(self._data, place)
            return scalar.end() if scalar else self._torn(place)
        depth = 0
        for token in _TOKEN.finditer(self._data, place):
            self._left -= 1
            if self._left < 0:
                raise _TooMany
            sign = token.group()
            if sign in (b"[", b"{"):
                depth += 1
            elif sign in (b"]", b"}"):
                depth -= 1
            elif sign == b'"':
                break
            if depth <= 0:
                return token.end()
        return self._torn(len(self._data))

    def _next(self, end: int, closing: bytes) -> int:
        """The place of what follows a value: the next one's, or the closing bracket's."""
        place = self._after_space(end)
        if self._at(place, b","):
            return self._after_space(place + 1)
        return place if self._at(place, closing) else self._torn(place)

    def _after_space(self, place: int) -> int:
        space = _SPACE.match(self._data, place)
        return space.end() if space else place

    def _at(self, place: int, sign: bytes) -> bool:
        return self._data[place : place + 1] == sign

    def _torn(self, place: int) -> int:
        raise _Torn(place)


class _Reading:
    """The cells of one notebook, as far as they were read."""

    def __init__(self, name: str, source: _Json) -> None:
        self._name, self._json = name, source
        self.cells: list[RawCell] = []
        self.remarks: list[str] = []
        self.count = 0  # also of cells that are neither code nor prose
        self.has_cells = False
        self.language = ""

    def read(self) -> None:
        """nbformat 4 has `cells`, nbformat 3 `worksheets` of cells. Raises _Torn and Unreadable."""
        try:
            for key, place in self._json.members(self._json.start()):
                if key == "cells":
                    self._read_cells(place)
                elif key == "worksheets":
                    for sheet in self._json.elements(place):
                        for inner, cells in self._json.members(sheet):
                            if inner == "cells":
                                self._read_cells(cells)
                elif key == "metadata":
                    self.language = self._language(place)
        except _TooMany:
            raise Unreadable(
                f"{self._name} has more than {MAX_NOTEBOOK_VALUES:,} values: clear its outputs and save it again"
            ) from None

    def _language(self, metadata: int) -> str:
        groups = self._json.picked(metadata, "language_info", "kernelspec")
        named = self._json.picked(groups.get("language_info"), "name")
        kernel = self._json.picked(groups.get("kernelspec"), "language")
        return self._json.text(named.get("name")) or self._json.text(kernel.get("language"))

    def _read_cells(self, place: int) -> None:
        self.has_cells = True
        for cell in self._json.elements(place):
            if self.count == MAX_CELLS:
                raise Unreadable(f"{self._name} has more than {MAX_CELLS:,} cells: hand in a notebook of answers alone")
            read = self._cell(self.count + 1, cell)
            self.count += 1
            if read:
                self.cells.append(read)

    def _cell(self, number: int, place: int) -> RawCell | None:
        parts = self._json.picked(place, "cell_type", "source", "input", "metadata")
        kind = self._json.text(parts.get("cell_type"))
        if kind not in ("code", "markdown", "heading"):
            return None
        source = parts.get("source", parts.get("input"))
        if source is not None and kind == "code" and self._json.is_large(source):
            self.remarks.append(
                f"cell {number} of {self._name} is larger than {MAX_CELL_BYTES >> 20} MiB and was not read"
            )
        own = self._json.picked(parts.get("metadata"), _METADATA).get(_METADATA)
        step = self._json.text(self._json.picked(own, "step").get("step"))
        return RawCell(number, _plain(self._json.text(source)), kind == "code", step)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").replace("\f", "")


# What only IPython understands


def python_of(source: str) -> str:
    """The source of a cell with as many lines, and no line that only IPython understands."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].startswith("%%"):
        magic = re.match(r"%%(\w*)", lines[first])
        if not magic or magic.group(1) not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    if any(_MAGIC.match(line) or _assigned(line) for line in lines) and not is_python("\n".join(lines)):
        lines = [_line(line) for line in lines]
    return "\n".join(lines)


def _line(line: str) -> str:
    timed = _TIMED.match(line)
    if timed:
        return timed.group(1) + line[timed.end() :]
    magic = _MAGIC.match(line)
    if magic:
        return f"{magic.group(1)}pass"
    assigned = _assigned(line)
    return f"{assigned}= None" if assigned else line


def _assigned(line: str) -> str:
    """What stands before the sign in `files = !ls`, `took = %timeit -o f()`; '' for other lines."""
    targets, _, value = line.partition("=")
    return targets if value.lstrip()[:1] in ("%", "!") and _TARGETS.fullmatch(targets) else ""
