"""A hint in words: the student's own mistake, the rule with shapes, nearly the line."""

from __future__ import annotations

from grader.lesson import Lesson, Step
from grader.report.terminal import plain
from grader.results.model import StepResult

_LEVEL_OF_MENDS = 3  # from which on a student sees the nearest mend
_TOLD_BY_THEIR_MISTAKE = frozenset({"wrong", "shape", "mutates", "hard-coded"})  # of others the message says most


def on_their_own(result: StepResult, level: int) -> str:
    """The student's own mistake; from the third level on, the edit that mends it."""
    if result.passes:
        return f"your answer is {result.verdict}: nothing is left to do here"
    place = f" ({result.place})" if result.place else ""
    says = [result.message] if result.verdict not in _TOLD_BY_THEIR_MISTAKE or not result.mistake else []
    says += [result.mistake.help] if result.mistake else []
    lines = [f"your answer{place} is {result.verdict}: {says[0]}", *says[1:]]
    mend = nearest_mend(result, level)
    return "\n".join([*lines, mend] if mend else lines)


def nearest_mend(result: StepResult, level: int) -> str:
    """The edit that mends the answer, where one is known and the level is high enough; else ''."""
    known = level >= _LEVEL_OF_MENDS and not result.passes and result.instructor.mend
    return f"nearest mend, {result.instructor.mend}" if known else ""


def hint_text(step: Step, lesson: Lesson, level: int, own: str) -> str:
    """One hint as `hint` prints it, with what there is to say of the student's own answer."""
    lines = [f"{step.path}, hint {level} of {len(step.hints)}", ""]
    if own:
        lines += [plain(own), ""]
    if not step.is_training and level > 1:
        lines += [*(f"  {user.source}    (forward.py:{user.line})" for user in lesson.graph.users[step.tensor]), ""]
    lines += [step.hints[level - 1], ""]
    if step.watch:
        lines.append(f"watch {step.watch}  {lesson.watch_url(step)}")
    return "\n".join(lines)
