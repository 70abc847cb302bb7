"""`explain`: the solution and its reasons, once one's own answer is right."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from grader.lesson import Lesson
from grader.lesson.own import solution, untouched
from grader.lesson.stubs import solution_of
from grader.report.explained import explanation
from grader.submission.answers import callables
from tests.support import ROOT, run_grader

SOLUTIONS = ROOT / "solutions" / "mlp"


def test_a_right_step_is_explained_with_its_forward_lines_reason_and_code() -> None:
    ran = run_grader("explain", "dcounts", SOLUTIONS)
    assert (ran.returncode, ran.stderr) == (0, "")
    text = " ".join(ran.stdout.split())
    assert "counts_sum = counts.sum(1, keepdim=True) (forward.py:" in text
    assert "why: two lines use counts, so a nudge to it reaches the loss on two roads" in text
    assert "return counts_sum_inv * dprobs + dcounts_sum" in text


def test_a_step_that_is_not_right_yet_is_not_explained(tmp_path: Path) -> None:
    (tmp_path / "ex1_chain.py").write_text("def dprobs(probs): return probs\n", encoding="utf-8")
    ran = run_grader("explain", "dprobs", tmp_path)
    assert ran.returncode == 1
    assert "ex1_chain.dprobs is wrong; it is explained once your own answer is right" in ran.stdout
    assert "dlogprobs / probs" not in ran.stdout


def test_every_function_of_the_solutions_has_an_explanation(lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        for name in callables(exercise):
            text = solution(lesson, exercise, name)
            assert text, name
            assert "# why: " in text, name
            stub = untouched(lesson, exercise)
            assert stub is not None
            assert text not in stub


@pytest.mark.parametrize("function", ["g", "nosuch"])
def test_a_function_without_markers_has_no_explanation(function: str) -> None:
    text = "def f():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION\n\ndef g():\n    return 2\n"
    assert solution_of(text, "f") == "return 1"
    assert solution_of(text, function) is None


def test_comments_become_paragraphs_and_code_stays_code() -> None:
    console = Console(width=40, file=io.StringIO(), record=True)
    console.print(explanation("# why: one\n# two\n#\n# three:\n#   a;\n#   b.\nreturn 1\n# end"))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines == ["why: one two", "", "three:", "  a;", "  b.", "", "  return 1", "end"]
