"""nbgrader: the CSV that `nbgrader export` writes, a row a student.

Due date and timestamp are left empty and the penalty is 0: lateness is the host's to judge.
"""

from __future__ import annotations

from grader.errors import KitError
from grader.export.read import ClassResults, Graded
from grader.export.roster import Entry, Filled, match
from grader.export.table import Table, place_of
from grader.results.gradebook import number

COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)


def nbgrader_csv(results: ClassResults, assignment: str, students: Table | None) -> Filled:
    """A row a submission; with `students` (id, first_name, last_name, email), a row a student on that list."""
    if students is None:
        rows = [_row(assignment, {"student_id": one.result.submission}, one) for one in results.graded]
        return Filled(Table(COLUMNS, tuple(rows)), len(rows), ())
    if place_of(students.header, "id") is None:
        raise KitError(
            f"the list of students has the columns {', '.join(students.header)}; nbgrader's has id, first_name, ...",
            mend="give the file of `nbgrader db student import` with --roster",
        )
    people = [_student(students, row) for row in students.rows]
    matches = match([_entry(person) for person in people], results.graded)
    most = max((one.result.max_score for one in results.graded), default=0.0)
    rows = [_row(assignment, person, matches.by_row.get(index), most) for index, person in enumerate(people)]
    return Filled(Table(COLUMNS, tuple(rows)), len(matches.by_row), matches.unmatched)


def _student(students: Table, row: tuple[str, ...]) -> dict[str, str]:
    places = {name: place_of(students.header, name) for name in ("id", "last_name", "first_name", "email")}
    person = {name: row[place] if place is not None else "" for name, place in places.items()}
    return {"student_id": person.pop("id"), **person}


def _entry(person: dict[str, str]) -> Entry:
    return Entry((person["student_id"], person["email"]), f"{person['last_name']}, {person['first_name']}")


def _row(assignment: str, person: dict[str, str], one: Graded | None, most: float = 0.0) -> tuple[str, ...]:
    """As nbgrader, a student without a submission has 0."""
    score = number(one.result.score if one else 0.0)
    known = {
        "assignment": assignment,
        **person,
        "raw_score": score,
        "late_submission_penalty": "0",
        "score": score,
        "max_score": number(one.result.max_score if one else most),
    }
    return tuple(known.get(column, "") for column in COLUMNS)
