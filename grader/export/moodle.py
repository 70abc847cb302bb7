"""Moodle: a grading worksheet downloaded from it, with grades and empty comments filled.

The worksheet's headers are in the language of whoever downloaded it, and Moodle takes it back only in
that language. So every header, and every cell that is not ours, is written back as it came; the
columns are told by what stands in them: `Participant 123` is the identifier in any language, and the
grade's column is followed by the highest grade, the same number in every row.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from grader.errors import KitError
from grader.export.points import EMPTY_CELLS, Wishes, is_anothers, kept, points_text
from grader.export.read import ClassResults, Graded
from grader.export.roster import Entry, Filled, fill_rows, match
from grader.export.table import Table, place_of
from grader.export.words import in_short
from grader.invocation import option

_IDENTIFIER = re.compile(r"[^\W\d][^\d@]*?(?P<id>\d+)\s*", re.DOTALL)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class _Columns:
    """Where a worksheet has what."""

    identifier: int
    name: int
    grade: int
    most: int | None
    email: int | None
    comments: int | None


def moodle_worksheet(results: ClassResults, worksheet: Table, column: str | None, wishes: Wishes) -> Filled:
    """The worksheet with grades. A comment is added where there is none, a grade that somebody entered stays."""
    columns = _columns(worksheet, column)
    matches = match([_entry(row, columns) for row in worksheet.rows], results.graded)
    rows = [list(row) for row in worksheet.rows]

    def fill(index: int, one: Graded) -> str:
        row, most = rows[index], rows[index][columns.most] if columns.most is not None else ""
        score = points_text(one.result, most, wishes.rescale, worksheet.header[columns.grade])
        if not wishes.overwrite and is_anothers(row[columns.grade], score):
            return kept(row[columns.name], row[columns.grade], score)
        comment = html.escape(in_short(one.result))  # Moodle shows it as HTML
        row[columns.grade] = score
        if columns.comments is not None and row[columns.comments].strip() in EMPTY_CELLS:
            row[columns.comments] = comment
        return ""

    tally = fill_rows(matches, fill)
    table = Table(worksheet.header, tuple(map(tuple, rows)), worksheet.separator, worksheet.has_bom)
    return Filled(table, tally)


def _columns(worksheet: Table, column: str | None) -> _Columns:
    places = range(len(worksheet.header))
    identifier = next((place for place in places if _identifies(worksheet.column(place))), None)
    if identifier is None or identifier + 1 >= len(worksheet.header):
        raise KitError(
            "no column of the worksheet holds identifiers like `Participant 123`",
            mend="in Moodle: the assignment, View all submissions, Download grading worksheet; "
            f"then {option('--roster', 'THAT.csv')}",
        )
    named = place_of(worksheet.header, column) if column else None
    if column and named is None:
        raise KitError(f"the worksheet has no column {column!r}; it has: {', '.join(worksheet.header)}")
    grade = named if named is not None else _grade(worksheet, identifier)
    most = grade + 1 if grade + 1 < len(worksheet.header) and _is_the_most(worksheet.column(grade + 1)) else None
    email = next((place for place in places if _holds_addresses(worksheet.column(place))), None)
    # the comments come last, after the dates; a worksheet that ends with the highest grade has none
    comments = len(worksheet.header) - 1 if len(worksheet.header) - 1 > (most or grade) + 1 else None
    return _Columns(identifier, identifier + 1, grade, most, email, comments)


def _grade(worksheet: Table, identifier: int) -> int:
    """The column before the highest grade."""
    for place in range(identifier + 2, len(worksheet.header) - 1):
        if _is_the_most(worksheet.column(place + 1)) and _may_be_grades(worksheet.column(place)):
            return place
    raise KitError(
        f"the worksheet's column of grades was not found among {', '.join(worksheet.header)}",
        mend=f"name it: {option('--column', repr('Grade'))}",
    )


def _identifies(cells: tuple[str, ...]) -> bool:
    found = [_IDENTIFIER.fullmatch(cell) for cell in cells]
    return bool(found) and all(found) and len(set(cells)) == len(cells)


def _is_the_most(cells: tuple[str, ...]) -> bool:
    return len(set(cells)) == 1 and bool(_NUMBER.fullmatch(cells[0].strip()))


def _may_be_grades(cells: tuple[str, ...]) -> bool:
    return all(cell.strip() in EMPTY_CELLS or _NUMBER.fullmatch(cell.strip()) for cell in cells)


def _holds_addresses(cells: tuple[str, ...]) -> bool:
    return bool(cells) and all("@" in cell for cell in cells)


def _entry(row: tuple[str, ...], columns: _Columns) -> Entry:
    found = _IDENTIFIER.fullmatch(row[columns.identifier])
    number = found["id"] if found else ""
    email = row[columns.email] if columns.email is not None else ""
    return Entry((number, row[columns.identifier], email), row[columns.name])
