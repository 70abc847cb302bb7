"""`grader explain STEP`: the solution and its reasons, once the student's own answer is right."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from grader.commands.check import SEED, only_result
from grader.commands.steps import named_steps
from grader.errors import KitError
from grader.invocation import command
from grader.judge.job import Request
from grader.lesson import Lesson, Step, answers_here, lesson_here, load_lesson
from grader.lesson.own import has_solutions, solution
from grader.report.explained import explanation
from grader.report.terminal import make_console
from grader.results.model import StepResult
from grader.run.pool import Pool
from grader.submission.answers import callable_of
from grader.submission.find import Submission, submission_at

_NOT_YET = 1


def run(options: argparse.Namespace) -> int:
    """0 if every asked step is explained, 1 if one is not right yet."""
    lesson = load_lesson(lesson_here(options.lesson))
    steps = named_steps(options.step, lesson)
    if not has_solutions(lesson):
        raise KitError(
            f"the solutions of {lesson.name} are not in this copy of the kit",
            mend="they come with the instructor's copy; ask for solutions/ when you are done",
        )
    own = submission_at(Path(options.path) if options.path else answers_here(lesson), lesson, links=not options.path)
    results = _judged(steps, lesson, own)
    console = make_console()
    is_open = [_explain(console, step, lesson, results[step.path]) for step in steps]
    return 0 if all(is_open) else _NOT_YET


def _judged(steps: list[Step], lesson: Lesson, submission: Submission) -> dict[str, StepResult]:
    """The verdict on each of the steps."""
    asked = frozenset(step.path for step in steps)
    with Pool(lesson, SEED) as pool:
        result = only_result(pool, Request(submission, asked, is_check=True, mends=False))
    return {f"{e.exercise}.{step.step}": step for e in result.exercises for step in e.steps}


def _explain(console: Console, step: Step, lesson: Lesson, result: StepResult) -> bool:
    """Prints the explanation of a step that passes; says what comes first for one that does not."""
    if not result.passes:
        console.print(f"{step.path} is {result.verdict}; it is explained once your own answer is right")
        console.print(f"next: {command('hint', STEP=step.path)}\n")
        return False
    exercise = lesson.exercise(step.exercise)
    console.print(f"{step.path}, explained", style="bold")
    console.print()
    if not step.is_training:
        for user in lesson.graph.users[step.tensor]:
            console.print(f"  {user.source}    ({lesson.graph.file.name}:{user.line})")
        console.print()
    text = solution(lesson, exercise, callable_of(exercise, step))
    told = explanation(text, console.is_terminal) if text else "the solutions say nothing about this step"
    console.print(told, soft_wrap=False)
    console.print()
    return True
