"""Tries the small edits of a wrong answer; keeps one only if it is the one nearest, and right in all cases."""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grader.judge.mend.edits import edits_of
from grader.judge.mend.sites import World
from grader.judge.mend.text import Edit, Source
from grader.judge.steps import Desk, judge_callable, right_in
from grader.judge.student import Student
from grader.lesson import Case, Exercise, Step
from grader.results.model import Mistake, StepResult
from grader.submission.answers import Answer
from grader.submission.syntax import parsed

SECONDS = 0.5  # of processor time a step, here; the student process takes about as much again
_MOST_SECONDS = 10.0  # of wall clock a step, on a machine that is busy with other things
MOST_TRIED = 1000  # edits of one answer
MOST_NODES = 3000  # parts of the syntax tree of an answer that is looked through
_MENDABLE = frozenset({"wrong", "error", "shape", "mutates", "hard-coded"})
_SYMPTOMS = frozenset({"missing-path", "zeros"})
_CAUSES = frozenset({"overwritten", "brackets"})
_CAUSES_OF_ERRORS = frozenset({"transposed", "no-tensor", "keepdim", "wrong-tensor", "wrong-axis", "in-place", "dtype"})
_MOST_LOST = 3  # processes that an edit may bring down before the search ends


@dataclass
class _Search:
    """The search for one answer. `right` holds, by step, the edits of the smallest cost that mend it."""

    desk: Desk
    student: Student
    exercise: Exercise
    steps: tuple[Step, ...]
    written: Answer
    wrong: frozenset[str]
    seconds: float  # of processor time
    deadline: float
    right: dict[str, list[Edit]] = field(default_factory=dict)

    def run(self, edits: Sequence[Edit]) -> None:
        """Tries the edits, nearest first, until no nearer one is left for any step."""
        case = self._first_wrong_case()
        lost, start = 0, time.process_time()
        for edit in edits[:MOST_TRIED]:
            open_steps = [step for step in self.steps if step.name in self.wrong and self._may_take(step, edit)]
            out_of_time = time.process_time() - start > self.seconds or time.monotonic() > self.deadline
            if not open_steps or out_of_time or lost > _MOST_LOST or case is None:
                break
            edited = _edited(self.written, edit)
            if edited is None:
                continue
            fits = right_in(self.desk, self.student, self.exercise, self.steps, edited, case, self._soon())
            if fits is None:
                lost += 1
                continue
            mends = [step for step, right in zip(self.steps, fits, strict=True) if right and step in open_steps]
            breaks = any(not right for step, right in zip(self.steps, fits, strict=True) if step.name not in self.wrong)
            if mends and not breaks:
                self._verify(edit, edited, mends)

    def _first_wrong_case(self) -> Case | None:
        """The first case in which the answer as it is does not pass: most edits fail there, too, and at once."""
        for case in self.desk.lesson.cases:
            fits = right_in(self.desk, self.student, self.exercise, self.steps, self.written, case, self.deadline)
            if fits is None:
                return None
            if not all(right for step, right in zip(self.steps, fits, strict=True) if step.name in self.wrong):
                return case
        return self.desk.lesson.public_case

    def _may_take(self, step: Step, edit: Edit) -> bool:
        found = self.right.get(step.name)
        return not found or edit.distance() <= found[0].distance()

    def _verify(self, edit: Edit, edited: Answer, mends: Sequence[Step]) -> None:
        """Judges the edited answer like any other: a mend passes in every case."""
        self.student.forget(edited)
        results = {
            result.step: result for result in judge_callable(self.desk, self.student, self.exercise, self.steps, edited)
        }
        spoilt = any(not result.passes for name, result in results.items() if name not in self.wrong)
        for step in mends:
            if results[step.name].passes and not spoilt:
                self.right.setdefault(step.name, []).append(edit)

    def _soon(self) -> float:
        return min(self.deadline, self.student.deadline(_MOST_SECONDS / 4))


def mended(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    steps: Sequence[Step],
    written: Answer,
    results: Sequence[StepResult],
) -> list[StepResult]:
    """The results of one answer's steps, with the nearest mend of each wrong one where there is exactly one.

    `student` is a process for this alone: what an edited answer does there changes no verdict.
    """
    wrong = frozenset(
        result.step
        for step, result in zip(steps, results, strict=True)
        if result.verdict in _MENDABLE and _is_provable(desk, exercise, step, written)
    )
    if not wrong or written.status != "ready":
        return list(results)
    try:
        source = Source(written.source)
        if source.size > MOST_NODES:
            return list(results)
        edits = edits_of(source, _world(desk, steps, written))
    except RecursionError:
        return list(results)
    times = min(len(wrong), 3)  # one mistake in one function makes many gradients wrong
    deadline = student.deadline(_MOST_SECONDS * times)  # its process is there before the clock
    search = _Search(desk, student, exercise, tuple(steps), written, wrong, SECONDS * times, deadline)
    search.run(edits)
    return [_with_mend(result, search.right.get(result.step, [])) for result in results]


def _is_provable(desk: Desk, exercise: Exercise, step: Step, written: Answer) -> bool:
    """Whether the right answer is not 0 in exact arithmetic: else edits without sense would mend it."""
    if exercise.is_chain:
        return True
    situation = desk.situations.hidden(exercise.name, written.name, desk.lesson.cases[0])
    return situation.reference(step.tensor, frozenset()).proves


def _with_mend(result: StepResult, found: Sequence[Edit]) -> StepResult:
    """What the only nearest mend tells; nothing where there are several in different lines."""
    if not found or len({edit.line for edit in found}) > 1:
        return result
    edit = found[0]
    mend = f"line {edit.line}: {edit.words}"
    is_certain = edit.tag and (result.verdict != "error" or edit.tag in _CAUSES_OF_ERRORS)
    mistake = Mistake(edit.tag, f"line {edit.line}: {edit.hint}") if is_certain else None
    # The numbers name the mistake, and the edit where they are silent, or where it knows the cause of a lost path.
    if result.mistake and not (result.mistake.tag in _SYMPTOMS and edit.tag in _CAUSES):
        mistake = result.mistake
    return replace(result, mistake=mistake, instructor=replace(result.instructor, mend=mend))


def _world(desk: Desk, steps: Sequence[Step], written: Answer) -> World:
    lesson = desk.lesson
    shapes = {name: tuple(value.shape) for name, value in desk.situations.public("", "").tape.values.items()}
    return World(lesson.graph, lesson.sizes, shapes, tuple(step.tensor for step in steps), written.name)


def _edited(written: Answer, edit: Edit) -> Answer | None:
    """The answer with the edit made; None where that is no Python."""
    try:
        tree = parsed(edit.source)
    except SyntaxError:
        return None
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    # The slice holds the imports that the answer needs; an edit may need one more: at the end, where it moves no line.
    imports = "" if "torch" in written.mentioned or "torch" not in names else "\nimport torch\n"
    return replace(written, source=edit.source + imports, mentioned=names)
