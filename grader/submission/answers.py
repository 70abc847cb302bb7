"""One submission -> one Answer for each callable the lesson asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from grader.lesson import Exercise, Lesson, Step
from grader.lesson.model import GRADIENT_PREFIX
from grader.names import near
from grader.submission.find import Submission
from grader.submission.program import Broken, Program, Statement, Unreadable, read_program
from grader.submission.slicing import function_of, names_read, parameters_of, slice_of
from grader.submission.vocabulary import Vocabulary, first_breach, kit_vocabulary
from grader.syntax import walk

Status = Literal["ready", "missing", "forbidden", "error"]
_MARKER = re.compile(r"#\s*(\w+)\.(\w+)\b")


@dataclass(frozen=True)
class Answer:
    """What the student gives for one callable of one exercise. `source` is set when it is ready to run."""

    exercise: str
    name: str
    status: Status
    message: str = ""
    file: str = ""
    line: int | None = None
    source: str = ""
    parameters: tuple[str, ...] = ()  # as its text has them, for callables that hide theirs (`*args`)
    mentioned: frozenset[str] = frozenset()  # the names in its code


@dataclass(frozen=True)
class Answers:
    """All answers of a submission by (exercise, callable), and remarks on the files."""

    by_name: dict[tuple[str, str], Answer]
    notes: tuple[str, ...]


@dataclass
class _Reading:
    """The files of one submission, as they are being read."""

    lesson: Lesson
    vocabulary: Vocabulary
    found: dict[tuple[str, str], Answer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_answers(submission: Submission, lesson: Lesson) -> Answers:
    """Reads every file of the submission. Never raises for what a student wrote."""
    reading = _Reading(lesson, kit_vocabulary().extended(lesson.vocabulary), notes=list(submission.notes))
    for exercise in lesson.exercises:
        if exercise.name in submission.files:
            _read_file(reading, submission, exercise, (exercise,))
    if submission.lone_file:
        _read_file(reading, submission, None, lesson.exercises)
    for exercise in lesson.exercises:
        for name in callables(exercise):
            if (exercise.name, name) not in reading.found:
                message = f"there is no {exercise.file}" if not submission.lone_file else f"{name} is not defined"
                reading.found[exercise.name, name] = Answer(exercise.name, name, "missing", message)
    return Answers(reading.found, tuple(reading.notes))


def callables(exercise: Exercise) -> tuple[str, ...]:
    """What the exercise's file has to define."""
    if exercise.function:
        return (exercise.function,)
    return tuple(step.name for step in exercise.gradient_steps)


def callable_of(exercise: Exercise, step: Step) -> str:
    """The callable that answers `step`."""
    return exercise.function or step.name


def _read_file(
    reading: _Reading, submission: Submission, named: Exercise | None, exercises: tuple[Exercise, ...]
) -> None:
    path = submission.files[named.name] if named else submission.lone_file
    assert path is not None
    try:
        program = read_program(path)
    except Unreadable as problem:
        for exercise in exercises:
            for name in callables(exercise):
                reading.found[exercise.name, name] = Answer(exercise.name, name, "error", str(problem), path.name)
        return
    for piece in program.broken:
        reading.notes.append(
            f"{path.name}:{piece.line} is not Python ({piece.problem}); "
            "what stands in the other functions was judged all the same"
        )
    if named:
        _remark_on_strays(reading, program, named)
    for exercise in exercises:
        for name in callables(exercise):
            definitions = [
                d
                for d in _definitions(program, name)
                if named or _exercise_of(reading.lesson, program, name, d.node) == exercise.name
            ]
            answer = _answer(reading, program, exercise, name, definitions)
            if answer:
                reading.found[exercise.name, name] = answer


def _definitions(program: Program, name: str) -> list[Statement]:
    """The top-level statements that bind `name`, in order: a def, an assignment, an `if` around one."""
    return [statement for statement in program.binders.get(name, ()) if _defines(statement.node, name)]


def _defines(node: ast.stmt, name: str) -> bool:
    """Whether a statement that binds `name` makes it anew, and is no trial of it (`dprobs = dprobs(a, b)`)."""
    match node:
        case ast.AugAssign() | ast.AnnAssign(value=None) | ast.Expr():
            return False
        case ast.Assign(value=value):
            calls = [inner.func for inner in walk(value) if isinstance(inner, ast.Call)]
            return not any(isinstance(called, ast.Name) and called.id == name for called in calls)
    return True


def _answer(
    reading: _Reading, program: Program, exercise: Exercise, name: str, definitions: list[Statement]
) -> Answer | None:
    """The last definition that is no untouched stub, judged by its text alone."""
    filled = [definition for definition in definitions if not is_stub(definition.node)]
    if not filled:
        broken = next((piece for piece in program.broken if _may_define(piece, name, program)), None)
        if broken:
            problem = f"line {broken.line} is not Python: {broken.problem}"
            return Answer(exercise.name, name, "error", problem, program.file, broken.line)
        if definitions:
            message = "not filled in yet"
            return Answer(exercise.name, name, "missing", message, program.file, definitions[-1].node.lineno)
        close = [other for other in near(name, _top_level_names(program)) if other not in callables(exercise)]
        message = f"{program.file} does not define {name}" + (f"; it does define {close[0]}" if close else "")
        return Answer(exercise.name, name, "missing", message, program.file)
    definition = filled[-1]
    line = definition.node.lineno
    try:
        part = slice_of(program, definition, name)
        breach = first_breach(part.statements, reading.vocabulary, name)
    except RecursionError:
        return Answer(exercise.name, name, "error", "its code is nested too deeply", program.file, line)
    if breach:
        return Answer(exercise.name, name, "forbidden", breach.message(), program.file, breach.line)
    return Answer(
        exercise.name,
        name,
        "ready",
        "",
        program.file,
        line,
        part.text,
        parameters_of(function_of(program, definition.node, name)),
        _names(part.statements),
    )


def _names(statements: Iterable[ast.stmt]) -> frozenset[str]:
    return frozenset(node.id for node in walk(*statements) if isinstance(node, ast.Name))


def _may_define(piece: Broken, name: str, program: Program) -> bool:
    """Whether the unparsable piece holds the answer: it mentions it, or is the whole file."""
    return name in piece.names or (not program.statements and len(program.broken) == 1)


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
    """In one namespace: which exercise a definition is for (a marker, else what it does not read, else the first)."""
    candidates = [exercise for exercise in lesson.exercises if name in callables(exercise)]
    marked = _marker(program, definition, name)
    if marked and any(exercise.name == marked for exercise in candidates):
        return marked
    reads = names_read(function_of(program, definition, name))
    gradients = {word for word in reads if word[:1] == GRADIENT_PREFIX and word[1:] in lesson.graph.tensors}
    for exercise in candidates:
        refused = gradients if "*" in exercise.unless_reads else reads & set(exercise.unless_reads)
        if exercise.unless_reads and not refused:
            return exercise.name
    open_to_all = [exercise.name for exercise in candidates if not exercise.unless_reads]
    return (open_to_all or [candidates[0].name])[0]


def _marker(program: Program, definition: ast.stmt, name: str) -> str:
    """The exercise named by a comment `# exercise.step` above the definition or in its first line."""
    first = min([definition.lineno, *(d.lineno for d in getattr(definition, "decorator_list", ()))])
    for number in (first - 2, definition.lineno - 1, definition.lineno):
        if 0 <= number < len(program.lines):
            found = _MARKER.search(program.lines[number])
            if found and found.group(2) == name:
                return found.group(1)
    return ""


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
