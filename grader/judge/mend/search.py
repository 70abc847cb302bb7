"""Tries the small edits of a wrong answer; keeps one only if it is the one nearest, and right in all cases."""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grader.judge.budget import Budget
from grader.judge.desk import Desk
from grader.judge.mend.edits import edits_of
from grader.judge.mend.flow import flow_of
from grader.judge.mend.likely import Showing, may_mend, places_of
from grader.judge.mend.sites import World
from grader.judge.mend.text import Edit, Source
from grader.judge.steps import judge_callable, right_in
from grader.judge.student import Student
from grader.lesson import Case, Exercise, Step
from grader.results.model import Mistake, StepResult
from grader.submission.answers import Answer
from grader.submission.syntax import parsed

MOST_TRIED = 250  # edits of one answer: a count, so that two runs find the same
_MOST_SECONDS = 10.0  # of wall clock an answer, for one that takes its time; hardly ever reached before the count
MOST_NODES = 3000  # parts of the syntax tree of an answer that is looked through
_MENDABLE = frozenset({"wrong", "error", "shape", "mutates", "hard-coded"})
_FORMS = frozenset({"shape", "mutates"})  # of which only edits of the form are tried
_SYMPTOMS = frozenset({"missing-path", "zeros"})
_CAUSES = frozenset({"overwritten", "brackets"})
_CAUSES_OF_ERRORS = frozenset({
    "transposed", "no-tensor", "keepdim", "wrong-tensor", "wrong-axis", "in-place", "dtype", "brackets",
    "extra-sum", "missing-sum", "missing-factor", "wrong-gradient",
})  # fmt: skip
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
    proved: frozenset[str]  # of the wrong ones those that an edit without sense does not mend
    deadline: float
    right: dict[str, list[Edit]] = field(default_factory=dict)

    def run(self, edits: Sequence[Edit]) -> None:
        """Tries the edits, in order, until no nearer one is left for any step."""
        cases = self._cases()
        lost = 0
        for edit in edits[:MOST_TRIED]:
            open_steps = [step for step in self.steps if step.name in self.proved and self._may_take(step, edit)]
            if not open_steps or not cases or lost > _MOST_LOST or time.monotonic() > self.deadline:
                break
            edited = _edited(self.written, edit)
            if edited is None:
                continue
            for case in cases:
                mends = self._mended_in(case, edited, open_steps)
                if not mends:
                    break
                open_steps = mends
            else:
                self._verify(edit, edited)
            lost += mends is None

    def _cases(self) -> list[Case]:
        """All cases, first those in which the answer as it is does not pass: most edits fail there, too, and at once.

        None where the answer ends its process.
        """
        passed: list[Case] = []
        for place, case in enumerate(self.desk.lesson.cases):
            fits = self._right_in(case, self.written)
            if fits is None:
                return []
            if not all(fits[name] for name in self.proved):
                return [*self.desk.lesson.cases[place:], *passed]
            passed.append(case)
        return [self.desk.lesson.public_case, *passed]

    def _right_in(self, case: Case, written: Answer) -> dict[str, bool] | None:
        fits = right_in(self.desk, self.student, self.exercise, self.steps, written, case, self._soon())
        return None if fits is None else {step.name: right for step, right in zip(self.steps, fits, strict=True)}

    def _mended_in(self, case: Case, edited: Answer, wanted: Sequence[Step]) -> list[Step] | None:
        """Which of the wanted steps are right in a case; none if it breaks another; None if its process was lost."""
        fits = self._right_in(case, edited)
        if fits is None:
            return None
        if any(not right for name, right in fits.items() if name not in self.wrong):
            return []
        return [step for step in wanted if fits[step.name]]

    def _may_take(self, step: Step, edit: Edit) -> bool:
        found = self.right.get(step.name)
        return not found or edit.distance() <= found[0].distance()

    def _verify(self, edit: Edit, edited: Answer) -> None:
        """Judges the edited answer like any other: a mend passes in every case, and so does all that passed before.

        It mends what cannot be told from 0, too, if it mends something that can.
        """
        self.student.forget(edited)
        judged = judge_callable(self.desk, self.student, self.exercise, self.steps, edited)
        passing = {result.step for result in judged if result.passes}
        spoilt = any(step.name not in passing for step in self.steps if step.name not in self.wrong)
        if spoilt or not passing & self.proved:
            return
        for step in self.steps:
            if step.name in self.wrong & passing and self._may_take(step, edit):
                self.right.setdefault(step.name, []).append(edit)

    def _soon(self) -> Budget:
        budget = self.student.budget(_MOST_SECONDS / 4)
        return replace(budget, ends=min(budget.ends, self.deadline))


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
    showings = [Showing(r, _is_proved(desk, exercise, s, written)) for s, r in zip(steps, results, strict=True)]
    wrong = [showing for showing in showings if showing.result.verdict in _MENDABLE]
    proved = frozenset(s.result.step for s in wrong if s.proves or s.result.verdict in _FORMS)
    if not proved or written.status != "ready":
        return list(results)
    try:
        source = Source(written.source)
        if source.size > MOST_NODES:
            return list(results)
        edits = _candidates(source, _world(desk, steps, written), showings)
    except RecursionError:
        return list(results)
    deadline = time.monotonic() + _MOST_SECONDS
    names = frozenset(showing.result.step for showing in wrong)
    search = _Search(desk, student, exercise, tuple(steps), written, names, proved, deadline)
    search.run(edits)
    return [_with_mend(result, search.right.get(result.step, [])) for result in results]


def _candidates(source: Source, world: World, showings: Sequence[Showing]) -> list[Edit]:
    """The edits that can mend something, first those behind nothing that is right; each group nearest first."""
    places = places_of(flow_of(source.tree, world.name, len(showings)), showings)
    wrong = [showing.result for showing in showings if showing.result.verdict in _MENDABLE]
    found: list[Edit] = []
    for wanted in (places.are_likely, places.are_doubtful):
        if len(found) < MOST_TRIED:
            edits = edits_of(source, world, wanted)
            found += [edit for edit in edits if any(may_mend(edit, result) for result in wrong)]
    return found


def _is_proved(desk: Desk, exercise: Exercise, step: Step, written: Answer) -> bool:
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
