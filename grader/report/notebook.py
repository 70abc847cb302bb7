"""A student's notebook as it is shown: code as text, prose formatted as far as that costs little.

Outputs are left out: they are what the student's machine printed, and no part of what was judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from grader.report.prose import MOST_FORMATTED, as_written, cost_of, formatted, without_pictures
from grader.submission.content import Unreadable
from grader.submission.notebook import cells_of

_MOST_FORMATTED = 40_000  # of the cost of one notebook's prose; the exercise's own costs 13,000
_MOST_WRITTEN = 20_000  # characters of a cell that is too long to be formatted


@dataclass(frozen=True)
class ShownCell:
    """One cell: its lines of code as the student wrote them, or its prose."""

    number: int
    lines: tuple[str, ...] = ()
    prose: Markup | None = None


def shown_cells(text: str) -> list[ShownCell]:
    """The cells of a notebook's JSON, in order; none where it cannot be read."""
    try:
        cells, _ = cells_of("", text.encode("utf-8", "replace"))
    except Unreadable:
        return []
    shown: list[ShownCell] = []
    left = _MOST_FORMATTED
    for cell in cells:
        if cell.is_code and cell.source.strip():
            shown.append(ShownCell(cell.number, lines=tuple(cell.source.split("\n"))))
        elif cell.source.strip():
            source = without_pictures(cell.source)
            cost = cost_of(source)
            left -= cost if cost <= MOST_FORMATTED else 0
            shown.append(ShownCell(cell.number, prose=(formatted(source) if left >= 0 else None) or _plain(source)))
    return shown


def _plain(source: str) -> Markup:
    """Prose as it was written, and a word on why."""
    left = len(source) - _MOST_WRITTEN
    cut = f"; {left:,} more characters are not shown" if left > 0 else ""
    return as_written(source[:_MOST_WRITTEN]) + Markup("<p>(shown as it was written{})</p>").format(cut)
