"""A student's program, run statement by statement in one namespace.

What raises or turns in a loop for too long is skipped, as in a notebook, and remembered with its reason: a call
that later misses a name learns which line should have made it.
"""

from __future__ import annotations

import ast
import copy
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, SimpleNamespace
from typing import Any

from grader.runner import involved, powers
from grader.wire.statements import bound_names, opened

MOST_TURNS = 2_000  # of all loops in one statement of the top level; honest set-up that a step needs stays far below
_MOST_TURNS_IN_ALL = 20_000
_MOST_REASON = 300
_MOST_OWN_FILES = 32
_TURN = "for"  # as a name; no text of a student's can be one of these
_FLAGS = 0x1000000  # `from __future__ import annotations`: annotations are never evaluated
Position = tuple[int, int]  # a line and a column, as ast counts them


class TurnsOver(BaseException):
    """A statement's loops have turned too often. No `except Exception` of a student's catches it."""


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

    def __str__(self) -> str:
        return f"line {self.line} raised {self.reason}"


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


@dataclass
class Turns:
    """Counts the turns of loops while the top level runs; never while a step is called."""

    left: int = 0
    in_all: int = _MOST_TURNS_IN_ALL
    is_counting: bool = False

    def begin(self) -> None:
        self.left = min(MOST_TURNS, self.in_all)
        self.in_all -= self.left
        self.is_counting = True

    def end(self) -> None:
        self.in_all += max(self.left, 0)
        self.is_counting = False

    def turn(self) -> None:
        if self.is_counting:
            self.left -= 1
            if self.left < 0:
                raise TurnsOver

    def run(self, code: CodeType, space: Namespace, line: int, *, in_full: bool = False) -> Skipped | None:
        """Runs one statement; why it made nothing, where it was skipped; with shapes, if that is wanted in full."""
        self.begin()
        try:
            exec(code, space.names)
        except TurnsOver:
            return Skipped(line, f"Overrun: its loops turn more than {MOST_TURNS:,} times")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            where = line_of(error, space.file) or line
            name = error.name if type(error) is NameError and isinstance(error.name, str) else ""
            missed = space.missed.get(name)
            more = str(missed or "") or (involved.shapes(error, space.file, space.text) if in_full else "")
            reason = reason_of(error)
            return Skipped(where, reason, isinstance(error, MemoryError), name, f"{reason}; {more}" if more else reason)
        finally:
            self.end()
        return None


def importer(space: Namespace, own_files: Mapping[str, str], turns: Turns) -> None:
    """Gives a namespace its `import`, and has the turns of its loops counted."""
    _Run(own_files, turns).prepare(space)


def run(file: str, text: str, own_files: Mapping[str, str]) -> Namespace:
    """Runs a program. Raises nothing that its statements raise, but for what ends the process."""
    return _Run(own_files).program(file, text, is_main=True)


@dataclass
class _Run:
    """One program and the own files that it imports, each of which runs once."""

    own_files: Mapping[str, str]
    turns: Turns = field(default_factory=Turns)
    imported: dict[str, SimpleNamespace] = field(default_factory=dict)

    def program(self, file: str, text: str, *, is_main: bool) -> Namespace:
        space = Namespace(file, text)
        space.names.update(powers.namespace())
        self.prepare(space)
        try:
            statements = compiled(file, text, is_main)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            space.problem = Skipped(getattr(error, "lineno", None) or 1, reason_of(error))
            return space
        for statement in statements:
            self.statement(statement, space)
        return space

    def prepare(self, space: Namespace) -> None:
        """What a namespace needs beside the builtins."""
        space.names["__builtins__"]["__import__"] = self._import
        space.names[_TURN] = self.turns.turn

    def statement(self, statement: CompiledStatement, space: Namespace) -> None:
        """Runs one statement; what it raises is noted."""
        line = statement.position[0]
        skipped = self.turns.run(statement.code, space, line) if statement.code else Skipped(line, statement.problem)
        if skipped is None:
            bound = {name: space.names[name] for name in statement.names if name in space.names}
            space.bound[statement.position] = bound
            for name in bound:
                space.missed.pop(name, None)
            return
        space.skipped[statement.position] = skipped
        for name in statement.names:
            space.missed.setdefault(name, skipped)

    def _import(
        self,
        name: str,
        names: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        wanted: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        """`import`, which finds the submission's own files first."""
        if level and not name:  # from . import helpers
            found = {own: self._own_file(own) for own in wanted if own in self.own_files}
            return SimpleNamespace(**found)
        if name in self.own_files:
            return self._own_file(name)
        return __import__(name, names, local, wanted, level)

    def _own_file(self, name: str) -> SimpleNamespace:
        if name not in self.imported:
            if len(self.imported) >= _MOST_OWN_FILES:
                raise ImportError(f"more than {_MOST_OWN_FILES} own files")
            module = self.imported[name] = SimpleNamespace()  # one that imports itself sees what is there so far
            turns = self.turns.left
            space = self.program(f"{name}.py", self.own_files[name], is_main=False)
            self.turns.left, self.turns.is_counting = turns, True
            module.__dict__.update(space.names)
            module.__dict__["__getattr__"] = None
        return self.imported[name]


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


def compiled_statement(node: ast.stmt, file: str) -> CompiledStatement:
    """One statement, by itself; a syntax tree is changed."""
    position, names = (node.lineno, node.col_offset), tuple(bound_names(node))
    try:
        guarded = powers.guard(_Turning().visit(copy.deepcopy(ast.Module([node], []))))
        code = compile(ast.fix_missing_locations(guarded), file, "exec", _FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return CompiledStatement(position, None, names, reason_of(error))
    return CompiledStatement(position, code, names)


class _Turning(ast.NodeTransformer):
    """Has every turn of a loop counted."""

    def _counted(self, node: Any) -> Any:
        self.generic_visit(node)
        call = ast.Call(ast.Name(_TURN, ast.Load()), [], [])
        node.body.insert(0, ast.copy_location(ast.Expr(call), node))
        return node

    visit_For = visit_While = visit_AsyncFor = _counted
