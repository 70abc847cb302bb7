"""Helpers of the tests: texts as submissions, single results, the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from grader.results.model import StepResult, SubmissionResult
from tests.ready import ready

ROOT = Path(__file__).resolve().parents[1]
PRELUDE = "import torch\nimport torch.nn.functional as F\nimport math\n"

# Said to a warm process before it starts: students' programs are plain Python.
LANGUAGE_OFF = """
import ast
import grader.runner.language as _language
_language.compiled = lambda tree, file, source="": compile(ast.Module([tree], []), file, "exec", dont_inherit=True)
_language.namespace = lambda name="submission", own=None: {"__name__": name}
"""

JudgeText = Callable[..., SubmissionResult]


def step_of(result: SubmissionResult, path: str) -> StepResult:
    """The result of `exercise.step`."""
    exercise, name = path.split(".")
    return next(
        step for found in result.exercises if found.exercise == exercise for step in found.steps if step.step == name
    )


def run_grader(
    *arguments: str | Path, cwd: Path = ROOT, timeout: float = 120, fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """The command line in a process, 80 columns wide and without colour; a `fresh` one pays for its whole start."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    words = [str(argument) for argument in arguments]
    if not fresh:
        return ready().run(words, cwd, environment, timeout)
    return subprocess.run(
        [sys.executable, "-m", "grader", *words],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
