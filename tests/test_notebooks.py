"""Notebooks as submissions: the flat form in the habits of learners, each with known truth for every gradient."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import PASSING, SubmissionResult
from grader.submission.answers import read_answers
from grader.submission.find import Submission, submission_at
from tests.notebooks.habits import HABITS, Habit
from tests.notebooks.learners import NOTEBOOKS, Learner
from tests.notebooks.parts import (
    CHAIN,
    DHPREBN,
    DLOGITS,
    IMPORTS,
    SET_UP,
    TRAINING,
    WHOLE,
    markdown,
    notebook,
    with_lines,
)
from tests.notebooks.plain import verdicts_of
from tests.support import step_of


def judged(judge: Judge, lesson: Lesson, path: Path) -> SubmissionResult:
    return judge.judge(Request(submission_at(path, lesson), mends=False))


def expected(habit: Habit | Learner, exercise: str, step: str) -> str:
    return habit.others.get(f"{exercise}.{step}", habit.others.get(exercise, "right"))


@pytest.mark.parametrize("habit", [*HABITS, *NOTEBOOKS], ids=lambda habit: habit.name)
def test_each_gradient_of_a_notebook_gets_its_known_verdict(
    habit: Habit | Learner, judge: Judge, lesson: Lesson, tmp_path: Path
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


RIGHT = [learner for learner in NOTEBOOKS if learner.runs and not learner.others]
SECONDS = 15.0
GRADIENTS = 26 + 1 + 1 + 7


@pytest.mark.filterwarnings("ignore")  # notebooks leave files open
@pytest.mark.parametrize("learner", RIGHT, ids=lambda learner: learner.name)
def test_a_notebook_that_is_called_right_is_right_when_it_is_run_as_it_stands(learner: Learner, tmp_path: Path) -> None:
    plain, errors = verdicts_of([cell for cell in learner.cells if isinstance(cell, str)], tmp_path)
    assert not errors
    assert len(plain) == GRADIENTS
    assert {name: verdict for name, verdict in plain.items() if verdict != "right"} == {}


# Code that goes on and on: each took minutes where every attempt was cut out, or every loop looked at
LONG = {
    "sums that grow between attempts": "dcounts = counts_sum_inv * dprobs\n"
    + "dcounts += dcounts_sum\nq = dcounts * 2\ndprobs = q\n" * 1300,
    "loops in a loop": "while True:\n" + "  for i in range(9):\n    dW1 = h.T @ h\n    dW2 = h.T @ h\n" * 500,
    "loops that call": "def f():\n" + " x = 1\n" * 1000 + "for i in range(3):\n    f()\n" * 1000,
    "names for names": "\n".join(
        f"f{i}_{j} = make({', '.join(f'f{i - 1}_{k}' for k in range(12))})" for i in range(1, 12) for j in range(12)
    )
    + "\ndprobs = f11_0",
}


@pytest.mark.parametrize("kind", LONG)
def test_a_notebook_is_read_in_seconds_however_much_stands_in_it(kind: str, lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "ann.ipynb"
    path.write_text(notebook([LONG[kind]]), encoding="utf-8")
    start = time.process_time()
    read_answers(submission_at(path, lesson), lesson)
    assert time.process_time() - start < SECONDS


# Files that are not as they should be

WHOLE_TEXT = notebook(WHOLE)
BROKEN_FILES = {
    "truncated in its cells": (
        WHOLE_TEXT[: WHOLE_TEXT.index("dbngain = (bnraw")],
        "is not whole",
        "ex1_chain.dprobs missing",
    ),
    "truncated after the chain": (
        WHOLE_TEXT[: WHOLE_TEXT.index("loss_fast.item()")],
        "before that line could be read",
        "ex1_chain.dC right, ex2_cross_entropy.dlogits missing",
    ),
    "truncated in its first line": (WHOLE_TEXT[:30], "is not whole", "ex1_chain.dprobs error"),
    "a notebook of another language": (
        notebook(WHOLE).replace('"language": "python"', '"language": "R"'),
        "whose language is R",
        "ex1_chain.dprobs error",
    ),
    "no cells": (notebook(()), "has no code cells", "ex1_chain.dprobs missing"),
    "prose alone": (notebook([markdown("dprobs = 1")]), "has no code cells", "ex1_chain.dprobs missing"),
    "JSON that is no notebook": ("[1, 2]", "not a notebook", "ex1_chain.dprobs error"),
    "cells of no form": (
        '{"cells": [1, null, {"cell_type": "code"}, {"cell_type": "code", "source": [1, "x = 1"]}, {"cell_type": 5}]}',
        "defines no function and no variable dprobs",
        "ex1_chain.dprobs missing",
    ),
    "nested without end": ("[" * 100_000, "", "ex1_chain.dprobs error"),
    "not JSON": ("dprobs = 1", "not a notebook", "ex1_chain.dprobs error"),
    "empty": ("", "ann.ipynb is empty", "ex1_chain.dprobs missing"),
    "more code than any answer": (notebook(["x = 1\n" * 60_000]), "is larger than", "ex1_chain.dprobs error"),
}


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_a_notebook_that_is_not_as_it_should_be_says_so_and_the_rest_counts(
    kind: str, judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    text, says, verdicts = BROKEN_FILES[kind]
    path = tmp_path / "ann.ipynb"
    path.write_text(text, encoding="utf-8")
    result = judged(judge, lesson, path)
    steps = {f"{e.exercise}.{step.step}": step for e in result.exercises for step in e.steps}
    for name, verdict in (wanted.split() for wanted in verdicts.split(", ")):
        found = steps[name].verdict
        assert ("right" if found in PASSING else found) == verdict, steps[name].message
    assert any(says in said for said in (*result.notes, *(step.message for step in steps.values())))


def test_one_student_may_hand_in_an_exercise_a_notebook(judge: Judge, tmp_path: Path) -> None:
    parts = {
        "one": (*SET_UP, CHAIN),
        "two": (*SET_UP, DLOGITS),
        "three": (*SET_UP, DHPREBN),
        "four": (*SET_UP, TRAINING),
    }
    for name, cells in parts.items():
        (tmp_path / f"{name}.ipynb").write_text(notebook(cells), encoding="utf-8")
    files = tuple(sorted(tmp_path.glob("*.ipynb")))
    result = judge.judge(Request(Submission("ann", tmp_path, lone_files=files), mends=False))
    assert result.score == result.max_score
    assert {step.file for e in result.exercises for step in e.steps if e.exercise == "ex3_batchnorm"} == {"three.ipynb"}


def test_of_two_answers_the_one_that_is_there_counts_and_of_two_filled_ones_the_py(
    judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    (tmp_path / "work.ipynb").write_text(notebook((CHAIN, DLOGITS)), encoding="utf-8")
    (tmp_path / "ex1_chain.py").write_text(
        "def dprobs(dlogprobs, probs):\n    return -dlogprobs / probs\n", encoding="utf-8"
    )
    (tmp_path / "ex2_cross_entropy.py").write_text(
        "def dlogits(logits, Yb, n):\n    raise NotImplementedError\n", encoding="utf-8"
    )
    result = judged(judge, lesson, tmp_path)
    assert step_of(result, "ex1_chain.dprobs").verdict == "wrong"
    assert step_of(result, "ex1_chain.dlogprobs").passes
    assert step_of(result, "ex2_cross_entropy.dlogits").passes
    assert [note for note in result.notes if "dprobs" in note] == [
        "ex1_chain.py and work.ipynb both answer ex1_chain.dprobs: what stands in ex1_chain.py counts"
    ]


def test_a_script_of_variables_is_read_like_a_notebook(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "ann.py"
    path.write_text(
        "\n\n".join(cell.replace("%matplotlib inline", "").replace("!wget", "# ") for cell in WHOLE), encoding="utf-8"
    )
    result = judged(judge, lesson, path)
    assert result.score == result.max_score


def test_lines_are_those_of_the_cell(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "ann.ipynb"
    chain = with_lines(CHAIN, dh="# a remark\ndh = dlogits @ W2", dprobs="dprobs = -dlogprobs / probs")
    path.write_text(notebook([markdown("# mine"), IMPORTS, chain]), encoding="utf-8")
    result = judge.judge(Request(submission_at(path, lesson), frozenset({"ex1_chain.dh", "ex1_chain.dprobs"})))
    dh, dprobs = step_of(result, "ex1_chain.dh"), step_of(result, "ex1_chain.dprobs")
    assert (dh.cell, dh.line, dprobs.cell, dprobs.line) == (3, 13, 3, 3)
    assert dh.message.startswith("cell 3, line 13: RuntimeError")
    assert (
        dprobs.instructor.mend
        == "cell 3, line 3: the minus does not belong here; right is `dprobs = dlogprobs / probs`"
    )


def test_lines_of_a_flat_script_are_those_of_the_file(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "ann.py"
    path.write_text("import torch\n\n" + with_lines(CHAIN, dh="dh = dlogits @ W2"), encoding="utf-8")
    dh = step_of(judged(judge, lesson, path), "ex1_chain.dh")
    assert (dh.cell, dh.line, dh.message[:8]) == (None, 14, "line 14:")


def test_output_of_the_answers_lines_is_shown(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "ann.ipynb"
    path.write_text(
        notebook(["for k in range(2):\n    t = k\n    print('seen', k)\ndprobs = dlogprobs / probs + 0 * t"]),
        encoding="utf-8",
    )
    assert "seen 1" in step_of(judged(judge, lesson, path), "ex1_chain.dprobs").output
