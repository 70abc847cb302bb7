"""What the tests share: the lesson, one warm process, one judge, and submissions made from text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grader.judge.job import Request
from grader.judge.submission import NO_MENDS, Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import SubmissionResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import ROOT, JudgeText

torch.set_num_threads(1)
os.environ["GRADER_NO_PROGRESS"] = "1"  # tests leave no progress file behind, in no process


@pytest.fixture(scope="session")
def lesson() -> Lesson:
    """Of the solutions; in the copy that students get, of the exercises."""
    solutions = ROOT / "solutions" / "mlp"
    return load_lesson(solutions if solutions.is_dir() else ROOT / "exercises" / "mlp")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@pytest.fixture(scope="session")
def judge(lesson: Lesson, warm: Warm) -> Judge:
    return Judge(lesson, 0, warm)


@pytest.fixture
def judge_text(judge: Judge, lesson: Lesson, tmp_path: Path) -> JudgeText:
    """Judges texts as the files of one submission: judge_text({"ex1_chain": "def dprobs..."}, "ex1_chain.dprobs")."""

    def judged(files: dict[str, str], *steps: str, mends: bool = False) -> SubmissionResult:
        for exercise, text in files.items():
            (tmp_path / f"{exercise}.py").write_text(text, encoding="utf-8")
        result = judge.judge(Request(submission_at(tmp_path, lesson), frozenset(steps), mends=mends))
        assert not [note for note in result.notes if note.startswith(NO_MENDS)]
        return result

    return judged
