"""`grader hint STEP`: the student's own mistake and a question, the rule with shapes, nearly the line."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from grader.commands.check import SEED, only_result
from grader.commands.steps import named_steps
from grader.errors import KIT_FAULT, KitError
from grader.judge.job import Request
from grader.lesson import Lesson, Step, find_lesson, load_lesson
from grader.report.terminal import make_console, one_line, plain
from grader.results.model import StepResult
from grader.run.pool import Pool
from grader.submission.answers import Answers, callable_of, read_answers
from grader.submission.find import Submission, submission_at

_LEVEL_OF_MENDS = 3  # from which on a student sees the nearest mend
_TOLD_BY_THEIR_MISTAKE = frozenset({"wrong", "shape", "mutates", "hard-coded"})  # of others the message says most


def run(options: argparse.Namespace) -> int:
    """Prints the hint of one level, on the student's own answer where there is one, and how to get the next."""
    lesson = load_lesson(find_lesson(options.lesson))
    steps = named_steps(options.step, lesson)
    if options.step in {step.exercise for step in steps}:
        names = ", ".join(step.name for step in steps)
        raise KitError(f"{options.step} is an exercise; hints are for single steps", mend=f"its steps: {names}")
    for step in steps:
        if options.level > len(step.hints):
            raise KitError(f"{step.path} has {len(step.hints)} levels of hints, no level {options.level}")
    own = _on_their_own(steps, lesson, options)
    console = make_console()
    for step in steps:
        console.print(_text(step, lesson, options.level, own.get(step.path, "")))
        console.print(_next(step, options) + "\n", soft_wrap=True)  # a command is copied, so it stays one line
    return 0


def _on_their_own(steps: list[Step], lesson: Lesson, options: argparse.Namespace) -> dict[str, str]:
    """What there is to say of the student's own answers; nothing where nothing is filled in.

    Raises KitError only for a path that was given: without one, hints work anywhere.
    """
    try:
        submission = submission_at(Path(options.path) if options.path else lesson.folder, lesson)
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
    return {step.path: _own(results[step.path], options.level) for step in written}


def _is_written(step: Step, lesson: Lesson, answers: Answers) -> bool:
    exercise = lesson.exercise(step.exercise)
    return answers.by_name[exercise.name, callable_of(exercise, step)].status != "missing"


def _judged(steps: list[Step], submission: Submission, lesson: Lesson) -> dict[str, StepResult]:
    with Pool(lesson, SEED) as pool:
        result = only_result(pool, Request(submission, frozenset(step.path for step in steps), is_check=True))
    return {f"{e.exercise}.{step.step}": step for e in result.exercises for step in e.steps}


def _own(result: StepResult, level: int) -> str:
    """The student's own mistake; from the third level on, the edit that mends it."""
    if result.passes:
        return f"your answer is {result.verdict}: nothing is left to do here"
    place = f" ({result.place})" if result.place else ""
    says = [result.message] if result.verdict not in _TOLD_BY_THEIR_MISTAKE or not result.mistake else []
    says += [result.mistake.help] if result.mistake else []
    lines = [f"your answer{place} is {result.verdict}: {says[0]}", *says[1:]]
    if level >= _LEVEL_OF_MENDS and result.instructor.mend:
        lines.append(f"nearest mend, {result.instructor.mend}")
    return "\n".join(lines)


def _text(step: Step, lesson: Lesson, level: int, own: str) -> str:
    lines = [f"{step.path}, hint {level} of {len(step.hints)}", ""]
    if own:
        lines += [plain(own), ""]
    if not step.is_training and level > 1:
        lines += [*(f"  {user.source}    (forward.py:{user.line})" for user in lesson.graph.users[step.tensor]), ""]
    lines += [step.hints[level - 1], ""]
    if step.watch:
        lines.append(f"watch {step.watch}  {lesson.watch_url(step)}")
    return "\n".join(lines)


def _next(step: Step, options: argparse.Namespace) -> str:
    """The command that goes on from here, for the same submission."""
    whose = f" SUBMISSION={shlex.quote(one_line(options.path))}" if options.path else ""
    if options.level < len(step.hints):
        return f"next: make hint STEP={step.path} LEVEL={options.level + 1}{whose}"
    return f"next: make check STEP={step.path}{whose}"
