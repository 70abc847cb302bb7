"""The sample class: each submission gets the verdicts its folder documents."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.submission.find import submission_at
from tests.support import ROOT, run_grader

CLASS = ROOT / "data" / "class"
SAMPLES = sorted(CLASS.glob("s*"))
VARIED = ("s01", "s05", "s10", "s13")  # all right; signs and factors, which get mends; repeats lost; code that raises
WRITTEN = ("results.json", "feedback.html", "index.html", "grades.csv", "taken.txt")


def test_the_sample_class_has_at_least_twelve_submissions() -> None:
    assert len(SAMPLES) >= 12


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda folder: folder.name)
def test_each_sample_gets_the_verdicts_its_folder_documents(folder: Path, judge: Judge, lesson: Lesson) -> None:
    expected = tomllib.loads((folder / "expected.toml").read_text(encoding="utf-8"))
    result = judge.judge(Request(submission_at(folder, lesson), mends=False))
    wanted = {
        step.path: expected[step.exercise].get(step.name, expected[step.exercise].get("default"))
        for step in lesson.steps
    }
    found = {
        f"{exercise.exercise}.{step.step}": step.verdict.replace("exact", "right")
        for exercise in result.exercises
        for step in exercise.steps
    }
    assert found == wanted, [step.message for e in result.exercises for step in e.steps if not step.passes]


@pytest.mark.timeout(300)
def test_two_fresh_runs_with_one_seed_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIED:
        shutil.copytree(CLASS / name, tmp_path / "class" / name)
    written = []
    for jobs in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", jobs)  # sets are walked in another order
        out = tmp_path / f"out{jobs}"
        done = run_grader("grade", tmp_path / "class", "--out", out, "--jobs", jobs, "--seed", "5", timeout=120)
        assert done.returncode == 0, done.stderr
        files = [file for name in WRITTEN for file in sorted(out.rglob(name))]
        written.append({str(file.relative_to(out)): file.read_bytes() for file in files})
    assert len(written[0]) == 2 * len(VARIED) + 3
    assert written[0] == written[1]
