"""A notebook as text: its code cells one below the other, with what is no Python taken out.

Only JSON is read, and of that only the cells' sources: outputs, widgets and attachments
may be of any size and form. Where the file breaks off, the cells that are whole are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grader.submission.syntax import is_python
from grader.wording import counted

MAX_NOTEBOOK_BYTES = 128 << 20  # outputs and all
_METADATA = "grader"  # of a cell: {"grader": {"step": "ex2_cross_entropy.dlogits"}}
# Cell magics whose cells hold Python that is run as it stands.
_PYTHON_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun", "python", "python3", "memit", "mprun", "lprun", "scalene"}
)
_MAGIC = re.compile(r"^(\s*)([%!?]|\w[\w.]*\?+\s*$)")
_TIMED = re.compile(r"^(\s*)%time\s+(?=\S)")
_ASSIGNED = re.compile(r"^(\s*[\w.,\s\[\]]+=\s*)[%!].*$")


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


class NoNotebook(Exception):
    """The file is no notebook that can be read; the message is for the student."""


def read_notebook(name: str, text: str) -> Notebook:
    """The notebook in `text`. Raises NoNotebook."""
    cells, remarks = cells_of(name, text)
    code = [cell for cell in cells if cell.is_code]
    if not code and not remarks:
        remarks.append(f"{name} holds no code cells")
    return _joined(code, remarks)


def cells_of(name: str, text: str) -> tuple[list[RawCell], list[str]]:
    """All cells of code and prose, and remarks on the file. Raises NoNotebook."""
    remarks: list[str] = []
    try:
        raw = json.loads(text)
    except RecursionError:
        raise NoNotebook(f"{name} is nested too deeply for a notebook") from None
    except ValueError as problem:
        raw, told = _salvaged(text), f"{name} is not whole: {problem}"
        if raw is None:
            raise NoNotebook(f"{told}; download it again, or save it anew in Jupyter") from None
        read = len(raw["cells"])
        remarks.append(f"{told}; the {counted(read, 'cell')} before that place {'was' if read == 1 else 'were'} read")
    if not isinstance(raw, dict):
        raise NoNotebook(f"{name} is JSON, but not a notebook")
    language = _language(raw)
    if language and not language.lower().startswith(("python", "ipython")):
        raise NoNotebook(f"{name} is a notebook for {language[:40]}; the exercise is in Python")
    return list(_cells(raw)), remarks


def _joined(found: Iterable[RawCell], remarks: Iterable[str]) -> Notebook:
    lines: list[str] = []
    cells: list[Cell] = []
    for cell in found:
        own = python_of(cell.source).split("\n")
        cells.append(Cell(cell.number, len(lines) + 1, len(own), cell.step))
        lines += [*own, ""]
    return Notebook("\n".join(lines), tuple(cells), tuple(remarks))


def _language(raw: Mapping[str, Any]) -> str:
    metadata = raw.get("metadata")
    for group, key in (("language_info", "name"), ("kernelspec", "language")):
        inner = metadata.get(group) if isinstance(metadata, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get(key), str):
            return str(inner[key])
    return ""


def _cells(raw: Mapping[str, Any]) -> Iterator[RawCell]:
    """The cells of code and prose; nbformat 4 has `cells`, nbformat 3 `worksheets` of cells."""
    sheets = raw.get("worksheets")
    groups = [raw.get("cells")]
    if isinstance(sheets, list):
        groups += [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    every = [cell for group in groups if isinstance(group, list) for cell in group]
    for number, cell in enumerate(every, start=1):
        kind = cell.get("cell_type") if isinstance(cell, dict) else None
        if kind in ("code", "markdown", "heading"):
            yield RawCell(number, _source(cell), kind == "code", _step(cell))


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    text = source if isinstance(source, str) else ""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").replace("\f", "")


def _step(cell: Mapping[str, Any]) -> str:
    metadata = cell.get("metadata")
    own = metadata.get(_METADATA) if isinstance(metadata, dict) else None
    step = own.get("step") if isinstance(own, dict) else None
    return step if isinstance(step, str) else ""


def _salvaged(text: str) -> dict[str, Any] | None:
    """The whole cells of a notebook that breaks off; None where not even their list begins."""
    start = re.search(r'"cells"\s*:\s*\[', text)
    if not start:
        return None
    decoder, place = json.JSONDecoder(), start.end()
    cells: list[Any] = []
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        try:
            cell, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return {"cells": cells}
        cells.append(cell)


def python_of(source: str) -> str:
    """The source of a cell with as many lines, and no line that only IPython understands."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].startswith("%%"):
        magic = re.match(r"%%(\w*)", lines[first])
        if not magic or magic.group(1) not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    if any(_MAGIC.match(line) or _ASSIGNED.match(line) for line in lines) and not is_python("\n".join(lines)):
        lines = [_line(line) for line in lines]
    return "\n".join(lines)


def _line(line: str) -> str:
    timed = _TIMED.match(line)
    if timed:
        return timed.group(1) + line[timed.end() :]
    magic = _MAGIC.match(line)
    if magic:
        return f"{magic.group(1)}pass"
    assigned = _ASSIGNED.match(line)
    return f"{assigned.group(1)}None" if assigned else line
