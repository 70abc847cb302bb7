"""grades.csv: a row a submission, a column an exercise and a step."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from grader.lesson import Lesson
from grader.results.summary import Summary
from grader.wording import legible

_WHO = ("id", "name", "late")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def gradebook(results: Sequence[Summary], lesson: Lesson) -> str:
    """The text of grades.csv: name, scores by exercise, how far the own chain reaches, a verdict a step; then who.

    Cells of what is not graded are empty: nobody takes them for a zero.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    exercises = [exercise.name for exercise in lesson.exercises]
    steps = [step.path for step in lesson.steps]
    writer.writerow(["submission", "score", "max_score", *exercises, "chain_reaches", *steps, *_WHO])
    for result in results:
        verdicts = {step.path: step.verdict for step in result.steps}
        points = [result.score, result.max_score, *(result.scores.get(name, 0.0) for name in exercises)]
        writer.writerow(
            [
                cell(result.submission),
                *[number(value) if result.is_graded else "" for value in points],
                result.chain_reaches or "",
                *[verdicts.get(step, "") for step in steps],
                *map(cell, _who(result)),
            ]
        )
    return out.getvalue()


def _who(result: Summary) -> tuple[str, str, str]:
    """The student's id on the host, the name for people, and whether it came late. An anonymous one has no name."""
    identity = result.identity
    if identity is None:
        return "", " ".join(result.submission.split()), ""
    named = identity.display_name or ("" if identity.anonymous else result.submission)
    return ", ".join(identity.sis_ids) or identity.user_id, " ".join(named.split()), "yes" if identity.late else ""


def cell(text: str) -> str:
    """A student's text as a cell that no spreadsheet takes for a formula."""
    plain = legible(text)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def number(value: float) -> str:
    """A score without needless zeros: 31.5, 44."""
    return f"{round(value, 6) + 0.0:g}"
