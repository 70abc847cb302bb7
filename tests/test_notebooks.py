"""Notebooks as submissions: the flat form in the habits of learners, each with known truth for every gradient."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import PASSING, SubmissionResult
from grader.submission.find import submission_at
from tests.notebooks.habits import HABITS, Habit


def judged(judge: Judge, lesson: Lesson, path: Path) -> SubmissionResult:
    return judge.judge(Request(submission_at(path, lesson), mends=False))


def expected(habit: Habit, exercise: str, step: str) -> str:
    return habit.others.get(f"{exercise}.{step}", habit.others.get(exercise, "right"))


@pytest.mark.parametrize("habit", HABITS, ids=[habit.name for habit in HABITS])
def test_each_gradient_of_a_notebook_gets_its_known_verdict(
    habit: Habit, judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    path = tmp_path / "ann.ipynb"
    path.write_text(habit.text, encoding="utf-8")
    result = judged(judge, lesson, path)
    wrong = {
        f"{exercise.exercise}.{step.step}": (step.verdict, step.message)
        for exercise in result.exercises
        for step in exercise.steps
        if ("right" if step.verdict in PASSING else step.verdict) != expected(habit, exercise.exercise, step.step)
    }
    assert not wrong
    for note in habit.notes:
        assert any(note in said for said in result.notes), result.notes
