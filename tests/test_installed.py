"""The kit installed from a wheel: what is in it, and that it judges what lies where one stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.lesson.own import SOLUTIONS
from tests.support import ROOT

pytestmark = pytest.mark.xdist_group("installed")  # what takes long to set up is set up once
ANSWER = "return dlogprobs / probs  # SOMEBODY'S"
Installed = Callable[..., subprocess.CompletedProcess[str]]


def _copy(folder: Path, with_solutions: bool = True) -> Path:
    """A checkout somebody worked in, with what an earlier build left behind."""
    left_out = ["__pycache__", "*.egg-info"] + ([] if with_solutions else [SOLUTIONS])
    for name in ("grader", "exercises", SOLUTIONS, "data/names.txt", "pyproject.toml", "README.md", "LICENSE"):
        source, target = ROOT / name, folder / name
        if source.is_dir() and name not in left_out:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*left_out))
        elif source.is_file():
            target.parent.mkdir(exist_ok=True, parents=True)
            shutil.copy(source, target)
    chain = folder / "exercises" / "mlp" / "ex1_chain.py"
    text = chain.read_text(encoding="utf-8")
    chain.write_text(text.replace('raise NotImplementedError("dprobs")', ANSWER), encoding="utf-8")
    (chain.parent / "helpers.py").write_text("# SOMEBODY'S\n", encoding="utf-8")
    old = folder / "build" / "lib" / "exercises" / "mlp" / "ex1_chain.py"
    old.parent.mkdir(parents=True)
    shutil.copy(chain, old)
    return folder


def _wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", str(folder), "--no-deps", "--no-build-isolation", "-q"]
    done = subprocess.run(
        [*command, "-w", str(folder / "dist")], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _wheel(_copy(tmp_path_factory.mktemp("checkout") / "kit"))


@pytest.fixture(scope="module")
def grader(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The command of the installed kit, in any folder."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        return subprocess.run(
            [sys.executable, "-m", "grader", *map(str, arguments)],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    return run


def _answers(folder: Path, *files: str) -> Path:
    """Right answers to some exercises."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(ROOT / "solutions" / "mlp" / file, folder)
    return folder


# --- what is in it ----------------------------------------------------------------------------------------


def test_a_wheel_holds_the_lesson_untouched_its_data_and_no_answer_of_anybody(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if not name.startswith("grader/")}
    kit = {name.removeprefix("backprop_kit/") for name in texts if name.startswith("backprop_kit/")}
    exercises = {path.name for path in (ROOT / "exercises" / "mlp").iterdir() if path.is_file()} - {"progress.json"}
    assert {name for name in kit if name.startswith("exercises/")} == {f"exercises/mlp/{name}" for name in exercises}
    assert "data/names.txt" in kit
    assert not [name for name in texts if name.startswith("exercises/") or SOLUTIONS in name]
    assert not [name for name, text in texts.items() if b"SOMEBODY'S" in text or b"return dlogprobs / probs" in text]


def test_without_solutions_a_wheel_is_made_of_the_stubs_and_without_them_of_what_is_given(tmp_path: Path) -> None:
    folder = _copy(tmp_path / "kit", with_solutions=False)
    stub = folder / "stubs" / "mlp" / "ex2_cross_entropy.py"
    stub.parent.mkdir(parents=True)
    stub.write_text("# as it was handed out\n", encoding="utf-8")
    with zipfile.ZipFile(_wheel(folder)) as archive:
        names = {name for name in archive.namelist() if name.startswith("backprop_kit/")}
        found = archive.read("backprop_kit/exercises/mlp/ex2_cross_entropy.py")
    assert found == stub.read_bytes()
    assert names == {
        *(f"backprop_kit/exercises/mlp/{name}" for name in ("lesson.toml", "forward.py", "train.py")),
        *(f"backprop_kit/{kind}/mlp/ex2_cross_entropy.py" for kind in ("exercises", "stubs")),
        "backprop_kit/data/names.txt",
    }


# --- where one stands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["the files", "the lesson's folder", "a folder with exercises/"])
def test_check_judges_what_lies_where_one_stands(place: str, grader: Installed, tmp_path: Path) -> None:
    folder = tmp_path / "exercises" / "mlp" if place == "a folder with exercises/" else tmp_path
    _answers(folder, "ex2_cross_entropy.py", *(["lesson.toml", "forward.py"] if place != "the files" else []))
    done = grader("check", "ex2_cross_entropy", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 of 4 points" in done.stdout


def test_without_answers_check_says_so_and_judges_no_stub(grader: Installed, tmp_path: Path) -> None:
    done = grader("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "there are no answers here: none of ex1_chain.py, " in done.stderr
    assert "python -m grader check PATH" in done.stderr


def test_a_lesson_that_lies_there_is_not_run_unless_it_is_asked_for(grader: Installed, tmp_path: Path) -> None:
    """It may be a student's: forward.py is run outside every wall."""
    for kind in ("exercises", SOLUTIONS):
        shutil.copytree(ROOT / "tests" / "lessons" / kind / "tiny", tmp_path / kind / "tiny")
    forward = tmp_path / "exercises" / "tiny" / "forward.py"
    forward.write_text(forward.read_text("utf-8") + f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n", "utf-8")
    done = grader("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "the lesson tiny in" in done.stderr
    assert "--lesson" in done.stderr
    own = _answers(tmp_path / "mlp", "ex2_cross_entropy.py", "lesson.toml")
    (own / "forward.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    assert grader("check", "ex2_cross_entropy", cwd=own).returncode == 0
    assert not (tmp_path / "ran").exists()


def test_every_command_of_a_student_works_without_a_checkout(grader: Installed, tmp_path: Path) -> None:
    folder = _answers(tmp_path, "ex2_cross_entropy.py", "ex4_training.py")
    hint = grader("hint", "dprobs", cwd=folder)
    assert (hint.returncode, hint.stderr) == (0, "")
    assert "next: python -m grader hint ex1_chain.dprobs --level 2" in hint.stdout
    train = grader("train", "--steps", "2", cwd=folder)
    assert (train.returncode, train.stderr) == (0, "")
    assert (folder / "runs").is_dir()
    doctor = grader("doctor", cwd=folder)
    assert doctor.returncode == 0, doctor.stdout
    assert "data/names.txt is missing" not in doctor.stdout
    assert "ok answers     2 of " in doctor.stdout
    assert "ok trial" in doctor.stdout


def test_a_class_is_graded_without_a_checkout(grader: Installed, tmp_path: Path) -> None:
    _answers(tmp_path / "class" / "ann", "ex2_cross_entropy.py")
    done = grader("grade", "class", "--out", "grades", "--no-mends", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "grades" / "submissions" / "ann" / "results.json").is_file()
