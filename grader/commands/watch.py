"""`grader watch`: checks again on every save, and shows the result in place."""

from __future__ import annotations

import argparse
from pathlib import Path

from grader.commands.check import SEED
from grader.lesson import answers_here, lesson_here, load_lesson
from grader.report.terminal import make_console
from grader.results.gradebook import number
from grader.watch.loop import watch
from grader.wording import counted


def run(options: argparse.Namespace) -> int:
    """0, whatever is right by then: watching is not grading."""
    console = make_console()
    lesson = load_lesson(lesson_here(options.lesson))
    session = watch(lesson, Path(options.path) if options.path else answers_here(lesson), SEED, console)
    right = sum(result.passes for result in session.results.values())
    points = f"{number(session.score)} of {counted(lesson.max_score, 'point')}"
    console.print(f"{points}, {right} of {counted(len(lesson.steps), 'step')} right")
    return 0
