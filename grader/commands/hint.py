"""`grader hint STEP`: the student's own mistake and a question, the rule with shapes, nearly the line."""

from __future__ import annotations

import argparse
from pathlib import Path

from grader.commands.check import SEED, only_result
from grader.commands.steps import named_steps
from grader.errors import KIT_FAULT, KitError
from grader.invocation import command
from grader.judge.job import Request
from grader.lesson import Lesson, Step, answers_here, lesson_here, load_lesson
from grader.report.hints import hint_text, on_their_own
from grader.report.terminal import make_console, one_line, prose
from grader.results.model import StepResult
from grader.results.progress import progress_of
from grader.run.pool import Pool
from grader.submission.answers import Answers, callable_of, read_answers
from grader.submission.find import Submission, submission_at
from grader.wording import counted


def run(options: argparse.Namespace) -> int:
    """Prints the hint of one level, on the student's own answer where there is one, and how to get the next."""
    lesson = load_lesson(lesson_here(options.lesson))
    steps = named_steps(options.step, lesson)
    if options.step in {step.exercise for step in steps}:
        names = ", ".join(step.name for step in steps)
        raise KitError(f"{options.step} is an exercise; hints are for single steps", mend=f"its steps: {names}")
    for step in steps:
        if options.level > len(step.hints):
            raise KitError(f"{step.path} has {counted(len(step.hints), 'level')} of hints, no level {options.level}")
    own = _on_their_own(steps, lesson, options)
    console = make_console()
    progress = progress_of(Path(options.path) if options.path else lesson.folder, lesson)
    for step in steps:
        if progress:
            progress.hinted(step.path, options.level)
        prose(console, hint_text(step, lesson, options.level, own.get(step.path, "")))
        console.print(_next(step, options) + "\n")
    return 0


def _on_their_own(steps: list[Step], lesson: Lesson, options: argparse.Namespace) -> dict[str, str]:
    """What there is to say of the student's own answers; nothing where nothing is filled in.

    Raises KitError only for a path that was given: without one, hints work anywhere.
    """
    try:
        path = Path(options.path) if options.path else answers_here(lesson)
        submission = submission_at(path, lesson, links=not options.path)
    except KitError:
        if options.path:
            raise
        return {}
    answers = read_answers(submission, lesson)
    written = [step for step in steps if _is_written(step, lesson, answers)]
    if not written:
        return {}
    try:
        results = _judged(written, submission, lesson)
    except KitError as error:
        if error.exit_code != KIT_FAULT:
            raise
        return {step.path: f"your own answer could not be looked at: {error}" for step in written}
    return {step.path: on_their_own(results[step.path], options.level) for step in written}


def _is_written(step: Step, lesson: Lesson, answers: Answers) -> bool:
    exercise = lesson.exercise(step.exercise)
    return answers.by_name[exercise.name, callable_of(exercise, step)].status != "missing"


def _judged(steps: list[Step], submission: Submission, lesson: Lesson) -> dict[str, StepResult]:
    with Pool(lesson, SEED) as pool:
        result = only_result(pool, Request(submission, frozenset(step.path for step in steps), is_check=True))
    return {f"{e.exercise}.{step.step}": step for e in result.exercises for step in e.steps}


def _next(step: Step, options: argparse.Namespace) -> str:
    """The command that goes on from here, for the same submission."""
    given = {"SUBMISSION": one_line(options.path or ""), "LESSON": one_line(options.lesson or "")}
    if options.level < len(step.hints):
        return f"next: {command('hint', STEP=step.path, LEVEL=str(options.level + 1), **given)}"
    return f"next: {command('check', STEP=step.path, **given)}"
