"""What the tests share: the lesson, one warm process, one judge, and submissions made from text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import StepResult, SubmissionResult
from grader.submission.find import submission_at
from grader.warm.client import Warm

ROOT = Path(__file__).resolve().parents[1]
PRELUDE = "import torch\nimport torch.nn.functional as F\nimport math\n"

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def lesson() -> Lesson:
    return load_lesson(ROOT / "solutions" / "mlp")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@pytest.fixture(scope="session")
def judge(lesson: Lesson, warm: Warm) -> Judge:
    return Judge(lesson, 0, warm)


JudgeText = Callable[..., SubmissionResult]


@pytest.fixture
def judge_text(judge: Judge, lesson: Lesson, tmp_path: Path) -> JudgeText:
    """Judges texts as the files of one submission: judge_text({"ex1_chain": "def dprobs..."}, "ex1_chain.dprobs")."""

    def judged(files: dict[str, str], *steps: str) -> SubmissionResult:
        for exercise, text in files.items():
            (tmp_path / f"{exercise}.py").write_text(text, encoding="utf-8")
        return judge.judge(Request(submission_at(tmp_path, lesson), frozenset(steps)))

    return judged


def step_of(result: SubmissionResult, path: str) -> StepResult:
    """The result of `exercise.step`."""
    exercise, name = path.split(".")
    return next(
        step for found in result.exercises if found.exercise == exercise for step in found.steps if step.step == name
    )


def run_grader(*arguments: str | Path, cwd: Path = ROOT, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """The real command line, in a process of its own, 80 columns wide and without colour."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, arguments)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
