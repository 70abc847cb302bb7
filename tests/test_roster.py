"""A roster against what was handed in: who is absent, under which columns, and what happens to a list that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.downloads.identity import Identity
from grader.errors import USAGE, KitError
from grader.export.absent import attendance, read_roster
from grader.lesson import Lesson
from grader.submission.find import find_submissions
from tests.support import run_grader
from tests.test_downloads import EX1, FILLED, plant

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,HW4 (7)\n    Points Possible,,,,,44\n"
    '"Doe, Jane",12,u12,jdoe,A,\n"Roe, John",13,u13,jroe,A,\n"Student, Test",99,,,A,\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade\n"
    "Participant 12,Jane Doe,j@x.org,-,-,44\nParticipant 13,John Roe,r@x.org,-,-,44\n"
)
ROSTERS = {
    "Canvas": CANVAS,
    "Moodle": MOODLE,
    "Moodle, in another language": (
        "Kennung;Vollständiger Name;Note\nTeilnehmer/in 12;Jane Doe;-\nTeilnehmer/in 13;John Roe;-\n"
    ),
    "nbgrader": "id,first_name,last_name,email\n12,Jane,Doe,\n13,John,Roe,\n",
    "names alone": "Name\nJane Doe\nJohn Roe\n",
    "names in two columns": "Surname,Given name\nDoe,Jane\nRoe,John\n",
    "ids alone": "id\n12\n13\n",
}


@pytest.mark.parametrize("text", ROSTERS.values(), ids=ROSTERS)
def test_who_handed_in_nothing_is_told_from_any_hosts_list(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    roster = read_roster(tmp_path / "r.csv")
    there = attendance(roster, [("doejane_12", Identity("canvas", "12", "Jane Doe"))])
    assert there.listed == 2
    assert there.unknown == ()
    (absent,) = there.absent
    assert absent.user_id in ("13", "")
    assert absent.display_name in ("Roe, John", "John Roe", "")


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("Jane Doe", None),
        ("jdoe", None),
        ("Doe, Jane(jdoe)", Identity("sakai", "jdoe", "Jane Doe")),
        ("x", Identity("gradescope", "5", "A B & Jane Doe", members=("A B", "Jane Doe"))),
        ("x", Identity("gradescope", "5", "A & B", sis_ids=("u1", "u12"))),
    ],
)
def test_a_student_is_there_under_any_name_or_id(name: str, identity: Identity | None, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(CANVAS, encoding="utf-8")
    there = attendance(read_roster(tmp_path / "r.csv"), [(name, identity)])
    assert [one.display_name for one in there.absent] == ["Roe, John"]


def test_where_two_rows_fit_neither_is_absent_and_a_stranger_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("name,id\nJane Doe,1\nJane Doe,2\nJohn Roe,3\n", encoding="utf-8")
    there = attendance(read_roster(tmp_path / "r.csv"), [("Jane Doe", None), ("eve", None)])
    assert [one.user_id for one in there.absent] == ["3"]
    assert there.unknown == ("eve",)


@pytest.mark.parametrize(
    "text", ["", "\n", "a,b\n1,2\n", "name\n", "name,id\n,\n", "\x00", "Student,ID\n    Points Possible,\n"], ids=ascii
)
def test_a_list_that_names_no_students_is_a_complaint(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    with pytest.raises(KitError) as raised:
        read_roster(tmp_path / "r.csv")
    assert raised.value.exit_code == USAGE


def test_absent_students_are_submissions_without_files_behind_all_others(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", {f"Ann/{EX1}": FILLED, f"Bob/{EX1}": FILLED})
    absent = [Identity("roster", "7", "Ann"), Identity("roster", "8", "")]
    with find_submissions([root], lesson) as found:
        submissions = found.with_absent(absent, tmp_path / "r.csv").submissions
    assert [submission.name for submission in submissions] == ["Ann", "Bob", "Ann-2", "8"]
    assert [submission.notes for submission in submissions] == [(), (), *[("handed in nothing",)] * 2]
    assert submissions[2].identity == absent[0]


def test_a_roster_on_the_command_line_adds_rows_and_names_strangers(tmp_path: Path) -> None:
    plant(tmp_path / "root", {f"Jane Doe/{EX1}": FILLED, f"Eve/{EX1}": FILLED})
    (tmp_path / "r.csv").write_text(CANVAS, encoding="utf-8")
    out = tmp_path / "out"
    arguments = ("grade", tmp_path / "root", "--out", out, "--jobs", "1", "--no-mends", "--roster", tmp_path / "r.csv")
    done = run_grader(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "roster: 1 of 2 students handed in\nhanded in nothing: Roe, John\nnot in the roster: Eve\n" in done.stdout
    rows = [line.split(",") for line in (out / "grades.csv").read_text(encoding="utf-8").splitlines()]
    assert [row[0] for row in rows] == ["submission", "Eve", "Jane Doe", '"Roe']
    assert rows[-1][2] == "0"


def test_a_roster_that_cannot_be_read_ends_the_command_before_anything_is_graded(tmp_path: Path) -> None:
    plant(tmp_path / "root", {f"Ann/{EX1}": FILLED})
    done = run_grader("grade", tmp_path / "root", "--out", tmp_path / "out", "--roster", tmp_path / "none.csv")
    assert done.returncode == USAGE
    assert "none.csv" in done.stderr
    assert not (tmp_path / "out").exists()
