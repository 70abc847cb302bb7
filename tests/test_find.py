"""What is taken for a submission, under which name, and what is said about everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.errors import KitError
from grader.lesson import Lesson
from grader.submission.answers import read_answers
from grader.submission.find import Found, Submission, find_submissions, submission_at
from grader.submission.sources import sources_of
from tests.support import ROOT

STUB = "def dlogits(logits, Yb, n):\n    raise NotImplementedError\n"
FILLED = "def dlogits(logits, Yb, n):\n    return logits\n"
EX1, EX2 = "ex1_chain.py", "ex2_cross_entropy.py"


def plant(root: Path, *paths: str, text: str = "x = 1\n") -> Path:
    """Writes these files below `root`; a path that ends in / is an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            place.mkdir()
        else:
            place.write_text(text, encoding="utf-8")
            os.utime(place, (0, 0))  # of two files the newer may count
    return root


def found_in(lesson: Lesson, *paths: Path) -> Found:
    return find_submissions(paths, lesson)


def kind_of(submission: Submission) -> str:
    """`ex1_chain+ex2_cross_entropy` for a folder of lesson files, `answers.py` for a lone file."""
    if submission.lone_files:
        return "+".join([*sorted(submission.files), *(file.name for file in submission.lone_files)])
    return "+".join(sorted(submission.files)) or "not read"


@dataclass(frozen=True)
class Tree:
    """Files below a folder, and the submissions they are: name -> what is read."""

    name: str
    files: tuple[str, ...]
    submissions: dict[str, str]


TREES = (
    Tree("one lesson file makes the folder a submission", (f"ann/{EX1}",), {"ann": "ex1_chain"}),
    Tree("a lesson file is known in any case", ("ann/EX1_Chain.PY",), {"ann": "ex1_chain"}),
    Tree("the last exercise alone is enough", ("ann/ex4_training.py",), {"ann": "ex4_training"}),
    Tree("all files of a folder are one submission", (f"a/{EX1}", f"a/{EX2}"), {"a": "ex1_chain+ex2_cross_entropy"}),
    Tree("other files beside are no submissions", (f"a/{EX1}", "a/notes.py", "a/plot.png"), {"a": "ex1_chain"}),
    Tree("the named folder itself is one", (EX1, EX2), {"root": "ex1_chain+ex2_cross_entropy"}),
    Tree("a class of folders", (f"ann/{EX1}", f"bob/{EX2}"), {"ann": "ex1_chain", "bob": "ex2_cross_entropy"}),
    Tree("a class of lone files", ("ann.py", "bob.PY", "cy.py"), {"ann": "ann.py", "bob": "bob.PY", "cy": "cy.py"}),
    Tree("a folder with one .py", ("ann/answers.py",), {"ann": "answers.py"}),
    Tree("a folder with one .py and a text", ("ann/answers.py", "ann/about.md"), {"ann": "answers.py"}),
    Tree("the named folder with one .py", ("answers.py",), {"answers": "answers.py"}),
    Tree("a folder with one notebook", ("ann/a.ipynb", "ann/data.csv"), {"ann": "a.ipynb"}),
    Tree("lone notebooks", ("ann.ipynb", "bob.ipynb"), {"ann": "ann.ipynb", "bob": "bob.ipynb"}),
    Tree("several .py in a folder are one student's", ("ann/a.py", "ann/b.py"), {"ann": "a.py+b.py"}),
    Tree("folders in folders are one student's", (f"ann/hw4/mine/{EX1}", f"ann/hw4/{EX2}", f"bob/{EX1}"),
         {"ann": "ex1_chain+ex2_cross_entropy", "bob": "ex1_chain"}),
    Tree("what lies below a submission belongs to it", (f"ann/{EX1}", f"ann/old/{EX1}"), {"ann": "ex1_chain"}),
    Tree("empty folders are students who handed in nothing", (f"ann/{EX1}", "bob/", "cy/drafts/"),
         {"ann": "ex1_chain", "bob": "not read", "cy": "not read"}),
    Tree("what systems leave behind",
         (f"ann/{EX1}", f"ann/._{EX2}", f"__MACOSX/ann/{EX1}", f".git/{EX1}", f"__pycache__/{EX1}",
          f".ipynb_checkpoints/{EX1}", ".DS_Store", f".venv/{EX1}", f"node_modules/{EX1}"),
         {"ann": "ex1_chain"}),
    Tree("a folder called like a lesson file", (f"ann/{EX1}/", f"ann/{EX2}"), {"ann": "ex2_cross_entropy"}),
    Tree("names that differ in case alone", (f"Ann/{EX1}", f"ann/{EX2}"),
         {"Ann": "ex1_chain", "ann": "ex2_cross_entropy"}),
    Tree("an archive beside the folder that came out of it", (f"ann/{EX1}", "ann.zip"), {"ann": "ex1_chain"}),
    Tree("a .py and a notebook of one name are one student's", ("ann.py", "ann.ipynb", "bob.py"),
         {"ann": "ann.ipynb", "bob": "bob.py"}),
)  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_a_tree_of_files_is_taken_for_these_submissions(tree: Tree, tmp_path: Path, lesson: Lesson) -> None:
    found = found_in(lesson, plant(tmp_path / "root", *tree.files))
    assert {submission.name: kind_of(submission) for submission in found.submissions} == tree.submissions


RAW_NAMES = (
    'Zoë "Bob" O\'Neil, jr.',
    '=HYPERLINK("evil")',
    " spaces around ",
    "line\nbreak\ttab",
    "-rf",
    "[red]markup",
    "<script>alert(1)",
    "\x1b[31mred",
    "\u202egnp.exe",
    "王小明",
    "Müller_123_assignsubmission_file_",
    "a" * 200,
)


@pytest.mark.parametrize("name", RAW_NAMES, ids=ascii)
def test_names_are_kept_raw(name: str, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", f"{name}/{EX1}", f"file {name}.py", "z.py")
    assert {submission.name for submission in found_in(lesson, root).submissions} == {name, f"file {name}", "z"}


def test_several_paths_are_one_class_in_the_order_given(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path, f"b/ann/{EX1}", f"a/ann/{EX1}", "c/bob.py", "c/cy.py")
    found = found_in(lesson, root / "b", root / "c" / "cy.py", root / "a")
    assert [(submission.name, submission.path.parent.name) for submission in found.submissions] == [
        ("ann", "b"), ("cy", "c"), ("ann-2", "a"),
    ]  # fmt: skip


def test_a_double_takes_nobodys_name(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path, f"a/ann/{EX1}", f"b/ann/{EX1}", f"c/ann-2/{EX1}")
    found = found_in(lesson, *(root / name for name in "abc"))
    assert [submission.name for submission in found.submissions] == ["ann", "ann-3", "ann-2"]


def test_what_is_no_submission_is_listed_with_the_reason(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", f"ann/{EX1}", "grades.csv", "README", "sheet.pdf", "forward.py")
    assert {entry.path.name: entry.why for entry in found_in(lesson, root).not_taken} == {
        "README": "neither .py nor .ipynb",
        "forward.py": "given by the kit",
        "grades.csv": "neither .py nor .ipynb",
        "sheet.pdf": "neither .py nor .ipynb",
    }


NOTHING = "handed in nothing that can be graded: "


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("bob/report.pdf",), "report.pdf"),
        (("bob/a.docx", "bob/b.rar"), "a.docx, b.rar (a .rar archive; unpack it first)"),
        (("bob/",), "an empty folder"),
        (("bob/drafts/old/",), "an empty folder"),
        (("bob/.ipynb_checkpoints/a-checkpoint.ipynb",), ".ipynb_checkpoints"),
        (("bob/.DS_Store", "bob/Thumbs.db"), ".DS_Store, Thumbs.db"),
        (("bob/.git/config", "bob/README"), "README"),
        (("bob/1.png", "bob/2.png", "bob/3.png", "bob/4.png"), "1.png, 2.png, 3.png and 1 more"),
        (("bob/forward.py",), "forward.py (given by the kit)"),
        (("bob/work.ipynb.txt",), "work.ipynb.txt (a notebook under another name? rename it to .ipynb)"),
        (("bob.7z",), "bob.7z (a .7z archive; unpack it first)"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_student_who_handed_in_nothing_has_a_row_and_a_reason(
    files: tuple[str, ...], says: str, tmp_path: Path, lesson: Lesson
) -> None:
    found = found_in(lesson, plant(tmp_path / "root", *files, f"zoe/{EX1}"))
    assert {submission.name: submission.notes for submission in found.submissions} == {
        "bob": (NOTHING + says,),
        "zoe": (),
    }


@pytest.mark.parametrize("name", ["bob.zip", "bob/hw4.zip", "bob.tar.gz"])
def test_a_broken_archive_is_a_student_who_handed_in_nothing(name: str, tmp_path: Path, lesson: Lesson) -> None:
    found = found_in(lesson, plant(tmp_path / "root", name, f"zoe/{EX1}"))
    notes = {submission.name: submission.notes for submission in found.submissions}
    assert set(notes) == {"bob", "zoe"}
    assert notes["bob"][0].startswith(f"{NOTHING}{Path(name).name} (no ")


def test_links_are_listed_and_not_followed(tmp_path: Path, lesson: Lesson) -> None:
    outside = plant(tmp_path / "outside", f"eve/{EX1}", "eve.py")
    root = plant(tmp_path / "root", f"ann/{EX1}")
    (root / "folder").symlink_to(outside / "eve")
    (root / "file.py").symlink_to(outside / "eve.py")
    (root / "nowhere.py").symlink_to(outside / "gone.py")
    (root / "round").symlink_to(root)
    found = found_in(lesson, root)
    assert [submission.name for submission in found.submissions] == ["ann"]
    assert {entry.path.name: entry.why for entry in found.not_taken} == dict.fromkeys(
        ("folder", "file.py", "nowhere.py", "round"), "a link"
    )


@pytest.mark.parametrize("name", ["ex1_chain.py", "answers.py"])
def test_a_student_whose_only_source_is_a_link_handed_in_nothing(name: str, tmp_path: Path, lesson: Lesson) -> None:
    outside = plant(tmp_path / "outside", "secret.py")
    root = plant(tmp_path / "root", "ann/about.txt", f"bob/{EX1}")
    (root / "ann" / name).symlink_to(outside / "secret.py")
    found = found_in(lesson, root)
    assert {submission.name: submission.notes for submission in found.submissions} == {
        "ann": (f"{NOTHING}about.txt, {name} (a link)",),
        "bob": (),
    }
    assert (name, "a link") in {(entry.path.name, entry.why) for entry in found.not_taken}


def test_a_linked_lesson_file_beside_real_ones_is_not_read(tmp_path: Path, lesson: Lesson) -> None:
    outside = plant(tmp_path / "outside", "secret.py")
    root = plant(tmp_path / "root", f"ann/{EX1}")
    (root / "ann" / EX2).symlink_to(outside / "secret.py")
    assert set(submission_at(root / "ann", lesson).files) == {"ex1_chain"}


def test_a_linked_lesson_file_beside_real_ones_is_said(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", "secret.py", f"ann/{EX1}")
    (root / "ann" / EX2).symlink_to(root / "secret.py")
    assert EX2 in " ".join(submission_at(root / "ann", lesson).notes)


def test_only_regular_files_are_taken(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", "ann.py", "bob.py")
    os.mkfifo(root / "pipe.py")  # reading it would never end
    found = found_in(lesson, root)
    assert {submission.name for submission in found.submissions} == {"ann", "bob"}
    assert [entry.path.name for entry in found.not_taken] == ["pipe.py"]


def test_folders_nested_without_end_are_no_crash(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", f"ann/{EX1}", f"{'d/' * 250}{EX1}")
    found = found_in(lesson, root)
    assert "ann" in {submission.name for submission in found.submissions}


def test_given_files_that_were_changed_are_ignored_and_said(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "ann", EX1, "forward.py", "lesson.toml", "Train.py")
    submission = submission_at(root, lesson)
    assert [path.name for path in submission.all_files()] == [EX1]
    assert submission.notes == (
        "Train.py, forward.py and lesson.toml are given by the kit; those in the submission were not used",
    )


def test_the_exercise_folder_as_it_is_needs_no_remarks(lesson: Lesson) -> None:
    assert submission_at(ROOT / "exercises" / "mlp", lesson).notes == ()


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("ann.py", "bob.py", "forward.py", "train.py"), {"ann", "bob"}),
        (("ann/answers.py", "ann/forward.py", "ann/lesson.toml"), {"ann"}),
    ],
    ids=["in a class of lone files", "beside the one .py of a folder"],
)
def test_given_files_are_never_submissions(
    files: tuple[str, ...], names: set[str], tmp_path: Path, lesson: Lesson
) -> None:
    found = found_in(lesson, plant(tmp_path / "root", *files))
    assert {submission.name for submission in found.submissions} == names


def test_other_sources_beside_lesson_files_are_said_to_be_unread(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "ann", EX1, "helpers.py", "work.ipynb", "torch.py", "data.csv")
    submission = submission_at(root, lesson)
    assert submission.notes == ("helpers.py and torch.py were not read: none of the lesson's files",)
    assert [file.name for file in submission.lone_files] == ["work.ipynb"]


def test_the_same_lesson_file_in_two_cases_is_said(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "ann", EX2, EX2.upper(), text=FILLED)
    submission = submission_at(root, lesson)
    assert len(submission.all_files()) == 1
    assert any("was not read" in note for note in submission.notes)


def test_of_the_same_lesson_file_in_two_cases_the_filled_one_counts(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(plant(tmp_path / "ann", EX2.upper(), text=STUB), EX2, text=FILLED)
    answers = read_answers(submission_at(root, lesson), lesson)
    assert answers.by_name["ex2_cross_entropy", "dlogits"].status == "ready"


@pytest.mark.parametrize(
    "files",
    [
        (f"doejane_12_34_{EX1}", f"doejane_12_35_{EX2}", f"roejohn_LATE_13_36_{EX1}"),
        (f"Jane Doe_12_assignsubmission_file_{EX1}", f"Jane Doe_12_assignsubmission_file_{EX2}",
         f"John Roe_13_assignsubmission_file_{EX1}"),
    ],
    ids=["Canvas", "Moodle"],
)  # fmt: skip
def test_a_flat_download_is_grouped_by_its_prefix(files: tuple[str, ...], tmp_path: Path, lesson: Lesson) -> None:
    found = found_in(lesson, plant(tmp_path / "root", *files))
    assert sorted(kind_of(submission) for submission in found.submissions) == [
        "ex1_chain",
        "ex1_chain+ex2_cross_entropy",
    ]


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that cannot be listed, whoever looks (root ignores modes)."""
    folder = plant(tmp_path / "root", f"locked/{EX1}", f"ann/{EX1}") / "locked"
    scandir = os.scandir

    def refusing(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    return folder


def test_an_unreadable_folder_is_a_submission_with_a_remark(locked: Path, lesson: Lesson) -> None:
    found = found_in(lesson, locked.parent)
    assert {submission.name: submission.notes for submission in found.submissions} == {
        "ann": (),
        "locked": ("the folder cannot be read: Permission denied",),
    }


def test_an_unreadable_folder_to_check_is_a_complaint(locked: Path, lesson: Lesson) -> None:
    with pytest.raises(KitError, match="cannot be read"):
        submission_at(locked, lesson)


def test_an_empty_folder_holds_no_submission(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", "__pycache__/")
    assert found_in(lesson, root).submissions == ()
    with pytest.raises(KitError, match=r"holds none of ex1_chain\.py, ex2_cross_entropy\.py"):
        submission_at(root, lesson)


def test_what_an_earlier_run_wrote_is_said_and_not_read(tmp_path: Path, lesson: Lesson) -> None:
    files = (".grader/run.json", "grades.csv", "submissions/ann/results.json", "submissions/ann/feedback.html")
    root = plant(tmp_path / "root", f"ann/{EX1}", *(f"grades/{name}" for name in files))
    found = found_in(lesson, root)
    assert [submission.name for submission in found.submissions] == ["ann"]
    assert [(entry.path.name, entry.why, entry.is_junk) for entry in found.not_taken] == [
        ("grades", "the results of an earlier run", False)
    ]


def test_a_run_that_writes_into_the_folder_of_submissions_does_not_read_its_own_files(
    tmp_path: Path, lesson: Lesson
) -> None:
    files = (".grader/run.json", "grades.csv", "index.html", "submissions/ann/results.json")
    root = plant(tmp_path / "root", f"ann/{EX1}", *files)
    assert [submission.name for submission in found_in(lesson, root).submissions] == ["ann"]


MISSING = ("nowhere", "nowhere/below", "file.txt/below", "dangling")


@pytest.mark.parametrize("name", MISSING)
def test_a_path_that_does_not_exist_is_a_complaint(name: str, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", "file.txt")
    (root / "dangling").symlink_to(root / "gone")
    for look in (lambda path: found_in(lesson, path), lambda path: submission_at(path, lesson)):
        with pytest.raises(KitError, match=f"there is no .*{name}") as raised:
            look(root / name)
        assert raised.value.exit_code == 2


def test_a_name_that_is_too_long_is_a_complaint(tmp_path: Path, lesson: Lesson) -> None:
    with pytest.raises(KitError, match="there is no"):
        found_in(lesson, tmp_path / ("d" * 300))


def test_a_path_may_be_a_link_to_a_submission(tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", f"ann/{EX1}")
    (tmp_path / "link").symlink_to(root)
    assert [submission.name for submission in found_in(lesson, tmp_path / "link").submissions] == ["ann"]


@pytest.mark.parametrize("path", [".", "old/.."])
def test_a_path_of_dots_gives_the_name_of_the_folder(
    path: str, tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = plant(tmp_path / "ann", EX1, "old/")
    monkeypatch.chdir(root)
    assert submission_at(Path(path), lesson).name == "ann"


AT = (
    ("a folder of lesson files", (EX1, EX2), "", "ex1_chain+ex2_cross_entropy"),
    ("one file of the lesson", (EX1, EX2), EX1, "ex1_chain"),
    ("one file of the lesson in capitals", ("EX2_CROSS_ENTROPY.PY",), "EX2_CROSS_ENTROPY.PY", "ex2_cross_entropy"),
    ("a lone file", ("mine.py", "yours.py"), "mine.py", "mine.py"),
    ("a folder with one .py", ("mine.py", "about.txt"), "", "mine.py"),
)


@pytest.mark.parametrize(("files", "path", "kind"), [case[1:] for case in AT], ids=[case[0] for case in AT])
def test_check_takes_a_folder_or_a_file(
    files: tuple[str, ...], path: str, kind: str, tmp_path: Path, lesson: Lesson
) -> None:
    assert kind_of(submission_at(plant(tmp_path / "ann", *files) / path, lesson)) == kind


@pytest.mark.parametrize(
    ("files", "path", "says"),
    [
        (("notes.txt",), "notes.txt", "is neither a .py file nor a notebook"),
        (("all.zip",), "all.zip", "is neither a .py file nor a notebook"),
        (("mine.py", "yours.py"), "", "holds none of"),
        (("ann/ex1_chain.py", "bob/ex1_chain.py"), "", "holds none of"),
    ],
)
def test_check_refuses_what_is_not_one_submission(
    files: tuple[str, ...], path: str, says: str, tmp_path: Path, lesson: Lesson
) -> None:
    with pytest.raises(KitError, match=says):
        submission_at(plant(tmp_path / "root", *files) / path, lesson)


def test_two_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, lesson: Lesson) -> None:
    texts = {
        "one": "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n",
        "two": "def gradients(C, W1):\n    return C, W1\n",
    }
    for folder, text in texts.items():
        plant(tmp_path / "root", f"ann/{folder}/work.py", text=text)
    with found_in(lesson, tmp_path / "root") as found:
        (ann,) = found.submissions
        answers = read_answers(ann, lesson).by_name
        assert answers["ex1_chain", "dprobs"].file == "one/work.py"
        assert answers["ex4_training", "gradients"].file == "two/work.py"
        assert sources_of(ann) == {f"{folder}/work.py": text for folder, text in texts.items()}
