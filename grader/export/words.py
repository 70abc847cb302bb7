"""What exporters say about results: the words for students, as plain text."""

from __future__ import annotations

from grader.results.gradebook import number
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.wording import counted

_MORE = " …"
_MOST_NAMED = 8


def plain(text: str) -> str:
    """`text` without control and other unseen signs; lines and tabs stay."""
    return "".join(sign for sign in text.replace("\r\n", "\n") if sign.isprintable() or sign in "\n\t")


def one_line(text: str) -> str:
    return " ".join(plain(text).split())


def cut(text: str, most: int) -> str:
    """At most `most` characters, and a sign where some are left out."""
    return text if len(text) <= most else text[: most - len(_MORE)] + _MORE


def headline(step: StepResult) -> str:
    """`dcounts: wrong`."""
    return f"{step.step}: {step.verdict}"


def explanation(step: StepResult) -> str:
    """What a student is told about a step: the fact, the mistake where it is known, a remark."""
    lines = (step.message, step.mistake.help if step.mistake else "", step.note or "")
    return plain("\n".join(line for line in lines if line))


def summary(result: SubmissionResult) -> str:
    """The score, how far the own chain reaches, remarks on the files."""
    lines = [f"{number(result.score)} of {number(result.max_score)} points."]
    if result.chain_reaches:
        lines.append(f"Your own chain of gradients is right as far as {result.chain_reaches}.")
    return plain("\n".join([*lines, *result.notes]))


def in_short(result: SubmissionResult) -> str:
    """One line for a comment, of the kit's own words and the lesson's names alone."""
    return "; ".join(
        [f"{number(result.score)} of {counted(result.max_score, 'point')}", *(_share(one) for one in result.exercises)]
    )


def _share(exercise: ExerciseResult) -> str:
    """`ex1_chain 24.5 of 26 (dprobs: wrong, dW2: shape)`."""
    lost = [headline(step) for step in exercise.steps if not step.passes]
    if len(lost) > _MOST_NAMED:
        lost = [f"{len(lost)} steps not right"]
    what = f" ({', '.join(lost)})" if lost else ""
    return f"{exercise.exercise} {number(exercise.score)} of {number(exercise.max_score)}{what}"
