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
THOROUGH = bool(os.environ.get("THOROUGH"))  # `make test-all`: all of what `make test` tries a sample of
PRELUDE = "import torch\nimport torch.nn.functional as F\nimport math\n"

# Said to a warm process before it starts: students' programs are plain Python, statement by statement.
LANGUAGE_OFF = """
import ast as _ast, builtins as _builtins
from grader.runner import language as _language
class _OwnFile:
    def __init__(self, names):
        self.__dict__ = names
def _compiled(tree, file, source="", **_):
    whole = tree if isinstance(tree, _ast.Module) else _ast.Module([tree], [])
    return compile(whole, file, "exec", dont_inherit=True)
def _namespace(name="submission", own=None):
    if not own:
        return {"__name__": name}
    def found(module, *rest):
        return own[module] if module in own else _builtins.__import__(module, *rest)
    return {"__name__": name, "__builtins__": {**vars(_builtins), "__import__": found}}
_language.compiled, _language.namespace = _compiled, _namespace
_language.own_facade = lambda name, names: _OwnFile(names)
from grader.runner import program as _program
_program.own_facade = _language.own_facade
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
