"""What is new in a session, line by line: for a terminal in which nothing can be drawn, and for a file."""

from __future__ import annotations

from grader.lesson import Step
from grader.report.terminal import near_path, one_line
from grader.results.gradebook import number
from grader.results.model import StepResult
from grader.watch.session import Session


def opening(session: Session) -> str:
    """The first line."""
    where = near_path(session.submission.path)
    return f"watching {one_line(where)}: save a file, and what changed is checked; Ctrl-C ends it"


def news(before: Session, after: Session) -> list[str]:
    """What an event changed: verdicts of steps, what the kit has to say, the sum once nothing is waited for."""
    lines = [one_line(after.says)] if after.says and after.says != before.says else []
    for step in after.lesson.steps:
        result = after.results.get(step.path)
        if result and _is_news(before.results.get(step.path), result):
            lines.append(_line(step, result))
    if before.waiting and not after.waiting:
        right = sum(result.passes for result in after.results.values())
        points = f"{number(after.score)} of {number(after.lesson.max_score)} points"
        lines.append(f"{points}, {right} of {len(after.lesson.steps)} steps right")
    return lines


def _is_news(before: StepResult | None, after: StepResult) -> bool:
    """At the start, what is not filled in is no news."""
    if before is None:
        return after.verdict != "missing"
    return (before.verdict, before.message) != (after.verdict, after.message)


def _line(step: Step, result: StepResult) -> str:
    """`first.dx: wrong, first.py:41: ...`."""
    parts = [f"{step.path}: {result.verdict}"]
    if not result.passes:
        parts += [f"{result.file}:{result.line}"] if result.file and result.line else []
        parts += [result.message] if result.message else []
        parts += [result.mistake.help] if result.mistake else []
    return one_line(", ".join(parts[:2]) + "".join(f": {part}" for part in parts[2:]))
