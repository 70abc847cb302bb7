"""A submission's score on the host's scale."""

from __future__ import annotations

import math

from grader.errors import KitError
from grader.results.gradebook import number
from grader.results.model import SubmissionResult
from grader.wording import counted


def points_text(result: SubmissionResult, out_of: str, rescale: bool, where: str) -> str:
    """The score as the host's cell takes it. Raises KitError where the scales differ and nobody said what to do."""
    possible = _as_number(out_of)
    if possible is None or math.isclose(possible, result.max_score):
        return number(result.score)
    if not rescale:
        raise KitError(
            f"the host counts to {counted(possible, 'point')}, these results to {number(result.max_score)}",
            where=where,
            mend="--rescale makes 100 % of the one 100 % of the other; or change the points on the host",
        )
    return number(round(result.score / result.max_score * possible, 2))


def _as_number(text: str) -> float | None:
    """`44.00`, `44,00` as a number; None for a cell without one."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
