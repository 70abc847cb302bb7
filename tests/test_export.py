"""Results as other systems take them: golden files, the hosts' own rules, and nothing that is not for students."""

from __future__ import annotations

import base64
import csv
import importlib
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grader.cli import EXPORT_FORMATS, main
from grader.commands.export import EXPORTERS
from grader.export.person import people_of
from grader.export.table import harmless
from grader.lesson import Lesson
from grader.results.gradebook import number
from grader.results.model import SubmissionResult
from tests.exported import SECRET_SEED, VERDICTS, result, write_class

GOLDEN = Path(__file__).parent / "golden" / "export"
FORMULA = re.compile(r"[\s]*[=+\-@\t\r＝＋－＠]")
ALL_RIGHT = ("right",)
EMPTY = ("missing",) * 60
BOTH = ("--rescale", "--overwrite")


def assert_golden(written: Path, name: str) -> str:
    """The file is the golden one, byte for byte. UPDATE_GOLDEN=1 writes it anew: read the difference."""
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(written.read_bytes())
    assert written.read_bytes() == golden.read_bytes()
    return written.read_bytes().decode("utf-8")


def export(*arguments: str | Path, code: int = 0) -> None:
    assert main(["export", *map(str, arguments)]) == code


def cells(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator, strict=True))


@pytest.fixture
def one(tmp_path: Path, lesson: Lesson) -> Path:
    """The results.json of a submission with every kind of verdict."""
    return write_class(tmp_path / "one", {"s": result("s", lesson)}) / "submissions" / "s" / "results.json"


# ---- Canvas

CANVAS_SCORES = {"1001": VERDICTS, "1002": ALL_RIGHT, "1003": VERDICTS, "1004": EMPTY}
CANVAS_NAMES = {
    "doejane_1001_555_ex1_chain": VERDICTS,
    "obrienseán_LATE_1002_556_my, answers": ALL_RIGHT,
    "花子": VERDICTS,  # a login
    "@mallory": EMPTY,  # a login, and a formula
    "Kim Lee": ALL_RIGHT,  # two rows have this name
    "stranger": ALL_RIGHT,
    "anon_1005_77_ex1": ALL_RIGHT,  # an anonymous number is nobody's id
}


def canvas_import(text: str, students: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Scores by user id as Canvas takes them: its header, its second row, then ID, else SIS id, else name."""
    header, points, *rows = cells(text)
    assert header[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert re.fullmatch(r".+ \(\d+\)", header[5])
    assert points[0].startswith("    Points Possible")
    taken = {}
    for name, user, sis, *_, score in rows:
        keys = [(0, user), (1, sis), (2, name)]
        found = [known for at, key in keys for known, row in students.items() if key and (known, *row)[at] == key]
        taken[found[0]] = score
    return taken


@pytest.fixture
def canvas_class(tmp_path: Path, lesson: Lesson) -> Path:
    return write_class(tmp_path / "grades", {name: result(name, lesson, v) for name, v in CANVAS_NAMES.items()})


def test_a_canvas_gradebook_is_filled_from_its_roster_and_read_back_by_canvas_rules(
    canvas_class: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    roster = GOLDEN / "canvas_roster.csv"
    export("canvas", canvas_class, "--roster", roster, "--column", "4242", "--overwrite", code=1)
    text = assert_golden(canvas_class / "canvas.csv", "canvas.csv")
    students = {row[1]: (row[2], row[0]) for row in cells(roster.read_text(encoding="utf-8"))[3:]}
    taken = canvas_import(text, students)
    expected = {user: number(result("", lesson, verdicts).score) for user, verdicts in CANVAS_SCORES.items()}
    assert taken == {**dict.fromkeys(students, ""), **expected, "1007": "7.5"}
    said = capsys.readouterr().err
    assert "4 scores are in it" in said
    assert "Kim Lee is not: 2 rows fit" in said
    assert "stranger is not: no row fits" in said
    assert "anon_1005_77_ex1 is not: no row fits" in said


def test_two_submissions_for_one_row_are_both_listed_and_neither_counts(
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("doejane_1001_555_a", "doejane_1001_600_b")
    folder = write_class(tmp_path / "grades", {name: result(name, lesson) for name in names})
    export("canvas", folder, "--roster", GOLDEN / "canvas_roster.csv", "--column", "Backprop, by hand", code=1)
    assert capsys.readouterr().err.count("2 submissions fit its row") == 2
    assert cells((folder / "canvas.csv").read_text(encoding="utf-8"))[2][-1] == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--roster CSV"),
        (("--roster", GOLDEN / "canvas_roster.csv"), "2 assignments of the roster fit; it has: Week 3 (811); Backprop"),
        (("--roster", GOLDEN / "canvas_roster.csv", "--column", "Week 9"), "0 assignments of the roster fit 'Week 9'"),
        (("--roster", GOLDEN / "canvas_roster.csv", "--column", "811"), "the host counts to 10 points"),
        (("--roster", GOLDEN / "moodle_en.csv"), "Canvas's starts with Student, ID"),
        (("--roster", GOLDEN / "no.csv"), "cannot be read"),
    ],
)
def test_a_roster_that_does_not_fit_is_refused_with_what_to_do(
    canvas_class: Path, arguments: tuple[str | Path, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    export("canvas", canvas_class, *arguments, code=2)
    assert said in capsys.readouterr().err
    assert not (canvas_class / "canvas.csv").exists()


def test_scores_are_made_parts_of_the_hosts_points_only_when_asked(canvas_class: Path, lesson: Lesson) -> None:
    export("canvas", canvas_class, "--roster", GOLDEN / "canvas_roster.csv", "--column", "811", *BOTH, code=1)
    rows = cells((canvas_class / "canvas.csv").read_text(encoding="utf-8"))
    share = result("", lesson).score / lesson.max_score
    assert rows[1][-1] == "10"
    assert float(rows[2][-1]) == pytest.approx(10 * share, abs=0.005)


# ---- Moodle

MOODLE_NAMES = {
    "Jane Doe_51_assignsubmission_file_": VERDICTS,
    "Seán O'Brien_52_assignsubmission_file_": ALL_RIGHT,
    "大西 花子": ALL_RIGHT,
    "@SUM(A1)_54_assignsubmission_file_": EMPTY,
}
# What the importer looks for, in the language of whoever downloaded the worksheet.
MOODLE_HEADERS = {
    "en": ("Identifier", "Participant ", "Grade", ","),
    "de": ("ID", "Teilnehmer/in", "Bewertung", ";"),
    "ja": ("識別子", "参加者 ", "評点", ","),
}


def moodle_import(text: str, language: str) -> dict[int, str]:
    """Grades by participant as Moodle takes them: columns by their localised headers, empty grades left alone."""
    identifier, prefix, grade, separator = MOODLE_HEADERS[language]
    header, *rows = cells(text, separator)
    at, grades = header.index(identifier), header.index(grade)
    assert all(row[at].startswith(prefix) for row in rows)
    return {int(row[at].removeprefix(prefix)): row[grades] for row in rows if row[grades] not in ("", "-")}


@pytest.mark.parametrize(
    ("language", "more", "expected"),
    [
        ("en", (), {51: VERDICTS, 52: ALL_RIGHT, 53: ALL_RIGHT, 54: EMPTY}),
        ("de", (), {51: VERDICTS, 53: ALL_RIGHT}),
        ("ja", ("--rescale",), {51: VERDICTS, 53: ALL_RIGHT}),
    ],
)
def test_a_moodle_worksheet_is_filled_in_any_language_and_read_back_by_moodles_rules(
    tmp_path: Path, lesson: Lesson, language: str, more: tuple[str, ...], expected: dict[int, tuple[str, ...]]
) -> None:
    folder = write_class(tmp_path / "grades", {name: result(name, lesson, v) for name, v in MOODLE_NAMES.items()})
    worksheet = GOLDEN / f"moodle_{language}.csv"
    export("moodle", folder, "--roster", worksheet, "--overwrite", *more, code=0 if language == "en" else 1)
    text = assert_golden(folder / "moodle.csv", f"moodle_{language}_filled.csv")
    most = 100 if more else lesson.max_score
    taken = moodle_import(text, language)
    assert taken.keys() == expected.keys()
    for participant, verdicts in expected.items():
        share = result("", lesson, verdicts).score / lesson.max_score
        assert float(taken[participant]) == pytest.approx(share * most, abs=0.005)
    before, after = (cells(t, MOODLE_HEADERS[language][3]) for t in (worksheet.read_text(encoding="utf-8"), text))
    assert before[0] == after[0]
    assert [row[0] for row in before] == [row[0] for row in after]
    assert text.startswith("\ufeff") == (language == "de")


def test_a_comment_somebody_wrote_into_the_worksheet_stays(tmp_path: Path, lesson: Lesson) -> None:
    name = "Seán O'Brien_52_assignsubmission_file_"
    folder = write_class(tmp_path / "grades", {name: result(name, lesson)})
    export("moodle", folder, "--roster", GOLDEN / "moodle_en.csv", "--overwrite")
    rows = cells((folder / "moodle.csv").read_text(encoding="utf-8"))
    assert rows[2][-1] == "see me"


# ---- scores that somebody else entered

CANVAS_ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section,HW (7)
    Points Possible,,,,,44.0
"Doe, Jane",1,u1,jane,A,{}
"Roe, Rick",2,u2,rick,A,
"""
MOODLE_ROSTER = """Identifier,Full name,Email address,Grade,Maximum grade,Last modified,Comments
Participant 1,Jane Doe,jane@example.org,{},44.00,-,
Participant 2,Rick Roe,rick@example.org,-,44.00,-,
"""


@pytest.mark.parametrize(("host", "roster", "grade"), [("canvas", CANVAS_ROSTER, 5), ("moodle", MOODLE_ROSTER, 3)])
@pytest.mark.parametrize(
    ("there", "is_kept"),
    [("31", True), ("31.00", True), ("0", True), ("EX", True), ("excused", True), ("44.01", True),
     ("", False), ("-", False), (" ", False), ("44", False), ("44.00", False), ("44.0 ", False)],
)  # fmt: skip
def test_a_score_that_somebody_entered_stays_unless_it_is_to_be_replaced(
    host: str, roster: str, grade: int, there: str, is_kept: bool,
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = ["doejane_1_5_x", "roerick_2_6_x"]
    folder = write_class(tmp_path / "grades", {name: result(name, lesson, ALL_RIGHT) for name in names})
    (tmp_path / "roster.csv").write_text(roster.format(there), encoding="utf-8")
    column = "HW" if host == "canvas" else "Grade"
    command = (host, folder, "--roster", tmp_path / "roster.csv", "--column", column)

    def grades() -> dict[str, str]:
        rows = cells((folder / f"{host}.csv").read_text(encoding="utf-8"))
        found = {row[0 if host == "canvas" else 1]: row for row in rows}
        assert not is_kept or host == "canvas" or found["Jane Doe"][-1] == "" or found["Jane Doe"][grade] == "44"
        return {name: row[grade] for name, row in found.items() if "Jane" in name or "Rick" in name}

    export(*command, code=1 if is_kept else 0)
    said = capsys.readouterr().err
    assert list(grades().values()) == [there if is_kept else "44", "44"]
    jane = "Doe, Jane" if host == "canvas" else "Jane Doe"
    line = f"- {jane}: {there} in the roster, 44 here: kept; --overwrite replaces it\n"
    assert (line in said) == is_kept
    assert ("1 score is in it" if is_kept else "2 scores are in it") in said
    export(*command, "--overwrite")
    assert list(grades().values()) == ["44", "44"]
    assert "kept" not in capsys.readouterr().err


def test_an_export_taken_back_from_the_host_is_the_same_again_without_a_word(
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_class(tmp_path / "grades", {name: result(name, lesson) for name in ("a_1_5_x", "b_2_6_x")})
    (tmp_path / "roster.csv").write_text(CANVAS_ROSTER.format(""), encoding="utf-8")
    export("canvas", folder, "--roster", tmp_path / "roster.csv", "--out", tmp_path / "first.csv")
    export("canvas", folder, "--roster", tmp_path / "first.csv", "--out", tmp_path / "second.csv")
    assert "kept" not in capsys.readouterr().err
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()


# ---- whom a run holds


def _listed(folder: Path, names: list[str] | None) -> None:
    (folder / ".grader").mkdir(exist_ok=True)
    record: dict[str, Any] = {"seed": 1} if names is None else {"seed": 1, "submissions": names}
    (folder / ".grader" / "run.json").write_text(json.dumps(record), encoding="utf-8")


def _names(folder: Path) -> list[str]:
    return [row["student_id"] for row in csv.DictReader(io.StringIO((folder / "nbgrader.csv").read_text("utf-8")))]


def test_only_the_last_runs_submissions_are_exported_in_its_order(tmp_path: Path, lesson: Lesson) -> None:
    folder = write_class(tmp_path / "g", {name: result(name, lesson) for name in ("ann", "bob", "../dan", "gone")})
    _listed(folder, ["bob", "../dan", "ann"])
    export("nbgrader", folder)
    assert _names(folder) == ["bob", "../dan", "ann"]
    export("junit", folder)
    assert "gone" not in (folder / "junit.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("record", [None, "no file", "no JSON"])
def test_a_folder_of_an_older_kit_is_exported_whole(record: str | None, tmp_path: Path, lesson: Lesson) -> None:
    folder = write_class(tmp_path / "g", {name: result(name, lesson) for name in ("bob", "ann")})
    if record != "no file":
        _listed(folder, None)
    if record == "no JSON":
        (folder / ".grader" / "run.json").write_text("{", encoding="utf-8")
    export("nbgrader", folder)
    assert _names(folder) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (["bob"], "1 submission of the last run has no result yet: bob\n"),
        ([f"s{number}" for number in range(20)],
         "20 submissions of the last run have no result yet: s0, s1, s2, s3, s4, s5, s6, s7 and 12 more\n"),
    ],
)  # fmt: skip
def test_a_stopped_runs_submissions_without_a_result_are_told(
    waiting: list[str], said: str, tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_class(tmp_path / "g", {"ann": result("ann", lesson)})
    _listed(folder, ["ann", *waiting])
    for command in ("nbgrader", "junit"):
        export(command, folder, code=1)
        assert said in capsys.readouterr().err
    assert _names(folder) == ["ann"]


SPOILED = {
    "no JSON": "{",
    "another file": '{"a": 1}',
    "a list": "[1]",
    "deep": "[" * 100_000,
    "a score that is none": None,
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_result_that_cannot_be_read_costs_its_own_row(
    what: str, tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_class(tmp_path / "g", {name: result(name, lesson) for name in ("ann", "bob", "cid")})
    file = folder / "submissions" / "bob" / "results.json"
    spoiled = SPOILED[what] or re.sub(r'"points": [\d.]+', '"points": NaN', file.read_text(encoding="utf-8"))
    file.write_text(spoiled, encoding="utf-8")
    for command in ("nbgrader", "junit"):
        export(command, folder, code=1)
        assert "- bob is not: its results.json is no results.json of this kit" in capsys.readouterr().err
    assert _names(folder) == ["ann", "cid"]


@pytest.mark.parametrize("host", ["canvas", "moodle", "nbgrader", "junit"])
def test_what_goes_wrong_with_one_row_costs_that_row(
    host: str, tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["doejane_1_5_x", "roerick_2_6_x"]
    results = {names[0]: result(names[0], lesson), names[1]: result(names[1], lesson, ALL_RIGHT)}
    folder = write_class(tmp_path / "g", results)
    rosters = {"canvas": CANVAS_ROSTER, "moodle": MOODLE_ROSTER, "nbgrader": "id,first_name\n1,Jane\n2,Rick\n"}
    (tmp_path / "roster.csv").write_text(rosters.get(host, "").format(""), encoding="utf-8")

    def spoiled(function: Any) -> Any:
        """The function, but not for the first submission."""

        def called(first: Any, *rest: Any) -> Any:
            if first in (names[0], 37.0) or getattr(first, "submission", "") == names[0]:
                raise RecursionError("too deep")
            return function(first, *rest)

        return called

    for place in ("canvas.points_text", "moodle.points_text", "nbgrader.number", "junit._suite"):
        module, name = place.split(".")
        found = importlib.import_module(f"grader.export.{module}")
        monkeypatch.setattr(found, name, spoiled(getattr(found, name)))
    more = () if host == "junit" else ("--roster", tmp_path / "roster.csv")
    export(host, folder, *more, code=1)
    said = capsys.readouterr().err
    assert f"- {names[0]} is not: it" in said
    assert "RecursionError: too deep" in said
    assert "Traceback" not in said
    written = (folder / ("junit.xml" if host == "junit" else f"{host}.csv")).read_text(encoding="utf-8")
    assert (names[1] if host == "junit" else ",44,") in written.replace("\n", ",")


# ---- groups

GROUP = {"lms": "gradescope", "user_id": "9", "display_name": "Jane Doe & Rick Roe", "sis_ids": ["u1", "u2"]}


@pytest.mark.parametrize(
    ("identity", "jane", "rick", "said"),
    [
        (GROUP, True, True, ""),
        ({**GROUP, "sis_ids": []}, True, True, ""),  # known by their names
        ({**GROUP, "sis_ids": ["u2"]}, True, True, ""),  # one of them has no id
        ({**GROUP, "sis_ids": ["77"]}, True, True, ""),  # an id that the roster does not have
        ({**GROUP, "display_name": "Jane Doe"}, True, True, ""),  # one of them has no name
        ({**GROUP, "display_name": ""}, True, True, ""),
        ({**GROUP, "sis_ids": ["u1", "77"], "display_name": "Jane Doe & A Stranger"}, True, False,
         "- s is not: no row fits its member A Stranger, 77"),
        ({**GROUP, "sis_ids": ["u1"], "display_name": "Jane Doe"}, True, False, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["canvas", "nbgrader"])
def test_each_member_of_a_group_gets_the_score(
    host: str, identity: dict[str, Any], jane: bool, rick: bool, said: str,
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = write_class(tmp_path / "g", {"s": result("s", lesson, ALL_RIGHT)}, {"s": identity})
    students = "id,first_name,last_name\nu1,Jane,Doe\nu2,Rick,Roe\n"
    (tmp_path / "roster.csv").write_text(CANVAS_ROSTER.format("") if host == "canvas" else students, encoding="utf-8")
    export(host, folder, "--roster", tmp_path / "roster.csv", code=1 if said else 0)
    rows = cells((folder / f"{host}.csv").read_text(encoding="utf-8"))
    column = 5 if host == "canvas" else rows[0].index("score")
    scores = [row[column] for row in rows[-2:]]
    assert [score == "44" for score in scores] == [jane, rick]
    told = capsys.readouterr().err
    assert said in told if said else "is not:" not in told


def test_without_a_list_of_students_a_group_has_a_row_a_member(tmp_path: Path, lesson: Lesson) -> None:
    folder = write_class(tmp_path / "g", {"s": result("s", lesson), "t": result("t", lesson)}, {"s": GROUP})
    export("nbgrader", folder)
    assert _names(folder) == ["u1", "u2", "t"]


def test_somebody_in_two_groups_gets_no_score_and_the_others_do(
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {"lms": "gradescope", "user_id": "10", "display_name": "Jane Doe", "sis_ids": ["u1"]}
    results = {name: result(name, lesson, ALL_RIGHT) for name in ("s", "t")}
    folder = write_class(tmp_path / "g", results, {"s": GROUP, "t": alone})
    (tmp_path / "roster.csv").write_text(CANVAS_ROSTER.format(""), encoding="utf-8")
    export("canvas", folder, "--roster", tmp_path / "roster.csv", code=1)
    assert [row[5] for row in cells((folder / "canvas.csv").read_text(encoding="utf-8"))[2:]] == ["", "44"]
    assert capsys.readouterr().err.count("2 submissions fit its row") == 2


# ---- nbgrader


def test_nbgraders_csv_has_a_row_a_student_of_the_list(tmp_path: Path, lesson: Lesson) -> None:
    names = {"jdoe": VERDICTS, "hanako": ALL_RIGHT, "=cmd": EMPTY, "elsewhere": ALL_RIGHT}
    folder = write_class(tmp_path / "grades", {name: result(name, lesson, v) for name, v in names.items()})
    students = GOLDEN / "nbgrader_students.csv"
    export("nbgrader", folder, "--roster", students, "--assignment", "ps4, backprop", code=1)
    rows = list(csv.DictReader(io.StringIO(assert_golden(folder / "nbgrader.csv", "nbgrader.csv"), newline="")))
    assert [row["student_id"] for row in rows] == ["jdoe", "hanako", "'=cmd", "absent"]
    assert [row["score"] for row in rows] == [number(result("", lesson).score), "44", "0", "0"]
    assert {row["max_score"] for row in rows} == {"44"}
    assert {row["late_submission_penalty"] for row in rows} == {"0"}


# ---- what no gradebook may hold


@given(st.text(max_size=12))
def test_no_cell_is_a_formula(text: str) -> None:
    cell = harmless(text)
    assert not FORMULA.match(cell) or re.fullmatch(r"-[\d.,]*", cell)  # a number, or the dash of an empty cell
    assert all(sign.isprintable() or sign in "\n\t" for sign in cell)


@pytest.mark.parametrize("name", ["canvas.csv", "moodle_en_filled.csv", "moodle_de_filled.csv", "nbgrader.csv"])
def test_no_golden_gradebook_holds_a_formula(name: str) -> None:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    for row in cells(text, ";" if "_de_" in name else ","):
        assert not [cell for cell in row if FORMULA.match(cell) and cell != "-"]


@pytest.mark.parametrize(
    ("submission", "identity", "ids", "names"),
    [
        ("doejane_LATE_12_34_ex1", None, ("12",), ("doejane",)),
        ("doejane_12_34_ex_1_2", None, ("12",), ("doejane",)),
        ("Jane Q. Doe_77_assignsubmission_file_", None, ("77",), ("Jane Q. Doe",)),
        ("anon_12_34_ex1", None, (), ()),
        ("jdoe", None, ("jdoe",), ("jdoe",)),
        ("s01", {"lms": "canvas", "user_id": "12", "display_name": "doejane", "late": True}, ("12",), ("doejane",)),
        ("s01", {"lms": "canvas", "user_id": "12", "display_name": "", "anonymous": True}, (), ()),
        ("s01", {"lms": "gradescope", "user_id": "9", "display_name": "J D", "sis_ids": ["u1"]}, ("u1",), ("J D",)),
        ("s01", {"lms": "moodle", "user_id": "51", "display_name": "Jane Doe"}, ("51",), ("Jane Doe",)),
    ],
)
def test_a_submission_is_known_by_its_identity_or_by_its_name(
    submission: str, identity: dict[str, Any] | None, ids: tuple[str, ...], names: tuple[str, ...]
) -> None:
    (person,) = people_of(submission, identity)
    assert (person.ids, person.names) == (ids, names)


# ---- hosts that show a submission's steps


def test_gradescopes_results_have_its_fields_and_sums(one: Path, lesson: Lesson) -> None:
    export("gradescope-results", one)
    document = json.loads(assert_golden(one.parent / "gradescope.json", "gradescope.json"))
    assert document["score"] == sum(test["score"] for test in document["tests"]) == result("s", lesson).score
    assert sum(test["max_score"] for test in document["tests"]) == lesson.max_score
    assert {test["visibility"] for test in document["tests"]} == {"visible"}  # one hidden test hides the total
    assert document["stdout_visibility"] == "hidden"
    assert [test["status"] for test in document["tests"]][:3] == ["passed", "failed", "failed"]


def test_the_classroom_reporter_reads_the_runners_result(
    one: Path, lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    export("github", one, "--under", "hw4")
    outputs = dict(line.split("=", 1) for line in (tmp_path / "GITHUB_OUTPUT").read_text().splitlines())
    document = json.loads(base64.b64decode(outputs["result"], validate=True))  # as the reporter does
    assert (document["version"], document["status"], outputs["status"]) == (1, "fail", "fail")
    assert document["max_score"] == lesson.max_score
    assert sum(test["score"] for test in document["tests"]) == result("s", lesson).score
    assert {tuple(test) for test in document["tests"]} == {
        ("name", "status", "score", "message", "test_code", "filename", "line_no")
    }
    (tmp_path / "log").write_text(capsys.readouterr().out, encoding="utf-8")
    assert_golden(tmp_path / "log", "github_log.txt")
    assert_golden(tmp_path / "GITHUB_STEP_SUMMARY", "github_summary.md")


def test_every_line_of_the_log_is_one_of_our_commands_at_the_students_line(
    one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export("github", one, "--under", "hw4")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(verdict not in ("right", "exact", "missing") for verdict in VERDICTS) + 1
    for line in lines[:-1]:
        assert re.match(r"::error file=hw4/ex1_chain\.py,line=7,title=\w+%3A [\w-]+::", line)
    assert lines[-1].startswith("::notice title=not filled in::")


def test_no_more_annotations_are_written_than_actions_shows(
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    export("github", write_class(tmp_path / "grades", {"s": result("s", lesson, ("wrong",) * 26)}))
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    assert len(errors) == 10
    assert errors[-1].startswith("::error title=and 17 more::")


def test_the_summary_shows_a_students_text_and_obeys_none_of_it(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    export("github", one)
    page = MarkdownIt("commonmark").enable("table").render((tmp_path / "summary").read_text(encoding="utf-8"))
    assert set(re.findall(r"<(\w+)", page)) == {"h2", "h3", "p", "table", "tr", "th", "td", "br"}
    assert "&lt;script&gt;" in page


def test_junit_is_valid_by_its_schema_and_counts_what_it_holds(tmp_path: Path, lesson: Lesson) -> None:
    verdicts = {"s": VERDICTS, "t,\x01\ud800<&>": ALL_RIGHT}
    folder = write_class(tmp_path / "grades", {name: result(name, lesson, v) for name, v in verdicts.items()})
    export("junit", folder)
    text = assert_golden(folder / "junit.xml", "junit.xml")
    xmlschema.XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd")).validate(text)
    root = ET.fromstring(text)
    assert int(root.attrib["tests"]) == len(list(root.iter("testcase"))) == 2 * len(lesson.steps)
    assert int(root.attrib["failures"]) == len(list(root.iter("failure"))) == 5
    assert int(root.attrib["errors"]) == len(list(root.iter("error"))) == 3
    assert {case.attrib["name"] for case in root.iter("testcase")} == {step.name for step in lesson.steps}


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [(VERDICTS, "fail"), (ALL_RIGHT, "pass"), (EMPTY, "error"), (("error",) * 60, "error")],
)
def test_exercism_has_a_test_a_step_in_the_order_of_the_files(
    tmp_path: Path, lesson: Lesson, verdicts: tuple[str, ...], status: str
) -> None:
    folder = write_class(tmp_path / "grades", {"s": result("s", lesson, verdicts)})
    export("exercism", folder)
    text = (folder / "exercism.json").read_text(encoding="utf-8")
    if verdicts == VERDICTS:
        assert_golden(folder / "exercism.json", "exercism.json")
    document = json.loads(text)
    assert (document["version"], document["status"]) == (3, status)
    assert ("message" in document) == (status == "error")
    assert [test["name"] for test in document["tests"]] == [step.path for step in lesson.steps]
    assert {test["status"] for test in document["tests"]} <= {"pass", "fail", "error"}
    assert all(len(test.get("output", "")) <= 500 for test in document["tests"])
    assert [test["task_id"] for test in document["tests"]] == sorted(test["task_id"] for test in document["tests"])


# ---- all of them


def written_by(target: Path, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """All that one exporter writes about a class of one."""
    rosters: dict[str, tuple[str, ...]] = {
        "canvas": ("canvas_roster.csv", "--column", "4242"),
        "moodle": ("moodle_en.csv",),
    }
    roster = ["--roster", str(GOLDEN / rosters[name][0]), *rosters[name][1:]] if name in rosters else []
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(variable, str(target.with_suffix(f".{variable}")))
    target.parent.mkdir()
    export(name, folder, "--out", target, *roster)
    texts = [path.read_text(encoding="utf-8") for path in target.parent.glob(f"{target.name}*")]
    return "".join(texts) + base64.b64decode(texts[0].rpartition("result=")[2] if name == "github" else "").decode()


@pytest.mark.parametrize("name", [name for name in EXPORT_FORMATS if name not in ("gradescope", "github-workflow")])
def test_nothing_is_exported_that_only_the_instructor_sees(
    name: str, tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = {"lms": name, "user_id": "1001" if name == "canvas" else "51"}
    folder = write_class(tmp_path / "grades", {"s": result("s", lesson)}, {"s": person})
    text = written_by(tmp_path / "out" / "file", name, folder, monkeypatch) + capsys.readouterr().out
    assert len(text) > 100
    assert "SECRET" not in text
    assert str(SECRET_SEED) not in text


def test_every_format_of_the_command_line_has_its_exporter() -> None:
    assert set(EXPORTERS) == set(EXPORT_FORMATS)


def test_what_could_not_be_graded_is_listed_and_is_no_zero(
    tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = SubmissionResult("0.1.0", lesson.name, "doejane_1001_5_x", 0, (), (), None, ("no verdict",))
    folder = write_class(tmp_path / "grades", {"a": lost})
    export("canvas", folder, "--roster", GOLDEN / "canvas_roster.csv", "--column", "4242", code=1)
    assert "could not be graded" in capsys.readouterr().err
    assert cells((folder / "canvas.csv").read_text(encoding="utf-8"))[2][-1] == ""
    export("gradescope-results", folder, code=2)
    assert not (folder / "gradescope.json").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "is no results.json of this kit"), ("[1]", "is no results.json"), ("\xff", "is no results.json")],
)
def test_a_broken_results_file_is_named(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(content.encode("latin-1"))
    export("junit", file, code=2)
    assert f"{file}: {said}" in capsys.readouterr().err


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export("junit", tmp_path, code=2)
    assert "no results under" in capsys.readouterr().err
