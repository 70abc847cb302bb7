"""`grader check`: a student's self-check, with seed 0."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.commands.isolation import warn
from grader.commands.steps import paths_of_steps
from grader.errors import KIT_FAULT, REPORT, KitError
from grader.invocation import command
from grader.judge.job import Request
from grader.lesson import Lesson, answers_here, lesson_here, load_lesson
from grader.lesson.drift import out_of_sync
from grader.report.glance import show_glance
from grader.report.terminal import make_console, near_path, show_check
from grader.results.model import SubmissionResult
from grader.results.progress import progress_of, summary
from grader.results.store import as_text
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.submission.answers import read_answers
from grader.submission.find import Submission, exists, submission_at

SEED = 0


def run(options: argparse.Namespace) -> int:
    """0 if all asked steps pass, 1 if some do not."""
    lesson = load_lesson(lesson_here(options.lesson))
    path, words = split_arguments(options.what, lesson)
    submission = submission_at(path, lesson, links=len(words) == len(options.what))
    request = Request(submission, paths_of_steps(words, lesson), is_check=True)
    with Pool(lesson, SEED) as pool:
        warn(make_console(stderr=True), pool.isolation)
        if drift := out_of_sync(lesson):
            print(f"warning: {drift}", file=sys.stderr)
        result = only_result(pool, request)
    story = _kept(path, submission, result, lesson)
    if not options.verbose:
        result = result.for_students()
    if options.json:
        print(as_text(result.as_json()), end="")
    else:
        console = make_console()
        show = show_check if options.all or options.verbose or words else show_glance
        show(console, result, lesson, near_path(path))
        console.print(story, style="dim", end="\n" if story else "")
    return 0 if all(step.passes for exercise in result.exercises for step in exercise.steps) else 1


def _kept(path: Path, submission: Submission, result: SubmissionResult, lesson: Lesson) -> str:
    """Notes the result in the student's progress file, where one is kept; a line about it."""
    progress = progress_of(path, lesson)
    if not progress:
        return ""
    progress.judged(result, read_answers(submission, lesson))
    told = summary(progress.steps())
    return f"{told} ({near_path(progress.file)})" if told else ""


def split_arguments(words: Sequence[str], lesson: Lesson) -> tuple[Path, list[str]]:
    """What is a path, and what are steps: an argument is a path if it exists."""
    paths = [word for word in words if exists(Path(word))]
    steps = [word for word in words if word not in paths]
    if len(paths) > 1:
        raise KitError(
            f"{paths[0]} and {paths[1]} are two paths; check takes one",
            mend=f"for many submissions: {command('grade', SUBMISSIONS='DIR')}",
        )
    for step in steps:
        if "/" in step or step.endswith((".py", ".ipynb", ".zip")):
            raise KitError(f"there is no {step}")
    return (Path(paths[0]) if paths else answers_here(lesson)), steps


def only_result(pool: Pool, request: Request) -> SubmissionResult:
    """The result of one request. Raises KitError where the kit itself failed."""
    for _, result in pool.judge([request]):
        if isinstance(result, Fault):
            raise KitError(f"the kit itself failed: {result.told}", mend=REPORT, exit_code=KIT_FAULT)
        return result
    raise KitError("no result came back", exit_code=KIT_FAULT)
