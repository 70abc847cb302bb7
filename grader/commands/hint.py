"""`grader hint STEP`: a question, the rule with shapes, nearly the line."""

from __future__ import annotations

import argparse

from grader.commands.steps import named_steps
from grader.errors import KitError
from grader.lesson import Lesson, Step, find_lesson, load_lesson
from grader.report.terminal import make_console


def run(options: argparse.Namespace) -> int:
    """Prints the hint of one level, and how to get the next."""
    lesson = load_lesson(find_lesson(options.lesson))
    steps = named_steps(options.step, lesson)
    if options.step in {step.exercise for step in steps}:
        names = ", ".join(step.name for step in steps)
        raise KitError(f"{options.step} is an exercise; hints are for single steps", mend=f"its steps: {names}")
    console = make_console()
    for step in steps:
        console.print(_text(step, lesson, options.level))
    return 0


def _text(step: Step, lesson: Lesson, level: int) -> str:
    if level > len(step.hints):
        raise KitError(f"{step.path} has {len(step.hints)} levels of hints, no level {level}")
    lines = [f"{step.path}, hint {level} of {len(step.hints)}", ""]
    if not step.is_training and level > 1:
        lines += [*(f"  {user.source}    (forward.py:{user.line})" for user in lesson.graph.users[step.tensor]), ""]
    lines += [step.hints[level - 1], ""]
    if step.watch:
        lines.append(f"watch {step.watch}  {lesson.watch_url(step)}")
    if level < len(step.hints):
        lines.append(f"next: make hint STEP={step.path} LEVEL={level + 1}")
    else:
        lines.append(f"next: make check STEP={step.path}")
    return "\n".join(lines) + "\n"
