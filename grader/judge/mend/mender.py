"""The mends of many submissions: what one may take, and what was found for an answer that somebody else gave, too."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.judge.desk import Desk
from grader.judge.mend.function import SHIFT, as_function
from grader.judge.mend.likely import CAUSES, SYMPTOMS, Showing
from grader.judge.mend.search import MOST_TRIED, Asked, Found, Limits, search
from grader.judge.situation import keep_small
from grader.judge.student import Student
from grader.lesson import Exercise, Step
from grader.results.model import Mistake, StepResult
from grader.submission.answers import Answer
from grader.warm.client import Forker

_LINE = re.compile(r"\bline (\d+)\b")
MOST_OF_A_SUBMISSION = 750  # edits tried
_SHARE = 3  # no answer takes more than this part of what its submission has left, so that the last ones get some, too
_MOST_SECONDS = 60.0  # of wall clock a submission; its tries are over long before
_MOST_LOST = 3  # processes that a submission's edits may bring down before no more are tried
_MOST_KEPT = 4096  # answers
_CAUSES_OF_ERRORS = frozenset({
    "transposed", "no-tensor", "keepdim", "wrong-tensor", "wrong-axis", "in-place", "dtype", "brackets",
    "extra-sum", "missing-sum", "missing-factor", "wrong-gradient",
})  # fmt: skip


@dataclass
class SearchBudget:
    """What the searches of one submission have left."""

    tries: int = MOST_OF_A_SUBMISSION
    seconds: float = _MOST_SECONDS
    lost: int = _MOST_LOST

    def next(self) -> Limits:
        """What the next of them may take."""
        return Limits(min(MOST_TRIED, self.tries // _SHARE), self.seconds, self.lost)

    @property
    def is_spent(self) -> bool:
        return self.tries < _SHARE or self.seconds <= 0 or self.lost < 0


@dataclass(frozen=True)
class _Kept:
    """What was found for an answer, and under which limit."""

    found: Found
    limit: int

    def holds_for(self, limit: int) -> bool:
        """Whether a search under this limit would find the same."""
        return limit == self.limit or (self.found.is_whole and self.found.tried <= limit)


class Mender:
    """Looks for mends. An answer that was searched before, in any submission, costs nothing: the same is found."""

    def __init__(self, desk: Desk, forker: Forker) -> None:
        self._desk = desk
        self._forker = forker
        self._kept: dict[bytes, _Kept] = {}

    def mended(
        self,
        budget: SearchBudget,
        exercise: Exercise,
        steps: Sequence[Step],
        written: Answer,
        results: Sequence[StepResult],
    ) -> list[StepResult]:
        """The results of one answer's steps, with the nearest mend of each wrong one where there is exactly one."""
        if written.flat is not None:
            return self._mended_variable(budget, exercise, steps, written, results)
        showings = [
            Showing(result, _is_steady(result) and self._is_proved(exercise, step, written))
            for step, result in zip(steps, results, strict=True)
        ]
        asked = Asked(exercise, tuple(steps), written, tuple(showings))
        if written.status != "ready" or not asked.proved or budget.is_spent:
            return list(results)
        found, above = self._found(budget, asked), _lines_above(written)
        return [_with_mend(result, found, above) for result in results]

    def _mended_variable(
        self,
        budget: SearchBudget,
        exercise: Exercise,
        steps: Sequence[Step],
        written: Answer,
        results: Sequence[StepResult],
    ) -> list[StepResult]:
        """The same for a gradient that is a variable: looked for as if it were a function."""
        function = as_function(written) if written.status == "ready" else None
        if function is None:
            return list(results)
        there = [replace(result, line=None if result.line is None else result.line + SHIFT) for result in results]
        found = self.mended(budget, exercise, steps, function, there)
        return [
            result
            if other is one
            else replace(
                result,
                mistake=_moved(other),
                instructor=replace(result.instructor, mend=_lines_moved(other.instructor.mend)),
            )
            for result, one, other in zip(results, there, found, strict=True)
        ]

    def _found(self, budget: SearchBudget, asked: Asked) -> Found:
        key, limits = _key(asked), budget.next()
        kept = self._kept.get(key)
        if kept is None or not kept.holds_for(limits.tries):
            kept = _Kept(self._searched(budget, asked, limits), limits.tries)
            if kept.found.is_repeatable:
                keep_small(self._kept, _MOST_KEPT)
                self._kept[key] = kept
        budget.tries -= kept.found.tried
        return kept.found

    def _searched(self, budget: SearchBudget, asked: Asked, limits: Limits) -> Found:
        """In a process of its own, so that no edit of one answer changes what is found for another."""
        lesson = self._desk.lesson
        with Student(self._forker, lesson.limits, lesson.vocabulary) as workshop:
            start = time.monotonic()
            found = search(self._desk, workshop, asked, limits)
            budget.seconds -= time.monotonic() - start
        budget.lost -= found.lost
        above = _lines_above(asked.written)  # from which on lines are counted in what is kept
        bare = {step: replace(edit, source="", line=edit.line - above) for step, edit in found.mends.items()}
        return replace(found, mends=bare)

    def _is_proved(self, exercise: Exercise, step: Step, written: Answer) -> bool:
        """Whether the right answer is not 0 in exact arithmetic: else edits without sense would mend it."""
        if exercise.is_chain:
            return True
        situation = self._desk.situations.hidden(exercise.name, written.name, self._desk.lesson.cases[0])
        return situation.reference(step.tensor, frozenset()).proves


def _is_steady(result: StepResult) -> bool:
    """Whether a mend could be known by trying: not where only one draw of a case fails, or only float32.

    What keeps something from call to call fails so, and what mends it once is chance.
    """
    seen = {(case.case, case.outcome) for case in result.instructor.cases}
    names = {name for name, _ in seen}
    return not seen or (len(seen) == len(names) and any(outcome != "right" for _, outcome in seen))


def _key(asked: Asked) -> bytes:
    """The same for answers for which the same would be found, whoever wrote them and wherever they stand."""
    written, above = asked.written, _lines_above(asked.written)
    answer = (written.name, _as_it_stands(written), written.parameters, sorted(written.mentioned), written.is_flat)
    told = [
        (
            r.step,
            r.verdict,
            r.mistake and r.mistake.tag,
            r.line - above if r.line is not None and r.verdict == "error" else None,
            r.message if r.verdict == "hard-coded" else "",
        )
        for r in (showing.result for showing in asked.showings)
    ]
    return hashlib.sha256(repr((asked.exercise.name, answer, sorted(written.absent), told)).encode()).digest()


def _as_it_stands(written: Answer) -> str:
    """The lines that an answer reaches: what is shown of them is written as they are, brackets and all."""
    lines = written.source.split("\n")
    pieces = [lines[one.first_line - 1 : one.node.end_lineno] for one in written.statements]
    return "\n".join(line for piece in pieces for line in piece)


def _lines_above(written: Answer) -> int:
    """How many lines stand before what an answer reaches."""
    return min((statement.first_line for statement in written.statements), default=1) - 1


def _with_mend(result: StepResult, found: Found, above: int) -> StepResult:
    """What the only nearest mend tells."""
    edit = found.mends.get(result.step)
    if edit is None:
        return result
    line = edit.line + above
    mend = f"line {line}: {edit.words}"
    is_certain = edit.tag and (result.verdict != "error" or edit.tag in _CAUSES_OF_ERRORS)
    mistake = Mistake(edit.tag, f"line {line}: {edit.hint}") if is_certain else None
    # The numbers name the mistake, and the edit where they are silent, or where it knows the cause of a lost path:
    # not where a count ended the search, because a nearer edit may be left.
    knows_more = result.mistake and result.mistake.tag in SYMPTOMS and edit.tag in CAUSES and found.is_whole
    if result.mistake and not knows_more:
        mistake = result.mistake
    return replace(result, mistake=mistake, instructor=replace(result.instructor, mend=mend))


def _moved(result: StepResult) -> Mistake | None:
    mistake = result.mistake
    return Mistake(mistake.tag, _lines_moved(mistake.help) or "") if mistake else None


def _lines_moved(text: str | None) -> str | None:
    """A text whose lines are those of the program again."""
    return text and _LINE.sub(lambda found: f"line {int(found.group(1)) - SHIFT}", text, count=1)
