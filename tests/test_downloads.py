"""Downloads of learning systems: whose files are whose, which of them are read, and what is said about the others."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.downloads.identity import Identity
from grader.downloads.metadata import read_metadata
from grader.lesson import Lesson
from grader.report.taken import listing
from grader.submission.find import Found, Submission, find_submissions, submission_at

EX1, EX2, EX3, EX4 = "ex1_chain.py", "ex2_cross_entropy.py", "ex3_batchnorm.py", "ex4_training.py"
STUB = "def dprobs(dlogprobs, probs):\n    raise NotImplementedError\n"
FILLED = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"
BROKEN = "def dprobs(dlogprobs, probs:\n    return (\n"
FUSED = "def dlogits(logits, Yb, n):\n    return logits\n"
FLAT = "dprobs = dlogprobs / probs\n"
X = "x = 1\n"
JANE, JOHN = "Jane Doe_12_assignsubmission_file_", "John Roe_13_assignsubmission_file_"

Files = Mapping[str, "str | bytes | Files"]


def plant(root: Path, files: Files) -> Path:
    """Writes files below `root`. A name that ends in .zip or .tar.gz and holds files is made an archive of them."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(packed(name, content))
        os.utime(place, (0, 0))  # of two files the newer may count
    return root


def packed(name: str, content: str | bytes | Files) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    return tarred(content) if ".tar" in name or name.endswith(".tgz") else zipped(content)


def zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, packed(name, content))
    return out.getvalue()


def tarred(files: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            data = packed(name, content)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def read_of(submission: Submission) -> str:
    """`1 2` for files of exercises, `work.ipynb` for lone files: what is read, in short."""
    numbers = [name.removeprefix("ex").split("_")[0] for name in sorted(submission.files)]
    return " ".join([*numbers, *sorted(path.name for path in submission.lone_files)])


def taken(found: Found) -> dict[str, str]:
    return {submission.name: read_of(submission) for submission in found.submissions}


@dataclass(frozen=True)
class Tree:
    """Files, and the submissions they are: name -> what is read of it."""

    name: str
    files: Files
    submissions: dict[str, str]


def flat(prefix: str, *files: str) -> dict[str, str]:
    return {f"{prefix}{file}": X for file in files}


TREES = (
    Tree(
        "Canvas: the files of a student are one submission",
        {**flat("doejane_12_3", f"4_{EX1}", f"5_{EX2}"), **flat("roejohn_13_36_", EX1)},
        {"doejane_12": "1 2", "roejohn_13": "1"},
    ),
    Tree(
        "Canvas: late",
        {**flat("doejane_LATE_12_34_", EX1), **flat("roejohn_13_36_", EX1)},
        {"doejane_12": "1", "roejohn_13": "1"},
    ),
    Tree(
        "Canvas: names may be in any script and hold signs",
        flat("王小明_12_34_", EX1) | flat("o-neil-1_13_35_", EX1),
        {"王小明_12": "1", "o-neil-1_13": "1"},
    ),
    Tree(
        "Canvas: anonymous",
        {**flat("anon_aB3x9_34_", EX1), **flat("anon_aB3x9_35_", EX2), **flat("anon_77_36_", EX1)},
        {"anon_aB3x9": "1 2", "anon_77": "1"},
    ),
    Tree(
        "Canvas: uploads that Canvas numbered",
        flat("doejane_12_34_", "ex1_chain-1.py") | flat("roejohn_13_3_", EX1),
        {"doejane_12": "1", "roejohn_13": "1"},
    ),
    Tree(
        "Canvas: one notebook each",
        flat("doejane_12_34_", "hw.ipynb") | flat("roejohn_13_35_", "Untitled1.ipynb"),
        {"doejane_12": "doejane_12_34_hw.ipynb", "roejohn_13": "roejohn_13_35_Untitled1.ipynb"},
    ),
    Tree(
        "Canvas: a notebook for each exercise",
        flat("d_12_34_", "part1.ipynb") | flat("d_12_35_", "part2.ipynb"),
        {"d_12": "d_12_34_part1.ipynb d_12_35_part2.ipynb"},
    ),
    Tree(
        "Canvas: numbers alone make no copies",
        flat("d_12_34_", "hw-1.ipynb") | flat("d_12_35_", "hw-2.ipynb"),
        {"d_12": "d_12_34_hw-1.ipynb d_12_35_hw-2.ipynb"},
    ),
    Tree(
        "Canvas: the newest of a notebook",
        flat("d_12_34_", "hw.ipynb") | flat("d_12_35_", "hw-1.ipynb"),
        {"d_12": "d_12_35_hw-1.ipynb"},
    ),
    Tree(
        "Canvas: a zip a student",
        {"d_12_34_hw.zip": {f"hw/{EX1}": X}, "r_13_35_hw.zip": {EX2: X}},
        {"d_12": "1", "r_13": "2"},
    ),
    Tree("Canvas: zip and files together", {"d_12_34_hw.zip": {f"hw/{EX1}": X}, f"d_12_35_{EX2}": X}, {"d_12": "1 2"}),
    Tree(
        "Canvas: a student's own name for a file leads nowhere",
        {**flat("d_12_34_", "r_99_98_ex1_chain.py", "R_99_assignsubmission_file_ex2_cross_entropy.py")},
        {"d_12": "1 2"},
    ),
    Tree(
        "Canvas: names within a student's zip lead nowhere",
        {"d_12_34_hw.zip": {f"r_13_36_{EX1}": X}, f"r_13_35_{EX2}": X},
        {"d_12": "1", "r_13": "2"},
    ),
    Tree(
        "Canvas: a student without anything to grade",
        {"d_12_34_essay.pdf": "%PDF", f"r_13_35_{EX2}": X},
        {"d_12": "", "r_13": "2"},
    ),
    Tree(
        "Canvas: in a folder of its own, with a stray template",
        {f"submissions/{name}": X for name in (f"d_12_34_{EX1}", f"r_13_35_{EX1}", EX1)},
        {"d_12": "1", "r_13": "1", "ex1_chain": "1"},
    ),
    Tree(
        "Canvas: the download as it is",
        {"submissions.zip": {f"d_12_34_{EX1}": X, "r_LATE_13_35_hw.zip": {"a/b.zip": {f"c/{EX2}": X}}}},
        {"d_12": "1", "r_13": "2"},
    ),
    Tree(
        "Canvas: two sections",
        {"a.zip": {f"d_12_34_{EX1}": X}, "b.zip": {f"r_13_35_{EX1}": X}},
        {"d_12": "1", "r_13": "1"},
    ),
    Tree(
        "Moodle: folders",
        {f"{JANE}/{EX1}": X, f"{JANE}/{EX2}": X, f"{JOHN}/my answers.py": X},
        {JANE: "1 2", JOHN: "my answers.py"},
    ),
    Tree(
        "Moodle: a flat prefix",
        flat(JANE, EX1, EX2) | flat(JOHN, "work.ipynb"),
        {JANE: "1 2", JOHN: f"{JOHN}work.ipynb"},
    ),
    Tree(
        "Moodle: a zip in a folder, and one under the prefix",
        {f"{JANE}/hw.zip": {EX1: X}, f"{JOHN}hw.zip": {EX2: X}},
        {JANE: "1", JOHN: "2"},
    ),
    Tree(
        "Moodle: files and an online text",
        {f"{JANE}/{EX1}": X, f"{JANE[:-5]}onlinetext_/onlinetext.html": "<p>"},
        {JANE: "1"},
    ),
    Tree(
        "Moodle: blind marking",
        {f"Participant_7_assignsubmission_file_/{EX1}": X},
        {"Participant_7_assignsubmission_file_": "1"},
    ),
    Tree(
        "Gradescope: names from the list beside",
        {
            "e/submission_metadata.yml": "submission_5:\n  :submitters:\n  - :name: Jane Doe\n    :sid: '007'\n",
            f"e/submission_5/{EX1}": X,
            f"e/submission_6/{EX1}": X,
        },
        {"Jane Doe": "1", "submission_6": "1"},
    ),
    Tree(
        "Gradescope: without a list, with one that is broken",
        {f"submission_5/hw/{EX1}": X, "submission_metadata.yml": "[["},
        {"submission_5": "1"},
    ),
    Tree(
        "nbgrader",
        {"submitted/ann/ps1/work.ipynb": X, "submitted/bob/ps1/work.ipynb": X, "submitted/bob/timestamp.txt": X},
        {"ann": "work.ipynb", "bob": "work.ipynb"},
    ),
    Tree(
        "nbgrader: two assignments are one student's",
        {"submitted/ann/ps1/a.ipynb": X, "submitted/ann/ps2/b.ipynb": X},
        {"ann": "a.ipynb b.ipynb"},
    ),
    Tree(
        "plain: a zip a student, named after it",
        {"ann.zip": {EX1: X}, "bob.zip": {f"homework/{EX1}": X, "homework/a.pdf": X}},
        {"ann": "1", "bob": "1"},
    ),
    Tree("plain: tar archives", {"ann.tar.gz": {f"hw/{EX1}": X}, "bob.tgz": {EX2: X}}, {"ann": "1", "bob": "2"}),
    Tree(
        "plain: a zip is one student, whatever lies in it",
        {"ann.zip": {f"old/{EX1}": X, f"new/{EX1}": X}},
        {"ann": "1"},
    ),
    Tree(
        "plain: a zip in which each exercise has a folder",
        {"ann.zip": {f"1/{EX1}": X, f"2/{EX2}": X}, "b.zip": {EX1: X}},
        {"ann": "1 2", "b": "1"},
    ),
    Tree(
        "plain: a student's folder with a zip beside files", {f"ann/{EX1}": X, "ann/rest.zip": {EX2: X}}, {"ann": "1 2"}
    ),
    Tree(
        "plain: the same notebooks in several folders",
        {f"{who}/part{n}.ipynb": X for who in ("ann", "bob") for n in (1, 2)},
        {"ann": "part1.ipynb part2.ipynb", "bob": "part1.ipynb part2.ipynb"},
    ),
    Tree(
        "plain: one notebook beside two students' folders",
        {"ann.ipynb": X, "bob/b.ipynb": X, "cy/c.ipynb": X},
        {"ann": "ann.ipynb", "bob": "b.ipynb", "cy": "c.ipynb"},
    ),
    Tree(
        "plain: students' names before the lesson's",
        {f"{who} {name}": X for who in ("Ann", "Bob") for name in (EX1, EX2)},
        {"Ann": "1 2", "Bob": "1 2"},
    ),
    Tree(
        "plain: students' names behind the lesson's",
        {f"ex1_chain_{who}.py": X for who in ("ann", "bob")},
        {"ann": "1", "bob": "1"},
    ),
    Tree("plain: one student's name before all", {f"week/ann_{name}": X for name in (EX1, EX2)}, {"week": "1 2"}),
    Tree(
        "plain: names of a system within a student's folder lead nowhere",
        {f"ann/{EX1}": X, f"bob/ann_12_34_{EX1}": X, f"bob/ann_12_35_{EX2}": X},
        {"ann": "1", "bob": "1 2"},
    ),
    Tree(
        "Moodle: the newest of two zips",
        {
            f"{JANE}hw.zip": {EX1: X},
            f"{JANE}hw (1).zip": {EX2: X},
            f"{JOHN}part-1.zip": {EX1: X},
            f"{JOHN}part-2.zip": {EX2: X},
        },
        {JANE: "2", JOHN: "1 2"},
    ),
    Tree(
        "a zip of the whole kit: the exercises alone",
        {
            "ann.zip": {f"kit/exercises/mlp/{EX1}": X, f"kit/solutions/mlp/{EX2}": X, f"kit/data/class/s01/{EX3}": X},
            f"bob/exercises/mlp/{EX1}": X,
            f"bob/solutions/mlp/{EX2}": X,
        },
        {"ann": "1", "bob": "1"},
    ),
    Tree(
        "Canvas: a zip of the whole kit, an answer not filled in",
        {"d_12_34_hw.zip": {f"exercises/mlp/{EX1}": STUB, f"solutions/mlp/{EX1}": FILLED}, f"r_13_35_{EX1}": X},
        {"d_12": "1", "r_13": "1"},
    ),
    Tree(
        "an environment is not looked into",
        {f"ann/{EX1}": X, "ann/env/pyvenv.cfg": X, f"ann/env/lib/{EX2}": X},
        {"ann": "1"},
    ),
)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_a_download_is_parted_among_students(tree: Tree, tmp_path: Path, lesson: Lesson) -> None:
    with find_submissions([plant(tmp_path / "root", tree.files)], lesson) as found:
        assert taken(found) == tree.submissions


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_same_download_in_a_zip_is_parted_alike(tree: Tree, tmp_path: Path, lesson: Lesson) -> None:
    archive = tmp_path / "root.zip"
    archive.write_bytes(zipped(tree.files))
    with find_submissions([archive], lesson) as found:
        assert taken(found) == tree.submissions
        assert all(path.is_file() for submission in found.submissions for path in submission.all_files())


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_every_file_stands_in_the_list(tree: Tree, tmp_path: Path, lesson: Lesson) -> None:
    with find_submissions([plant(tmp_path / "root", tree.files)], lesson) as found:
        text = listing(found)
    for name in _leaves(tree.files):
        is_within = "pyvenv.cfg" in str(tree.files) or "solutions" in name or "data/class" in name
        assert Path(name).name in text or is_within or name.endswith("metadata.yml"), text


def _leaves(files: Files) -> list[str]:
    return [
        leaf
        for name, content in files.items()
        for leaf in (_leaves(content) if isinstance(content, Mapping) else [name])
    ]


@dataclass(frozen=True)
class Names:
    """Files of one student: text by name. `counts`: which of them is read for the first exercise."""

    name: str
    files: Mapping[str, str]
    counts: str
    says: str = ""


NAMES = (
    *(
        Names(f"under the name {name}", {name: X, EX2: X}, name, "was taken for ex1_chain.py")
        for name in (
            "Copy of ex1_chain.py",
            "ex1_chain - Copy.py",
            "ex1_chain_final.py",
            "ex1-chain.py",
            "Ex1 Chain.py",
            "ex1.py",
            "ex1chain.py",
            "my ex1_chain v2.py",
            "solution_ex1_chain.py",
            "EX1_FINAL.PY",
        )
    ),
    *(
        Names(f"under the name {name}", {name: X, EX2: X}, name)
        for name in (
            "ex1_chain (1).py",
            "ex1_chain-2.py",
            "ex1_chain(3).py",
            "EX1_CHAIN.PY",
            "ex1_chain .py",
            "ex1_chain.py.txt",
        )
    ),
    Names(
        "the newest copy",
        {EX1: FILLED, "ex1_chain (1).py": FILLED, "ex1_chain (2).py": FILLED},
        "ex1_chain (2).py",
        "ex1_chain (1).py and ex1_chain.py were not read: ex1_chain (2).py is newer",
    ),
    Names(
        "copies in the order of numbers, and not of letters",
        {"ex1_chain (9).py": FILLED, "ex1_chain (10).py": FILLED},
        "ex1_chain (10).py",
    ),
    Names("no empty copy", {EX1: FILLED, "ex1_chain (1).py": STUB}, EX1, "this one is not filled in"),
    Names(
        "no empty original", {EX1: STUB, "Copy of ex1_chain.py": FILLED}, "Copy of ex1_chain.py", f"{EX1} was not read"
    ),
    Names(
        "the original before a copy",
        {EX1: FILLED, "ex1_chain - Copy.py": FILLED},
        EX1,
        "ex1_chain - Copy.py was not read",
    ),
    Names(
        "the exact name before others", {EX1: FILLED, "old_ex1_chain.py": FILLED}, EX1, "old_ex1_chain.py was not read"
    ),
    Names("a broken file before an empty one", {EX1: BROKEN, "EX1_CHAIN.py": STUB}, EX1),
    Names("of empty ones any", {EX1: STUB, "EX1_CHAIN.py": STUB}, "EX1_CHAIN.py"),
    Names("nearer to the top", {EX1: FILLED, f"old/{EX1}": FILLED}, EX1, f"old/{EX1} was not read: {EX1} is there too"),
    Names(
        "from below, where nothing is at the top",
        {EX2: X, f"more/{EX1}": FILLED},
        EX1,
        f"more/{EX1} was taken for {EX1}",
    ),
)


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.name)
def test_of_a_students_files_one_is_read_for_an_exercise(case: Names, tmp_path: Path, lesson: Lesson) -> None:
    submission = submission_at(plant(tmp_path / "ann", case.files), lesson)
    assert submission.files["ex1_chain"].name == case.counts
    assert case.says in " | ".join(submission.notes)
    assert case.says or not [note for note in submission.notes if case.counts in note.split(" was ")[0]]


def test_files_of_other_names_are_read_where_they_answer_what_is_not_there(tmp_path: Path, lesson: Lesson) -> None:
    files = {EX1: FILLED, "second.py": FUSED, "helpers.py": X, "flat.py": FLAT}
    submission = submission_at(plant(tmp_path / "ann", files), lesson)
    assert [path.name for path in submission.lone_files] == ["second.py"]
    assert "second.py was read too: it answers steps whose file is not there" in submission.notes
    assert "flat.py and helpers.py were not read: none of the lesson's files" in submission.notes


def test_of_a_systems_uploads_the_newest_archive_counts(tmp_path: Path, lesson: Lesson) -> None:
    files = {"d_12_34_hw.zip": {EX1: X}, "d_12_36_hw-1.zip": {EX2: X}, "d_12_35_notes.zip": {EX3: X}}
    with find_submissions([plant(tmp_path / "root", files)], lesson) as found:
        (submission,) = found.submissions
        assert read_of(submission) == "2 3"
        assert "hw.zip was not read: hw-1.zip is newer" in submission.notes
        assert [(entry.path.name, entry.beside) for entry in found.not_taken] == [("d_12_34_hw.zip", "d_12")]


def test_an_archive_that_cannot_be_read_gives_way_to_an_older_one(tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {"d_12_34_hw.zip": {EX1: X}, "d_12_36_hw-1.zip": b"PK broken"}
    with find_submissions([plant(tmp_path / "root", files)], lesson) as found:
        (submission,) = found.submissions
        assert read_of(submission) == "1"
        assert any(note.startswith("hw-1.zip was not read") for note in submission.notes)


IDENTITIES = (
    (
        "Canvas",
        flat("doejane_LATE_12_34_", EX1) | flat("doejane_12_9_", EX2),
        Identity("canvas", "12", "doejane", late=True, attachment_ids=("9", "34")),
    ),
    (
        "Canvas, anonymous",
        flat("anon_aB3_34_", EX1),
        Identity("canvas", "aB3", "", anonymous=True, attachment_ids=("34",)),
    ),
    ("Moodle", {f"{JANE}/{EX1}": X}, Identity("moodle", "12", "Jane Doe")),
    ("Moodle, blind", flat("Participant_7_assignsubmission_file_", EX1), Identity("moodle", "7", "", anonymous=True)),
    ("nbgrader", {f"submitted/ann/ps1/{EX1}": X}, Identity("nbgrader", "ann")),
    (
        "Gradescope",
        {
            "submission_metadata.yml": "submission_5:\n  :submitters:\n  - :name: A B\n    :sid: 007\n  - :name: C D\n",
            f"submission_5/{EX1}": X,
        },
        Identity("gradescope", "5", "A B & C D", sis_ids=("007",), members=("A B", "C D")),
    ),
    ("plain", {f"ann/{EX1}": X}, None),
)


@pytest.mark.parametrize(("files", "identity"), [case[1:] for case in IDENTITIES], ids=[case[0] for case in IDENTITIES])
def test_who_a_submission_is_of_is_kept_as_plain_data(
    files: Files, identity: Identity | None, tmp_path: Path, lesson: Lesson
) -> None:
    with find_submissions([plant(tmp_path / "root", files)], lesson) as found:
        assert [submission.identity for submission in found.submissions] == [identity]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[", "no YAML"),
        ("- a", "names no submissions"),
        ("'a", "no YAML"),
        ("[" * 100_000, "nested too deeply"),
        ("\x00", "no YAML"),
    ],
)
def test_a_list_of_submitters_that_is_none_says_why(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        read_metadata(tmp_path / "m.yml")


@pytest.mark.parametrize(
    "text",
    [
        "submission_5: !!python/object/apply:os.system ['false']",
        "submission_5: !ruby/object:X\n  :submitters:\n  - !ruby/object:Y\n    :name: 7\n",
        "submission_5:\n  :submitters: 3\n",
        "submission_5:",
        "submission_5:\n  :created_at: 2020-99-99\n  :submitters:\n  - :name: [a]\n  - 3\n  [a]: b\n",
    ],
)
def test_a_list_of_submitters_is_plain_data_whatever_it_says(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(text, encoding="utf-8")
    known = read_metadata(tmp_path / "m.yml")["submission_5"]
    assert known in (Identity("gradescope", "5"), Identity("gradescope", "5", "7"))


BESIDE: Files = {
    f"ann/{EX1}": X,
    "ann/report.pdf": X,
    "ann/plot.png": X,
    "ann/model.pt": X,
    "ann/__pycache__/a.pyc": X,
    "ann/.DS_Store": X,
    "ann/old/helper.py": X,
    "ann/a.rar": X,
    "ann/work.ipynb.txt": X,
    "readme.txt": X,
    "__MACOSX/ann/._x": X,
}


@pytest.mark.parametrize("in_zip", [False, True], ids=["in folders", "in a zip"])
def test_what_lies_beside_is_listed_with_its_submission(in_zip: bool, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path, {"root.zip": BESIDE}) / "root.zip" if in_zip else plant(tmp_path / "root", BESIDE)
    with find_submissions([root], lesson) as found:
        listed = {entry.path.name: (entry.why, entry.beside) for entry in found.not_taken if not entry.is_junk}
        junk = {entry.path.name for entry in found.not_taken if entry.is_junk}
    assert listed == {
        "report.pdf": ("neither .py nor .ipynb", "ann"),
        "plot.png": ("neither .py nor .ipynb", "ann"),
        "model.pt": ("neither .py nor .ipynb", "ann"),
        "helper.py": ("none of the lesson's files", "ann"),
        "a.rar": ("a .rar archive; unpack it first", "ann"),
        "work.ipynb.txt": ("a notebook under another name? rename it to .ipynb", "ann"),
        "readme.txt": ("neither .py nor .ipynb", ""),
    }
    assert junk == {"__pycache__", ".DS_Store", "__MACOSX"}


def test_what_lies_in_an_archive_is_shown_below_its_name(tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {"all.zip": {f"ann/{EX1}": X, "ann/in.zip": {"a/plot.png": X}, f"bob/{EX1}": X}}
    root = plant(tmp_path, files)
    with find_submissions([root / "all.zip"], lesson) as found:
        assert [entry.path for entry in found.not_taken] == [root / "all.zip" / "ann" / "in.zip" / "a" / "plot.png"]
        assert [submission.path for submission in found.submissions] == [
            root / "all.zip" / who for who in ("ann", "bob")
        ]


def test_of_a_whole_kit_a_solution_never_counts_for_an_answer(tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {f"exercises/mlp/{EX1}": STUB, f"solutions/mlp/{EX1}": FILLED, f"exercises/other/{EX1}": FILLED}
    submission = submission_at(plant(tmp_path / "kit", files), lesson)
    assert submission.files == {"ex1_chain": tmp_path / "kit" / "exercises" / "mlp" / EX1}
    with find_submissions([tmp_path / "kit"], lesson) as found:
        assert [(entry.path.name, entry.why) for entry in found.not_taken] == [
            ("solutions", "of the kit, and not its exercises"),
            ("other", "of the kit, and not its exercises"),
        ]


def test_a_student_who_handed_in_nothing_that_can_be_read_is_told_why(tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {"d_12_34_hw.rar": b"Rar!", f"{JANE}/essay.pdf": "%PDF", f"r_13_35_{EX1}": X}
    with find_submissions([plant(tmp_path / "root", files)], lesson) as found:
        assert {submission.name: submission.notes for submission in found.submissions} == {
            JANE: ("handed in nothing that can be graded: essay.pdf",),
            "d_12": ("handed in nothing that can be graded: hw.rar (a .rar archive; unpack it first)",),
            "r_13": (),
        }
