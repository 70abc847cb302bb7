"""A whole submission at a glance: exercises, points, marks; the first few messages in full, the rest in a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from grader.lesson import Lesson
from grader.report.marks import STYLES, bar, chain_of_marks
from grader.report.terminal import asked, details, one_line, plain, show_foot
from grader.results.gradebook import number
from grader.results.model import ExerciseResult, StepResult, SubmissionResult

_IN_FULL = 3
_NAME = 18


def show_glance(console: Console, result: SubmissionResult, lesson: Lesson, where: str) -> None:
    """What `check` prints of a whole submission."""
    for exercise in result.exercises:
        console.print(exercise_line(exercise, console.options.ascii_only), no_wrap=True, overflow="ellipsis")
    console.print(Text(end_to_end(result, lesson)))
    console.print()
    _show_messages(console, result, lesson)
    for note in result.notes:
        console.print(Text(f"note: {plain(note)}"), style="yellow")
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
    pairs = [(exercise.exercise, step) for exercise in result.exercises for step in exercise.steps]
    off = [(exercise, step) for exercise, step in pairs if not step.passes and step.verdict != "missing"]
    for exercise, step in off[:_IN_FULL]:
        console.print(Text.assemble((f"{step.step}  ", "bold"), (step.verdict, STYLES[step.verdict])))
        for part in details(step, exercise, lesson):
            console.print(Padding(part, (0, 0, 0, 2)))
    if off[_IN_FULL:]:
        rest = ", ".join(f"{asked(step, exercise, lesson)} {step.verdict}" for exercise, step in off[_IN_FULL:])
        console.print(Text(f"not right either: {rest}"))
        console.print(Text("  make check STEP=... shows one, make check ALL=1 shows all", style="dim"))
    for line in _missing(result):
        console.print(Text(line, style="dim"))
    if off or any(step.verdict == "missing" for _, step in pairs):
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
