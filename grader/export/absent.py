"""A roster against what was handed in: who handed in nothing, and what is nobody's on the list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.downloads.identity import Identity
from grader.errors import KitError
from grader.export.person import Person, people_of
from grader.export.roster import Entry, rows_of
from grader.export.table import Table, place_of, read_table

_IDS = (
    "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Student ID", "student_id", "SID", "OrgDefinedId",
    "Identifier", "Username", "User name", "Login", "GitHub username", "Email", "Email address", "E-mail",
)  # fmt: skip
_NAMES = ("Student", "Full name", "Name", "Student name", "Display name")
_FIRST = ("First name", "first_name", "Given name", "Firstname")
_LAST = ("Last name", "last_name", "Surname", "Family name", "Lastname")
_NUMBERED = re.compile(r"[^\W\d][^\d@]{0,60}([0-9]{1,40})\s*")  # `Participant 123`, in any language
_NO_STUDENTS = ("Points Possible", "Student, Test")  # Canvas's own rows


@dataclass(frozen=True)
class Roster:
    """The students on a host's list."""

    students: tuple[Entry, ...]


@dataclass(frozen=True)
class Attendance:
    """Who of a roster handed in nothing, and the names of submissions that no row of it fits."""

    absent: tuple[Identity, ...]
    unknown: tuple[str, ...]
    listed: int


def read_roster(path: Path) -> Roster:
    """Any CSV with a column of names or ids: what Canvas, Moodle, nbgrader and others export. Raises KitError."""
    table = read_table(path)
    students = [entry for entry in _entries(table) if _is_student(entry)]
    if not students:
        raise KitError(
            f"names no students: its columns are {', '.join(title[:40] for title in table.header[:12])}",
            where=str(path),
            mend="give a CSV with a column `name`, `id` or `email`, such as a host's own export",
        )
    return Roster(tuple(students))


def attendance(roster: Roster, submissions: Iterable[tuple[str, Identity | None]]) -> Attendance:
    """A row that any submission fits is not absent, also where several fit."""
    present: set[int] = set()
    unknown: list[str] = []
    for name, identity in submissions:
        rows = {row for person in _people(name, identity) for row in rows_of(person, roster.students)}
        present |= rows
        if not rows:
            unknown.append(name)
    absent = [_identity(entry) for row, entry in enumerate(roster.students) if row not in present]
    return Attendance(tuple(absent), tuple(unknown), len(roster.students))


def _people(name: str, identity: Identity | None) -> list[Person]:
    """Everybody who handed it in, by what is known of them."""
    people = [*people_of(name, asdict(identity) if identity else None)]
    if identity:
        people += [Person((), (member,)) for member in identity.members]
        people += [Person((one,), ()) for one in (*identity.sis_ids, *identity.emails)]
    return people


def _entries(table: Table) -> Iterator[Entry]:
    ids = _places(table, _IDS)
    named = next(iter(_places(table, _NAMES)), None)
    parts = [place for titles in (_LAST, _FIRST) for place in _places(table, titles)[:1]]
    if not ids and named is None and not parts:
        numbered = next((place for place in range(len(table.header)) if _numbers(table.column(place))), None)
        if numbered is None:
            return
        ids, named = [numbered], numbered + 1 if numbered + 1 < len(table.header) else None
    for row in table.rows:
        cells = [row[place].strip() for place in ids]
        numbers = [found[1] for cell in cells if (found := _NUMBERED.fullmatch(cell)) and " " in cell]
        name = row[named] if named is not None else ", ".join(row[place] for place in parts)
        yield Entry((*numbers, *cells), name.strip(" ,"))


def _places(table: Table, titles: Sequence[str]) -> list[int]:
    return list(dict.fromkeys(place for title in titles if (place := place_of(table.header, title)) is not None))


def _numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(_NUMBERED.fullmatch(cell) for cell in cells)


def _is_student(entry: Entry) -> bool:
    return entry.name not in _NO_STUDENTS and bool(entry.name or any(entry.ids))


def _identity(entry: Entry) -> Identity:
    ids = [one for one in entry.ids if one]
    emails = tuple(one for one in ids if "@" in one)
    return Identity("roster", ids[0] if ids else "", entry.name, emails=emails)
