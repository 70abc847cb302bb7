"""Canvas: a gradebook exported from it, with one assignment's column filled.

Canvas wants the header Student, ID, SIS User ID, SIS Login ID, Section, <Title> (<assignment id>), and a
second row that starts with `    Points Possible`. It finds students by ID, then by SIS ids, then by name.
"""

from __future__ import annotations

import re

from grader.errors import KitError
from grader.export.points import Wishes, is_anothers, kept, points_text
from grader.export.read import ClassResults, Graded
from grader.export.roster import Entry, Filled, fill_rows, match
from grader.export.table import Table, place_of
from grader.invocation import option
from grader.wording import counted

_FIRST = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Section")
_IDS = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")
_ASSIGNMENT = re.compile(r"(?P<title>.+) \((?P<id>\d+)\)", re.DOTALL)
_POINTS = "Points Possible"
_POINTS_ROW = f"    {_POINTS}"


def canvas_gradebook(results: ClassResults, roster: Table, column: str | None, wishes: Wishes) -> Filled:
    """The columns Canvas finds students by, and the assignment's. Raises KitError.

    Students without a submission keep what the roster says of them, and so does a score that somebody entered.
    """
    places = [place for name in _FIRST if (place := place_of(roster.header, name)) is not None]
    if any(place_of(roster.header, name) is None for name in _FIRST[:2]):
        raise KitError(
            f"the roster starts with {', '.join(roster.header[:3])}; Canvas's starts with Student, ID",
            mend=f"in Canvas: Grades, Export, Export Entire Gradebook; then {option('--roster', 'THAT.csv')}",
        )
    filled = _assignment(roster, column)
    students = [row for row in roster.rows if _is_student(row, roster)]
    possible = next((row[filled] for row in roster.rows if row[0].strip() == _POINTS), "")
    matches = match([_entry(roster, row) for row in students], results.graded)
    scores = [row[filled] for row in students]

    def fill(index: int, one: Graded) -> str:
        score = points_text(one.result, possible, wishes.rescale, roster.header[filled])
        if not wishes.overwrite and is_anothers(scores[index], score):
            return kept(_entry(roster, students[index]).name, scores[index], score)
        scores[index] = score
        return ""

    tally = fill_rows(matches, fill)
    rows = [(_POINTS_ROW, *[""] * (len(places) - 1), possible)]
    rows += [(*(row[place] for place in places), score) for row, score in zip(students, scores, strict=True)]
    header = tuple(roster.header[place] for place in [*places, filled])
    return Filled(Table(header, tuple(rows), roster.separator, roster.has_bom), tally)


def _assignment(roster: Table, column: str | None) -> int:
    """The place of the assignment's column: the only one, or the one named by title, id or both."""
    found = {place: parts for place, title in enumerate(roster.header) if (parts := _ASSIGNMENT.fullmatch(title))}
    wanted = [
        place
        for place, parts in found.items()
        if column is None or column.strip() in (parts.group(), parts["title"].strip(), parts["id"])
    ]
    if len(wanted) == 1:
        return wanted[0]
    listed = "; ".join(parts.group() for parts in found.values()) or "none"
    raise KitError(
        f"{counted(len(wanted), 'assignment')} of the roster fit{f' {column!r}' if column else ''}; it has: {listed}",
        mend=f"name one with {option('--column', repr('TITLE'))} or {option('--column', 'ID')}; "
        "a new one is made in Canvas first, then exported again",
    )


def _is_student(row: tuple[str, ...], roster: Table) -> bool:
    """Not the rows on points and posting that Canvas puts above the students."""
    return any(row[place].strip() for name in _IDS if (place := place_of(roster.header, name)) is not None)


def _entry(roster: Table, row: tuple[str, ...]) -> Entry:
    ids = [row[place] for name in _IDS if (place := place_of(roster.header, name)) is not None]
    return Entry(tuple(ids), row[place_of(roster.header, "Student") or 0])
