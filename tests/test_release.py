"""The zip for students: what is in it, what is not, and that it works by itself in a fresh folder."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from grader import __version__
from grader.cli import main
from grader.commands.release import contents
from grader.lesson import Lesson
from grader.lesson.own import solution
from grader.results.store import kit_hash
from grader.submission.answers import callables
from tests.support import ROOT, run_grader
from tests.terminal import Terminal

pytestmark = pytest.mark.xdist_group("release")  # what takes long to set up is set up once
SOLUTIONS = ROOT / "solutions" / "mlp"


@cache
def files() -> dict[str, bytes]:
    return contents(SOLUTIONS)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder, as a student has it."""
    folder = tmp_path_factory.mktemp("fresh")
    done = run_grader("release", "--out", folder)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / archive.stem


def in_it(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of Python in the unpacked kit, which must find its own package there."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def lines_of_solutions(lesson: Lesson) -> Iterator[str]:
    """The lines of code that say something: a few short ones stand in many places."""
    for exercise in lesson.exercises:
        for name in callables(exercise):
            text = solution(lesson, exercise, name)
            assert text
            for node in ast.parse(f"def _():\n{_indented(text)}").body[0].body:  # type: ignore[attr-defined]
                said = ast.unparse(node)
                if len(said) > 24:
                    yield said


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def test_no_line_of_a_solution_is_in_it(lesson: Lesson) -> None:
    everything = " ".join(b"\n".join(files().values()).decode("utf-8", "replace").split()).replace('"', "'")
    given = (SOLUTIONS / "train.py").read_text(encoding="utf-8")
    lines = [line for line in lines_of_solutions(lesson) if line not in given]
    assert len(lines) > 30
    assert [line for line in lines if line in everything] == []
    assert "BEGIN SOLUTION\n    #" not in everything


def test_no_solutions_no_class_and_no_corpus_are_in_it() -> None:
    folders = {name.split("/")[0] for name in files()}
    assert folders == {
        "LICENSE", "Makefile", "README.md", "data", "docs", "exercises", "grader", "pyproject.toml", "release.json",
        "requirements.lock", "stubs", "tests",
    }  # fmt: skip
    assert {name for name in files() if name.startswith("data/")} == {"data/names.txt"}
    assert not [name for name in files() if "corpus" in name or "__pycache__" in name or name.endswith(".pyc")]


def test_the_makefile_in_it_has_the_students_targets_alone() -> None:
    text = files()["Makefile"].decode()
    targets = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha() and ": $(VENV)" in line}
    assert targets == {"setup", "check", "watch", "hint", "explain", "train", "map", "doctor", "test"}
    assert "INSTRUCTOR" not in text
    assert "make grade" not in text


def test_the_readme_in_it_shows_pictures_that_are_there() -> None:
    text = files()["README.md"].decode()
    shown = [part.split(")")[0] for part in text.split("](docs/")[1:]]
    assert len(shown) >= 3
    assert not [name for name in shown if f"docs/{name}" not in files()]


def test_it_is_the_same_zip_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run_grader("release", "--out", tmp_path / name).returncode == 0
    one, two = (next((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_folder_with_answers_that_are_not_marked_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "exercises" / "mlp"
    shutil.copytree(ROOT / "exercises" / "mlp", folder)
    text = (folder / "ex1_chain.py").read_text(encoding="utf-8")
    stub = 'raise NotImplementedError("dprobs")'
    (folder / "ex1_chain.py").write_text(text.replace(stub, "return dlogprobs / probs"), encoding="utf-8")
    done = run_grader("release", "--lesson", folder, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "it would hand out an answer to dprobs" in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_a_release_that_cannot_be_written_or_has_no_solutions_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert run_grader("release", "--out", tmp_path / "file").returncode == 2
    assert "there is no" in run_grader("release", "--lesson", "nosuch", "--out", tmp_path).stderr


@pytest.mark.parametrize(
    ("out", "there", "zip_at"),
    [
        ("hw4.zip", None, "hw4.zip"),
        ("new/HW4.ZIP", None, "new/HW4.ZIP"),
        ("hw4", None, f"hw4/backprop-kit-mlp-{__version__}.zip"),
        ("hw4.zip", "folder", f"hw4.zip/backprop-kit-mlp-{__version__}.zip"),
        ("hw4.zip", "file", "hw4.zip"),
        ("v1.2", None, f"v1.2/backprop-kit-mlp-{__version__}.zip"),
    ],
)
def test_an_out_that_is_called_a_zip_is_the_file_and_any_other_a_folder(
    out: str, there: str | None, zip_at: str, tmp_path: Path
) -> None:
    if there == "folder":
        (tmp_path / out).mkdir()
    elif there == "file":
        (tmp_path / out).write_text("an old one", encoding="utf-8")
    assert main(["release", "--out", str(tmp_path / out)]) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / zip_at]
    assert zipfile.is_zipfile(tmp_path / zip_at)


# --- in a fresh folder ------------------------------------------------------------------------------------


def test_its_check_finds_every_step_missing(unpacked: Path) -> None:
    done = in_it(unpacked, "-m", "grader", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "missing in ex1_chain: all 26 steps" in done.stdout
    assert "0 of 44 points" in done.stdout
    assert f"({kit_hash()[:12]})" in done.stdout


def test_its_own_tests_pass(unpacked: Path) -> None:
    done = in_it(unpacked, "-m", "pytest", "-p", "no:cacheprovider")
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_its_doctor_knows_an_edited_grader(unpacked: Path) -> None:
    assert "as it was handed out" in in_it(unpacked, "-m", "grader", "doctor").stdout
    file = unpacked / "grader" / "names.py"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + "# mine\n", encoding="utf-8")
    try:
        edited = in_it(unpacked, "-m", "grader", "doctor")
        assert f"-- kit         0.1.0, source hash {'X' * 12}"[:30] in edited.stdout
        assert f"it was handed out as {kit_hash()[:12]}" in edited.stdout
        assert "mend: unpack the zip again" in edited.stdout
        assert edited.returncode == 0
    finally:
        file.write_text(before, encoding="utf-8")


def test_in_it_explain_says_who_has_the_solutions(unpacked: Path) -> None:
    done = in_it(unpacked, "-m", "grader", "explain", "dprobs")
    assert done.returncode == 2
    assert "the solutions of mlp are not in this copy" in done.stderr


def test_in_it_watch_resets_a_step_to_the_stub_that_was_handed_out(unpacked: Path) -> None:
    file = unpacked / "exercises" / "mlp" / "ex3_batchnorm.py"
    stub = file.read_bytes()
    file.write_bytes(stub.replace(b'raise NotImplementedError("dhprebn")', b"return dhpreact"))
    with Terminal(["watch"], cwd=unpacked) as terminal:
        terminal.shows("save a file, and it is judged")
        terminal.press("jjjjjjjjjjjjjjjjjjjjjjjjjjj")
        terminal.shows("dhprebn  wrong", "ex3_batchnorm.py:")
        terminal.press("ry")
        terminal.shows("dhprebn is a stub again")
        terminal.press("q")
        assert terminal.ends() == 0
    assert file.read_bytes() == stub
