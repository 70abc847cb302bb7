"""One source file as top-level statements. Parsing with `ast` under caps; nothing is run.

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
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 1 << 20
_PIECE = re.compile(r"^(?:def|class|async\s+def|@|if\s+__name__)\b|^@", re.MULTILINE)
_DEFINES = re.compile(r"^(?:def\s+|class\s+)?([A-Za-z_]\w*)\s*[(=:]", re.MULTILINE)


@dataclass(frozen=True)
class Broken:
    """A piece of a file that is not Python: lines, what the parser says, what it would have defined."""

    first_line: int
    last_line: int
    line: int
    problem: str
    names: frozenset[str]


@dataclass(frozen=True)
class Program:
    """The top-level statements of one file, in order, with the line numbers of that file."""

    file: str
    lines: tuple[str, ...]
    statements: tuple[ast.stmt, ...]
    broken: tuple[Broken, ...] = ()


class Unreadable(Exception):
    """The file cannot be read as text; the message is for the student."""


def read_program(path: Path) -> Program:
    """Reads a .py file. Raises Unreadable for what is no text at all."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"{path.name} is larger than {MAX_BYTES // 1024} KiB; a file of answers is small")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from None
    return parse_program(path.name, _decode(path.name, data))


def parse_program(file: str, text: str) -> Program:
    """The program in `text`; pieces that are not Python stand in `broken`."""
    lines = tuple(text.splitlines())
    whole = _parse(text, 0, len(lines))
    if not isinstance(whole, Broken):
        return Program(file, lines, tuple(whole))
    starts = _piece_starts(text)
    if len(starts) < 2:
        return Program(file, lines, (), (whole,))
    statements: list[ast.stmt] = []
    broken: list[Broken] = []
    for first, last in zip(starts, [*starts[1:], len(lines)], strict=True):
        piece = _parse("\n".join(lines[first:last]) + "\n", first, last)
        if isinstance(piece, Broken):
            broken.append(piece)
        else:
            statements += piece
    return Program(file, lines, tuple(statements), tuple(broken) or (whole,))


def _decode(name: str, data: bytes) -> str:
    if b"\0" in data:
        raise Unreadable(f"{name} is not a text file: it holds NUL bytes; save it as UTF-8 text")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise Unreadable(f"{name} is not UTF-8 text; save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")


def _piece_starts(text: str) -> list[int]:
    """Line indices at which pieces begin; decorators stay with what they decorate."""
    starts = [0]
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if index and _PIECE.match(line) and not lines[index - 1].startswith("@"):
            starts.append(index)
    return starts


def _parse(text: str, first: int, last: int) -> list[ast.stmt] | Broken:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are the student's style
            module = ast.parse(text)
    except SyntaxError as error:
        problem, line = f"{error.msg}", first + (error.lineno or 1)
    except (RecursionError, MemoryError):
        problem, line = "nested too deeply for Python's parser", first + 1
    except ValueError as error:
        problem, line = str(error), first + 1
    else:
        for node in module.body:
            ast.increment_lineno(node, first)
        return module.body
    return Broken(first + 1, last, line, problem, frozenset(_DEFINES.findall(text)))
