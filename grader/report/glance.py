"""A whole submission at a glance: exercises, points, marks; the first few messages in full, the rest in a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from grader.invocation import command
from grader.lesson import Lesson
from grader.report.marks import STYLES, bar, chain_of_marks
from grader.report.terminal import alike, asked, details, one_line, prose, show_foot, show_remarks
from grader.results.gradebook import number
from grader.results.model import ExerciseResult, StepResult, SubmissionResult

_IN_FULL = 3
_MOST_NAMED = 7  # steps with one message
_NAME = 18


def show_glance(console: Console, result: SubmissionResult, lesson: Lesson, where: str) -> None:
    """What `check` prints of a whole submission."""
    show_remarks(console, result)
    for exercise in result.exercises:
        console.print(exercise_line(exercise, console.options.ascii_only), no_wrap=True, overflow="ellipsis")
    prose(console, end_to_end(result, lesson))
    console.print()
    _show_messages(console, result, lesson)
    show_foot(console, result, lesson, where)


def exercise_line(exercise: ExerciseResult, ascii_only: bool) -> Text:
    """`ex1_chain          ████████░░░░░░░░░░░░  11 of 26  ✓✓✓✗✓✓···`."""
    points = f"{number(exercise.score)} of {number(exercise.max_score)}"
    marks = chain_of_marks(((step.verdict, False) for step in exercise.steps), ascii_only)
    filled = bar(exercise.score, exercise.max_score, ascii_only)
    return Text.assemble((f"{exercise.exercise:<{_NAME}} ", "bold"), filled, f" {points:>9}  ", marks)


def end_to_end(result: SubmissionResult, lesson: Lesson) -> str:
    """How far the student's own gradients, fed into the student's own steps, are right."""
    steps = [step.name for exercise in lesson.exercises if exercise.is_chain for step in exercise.gradient_steps]
    if not steps:
        return ""
    count = steps.index(result.chain_reaches) + 1 if result.chain_reaches in steps else 0
    if count == len(steps):
        return f"end to end: your own chain reaches {steps[-1]}, all {count} steps on your own gradients"
    if not count:
        return f"end to end: your own chain begins when {steps[0]} is right"
    return (
        f"end to end: your own chain reaches {steps[count - 1]}, {count} of {len(steps)} steps; {steps[count]} is next"
    )


def _show_messages(console: Console, result: SubmissionResult, lesson: Lesson) -> None:
    """Steps that are there and not right: the first few in full, the others in a line; then what is missing."""
    exercise_of = {id(step): exercise.exercise for exercise in result.exercises for step in exercise.steps}
    steps = [step for exercise in result.exercises for step in exercise.steps]
    off = alike([step for step in steps if not step.passes and step.verdict != "missing"])
    for group in off[:_IN_FULL]:
        names = ", ".join(step.step for step in group[:_MOST_NAMED])
        more = f" and {len(group) - _MOST_NAMED} more" if len(group) > _MOST_NAMED else ""
        first = group[0]
        prose(console, Text.assemble((f"{names}{more}  ", "bold"), (first.verdict, STYLES[first.verdict])))
        for text in details(first, exercise_of[id(first)], lesson):
            prose(console, text, indent=2)
    if off[_IN_FULL:]:
        others = [step for group in off[_IN_FULL:] for step in group]
        rest = ", ".join(f"{asked(step, exercise_of[id(step)], lesson)} {step.verdict}" for step in others)
        prose(console, f"not right either: {rest}")
        one, everything = command("check", STEP="..."), command("check", ALL="1")
        console.print(f"  {one} shows one, {everything} shows all", style="dim")
    for line in _missing(result):
        prose(console, line, style="dim")
    if off or any(step.verdict == "missing" for step in steps):
        console.print()


def _missing(result: SubmissionResult) -> list[str]:
    """A line an exercise: which steps are still to be written."""
    lines = []
    for exercise in result.exercises:
        missing = [step for step in exercise.steps if step.verdict == "missing"]
        if missing:
            lines.append(f"missing in {exercise.exercise}: {_names(missing, exercise)}{_why(missing)}")
    return lines


def _names(missing: Sequence[StepResult], exercise: ExerciseResult) -> str:
    if len(missing) == len(exercise.steps) > 1:
        return f"all {len(missing)} steps"
    return ", ".join(step.step for step in missing)


def _why(missing: Sequence[StepResult]) -> str:
    """Said where it is another reason than an untouched stub, and the same for all."""
    messages = {step.message for step in missing}
    if len(messages) == 1 and "not filled in" not in missing[0].message:
        return f" ({one_line(missing[0].message)})"
    return ""
