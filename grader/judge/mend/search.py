"""Tries the small edits of a wrong answer; keeps one only if it is the one nearest, and right in all cases."""

from __future__ import annotations

import ast
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.judge.budget import Budget
from grader.judge.desk import Desk
from grader.judge.mend.edits import edits_of
from grader.judge.mend.flow import flow_of
from grader.judge.mend.likely import Showing, may_mend, named, places_of
from grader.judge.mend.sense import makes_sense
from grader.judge.mend.sites import World
from grader.judge.mend.text import Edit, Source
from grader.judge.steps import judge_callable, right_in
from grader.judge.student import Student
from grader.lesson import Case, Exercise, Step
from grader.submission.answers import Answer
from grader.submission.syntax import parsed
from grader.syntax import walk

MOST_TRIED = 250  # edits of one answer: a count, so that two runs find the same
MOST_LIKELY = 80  # where a kind of edit is likelier than others: nearly all mends are among the first 60
MOST_NODES = 3000  # parts of the syntax tree of an answer that is looked through
MENDABLE = frozenset({"wrong", "error", "shape", "mutates", "hard-coded"})
_FORMS = frozenset({"shape", "mutates"})  # of which only edits of the form are tried
_VERIFYING = 5  # tries that judging an edited answer in all cases counts for
_MOST_SECONDS = 10.0  # of wall clock an answer, for one that takes its time; hardly ever reached before the count


@dataclass(frozen=True)
class Asked:
    """One answer of which mends are looked for, and what its steps showed."""

    exercise: Exercise
    steps: tuple[Step, ...]
    written: Answer
    showings: tuple[Showing, ...]

    @property
    def wrong(self) -> frozenset[str]:
        """The steps that a mend may be of."""
        return frozenset(showing.result.step for showing in self._mendable)

    @property
    def proved(self) -> frozenset[str]:
        """The wrong steps that an edit without sense does not mend."""
        return frozenset(s.result.step for s in self._mendable if s.proves or s.result.verdict in _FORMS)

    @property
    def is_wide(self) -> bool:
        """Whether a mend can be of any kind: the values are wrong, and the numbers say nothing of why."""
        results = [showing.result for showing in self._mendable]
        return not any(r.mistake for r in results) and any(r.verdict == "wrong" for r in results)

    @property
    def _mendable(self) -> list[Showing]:
        return [showing for showing in self.showings if showing.result.verdict in MENDABLE]


@dataclass(frozen=True)
class Limits:
    """What one search may take."""

    tries: int
    seconds: float
    lost: int  # processes that its edits may bring down


@dataclass(frozen=True)
class Found:
    """What a search came to: the nearest mend by step, where it is the only one; and what it took."""

    mends: Mapping[str, Edit]
    tried: int
    lost: int
    is_whole: bool  # no count ended it
    is_repeatable: bool  # neither the clock nor a lost process ended it


@dataclass(frozen=True)
class _Candidate:
    """An edit, and how likely its kind is: the likeliest is tried first, the nearest is told."""

    edit: Edit
    place: int  # 0 where the mistake is likely to stand
    rank: int

    @property
    def nearness(self) -> tuple[int, tuple[int, int, bool]]:
        return self.place, self.edit.distance()

    @property
    def order(self) -> tuple[int, int, tuple[int, int, bool]]:
        return self.place, self.rank, self.edit.distance()


@dataclass
class _Search:
    """The search for one answer. `right` holds, by step, the edits of the smallest cost that mend it."""

    desk: Desk
    student: Student
    asked: Asked
    limits: Limits
    deadline: float
    right: dict[str, list[_Candidate]] = field(default_factory=dict)
    tried: int = 0
    lost: int = 0
    is_whole: bool = True
    is_late: bool = False

    def run(self, candidates: Sequence[_Candidate]) -> None:
        """Tries the edits, in order; once one mends, those that are no farther."""
        cases = self._cases()
        for candidate in candidates if cases else ():
            open_steps = self._open_steps(candidate)
            if not open_steps:
                continue
            if self._is_over():
                break
            edited = _edited(self.asked.written, candidate.edit)
            if edited is not None:
                self._try(candidate, edited, cases, open_steps)

    def _open_steps(self, candidate: _Candidate) -> list[Step]:
        proved = self.asked.proved
        return [step for step in self.asked.steps if step.name in proved and self._may_take(step, candidate)]

    def _is_over(self) -> bool:
        self.is_whole = self.tried < self.limits.tries
        self.is_late = time.monotonic() > self.deadline
        return not self.is_whole or self.is_late or self.lost > self.limits.lost

    def _try(self, candidate: _Candidate, edited: Answer, cases: Sequence[Case], wanted: list[Step]) -> None:
        self.tried += 1
        for case in cases:
            mends = self._mended_in(case, edited, wanted)
            self.lost += mends is None
            if not mends:
                return
            wanted = mends
        self._verify(candidate, edited)

    def _cases(self) -> list[Case]:
        """All cases, first those in which the answer as it is does not pass: most edits fail there, too, and at once.

        None where the answer ends its process.
        """
        passed: list[Case] = []
        for place, case in enumerate(self.desk.lesson.cases):
            fits = self._right_in(case, self.asked.written)
            if fits is None:
                self.lost += 1
                return []
            if not all(fits[name] for name in self.asked.proved):
                return [*self.desk.lesson.cases[place:], *passed]
            passed.append(case)
        return [self.desk.lesson.public_case, *passed]

    def _right_in(self, case: Case, written: Answer) -> dict[str, bool] | None:
        steps = self.asked.steps
        fits = right_in(self.desk, self.student, self.asked.exercise, steps, written, case, self._soon())
        return None if fits is None else {step.name: right for step, right in zip(steps, fits, strict=True)}

    def _mended_in(self, case: Case, edited: Answer, wanted: Sequence[Step]) -> list[Step] | None:
        """Which of the wanted steps are right in a case; none if it breaks another; None if its process was lost."""
        fits = self._right_in(case, edited)
        if fits is None:
            return None
        if any(not right for name, right in fits.items() if name not in self.asked.wrong):
            return []
        return [step for step in wanted if fits[step.name]]

    def _may_take(self, step: Step, candidate: _Candidate) -> bool:
        found = self.right.get(step.name)
        return not found or candidate.nearness <= found[0].nearness

    def _verify(self, candidate: _Candidate, edited: Answer) -> None:
        """Judges the edited answer like any other: a mend passes in every case, and so does all that passed before.

        It mends what cannot be told from 0, too, if it mends something that can.
        """
        asked = self.asked
        if not makes_sense(parsed(asked.written.source), parsed(edited.source)):
            return
        self.tried += _VERIFYING
        self.student.forget(edited)
        judged = judge_callable(self.desk, self.student, asked.exercise, asked.steps, edited)
        passing = {result.step for result in judged if result.passes}
        spoilt = any(step.name not in passing for step in asked.steps if step.name not in asked.wrong)
        if spoilt or not passing & asked.proved:
            return
        for step in asked.steps:
            if step.name in asked.wrong & passing and self._may_take(step, candidate):
                equals = [one for one in self.right.get(step.name, ()) if one.nearness == candidate.nearness]
                self.right[step.name] = [*equals, candidate]

    def _soon(self) -> Budget:
        budget = self.student.budget(_MOST_SECONDS / 4)
        return replace(budget, ends=min(budget.ends, self.deadline))


def search(desk: Desk, student: Student, asked: Asked, limits: Limits) -> Found:
    """Looks for the mends of one answer.

    `student` is a process for this alone: what an edited answer does there changes nothing else.
    """
    asked = replace(asked, written=_alone(asked.written))
    try:
        source = Source(asked.written.source, [statement.node for statement in asked.written.statements])
        candidates = _candidates(source, _world(desk, asked), asked.showings) if source.size <= MOST_NODES else []
    except RecursionError:
        candidates = []
    if not candidates:
        return Found({}, 0, 0, is_whole=True, is_repeatable=True)
    student.budget(_MOST_SECONDS)  # its process is there before the clock
    deadline = time.monotonic() + min(_MOST_SECONDS, limits.seconds)
    tries = min(limits.tries, MOST_TRIED if asked.is_wide else MOST_LIKELY)
    work = _Search(desk, student, asked, replace(limits, tries=tries), deadline)
    work.run(candidates)
    mends = {step: [one.edit for one in nearest] for step, nearest in work.right.items()}
    only = {step: edits[0] for step, edits in mends.items() if len({edit.line for edit in edits}) == 1}
    return Found(only, work.tried, work.lost, work.is_whole, is_repeatable=not work.is_late and not work.lost)


def _alone(written: Answer) -> Answer:
    """The answer in a program of the statements that it reaches, at their own lines: it is run for every edit."""
    lines = written.source.split("\n")
    kept = {
        number
        for statement in written.statements
        for number in range(statement.first_line, (statement.node.end_lineno or 0) + 1)
    }
    text = "\n".join(line if number in kept else "" for number, line in enumerate(lines, start=1))
    return replace(written, source=text)


def _candidates(source: Source, world: World, showings: Sequence[Showing]) -> list[_Candidate]:
    """The edits that can mend something, first those behind nothing that is right; of these the likeliest kinds."""
    places = places_of(flow_of(source.tree, world.name, len(showings)), showings)
    wrong = [showing.result for showing in showings if showing.result.verdict in MENDABLE]
    said = named(wrong)
    found: list[_Candidate] = []
    for place, wanted in enumerate((places.are_likely, places.are_doubtful)):
        if len(found) < MOST_TRIED:
            edits = [edit for edit in edits_of(source, world, wanted) if any(may_mend(edit, one) for one in wrong)]
            found += [_Candidate(edit, place, said.rank(edit)) for edit in edits]
    return sorted(found, key=lambda candidate: candidate.order)


def _world(desk: Desk, asked: Asked) -> World:
    lesson = desk.lesson
    shapes = {name: tuple(value.shape) for name, value in desk.situations.public("", "").tape.values.items()}
    targets = tuple(step.tensor for step in asked.steps)
    barred = frozenset(asked.exercise.unless_reads)
    return World(lesson.graph, lesson.sizes, shapes, targets, asked.written.name, barred)


def _edited(written: Answer, edit: Edit) -> Answer | None:
    """The answer with the edit made; None where that is no Python."""
    try:
        tree = parsed(edit.source)
    except SyntaxError:
        return None
    names = frozenset(node.id for node in walk(tree) if isinstance(node, ast.Name))
    # The slice holds the imports that the answer needs; an edit may need one more: at the end, where it moves no line.
    imports = "" if "torch" in written.mentioned or "torch" not in names else "\nimport torch\n"
    parameters = (*edit.asks, *written.parameters)
    return replace(written, source=edit.source + imports, mentioned=names, parameters=parameters)
