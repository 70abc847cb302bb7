"""Trees as hosts hand them out, and as people make them: who the students are, and that names never change.

Every tree is read twice: as it is, and after another student joined.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.downloads.identity import Identity
from grader.downloads.students import Each
from grader.lesson import Lesson
from grader.results.gradebook import gradebook
from grader.results.model import SubmissionResult
from grader.results.summary import summary_from_json, summary_of
from grader.submission.filled import Contents
from grader.submission.find import Found, find_submissions
from tests.test_downloads import Files, plant, read_of, zipped

EXERCISES = {
    "ex1_chain": "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n",
    "ex2_cross_entropy": "def dlogits(logits, Yb, n):\n    return logits\n",
    "ex3_batchnorm": "def dhprebn(dhpreact, n):\n    return dhpreact\n",
    "ex4_training": "def gradients(dlogits):\n    return dlogits\n",
}
NOTHING = "handed in nothing that can be graded"


def text_of(name: str) -> str:
    """An answer to the exercise in a file's name; to the first one in any other."""
    exercise = next((found for found in EXERCISES if found.split("_")[0] in name.lower()), "ex1_chain")
    return EXERCISES[exercise]


def tree(*paths: str | tuple[str, str]) -> Files:
    """Paths as files: `a.zip>b/c.py` lies in an archive, and a pair has a text of its own."""
    files: dict[str, str | bytes | Files] = {}
    for path in paths:
        name, text = path if isinstance(path, tuple) else (path, text_of(path))
        place, *inner = name.split(">")
        within = files
        for further in inner:
            within = within.setdefault(place, {})  # type: ignore[assignment]
            place = further
        within[place] = text
    return files


@dataclass(frozen=True)
class Class:
    """Files, who handed them in, and who joins: name -> what is read, `-` for nothing."""

    name: str
    files: Files
    students: Mapping[str, str]
    join: Files
    joined: Mapping[str, str]


def plain(name: str, files: Files, **students: str) -> Class:
    """Joined by a folder with one file of the lesson."""
    return Class(name, files, students, tree("Zoe/ex1_chain.py"), {"Zoe": "1"})


def each(folder: str, *files: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{file}" for file in files)


EX1, EX2, EX3, EX4 = (f"{name}.py" for name in EXERCISES)
ALL = (EX1, EX2, EX3, EX4)
RELEASE = ("kit/exercises/mlp/ex1_chain.py", "kit/grader/cli.py", "kit/data/class/s01/ex2_cross_entropy.py")
B = "Homework 4_{}_attempt_2026-11-{}-10-15-00"

PLAIN = (
    plain("one student in class", tree("Ann/ex1_chain.py"), Ann="1"),
    plain("one student, a folder deeper", tree("Ann/hw4/ex1_chain.py"), Ann="1"),
    plain("folders of one name", tree(*each("Ann/hw4", *ALL), *each("Bob/hw4", *ALL)), Ann="1 2 3 4", Bob="1 2 3 4"),
    plain("deeper still", tree("Ann/cs/week 4/final/mine/ex1_chain.py", "Bob/ex1_chain.py"), Ann="1", Bob="1"),
    plain(
        "a release unpacked in each folder",
        tree(*each("Ann/hw4", *RELEASE), *each("Bob", *RELEASE)),
        Ann="1",
        Bob="1",
    ),
    plain("a zip in each folder", tree("Ann/hw4.zip>ex1_chain.py", "Bob/hw4.zip>hw4/ex1_chain.py"), Ann="1", Bob="1"),
    plain("files of other names", tree("Gus/part1.py", "Gus/part2.py"), Gus="part1.py part2.py"),
    plain("two versions", tree(*each("Ann/old", *ALL), *each("Ann/final", *ALL)), Ann="1 2 3 4"),
    plain(
        "a folder an exercise",
        tree(*(f"Carl/{file.split('_')[0]}/{file}" for file in ALL), "Dora/ex1_chain.py"),
        Carl="1 2 3 4",
        Dora="1",
    ),
    plain(
        "a folder an exercise, all notebooks of one name",
        tree(*((f"Carl/ex{n}/work.ipynb", "{}") for n in (1, 2, 3))),
        Carl="work.ipynb work.ipynb work.ipynb",
    ),
    plain(
        "a repository",
        tree("Eve/setup.py", "Eve/src/ex1_chain.py", "Eve/tests/test_it.py", "Eve/.git/hooks/x.py", "Eve/README.md"),
        Eve="1",
    ),
    plain(
        "a repository with files of other names",
        tree(("Eve/setup.py", "x = 1"), "Eve/src/answers.py", ("Eve/tests/test_it.py", "x = 1")),
        Eve="answers.py",
    ),
    plain(
        "an environment within",
        tree("Eve/ex1_chain.py", "Eve/env/pyvenv.cfg", "Eve/env/lib/python3.11/ast.py", "Eve/env/bin/x.py"),
        Eve="1",
    ),
    plain("a conda environment", tree("Eve/hw/a.py", "Eve/conda/conda-meta/history", "Eve/conda/lib/b.py"), Eve="a.py"),
    plain(
        "an environment made where the answers are",
        tree(
            "Eve/ex1_chain.py", "Eve/pyvenv.cfg", "Eve/bin/activate_this.py", "Eve/lib/python3.11/ex2_cross_entropy.py"
        ),
        Eve="1",
    ),
    plain(
        "an environment beside", tree("Eve/ex1_chain.py", ".venv/x.py", "venv/pyvenv.cfg", "env/pyvenv.cfg"), Eve="1"
    ),
    plain("node modules", tree("Eve/ex1_chain.py", "Eve/node_modules/a/ex2_cross_entropy.py"), Eve="1"),
    plain("nothing but a report", tree("Ann/report.pdf"), Ann="-"),
    plain("what macOS leaves", tree("Ann/ex1_chain.py", "__MACOSX/Ann/._ex1_chain.py", "Ann/.DS_Store"), Ann="1"),
    plain("names in any script", tree("王小明/ex1_chain.py", "Zoë/a/ex1_chain.py"), **{"王小明": "1", "Zoë": "1"}),
    plain("names with spaces around", tree(" Ann /ex1_chain.py", "Bob /ex1_chain.py"), **{" Ann ": "1", "Bob ": "1"}),
    plain("names that differ in case", tree("ANN/ex1_chain.py", "ann/ex2_cross_entropy.py"), ANN="1", ann="2"),
    plain(
        "names like a host's, in a student's folder", tree("Ann/b_12_34_ex1_chain.py", "Bob/a.py"), Ann="1", Bob="a.py"
    ),
    plain(
        "a host's whole download in a student's folder",
        tree("Bob/submission_5/ex1_chain.py", "Bob/submission_6/ex1_chain.py", "Ann/ex1_chain.py"),
        Bob="1",
        Ann="1",
    ),
    plain(
        "a student named as a host's folder", tree("submitted/ex1_chain.py", "Ann/ex1_chain.py"), submitted="1", Ann="1"
    ),
)

OTHERS = (
    Class(
        "archives",
        tree("ann.zip>ex1_chain.py", "bob.tar.gz>hw/ex1_chain.py"),
        {"ann": "1", "bob": "1"},
        tree("aaron.zip>old/ex1_chain.py", "aaron.zip>new/ex2_cross_entropy.py"),
        {"aaron": "1 2"},
    ),
    Class("one archive", tree("ann.zip>hw4/ex1_chain.py"), {"ann": "1"}, tree("bob.zip>ex1_chain.py"), {"bob": "1"}),
    Class(
        "archives by Windows", tree("ann.zip>hw\\ex1_chain.py"), {"ann": "1"}, tree("bob.zip>a\\b.py"), {"bob": "b.py"}
    ),
    Class("lone files", tree("ann.py"), {"ann": "ann.py"}, tree("aaron.ipynb"), {"aaron": "aaron.ipynb"}),
    Class(
        "folders, files and archives",
        tree("ann/ex1_chain.py", "bob.py", "cy.zip>ex1_chain.py", "dora.ipynb"),
        {"ann": "1", "bob": "bob.py", "cy": "1", "dora": "dora.ipynb"},
        tree("aaron.rar"),
        {"aaron": "-"},
    ),
    Class(
        "names before the lesson's",
        tree("ann_ex1_chain.py", "ann_ex2_cross_entropy.py"),
        {"ann": "1 2"},
        tree("Bob Ray - ex1_chain.py"),
        {"Bob Ray": "1"},
    ),
    Class(
        "names behind the lesson's", tree("ex1_ann.py", "ex2_ann.py"), {"ann": "1 2"}, tree("ex1_bo.py"), {"bo": "1"}
    ),
    Class(
        "Canvas",
        tree("doejane_LATE_12_34_ex1_chain.py", "doejane_12_35_ex2_cross_entropy-1.py"),
        {"doejane_12": "1 2"},
        tree("doejane_9_36_hw.zip>ex1_chain.py"),
        {"doejane_9": "1"},
    ),
    Class(
        "Canvas: a report", tree("doe_12_34_a.pdf"), {"doe_12": "-"}, tree("roe_13_35_ex1_chain.py"), {"roe_13": "1"}
    ),
    Class(
        "Canvas: the archive in a folder",
        tree("submissions.zip>doe_12_34_ex1_chain.py"),
        {"doe_12": "1"},
        tree("more.zip>roe_13_35_ex1_chain.py"),
        {"roe_13": "1"},
    ),
    Class(
        "Moodle: two Jane Does",
        tree("Jane Doe_300_assignsubmission_file_/ex1_chain.py"),
        {"Jane Doe_300_assignsubmission_file_": "1"},
        tree("Jane Doe_299_assignsubmission_file_/hw/ex1_chain.py"),
        {"Jane Doe_299_assignsubmission_file_": "1"},
    ),
    Class(
        "Gradescope: two Jane Does",
        tree(
            "submission_5/ex1_chain.py",
            (
                "submission_metadata.yml",
                "\n".join(f"submission_{n}:\n  :submitters:\n  - :name: Jane Doe" for n in (5, 10)),
            ),
        ),
        {"Jane Doe": "1"},
        tree("submission_10/hw/ex1_chain.py"),
        {"Jane Doe-2": "1"},
    ),
    Class(
        "nbgrader",
        tree("submitted/ann/ps1/work.ipynb", "submitted/ann/ps1/timestamp.txt"),
        {"ann": "work.ipynb"},
        tree("submitted/bob/ps1/report.pdf"),
        {"bob": "-"},
    ),
    Class(
        "GitHub Classroom",
        tree("hw4-submissions/hw4-ann/.git/config", *each("hw4-submissions/hw4-ann", "src/ex1_chain.py", "README.md")),
        {"hw4-ann": "1"},
        tree("hw4-submissions/hw4-bob/ex1_chain.py", "hw4-submissions/hw4-bob/venv/pyvenv.cfg"),
        {"hw4-bob": "1"},
    ),
    Class(
        "Blackboard",
        tree(
            f"{B.format('bray', 20)}_ex1_chain.py",
            f"{B.format('bray', 20)}_ex2_cross_entropy.py",
            (f"{B.format('bray', 20)}.txt", "Name: Bob Ray (bray)\n"),
            f"{B.format('bray', 19)}_ex3_batchnorm.py",
        ),
        {"bray": "1 2"},
        tree(f"{B.format('alee', 21)}_report.pdf", (f"{B.format('alee', 21)}.txt", "Name: Ann Lee (alee)\n")),
        {"alee": "-"},
    ),
    Class(
        "Blackboard: names with underscores",
        tree(
            f"{B.format('ann_lee', 20)}_a_1_2_ex1_chain.py",
            (f"{B.format('ann_lee', 20)}.txt", "Name: Ann Lee (ann_lee)\n"),
        ),
        {"ann_lee": "1"},
        tree(f"{B.format('zed', 20)}_hw.zip>ex1_chain.py"),
        {"zed": "1"},
    ),
    Class(
        "Brightspace",
        tree(
            "101-500 - Ann Lee - Nov 9, 2026 1015 AM/ex2_cross_entropy.py",
            "101-500 - Ann Lee - Nov 10, 2026 115 PM/ex1_chain.py",
            "index.html",
        ),
        {"Ann Lee": "1"},
        tree("102-500 - Aaron Lee - Nov 9, 2026 1200 PM/hw4/ex1_chain.py"),
        {"Aaron Lee": "1"},
    ),
    Class(
        "Sakai",
        tree(
            "Homework 4/Lee, Ann(alee)/Submission attachment(s)/ex1_chain.py",
            "Homework 4/Lee, Ann(alee)/timestamp.txt",
            "Homework 4/grades.csv",
        ),
        {"Lee, Ann(alee)": "1"},
        tree("Homework 4/Ray, Bob(bray)/Submission attachment(s)/report.pdf"),
        {"Ray, Bob(bray)": "-"},
    ),
    Class(
        "Microsoft Teams",
        tree("Ann Lee/HW4/Version 2/ex1_chain.py", "Ann Lee/HW4/Version 10/ex2_cross_entropy.py"),
        {"Ann Lee": "2"},
        tree("Bob Ray/HW4/Version 1/ex1_chain.py"),
        {"Bob Ray": "1"},
    ),
    Class(
        "Microsoft Teams: as it comes",
        tree("Submitted files/Ann Lee/HW4/Version 1/ex1_chain.py"),
        {"Ann Lee": "1"},
        tree("Submitted files/Bob Ray/HW4/Version 1/ex1_chain.py"),
        {"Bob Ray": "1"},
    ),
    Class(
        "Google Drive",
        tree("Ann Lee - hw4.ipynb", "week 4 - Bob.ipynb"),
        {"Ann Lee": "Ann Lee - hw4.ipynb", "Bob": "week 4 - Bob.ipynb"},
        tree("hw4 - Copy.ipynb", "Copy of hw4.ipynb", "hw4 (1).ipynb"),
        {"hw4 - Copy": "hw4 - Copy.ipynb", "Copy of hw4": "Copy of hw4.ipynb", "hw4 (1)": "hw4 (1).ipynb"},
    ),
    Class(
        "Google Drive: in parts",
        tree("hw4-20261120T101500Z-001.zip>hw4/Ann/ex1_chain.py"),
        {"Ann": "1"},
        tree("hw4-20261120T101500Z-002.zip>hw4/Bob Ray - hw4.ipynb"),
        {"Bob Ray": "Bob Ray - hw4.ipynb"},
    ),
    Class(
        "two hosts",
        tree("a.zip>doe_12_34_ex1_chain.py", "b/Jane Doe_12_assignsubmission_file_/ex1_chain.py"),
        {"doe_12": "1", "Jane Doe_12_assignsubmission_file_": "1"},
        tree("c/submission_5/ex1_chain.py"),
        {"submission_5": "1"},
    ),
)
CLASSES = (*PLAIN, *OTHERS)


def who(found: Found) -> dict[str, str]:
    return {submission.name: read_of(submission) or "-" for submission in found.submissions}


@pytest.mark.parametrize("case", CLASSES, ids=lambda case: case.name)
def test_students_are_found_by_name_and_keep_it_when_another_joins(case: Class, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", case.files)
    with find_submissions([root], lesson) as found:
        assert who(found) == case.students
    plant(root, case.join)
    with find_submissions([root], lesson) as found:
        assert who(found) == {**case.students, **case.joined}
        assert all(submission.notes for submission in found.submissions if not submission.all_files())


@pytest.mark.parametrize("case", CLASSES, ids=lambda case: case.name)
def test_a_class_in_an_archive_is_the_same_class(case: Class, tmp_path: Path, lesson: Lesson) -> None:
    inner: Files = {f"hw4/{name}": content for name, content in case.files.items()}
    plant(tmp_path, {"a.zip": zipped(case.files), "hw4 (1).zip": zipped(inner)})
    for archive in ("a.zip", "hw4 (1).zip"):
        with find_submissions([tmp_path / archive], lesson) as found:
            assert who(found) == case.students


IDENTITIES = (
    (f"{B.format('bray', 20)}_a.py", Identity("blackboard", "bray", "")),
    ("101-500 - Ann Lee - Nov 9, 2026 1015 AM/a.py", Identity("brightspace", "101", "Ann Lee")),
    ("hw/Lee, Ann(alee)/Submission attachment(s)/a.py", Identity("sakai", "alee", "Ann Lee")),
    ("Ann Lee/HW4/Version 1/a.py", Identity("teams", "", "Ann Lee")),
    ("hw4-submissions/hw4-ann/a.py", Identity("github", "ann", "ann")),
    ("Ann Lee - hw4.ipynb", Identity("google", "", "Ann Lee")),
    ("Ann Lee/a.py", None),
)


@pytest.mark.parametrize(("path", "identity"), IDENTITIES, ids=[path for path, _ in IDENTITIES])
def test_a_host_says_who_it_is(path: str, identity: Identity | None, tmp_path: Path, lesson: Lesson) -> None:
    with find_submissions([plant(tmp_path / "root", tree(path))], lesson) as found:
        assert [submission.identity for submission in found.submissions] == [identity]


ROWS = (
    ("Jane Doe_300_assignsubmission_file_", Identity("moodle", "300", "Jane Doe"), ["300", "Jane Doe", ""]),
    ("doejane_12", Identity("canvas", "12", "doejane", late=True), ["12", "doejane", "yes"]),
    ("anon_aB3", Identity("canvas", "aB3", anonymous=True), ["aB3", "", ""]),
    ("Jane Doe", Identity("gradescope", "5", "Jane Doe", sis_ids=("007",)), ["007", "Jane Doe", ""]),
    ("bray", Identity("blackboard", "bray"), ["bray", "bray", ""]),
    (" Ann  Lee ", None, ["", "Ann Lee", ""]),
    ("=1+1", None, ["", "'=1+1", ""]),
)


@pytest.mark.parametrize(("name", "identity", "cells"), ROWS, ids=[row[0] for row in ROWS])
def test_the_gradebook_says_who_and_when_behind_the_verdicts(
    name: str, identity: Identity | None, cells: list[str], lesson: Lesson
) -> None:
    result = SubmissionResult("1", lesson.name, name, 0, (), (), None, (), identity)
    kept = summary_from_json(summary_of(result).as_json())
    header, row = csv.reader(io.StringIO(gradebook([kept], lesson)))
    assert (header[0], header[-4:-1], header[-1]) == ("submission", [lesson.steps[-1].path, "id", "name"], "late")
    assert row[-3:] == cells


@pytest.mark.parametrize(
    ("by", "students"),
    [
        (None, {"root": "1"}),
        ("path", {"root": "1"}),
        ("folder", {"Ann": "1", "d_12_34_ex1_chain": "2"}),
        ("file", {"ex1_chain": "1", "ex1_chain (1)": "1", "Bob": "1"}),
    ],
)
def test_what_a_student_is_can_be_said_by_hand(
    by: Each | None, students: dict[str, str], tmp_path: Path, lesson: Lesson
) -> None:
    paths = (EX1, "ex1_chain (1).py", f"Ann/{EX1}", f"d_12_34_ex1_chain/{EX2}", f"Bob.zip>{EX1}", "sheet.pdf")
    with find_submissions([plant(tmp_path / "root", tree(*paths))], lesson, each=by) as found:
        assert {name: read.split()[0] for name, read in who(found).items()} == students


def test_a_fault_in_reading_one_student_costs_no_other(tmp_path: Path, lesson: Lesson) -> None:
    def faulty(path: Path) -> Contents:
        if "Eve" in path.parts:
            raise RuntimeError("out of order")
        return Contents({"ex1_chain": 1})

    paths = [f"{who}/{folder}/{EX1}" for who in ("Ann", "Eve") for folder in ("a", "b")]
    with find_submissions([plant(tmp_path / "root", tree(*paths))], lesson, look=faulty) as found:
        assert who(found) == {"Ann": "1", "Eve": "-"}
        assert found.submissions[1].notes == (
            f"{NOTHING}: the files could not be looked at (RuntimeError: out of order)",
        )
