"""The flat form of a program -> the text of one function for each gradient it works out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.exercise import exercise_for
from grader.submission.flat.attempts import Attempt, attempts_in, chosen
from grader.submission.flat.backslice import Backslice, Need, Slicer
from grader.submission.flat.function import function_text
from grader.submission.flat.renames import Renames, affixes_of, renames_of, shown
from grader.submission.flat.sections import Section, sections_of
from grader.submission.program import Program
from grader.submission.statement import Statement

_TWICE = 2


@dataclass(frozen=True)
class FlatAnswer:
    """What a program works out for one callable of an exercise, as the text of a function.

    absent: for a callable of several results, what is missing, and why.
    """

    exercise: str
    name: str
    source: str
    line: int  # of the program, where the gradient is made
    absent: Mapping[str, Absent] = field(default_factory=dict)


@dataclass(frozen=True)
class Absent:
    """One result that a loop does not make, or makes from what it should not see."""

    status: str  # "missing" or "error"
    message: str
    line: int | None = None


@dataclass(frozen=True)
class FlatAnswers:
    """All that a program works out, and which names were taken for which."""

    by_name: dict[tuple[str, str], FlatAnswer]
    renamed: str


def read_flat(program: Program, lesson: Lesson, named: Exercise | None = None) -> FlatAnswers:
    """Finds the gradients that are variables. In the file of one exercise all of them are for that one."""
    nodes = [statement.node for statement in program.statements]
    affixes = affixes_of((name for statement in program.statements for name in _bound(statement)), lesson)
    known = {before + tensor + after for tensor in lesson.graph.tensors for before, after in affixes}
    sections = sections_of(nodes, known.__contains__, {*lesson.graph.tensors, *lesson.sizes})
    renames = renames_of([line for section in sections for line in section.lines[section.start :]], lesson, affixes)
    reader = _Reader(program, lesson, renames, named)
    found: dict[tuple[str, str], FlatAnswer] = {}
    for section in sections:
        for answer in reader.loop(section) if section.is_loop else reader.chain(section):
            before = found.get((answer.exercise, answer.name))
            if before is None or len(answer.absent) <= len(before.absent):  # of several loops the fullest, the last
                found[answer.exercise, answer.name] = answer
    return FlatAnswers(found, shown(reader.renamed))


@dataclass
class _Reader:
    program: Program
    lesson: Lesson
    renames: Renames
    named: Exercise | None
    renamed: dict[str, str] = field(default_factory=dict)

    def chain(self, section: Section) -> list[FlatAnswer]:
        """The gradients that stand one after the other, each for the exercise it is for."""
        slicer = Slicer(section, self.renames, self.program.cell_start, self.program.effort, cuts=True)
        by_step: dict[tuple[str, str], list[tuple[Attempt, Backslice]]] = {}
        for attempt in attempts_in(section, self.program, self.renames):
            part = slicer.slice([Need(attempt.variable, attempt.last + 1)])
            exercise = self._exercise(section, attempt, part)
            if exercise:
                by_step.setdefault((exercise.name, GRADIENT_PREFIX + attempt.tensor), []).append((attempt, part))
        found = [self._answer(section, exercise, name, tries) for (exercise, name), tries in by_step.items()]
        return found + self._with_gradients_of_their_own(section, slicer, by_step)

    def _with_gradients_of_their_own(
        self, section: Section, slicer: Slicer, by_step: Mapping[tuple[str, str], Sequence[tuple[Attempt, Backslice]]]
    ) -> list[FlatAnswer]:
        """Answers in one expression that go by way of gradients which their cell makes anew.

        The chain has been there before: its second attempt starts from a gradient of the chain, and reads
        none of those that the exercise rules out but what it made itself.
        """
        found: list[FlatAnswer] = []
        for exercise in self.lesson.exercises:
            for step in exercise.gradient_steps if exercise.unless_reads and not exercise.function else ():
                tries = [part for (_, name), parts in by_step.items() if name == step.name for part in parts]
                if "*" in exercise.unless_reads or (exercise.name, step.name) in by_step or len(tries) < _TWICE:
                    continue
                attempt = tries[-1][0]
                part = slicer.slice([Need(attempt.variable, attempt.last + 1)], self._cell(section, attempt))
                own = part.gradients - set(self.lesson.graph.tensors) - set(self.lesson.sizes)
                if own and not own & set(exercise.unless_reads):
                    found.append(self._answer(section, exercise.name, step.name, [(attempt, part)]))
        return found

    def _cell(self, section: Section, attempt: Attempt) -> range:
        """The places of the statements of the attempt's own cell, up to it."""
        first = self.program.cell_start(section.lines[attempt.first].node.lineno)
        start = next(place for place, line in enumerate(section.lines) if line.node.lineno >= first)
        return range(start, attempt.last + 1)

    def loop(self, section: Section) -> list[FlatAnswer]:
        """The gradients that a training loop works out: one answer for the exercise that trains."""
        exercise = next((e for e in self.lesson.exercises if e.function and self.named in (None, e)), None)
        if exercise is None or exercise.function is None:
            return []
        slicer = Slicer(section, self.renames, self.program.cell_start, self.program.effort, cuts=False)
        attempts = attempts_in(section, self.program, self.renames)
        roots: dict[str, Need] = {}
        absent: dict[str, Absent] = {}
        lines: list[int] = []
        for step in exercise.gradient_steps:
            of_step = [attempt for attempt in attempts if attempt.tensor == step.tensor]
            if not of_step:
                absent[step.name] = Absent("missing", f"the training loop does not make {step.name}")
                continue
            attempt = chosen(of_step)
            need = Need(attempt.variable, attempt.last + 1)
            line = section.lines[attempt.first].node.lineno
            stale = slicer.slice([need]).stale
            if stale:
                absent[step.name] = Absent("error", _stale(step.name, stale), line)
            else:
                roots[step.name] = need
                lines.append(line)
        if not roots:
            return []
        part = slicer.slice(roots.values())
        results = [roots[s.name].variable if s.name in roots else None for s in exercise.gradient_steps]
        source = self._source(section, exercise.function, part, results)
        return [FlatAnswer(exercise.name, exercise.function, source, min(lines), absent)]

    def _answer(
        self, section: Section, exercise: str, name: str, tries: Sequence[tuple[Attempt, Backslice]]
    ) -> FlatAnswer:
        attempt = chosen([attempt for attempt, _ in tries])
        part = next(part for other, part in tries if other is attempt)
        source = self._source(section, name, part, [attempt.variable])
        return FlatAnswer(exercise, name, source, section.lines[attempt.first].node.lineno)

    def _source(self, section: Section, name: str, part: Backslice, results: Sequence[str | None]) -> str:
        nodes: list[ast.stmt] = [section.lines[place].node for place in part.places]
        self.renamed |= self.renames.used(part.given)
        self.renamed |= self.renames.used([result for result in results if result])
        return function_text(self.program, name, nodes, part.given, part.unknown, results)

    def _exercise(self, section: Section, attempt: Attempt, part: Backslice) -> Exercise | None:
        """Which exercise an attempt is for; None where none asks for it."""
        name = GRADIENT_PREFIX + attempt.tensor
        candidates = [
            exercise
            for exercise in self.lesson.exercises
            if not exercise.function and any(step.name == name for step in exercise.gradient_steps)
        ]
        if self.named is not None:
            return self.named if self.named in candidates else None
        if not candidates:
            return None
        marked = self.program.marker(section.lines[attempt.first].node, name)
        return exercise_for(candidates, marked, part.gradients, self.lesson)


def _bound(statement: Statement) -> Iterator[str]:
    """All names that are bound in a statement, whatever the scope."""
    return (node.id for node in statement.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _stale(name: str, stale: Sequence[str]) -> str:
    words = ", ".join(stale)
    return (
        f"{name} is made from {words}, which this loop does not make: what another exercise left under that name "
        "is of other numbers"
    )
