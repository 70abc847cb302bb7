"""One submission -> one Answer for each callable the lesson asks for."""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from grader.lesson import Exercise, Lesson, Step
from grader.names import near
from grader.submission.bounds import MAX_TOLD
from grader.submission.content import Unreadable
from grader.submission.exercise import exercise_for
from grader.submission.flatform import Absent, FlatProgram
from grader.submission.model import Submission
from grader.submission.program import Broken, Origin, Program, read_program
from grader.submission.reach import function_of, names_read, parameters_of, reached
from grader.submission.statement import Statement
from grader.wire.messages import Plan, Shift

_MOST_NAMED = 4
_TWICE = 2
_MODULES_OF_TENSORS = frozenset({"torch", "F", "np", "math"})
Status = Literal["ready", "missing", "error"]


@dataclass(frozen=True)
class Answer:
    """What the student gives for one callable of one exercise. `source` is set when it is ready to run.

    `source` is the text of the whole program; the callable is what the statement at `position` binds to `name`.
    """

    exercise: str
    name: str
    status: Status
    message: str = ""
    file: str = ""
    line: int | None = None
    source: str = ""
    parameters: tuple[str, ...] = ()  # as its text has them, for callables that hide theirs (`*args`)
    mentioned: frozenset[str] = frozenset()  # the names in its code
    origin: Origin = field(default_factory=Origin)  # of the lines that `line` and all messages count
    is_flat: bool = False  # made of statements that work on variables: what they change is the student's own
    absent: Mapping[str, Absent] = field(default_factory=dict)  # of several results those that are not there
    statements: tuple[Statement, ...] = field(default=(), compare=False, repr=False)  # of `source`, that it reaches
    position: tuple[int, int] | None = None
    own_files: Mapping[str, str] = field(default_factory=dict)  # that the program may import, by their names
    flat: FlatProgram | None = field(default=None, compare=False, repr=False)  # where gradients are variables,
    plan: Plan | None = field(default=None, compare=False, repr=False)  # what was decided of them,
    helpers: tuple[Statement, ...] = field(default=(), compare=False, repr=False)
    results: tuple[str, ...] = ()  # the variables that hold it
    place: int = -1  # and which of the plan's attempts this is; -1 for a training loop's results
    shift: Shift | None = None  # what its statements evaluate at shifted inputs

    @property
    def program(self) -> str:
        """The namespace it runs in: its own exercise's, of its own file."""
        return f"{self.exercise}.{self.name} {self.file}" if self.is_flat else f"{self.exercise} {self.file}"

    @cached_property
    def own_text(self) -> str:
        """Its own part of the source."""
        return "\n".join(statement.unparsed for statement in self.statements) or self.source


# The answer where no gradient counts: given whether the name is that of a gradient after all.
Otherwise = Callable[[bool], Answer]


@dataclass(frozen=True)
class Answers:
    """All answers of a submission by (exercise, callable), and remarks on the files."""

    by_name: dict[tuple[str, str], Answer]
    notes: tuple[str, ...]
    flat: tuple[FlatProgram, ...] = ()  # programs whose gradients may be variables: what they answer, a run shows
    otherwise: Mapping[tuple[str, str], Otherwise] = field(default_factory=dict)  # where a run shows none


@dataclass
class _Reading:
    """The files of one submission, as they are being read."""

    lesson: Lesson
    wanted: Collection[tuple[str, str]] | None = None
    names: Mapping[Path, str] = field(default_factory=dict)
    found: dict[tuple[str, str], Answer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # files that could not be read, which is said first
    twice: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # by the two files: what both answer
    programs: dict[Path, Program] = field(default_factory=dict)
    importable: dict[str, Path] = field(default_factory=dict)
    flat: list[FlatProgram] = field(default_factory=list)
    otherwise: dict[tuple[str, str], Otherwise] = field(default_factory=dict)

    def program(self, path: Path) -> Program:
        """A file, read once. Raises Unreadable."""
        if path not in self.programs:
            self.programs[path] = read_program(path, self.names[path])
        return self.programs[path]

    def own_files(self, program: Program) -> dict[str, str]:
        """The texts of the submission's own files that a program imports, directly or not."""
        found: dict[str, str] = {}
        waiting = [program]
        while waiting:
            for name in sorted(self.importable.keys() & waiting.pop().imports - found.keys()):
                with contextlib.suppress(Unreadable):
                    imported = self.program(self.importable[name])
                    if imported is not program:
                        found[name] = imported.text
                        waiting.append(imported)
        return found


def read_answers(submission: Submission, lesson: Lesson, wanted: Collection[tuple[str, str]] | None = None) -> Answers:
    """Reads every file of the submission. Never raises for what a student wrote.

    wanted: (exercise, callable) of the answers that are looked for; all others are `missing`. None for all.
    """
    reading = _Reading(lesson, wanted, submission.names(), notes=list(submission.notes))
    reading.importable |= {path.stem: path for path in submission.all_files() if path.suffix == ".py"}
    reading.importable |= submission.files
    for exercise in lesson.exercises:
        if exercise.name in submission.files:
            _read_file(reading, submission.files[exercise.name], exercise, (exercise,))
    for path in submission.lone_files:
        _read_file(reading, path, None, lesson.exercises)
    for exercise in lesson.exercises:
        for name in callables(exercise):
            if (exercise.name, name) not in reading.found:
                message = f"there is no {exercise.file}" if not submission.lone_files else f"{name} is not defined"
                reading.found[exercise.name, name] = Answer(exercise.name, name, "missing", message)
    told = [_told_twice(first, second, names) for (first, second), names in reading.twice.items()]
    notes = (*reading.unreadable, *reading.notes, *told)
    return Answers(reading.found, notes, tuple(reading.flat), reading.otherwise)


def callables(exercise: Exercise) -> tuple[str, ...]:
    """What the exercise's file has to define."""
    if exercise.function:
        return (exercise.function,)
    return tuple(step.name for step in exercise.gradient_steps)


def callable_of(exercise: Exercise, step: Step) -> str:
    """The callable that answers `step`."""
    return exercise.function or step.name


def _read_file(reading: _Reading, path: Path, named: Exercise | None, exercises: tuple[Exercise, ...]) -> None:
    try:
        program = reading.program(path)
    except Unreadable as problem:
        reading.unreadable.append(str(problem))
        for exercise in exercises:
            for name in callables(exercise):
                status: Status = "missing" if problem.is_empty else "error"
                _take(reading, Answer(exercise.name, name, status, str(problem), reading.names[path]))
        return
    reading.notes += program.remarks
    _remark_on_broken(reading, program)
    _read_program(reading, program, named, exercises)


def _remark_on_broken(reading: _Reading, program: Program) -> None:
    """What is not Python, place by place; of many places the first ones."""
    others = "cells" if program.cells else "functions"
    for piece in program.broken[:MAX_TOLD]:
        reading.notes.append(
            f"{_at(program, piece.line)} is not Python ({piece.problem}); "
            f"what stands in the other {others} was judged all the same"
        )
    left = len(program.broken) - MAX_TOLD
    if left > 0:
        reading.notes.append(f"{program.file} is not Python in {left} more place{'s' if left > 1 else ''}")


def _read_program(reading: _Reading, program: Program, named: Exercise | None, exercises: tuple[Exercise, ...]) -> None:
    if named:
        _remark_on_strays(reading, program, named)
    own_files = reading.own_files(program)
    key = f"{len(reading.flat)} {program.file}"
    flat = _Flat(FlatProgram(key, program, reading.lesson, named, exercises, own_files), reading)
    for exercise in exercises:
        for name in callables(exercise):
            if reading.wanted is not None and (exercise.name, name) not in reading.wanted:
                continue
            definitions = [
                d
                for d in _definitions(program, name)
                if named or _exercise_of(reading.lesson, program, name, d.node) == exercise.name
            ]
            _take(reading, _found(program, flat, exercise, name, definitions))
    if flat.is_asked and flat.of.gradients:
        reading.flat.append(flat.of)


def _found(program: Program, flat: _Flat, exercise: Exercise, name: str, definitions: list[Statement]) -> Answer:
    """The function of that name; where there is none, or an untouched one, what variables answer."""
    filled = [d for d in definitions if not is_stub(d.node)]
    if any(_is_surely_callable(d, name) or function_of(program, d.node, name) for d in filled):
        return _answer(program, flat, exercise, name, definitions)

    def otherwise(is_variable: bool) -> Answer:
        return _answer(program, flat, exercise, name, [] if is_variable and filled else definitions)

    plain = [d.node for d in filled if _binds_the_whole(d.node, name)]
    position = (plain[-1].lineno, plain[-1].col_offset) if plain else None
    return flat.answer(exercise, name, otherwise, position)


def _binds_the_whole(node: ast.stmt, name: str) -> bool:
    """`dprobs = ...`, and no part of what a call returns."""
    match node:
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Name) and target.id == name for target in targets)
        case ast.AnnAssign(target=ast.Name()):
            return True
    return False


def _take(reading: _Reading, answer: Answer) -> None:
    """Of two answers to one thing the one that is not missing counts; if both are filled, the first."""
    before = reading.found.get((answer.exercise, answer.name))
    if before is None or before.status == "missing" or (before.status == "error" and not before.line):
        reading.found[answer.exercise, answer.name] = answer
    elif answer.status != "missing":
        reading.twice.setdefault((before.file, answer.file), []).append(f"{answer.exercise}.{answer.name}")


def _told_twice(first: str, second: str, names: Sequence[str]) -> str:
    """What two files answer both, in one line."""
    shown = ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )
    return f"{first} and {second} both answer {shown}: what stands in {first} counts"


def _at(program: Program, line: int) -> str:
    """`ann.py:31`, `ann.ipynb, cell 5, line 3`."""
    return f"{program.file}, {program.place(line)}" if program.cells else f"{program.file}:{line}"


class _Flat:
    """The flat form of one program, as far as its text shows it."""

    def __init__(self, of: FlatProgram, reading: _Reading) -> None:
        self.of, self.own_files = of, of.own_files
        self.is_asked = False
        self._reading = reading

    def answer(self, exercise: Exercise, name: str, otherwise: Otherwise, position: tuple[int, int] | None) -> Answer:
        """What its variables seem to answer for one callable; only a run shows whether and how.

        position: of the last statement that may bind the name to a function instead.
        """
        self.is_asked = True
        tensors = [step.tensor for step in exercise.gradient_steps if exercise.function == name or step.name == name]
        lines = [self.of.gradients[tensor] for tensor in tensors if tensor in self.of.gradients]
        is_one = len(lines) >= (_TWICE if exercise.function else 1)
        if not is_one:
            return otherwise(False)
        self._reading.otherwise.setdefault((exercise.name, name), otherwise)
        program = self.of.program
        origin = Origin(program.cells)
        return Answer(
            exercise.name,
            name,
            "ready",
            "",
            program.file,
            min(lines),
            program.text,
            origin=origin,
            is_flat=True,
            position=position,
        )


def _definitions(program: Program, name: str) -> list[Statement]:
    """The top-level statements that bind `name` to what may be called, in order: a def, an assignment, an import."""
    return [
        statement
        for statement in program.binders.get(name, ())
        if is_stub(statement.node) or _is_surely_callable(statement, name) or _may_be_callable(statement, name)
    ]


def _is_surely_callable(statement: Statement, name: str) -> bool:
    """Whether it defines `name`, perhaps under an `if` or a `try`, or imports it, or takes it away again."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    if isinstance(statement.node, ast.Import | ast.ImportFrom | ast.Delete):
        return True
    return name in statement.stored and any(isinstance(n, kinds) and n.name == name for n in statement.nodes)


def _may_be_callable(statement: Statement, name: str) -> bool:
    """Whether it assigns what is not plainly a value; trying the function itself is `dprobs = dprobs(a, b)`."""
    called = {n.func.id for n in statement.nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    if name in called or name not in statement.stored:
        return False
    return any(_is_open(value) for node in statement.nodes for value in _values(node, name))


def _values(node: ast.AST, name: str) -> Iterator[ast.expr]:
    """What a node assigns to a name; of tuples the part that fits."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target, value:
                    case ast.Name(id=bound), _ if bound == name:
                        yield value
                    case (ast.Tuple(elts=names), ast.Tuple(elts=values)):
                        yield from (
                            v for n, v in zip(names, values, strict=False) if isinstance(n, ast.Name) and n.id == name
                        )
                    case ((ast.Tuple() | ast.List()), _):
                        yield value
        case ast.AnnAssign(value=ast.expr() as value):
            yield value


def _is_open(value: ast.expr) -> bool:
    """Whether an expression may be a function: it is no arithmetic, and no call of torch."""
    match value:
        case ast.Lambda() | ast.Name() | ast.Attribute() | ast.Subscript():
            return True
        case ast.IfExp(body=body, orelse=otherwise):
            return _is_open(body) or _is_open(otherwise)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module))):
            return module not in _MODULES_OF_TENSORS
        case ast.Call():
            return True
    return False


def _answer(program: Program, flat: _Flat, exercise: Exercise, name: str, definitions: list[Statement]) -> Answer:
    """The last definition that is no untouched stub, judged by its text alone."""
    origin = Origin(program.cells)
    filled = [definition for definition in definitions if not is_stub(definition.node)]
    outside = _return_outside(program, (filled or definitions)[-1]) if definitions else None
    if outside:
        problem = f"line {outside}: 'return' outside function; indent the lines that belong to {name}"
        return Answer(exercise.name, name, "error", problem, program.file, outside, origin=origin)
    if not filled:
        broken = next((piece for piece in program.broken if _may_define(piece, name, exercise, program)), None)
        if broken:
            problem = f"line {broken.line} is not Python: {broken.problem}"
            return Answer(exercise.name, name, "error", problem, program.file, broken.line, origin=origin)
        if definitions:
            message, line = "not filled in yet", definitions[-1].node.lineno
            return Answer(exercise.name, name, "missing", message, program.file, line, origin=origin)
        close = [other for other in near(name, _top_level_names(program)) if other not in callables(exercise)]
        kinds = "defines no function and no variable" if program.cells else "does not define"
        message = f"{program.file} {kinds} {name}" + (f"; it does define {close[0]}" if close else "")
        return Answer(exercise.name, name, "missing", message, program.file)
    definition = filled[-1]
    line = definition.node.lineno
    try:
        statements = reached(program, definition, name)
    except RecursionError:
        message = "its code is nested too deeply"
        return Answer(exercise.name, name, "error", message, program.file, line, origin=origin)
    return Answer(
        exercise.name,
        name,
        "ready",
        "",
        program.file,
        line,
        program.text,
        parameters_of(function_of(program, definition.node, name)),
        _names(statements),
        origin,
        statements=statements,
        position=(line, definition.node.col_offset),
        own_files=flat.own_files,
    )


def _return_outside(program: Program, definition: Statement) -> int | None:
    """The line of a `return` that stands below a function which has none, as if it were one of its lines."""
    if not definition.is_definition or any(isinstance(node, ast.Return) for node in definition.nodes):
        return None
    behind = program.statements[program.statements.index(definition) + 1 :]
    own = itertools.takewhile(lambda statement: not statement.is_definition, behind)
    return next((statement.node.lineno for statement in own if isinstance(statement.node, ast.Return)), None)


def _names(statements: Iterable[Statement]) -> frozenset[str]:
    return frozenset().union(*(statement.mentions for statement in statements))


def _may_define(piece: Broken, name: str, exercise: Exercise, program: Program) -> bool:
    """Whether the unparsable piece holds the answer: it mentions it, or all its results, or is the whole file."""
    results = {step.name for step in exercise.gradient_steps} if exercise.function == name else set()
    all_of_it = bool(results) and results <= piece.assigned
    return name in piece.names or all_of_it or (not program.statements and len(program.broken) == 1)


def is_stub(statement: ast.stmt) -> bool:
    """An untouched stub: nothing but a docstring, `pass`, `...` or the stub's raise; or `= None`."""
    match statement:
        case ast.FunctionDef(body=body):
            return all(_is_nothing(inner) for inner in body)
        case ast.Assign(value=ast.Constant(value=None)) | ast.AnnAssign(value=ast.Constant(value=None)):
            return True
        case ast.Assign(value=ast.Constant(value=value)) if value is ...:
            return True
    return False


def _is_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError")) | ast.Name(id="NotImplementedError")):
            return True
    return False


def _exercise_of(lesson: Lesson, program: Program, name: str, definition: ast.stmt) -> str:
    """In one namespace: which exercise a definition is for."""
    candidates = [exercise for exercise in lesson.exercises if name in callables(exercise)]
    reads = names_read(function_of(program, definition, name))
    return exercise_for(candidates, program.marker(definition, name), reads, lesson).name


def _top_level_names(program: Program) -> list[str]:
    return [name for name in program.binders if name != "*"]


def _remark_on_strays(reading: _Reading, program: Program, named: Exercise) -> None:
    """Answers that stand in the file of another exercise are not looked for there; say so."""
    own = set(callables(named))
    for exercise in reading.lesson.exercises:
        for name in callables(exercise):
            stray = exercise.name != named.name and name not in own
            if stray and any(not is_stub(definition.node) for definition in _definitions(program, name)):
                reading.notes.append(f"{program.file} defines {name}, which belongs into {exercise.file}")
