"""A student's program, run statement by statement in one namespace.

What raises or turns in a loop for too long is skipped, as in a notebook, and remembered with its reason: a call
that later misses a name learns which line should have made it.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any

from grader.names import one_of
from grader.runner import involved, language
from grader.runner.language import (
    Facade,
    Facts,
    Overrun,
    Refusal,
    budget,
    forgiven_refusals,
    own_facade,
    remember,
    taken_refusals,
    turns_used,
)
from grader.wire.messages import Forbidden
from grader.wire.statements import bound_names, opened

MOST_TURNS = 4_000  # iterations and calls of one statement of the top level; honest set-up stays far below
_MOST_TURNS_IN_ALL = 40_000
_MOST_REASON = 300
_MOST_OWN_FILES = 32
Position = tuple[int, int]  # a line and a column, as ast counts them


@dataclass(frozen=True)
class CompiledStatement:
    """One statement of the top level, ready to run, and the names that it binds."""

    position: Position
    code: CodeType | None  # None where it cannot be compiled
    names: tuple[str, ...]
    problem: str = ""  # of the compiler


@dataclass(frozen=True)
class Skipped:
    """Why a statement made nothing."""

    line: int
    reason: str
    is_memory: bool = False
    name: str = ""  # that was not found
    error: str = ""  # with the shapes of its tensors
    refused: tuple[Forbidden, ...] = ()

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.refused else f"line {self.line} raised {self.reason}"


@dataclass
class Namespace:
    """The names of one program after its statements have run."""

    file: str
    text: str
    names: dict[str, Any] = field(default_factory=dict)
    bound: dict[Position, dict[str, Any]] = field(default_factory=dict)  # what each statement left under its names
    skipped: dict[Position, Skipped] = field(default_factory=dict)
    problem: Skipped | None = None  # where the text as a whole is no Python
    missed: dict[str, Skipped] = field(default_factory=dict)  # by the names that a skipped statement would have bound

    def note(self, names: Iterable[str], skipped: Skipped | None) -> None:
        """Keeps who should have made these names."""
        for name in names:
            if skipped is None:
                self.missed.pop(name, None)
            else:
                self.missed.setdefault(name, skipped)

    def skipped_maker(self, name: str) -> Skipped | None:
        """The skipped statement that would have bound a name, or `from ... import *`, which may have."""
        return self.missed.get(name) or self.missed.get("*")


def refusals() -> tuple[Forbidden, ...]:
    """What the language refused since this was last asked, also where the program swallowed it."""
    return _forbidden(taken_refusals())


def _forbidden(refused: Iterable[Facts]) -> tuple[Forbidden, ...]:
    return tuple(Forbidden(facts.line, facts.message()) for facts in refused)


@dataclass
class Turns:
    """Runs statements of the top level, whose turns are counted; those of a step that is called are not."""

    in_all: int = _MOST_TURNS_IN_ALL
    depth: int = 0  # own files that are being imported: their turns are the importing statement's

    def run(self, code: CodeType, space: Namespace, line: int, *, in_full: bool = False) -> Skipped | None:
        """Runs one statement; why it made nothing, where it was skipped; with shapes, if that is wanted in full."""
        allowed = min(MOST_TURNS, self.in_all)
        refusals()
        if not self.depth:
            budget(allowed)
        self.depth += 1
        skipped = None
        try:
            exec(code, space.names)
        except Overrun:
            skipped = Skipped(line, f"Overrun: it takes more than {allowed:,} iterations and calls")
        except Refusal:
            skipped = Skipped(line, "")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            skipped = _raised(error, space, line, in_full)
        finally:
            self.depth -= 1
            if not self.depth:
                self.in_all -= min(turns_used(), allowed)
                budget(None)
        forgiven = forgiven_refusals()
        refused = refusals() or (_forbidden(forgiven) if skipped else ())
        if refused:
            return Skipped(refused[0].line or line, refused[0].message, refused=refused)
        return skipped


def _raised(error: BaseException, space: Namespace, line: int, in_full: bool) -> Skipped:
    where = line_of(error, space.file) or line
    name = error.name if type(error) is NameError and isinstance(error.name, str) else ""
    missed = space.skipped_maker(name) if name else None
    more = str(missed or "") or (involved.shapes(error, space.file, space.text) if in_full else "")
    reason = reason_of(error)
    refused = missed.refused if missed else ()
    told = f"{reason}; {more}" if more else reason + (one_of(involved.near_names(error, space.file)) if in_full else "")
    return Skipped(where, reason, isinstance(error, MemoryError), name, told, refused)


def empty_namespace(file: str, text: str, own_files: Mapping[str, str], turns: Turns) -> Namespace:
    """The namespace of a program before its first statement."""
    return _Run(own_files, turns).empty(file, text)


def run(file: str, text: str, own_files: Mapping[str, str]) -> Namespace:
    """Runs a program. Raises nothing that its statements raise, but for what ends the process."""
    return _Run(own_files).program(file, text, is_main=True)


@dataclass
class _Run(Mapping[str, Facade]):
    """One program and the own files that it imports, each of which runs once, when it is first imported."""

    own_files: Mapping[str, str]
    turns: Turns = field(default_factory=Turns)
    imported: dict[str, Facade] = field(default_factory=dict)

    def empty(self, file: str, text: str) -> Namespace:
        remember(file, text)
        return Namespace(file, text, language.namespace(own=self))

    def program(self, file: str, text: str, *, is_main: bool) -> Namespace:
        space = self.empty(file, text)
        self.fill(space, is_main=is_main)
        return space

    def fill(self, space: Namespace, *, is_main: bool) -> None:
        """Runs the statements of a namespace's text in it."""
        try:
            statements = compiled(space.file, space.text, is_main)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            space.problem = Skipped(getattr(error, "lineno", None) or 1, reason_of(error))
            return
        for statement in statements:
            self.statement(statement, space)

    def statement(self, statement: CompiledStatement, space: Namespace) -> None:
        """Runs one statement; what it raises is noted."""
        line = statement.position[0]
        skipped = self.turns.run(statement.code, space, line) if statement.code else Skipped(line, statement.problem)
        if skipped is None:
            bound = {name: space.names[name] for name in statement.names if name in space.names}
            space.bound[statement.position] = bound
            space.note(bound, None)
            return
        space.skipped[statement.position] = skipped
        space.note(statement.names, skipped)

    def __getitem__(self, name: str) -> Facade:
        """An own file as a module; one that imports itself sees what is there so far."""
        if name not in self.imported:
            text = self.own_files[name]
            if len(self.imported) >= _MOST_OWN_FILES:
                raise ImportError(f"more than {_MOST_OWN_FILES} own files")
            space = self.empty(f"{name}.py", text)
            self.imported[name] = own_facade(name, space.names)
            self.fill(space, is_main=False)
        return self.imported[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own_files)

    def __len__(self) -> int:
        return len(self.own_files)


def reason_of(error: BaseException) -> str:
    """An exception in a few words; a student's own may have a broken __str__."""
    try:
        words = str(error)
    except BaseException:
        words = "(its message cannot be shown)"
    return f"{type(error).__name__}: {words}"[:_MOST_REASON].removesuffix(": ")


def line_of(error: BaseException, file: str) -> int | None:
    """The innermost line of the student's file on the way to the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


@lru_cache(maxsize=8)
def compiled(file: str, text: str, is_main: bool) -> tuple[CompiledStatement, ...]:
    """The statements of a text, each by itself. Raises what ast.parse raises."""
    return tuple(compiled_statement(node, file) for node in opened(ast.parse(text, file).body, is_main=is_main))


def compiled_statement(node: ast.stmt, file: str, *, forgiving: bool = False) -> CompiledStatement:
    """One statement, by itself; its syntax tree is used up."""
    position, names = (node.lineno, node.col_offset), tuple(bound_names(node))
    try:
        code = language.compiled(node, file, forgiving=forgiving)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return CompiledStatement(position, None, names, reason_of(error))
    return CompiledStatement(position, code, names)
