"""A submission's score on the host's scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grader.errors import KitError
from grader.invocation import option
from grader.results.gradebook import number
from grader.results.model import SubmissionResult
from grader.wording import counted

EMPTY_CELLS = ("", "-")
_AS_ROUNDED = 0.00501  # hosts keep two digits


@dataclass(frozen=True)
class Wishes:
    """What the instructor wants where results and roster differ."""

    rescale: bool = False  # make 100 % of these points 100 % of the host's
    overwrite: bool = False  # replace scores that somebody else entered


def points_text(result: SubmissionResult, out_of: str, rescale: bool, where: str) -> str:
    """The score as the host's cell takes it. Raises KitError where the scales differ and nobody said what to do."""
    possible = as_number(out_of)
    if possible is None or possible <= 0 or math.isclose(possible, result.max_score):
        return number(result.score)
    if not rescale:
        raise KitError(
            f"the host counts to {counted(possible, 'point')}, these results to {number(result.max_score)}",
            where=where,
            mend=f"{option('--rescale')} makes 100 % of the one 100 % of the other; or change the points on the host",
        )
    return number(round(result.score / result.max_score * possible, 2))


def is_anothers(cell: str, score: str) -> bool:
    """Whether a student's cell in the roster holds something else than this score. Then somebody entered it."""
    there, ours = as_number(cell), as_number(score)
    if cell.strip() in EMPTY_CELLS:
        return False
    return there is None or ours is None or not math.isclose(there, ours, abs_tol=_AS_ROUNDED)


def kept(student: str, cell: str, score: str) -> str:
    """What is said of a cell that stays as it is."""
    return f"{student}: {cell.strip()} in the roster, {score} here"


def as_number(text: str) -> float | None:
    """`44.00`, `44,00` as a number; None for a cell without one."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
