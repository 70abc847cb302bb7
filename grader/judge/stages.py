"""The stages of a submission's way through a judge, what each may cost, and what is left where one is ended.

A stage that exceeds its bound is ended, and costs its own submission alone: what was settled counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from grader import __version__
from grader.bounds import Bound
from grader.judge.budget import PATIENCE
from grader.lesson import Lesson, Limits, Step
from grader.results.model import ExerciseResult, StepResult, SubmissionResult

Cause = Literal["processor time", "wall clock", "memory"]


class Stage(StrEnum):
    """In their order."""

    READING = "reading"
    JUDGING = "judging"
    FIXES = "fixes"
    PAGE = "page"


@dataclass(frozen=True)
class Progress:
    """A stage begins, or goes on. `result` is what counts if it is ended; None where nothing new is settled."""

    stage: Stage
    result: SubmissionResult | None = None


def bound_of(stage: Stage, limits: Limits) -> Bound:
    """Of the judge's own process; what students' code may cost is in `limits`."""
    if stage is Stage.JUDGING:
        students = PATIENCE * (limits.submission_seconds + limits.training_seconds)
        return Bound(60.0, 2 * students + 60.0)  # what may be the machine's fault is tried twice
    return Bound(20.0 if stage is Stage.FIXES else 10.0, 60.0)


def ended(
    settled: SubmissionResult, stage: Stage, cause: Cause, bound: Bound, asked: Sequence[Step]
) -> SubmissionResult:
    """The result of a submission whose stage was ended: what was settled; the steps asked that were not, at 0."""
    why = f"{_DOING[stage]} took {_how_much(cause, bound)}"
    if stage is Stage.FIXES:
        why = f"no fixes were looked for: {why}"
    elif stage is Stage.PAGE:
        why = f"its page shows the verdicts alone: {why}"
    else:
        settled = completed(settled, asked, "memory" if cause == "memory" else "timeout", why)
    return replace(settled, notes=(*settled.notes, why), ended=stage.value)


def completed(result: SubmissionResult, asked: Sequence[Step], verdict: str, message: str) -> SubmissionResult:
    """The result, with the same verdict for every step of an exercise that has none."""
    there = {exercise.exercise: exercise for exercise in result.exercises}
    for step in asked:
        if step.exercise not in {exercise.exercise for exercise in result.exercises}:
            before = there.get(step.exercise, ExerciseResult(step.exercise, ()))
            missed = StepResult(step.name, verdict, 0.0, step.points, message)
            there[step.exercise] = replace(before, steps=(*before.steps, missed))
    return replace(result, exercises=tuple(there.values()))


def empty_result(lesson: Lesson, submission: str, seed: int, layers: tuple[str, ...]) -> SubmissionResult:
    """The result of a submission of which nothing is judged."""
    return SubmissionResult(__version__, lesson.name, submission, seed, layers, (), None, ())


_DOING = {
    Stage.READING: "reading it",
    Stage.JUDGING: "judging it",
    Stage.FIXES: "the search for fixes",
    Stage.PAGE: "rendering it",
}


def _how_much(cause: Cause, bound: Bound) -> str:
    if cause == "memory":
        return f"more than {bound.memory_mib} MiB of memory"
    if cause == "processor time":
        return f"more than {bound.processor_seconds:g} s of processor time"
    return f"more than {bound.wall_seconds:g} s"
