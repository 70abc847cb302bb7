"""The sample class: each submission gets the verdicts its folder documents."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.submission.find import submission_at
from tests.support import ROOT

CLASS = ROOT / "data" / "class"
SAMPLES = sorted(CLASS.glob("s*"))


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
