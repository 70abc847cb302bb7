"""nbgrader: the CSV that `nbgrader export` writes, a row a student.

Due date and timestamp are left empty and the penalty is 0: lateness is the host's to judge.
"""

from __future__ import annotations

from grader.errors import KitError
from grader.export.read import ClassResults, Graded
from grader.export.roster import Entry, Filled, Matches, fill_rows, match
from grader.export.table import Table, place_of
from grader.invocation import option
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
    """A row a submission, or a member of its group; with `students` (id, ...), one a student of that list."""
    if students is None:
        listed = [(person, one) for one in results.graded for person in _unlisted(one)]
        people = [person for person, _ in listed]
        matches = Matches({index: one for index, (_, one) in enumerate(listed)}, ())
        rows: dict[int, tuple[str, ...]] = {}
    else:
        people = _students(students)
        matches = match([_entry(person) for person in people], results.graded)
        most = max((one.result.max_score for one in results.graded), default=0.0)
        rows = {index: _row(assignment, person, None, most) for index, person in enumerate(people)}

    def fill(index: int, one: Graded) -> str:
        rows[index] = _row(assignment, people[index], one)
        return ""

    tally = fill_rows(matches, fill)
    return Filled(Table(COLUMNS, tuple(rows.values())), tally)


def _unlisted(one: Graded) -> list[dict[str, str]]:
    """Who gets the score where no list of students is there: the submission as it is named, or a group's members."""
    if len(one.people) == 1:
        return [{"student_id": one.result.submission}]
    return [{"student_id": (person.ids or person.names)[0]} for person in one.people]


def _students(listed: Table) -> list[dict[str, str]]:
    places = {name: place_of(listed.header, name) for name in ("id", "last_name", "first_name", "email")}
    if places["id"] is None:
        raise KitError(
            f"the list of students has the columns {', '.join(listed.header)}; nbgrader's has id, first_name, ...",
            mend=f"give the file of `nbgrader db student import` with {option('--roster', 'CSV')}",
        )
    people = [{name: row[at] if at is not None else "" for name, at in places.items()} for row in listed.rows]
    return [{"student_id": person.pop("id"), **person} for person in people]


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
