"""`hint` on a student's own answer, and what `check` shows to students and, with --verbose, to instructors."""

from __future__ import annotations

import importlib
import io
import json
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from grader.cli import main
from grader.judge.job import Request
from grader.judge.situation import DRAWS
from grader.judge.submission import Judge
from grader.lesson import Lesson, Step
from grader.report.terminal import show_check
from grader.results.model import (
    CaseReport,
    ExerciseResult,
    Instructor,
    StepResult,
    SubmissionResult,
    result_from_json,
)
from grader.submission.find import Submission
from tests.support import PRELUDE, ROOT, JudgeText, run_grader, step_of

EXERCISES = ROOT / "exercises" / "mlp"
hint_command = importlib.import_module("grader.commands.hint")

# Wrong in one way each; the mends of the first two are sure.
ANSWERS = (
    PRELUDE
    + """
def dprobs(dlogprobs, probs):
    return dlogprobs * probs


def dcounts_sum_inv(dprobs, counts):
    return (counts * dprobs).sum(1)


def dh(dlogits, W2):
    return dlogits @ W2


def db2(dlogits):
    return dlogits.sum(0)


def db1(dhprebn):
    raise ValueError("oh \\x1b[31m[bold]no")


def dW1(embcat, dhprebn):
    return torch.autograd.grad(embcat, dhprebn)


def dembcat(dhprebn, W1):
    raise NotImplementedError("dembcat")
"""
)
MEND = "right is `return dlogprobs / probs`"


def line_of(part: str) -> int:
    return ANSWERS[: ANSWERS.index(part)].count("\n") + 1


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "my answers"
    folder.mkdir()
    (folder / "ex1_chain.py").write_text(ANSWERS, encoding="utf-8")
    return folder


@pytest.fixture
def judged_here(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """hint asks the judge of the tests, and starts no processes of its own."""

    def judged(steps: Sequence[Step], submission: Submission, _: Lesson) -> dict[str, StepResult]:
        result = judge.judge(Request(submission, frozenset(step.path for step in steps), is_check=True))
        return {step.path: step_of(result, step.path) for step in steps}

    monkeypatch.setattr(hint_command, "_judged", judged)


def hint(*arguments: str | Path) -> str:
    """What the real command prints; it has to end in order."""
    ran = run_grader("hint", *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert_readable(ran.stdout)
    return ran.stdout


def assert_readable(text: str) -> None:
    """Nothing that steers a terminal."""
    assert not {sign for sign in text if not sign.isprintable() and sign != "\n"}


def in_one_line(text: str) -> str:
    return " ".join(text.split())


# --- hint on one's own answer -----------------------------------------------------------------------------


def test_level_1_names_the_students_mistake_and_asks_the_lessons_question(answers: Path, lesson: Lesson) -> None:
    text = hint("dprobs", answers)
    place = f"(ex1_chain.py:{line_of('def dprobs')})"
    mistake = f"it multiplies by probs, which is not the derivative|line {line_of('dlogprobs *')}: look at the \\*"
    assert re.search(f"your answer {re.escape(place)} is wrong: ({mistake})", in_one_line(text))
    assert question_of("ex1_chain.dprobs", 1, lesson) in in_one_line(text)
    assert MEND not in text
    assert f"next: make hint STEP=ex1_chain.dprobs LEVEL=2 SUBMISSION='{answers}'\n" in text


def test_level_3_shows_the_nearest_mend_and_leads_back_to_check(answers: Path, lesson: Lesson) -> None:
    text = hint("dprobs", answers, "--level", "3")
    assert text.endswith(f"\nnext: make check STEP=ex1_chain.dprobs SUBMISSION='{answers}'\n\n")
    text = in_one_line(text)
    assert f"nearest mend, line {line_of('dlogprobs * probs')}: * should be /; {MEND}" in text
    assert question_of("ex1_chain.dprobs", 3, lesson) in text


def question_of(path: str, level: int, lesson: Lesson) -> str:
    return next(step for step in lesson.steps if step.path == path).hints[level - 1]


def test_the_next_command_really_is_one_that_make_takes(answers: Path) -> None:
    text = hint("dembcat", answers)
    words = in_one_line(text).split("next: make ")[1]
    ran = subprocess.run(
        f"make --no-print-directory --dry-run {words}",
        shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f'-m grader hint ex1_chain.dembcat "{answers}" --level 2' in in_one_line(ran.stdout)


@pytest.mark.usefixtures("judged_here")
def test_an_error_is_told_with_its_message_a_place_to_look_and_its_mend(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hint", "dh", str(answers), "--level", "3"]) == 0
    text = in_one_line(capsys.readouterr().out)
    assert f"is error: line {line_of('dlogits @ W2')}: RuntimeError: mat1 and mat2 shapes cannot be multiplied" in text
    assert "write down the shapes of both operands of the @, and of the result" in text
    assert "right is `return dlogits @ W2.T`" in text


@pytest.mark.usefixtures("judged_here")
def test_what_a_student_raises_and_what_is_forbidden_is_told_without_steering_the_terminal(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hint", "db1", str(answers)]) == 0
    raised = capsys.readouterr().out
    assert "[31m[bold]no" in raised
    assert_readable(raised)
    assert main(["hint", "dW1", str(answers)]) == 0
    forbidden = in_one_line(capsys.readouterr().out)
    assert f"is forbidden: line {line_of('torch.autograd')}: torch.autograd" in forbidden
    assert "nearest mend" not in forbidden


@pytest.mark.usefixtures("judged_here")
def test_a_right_answer_is_told_so_and_a_step_that_slips_in_form_what_to_do(
    answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hint", "db2", str(answers)]) == 0
    right = capsys.readouterr().out
    assert "your answer is exact: nothing is left to do here" in right or "your answer is right" in right
    assert main(["hint", "dcounts_sum_inv", str(answers)]) == 0
    assert "is shape: give it the shape of counts_sum_inv itself" in in_one_line(capsys.readouterr().out)


# --- nothing to look at: no judge is started --------------------------------------------------------------


def no_pool(*_: object) -> NoReturn:
    raise AssertionError("a judge was started")


@pytest.fixture
def without_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hint_command, "Pool", no_pool)


@pytest.mark.usefixtures("without_judges")
def test_untouched_stubs_and_missing_files_get_the_lessons_hints_without_a_judge(
    answers: Path, tmp_path: Path, lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = tmp_path / "stubs"
    shutil.copytree(EXERCISES, stubs)
    for step, path in (
        ("dprobs", stubs),
        ("ex4_training.dC", stubs),
        ("dembcat", answers),  # its stub's raise is still there
        ("ex2_cross_entropy.dlogits", answers),  # a file that is not there
    ):
        assert main(["hint", step, str(path), "--level", "2"]) == 0
        text = in_one_line(capsys.readouterr().out)
        assert "your answer" not in text
        found = next(s for s in lesson.steps if step in (s.path, s.name))
        assert question_of(found.path, 2, lesson) in text
        assert f"LEVEL=3 SUBMISSION={path}" in text.replace("'", "")


@pytest.mark.usefixtures("without_judges")
def test_without_a_path_a_lesson_whose_folder_holds_no_answers_still_gives_hints(
    lesson: Lesson, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = replace(lesson, folder=tmp_path)
    monkeypatch.setattr(hint_command, "load_lesson", lambda _: bare)
    assert main(["hint", "dprobs"]) == 0
    text = capsys.readouterr().out
    assert "next: make hint STEP=ex1_chain.dprobs LEVEL=2\n" in text
    assert "SUBMISSION" not in text


def test_hints_for_an_untouched_stub_do_not_import_torch(tmp_path: Path) -> None:
    """In a process of its own, as students run it: it could not even find torch."""
    (tmp_path / "torch.py").write_text("raise AssertionError('torch was imported')\n", encoding="utf-8")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from grader.cli import main; "
        f"code = main(['hint', 'dprobs', {str(EXERCISES)!r}]); sys.exit(code or 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "hint 1 of 3" in ran.stdout


@pytest.mark.usefixtures("without_judges")
@pytest.mark.parametrize("path", ["nowhere", "nowhere/at/all.py", ""], ids=["missing", "missing file", "empty folder"])
def test_a_path_that_holds_no_submission_is_exit_code_2(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hint", "dprobs", str(tmp_path / path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("grader hint: ")


# --- check, with and without --verbose --------------------------------------------------------------------


def test_check_shows_students_nothing_of_what_is_for_instructors(answers: Path) -> None:
    shown = run_grader("check", answers, "dprobs", "dcounts_sum_inv")
    printed = run_grader("check", answers, "dprobs", "dcounts_sum_inv", "--json")
    assert (shown.returncode, printed.returncode) == (1, 1)
    for text in (shown.stdout, printed.stdout):
        assert "right is `" not in text
        assert "small batch" not in text
    steps = json.loads(printed.stdout)["exercises"][0]["steps"]
    assert [step["instructor"] for step in steps] == [{"mend": None, "suspected": None, "cases": []}] * 2
    assert all(step["mistake"] for step in steps)


def test_check_verbose_shows_all_cases_and_the_nearest_mend_below_each_wrong_step(
    answers: Path, lesson: Lesson
) -> None:
    steps = ("dprobs", "dcounts_sum_inv", "db1", "db2")
    ran = run_grader("check", answers, *steps, "--verbose")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert_readable(ran.stdout)
    first, second, third, last = (in_one_line(part) for part in parts_of(ran.stdout, steps))
    for case in (case.name for case in lesson.cases if not case.ties):
        assert f"{case} wrong " in first
        assert f"{case} shape 0.0e+00 its shape is" in second
        assert f"{case} error - line {line_of('raise ValueError')}: ValueError" in third
    assert "case outcome scaled error what" in first
    assert f"nearest mend, line {line_of('dlogprobs * probs')}: * should be /; {MEND}" in first
    assert "right is `return (counts * dprobs).sum(1, keepdim=True)`" in second
    assert "nearest mend" not in last
    assert "outcome" not in last


def parts_of(text: str, steps: tuple[str, ...]) -> list[str]:
    """The text below each step's own line."""
    starts = [text.index(f"\n  {step} ") for step in sorted(steps, key=lambda step: text.index(f"\n  {step} "))]
    found = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [next(part for part in found if part.startswith(f"\n  {step} ")) for step in steps]


def cases_in(lesson: Lesson) -> int:
    """How often a step without ties is tried: twice in each case, and in that of the lecture's sizes."""
    return DRAWS * sum(not case.ties for case in lesson.cases) + 1


def test_check_verbose_prints_the_whole_object_with_json(answers: Path, lesson: Lesson) -> None:
    printed = run_grader("check", answers, "dprobs", "--verbose", "--json")
    result = result_from_json(json.loads(printed.stdout))
    seen = step_of(result, "ex1_chain.dprobs").instructor
    assert seen.mend
    assert MEND in seen.mend
    assert len(seen.cases) == cases_in(lesson)
    assert all(case.scaled_error and case.worst_index and case.outcome == "wrong" for case in seen.cases)


def test_grade_looks_for_mends_unless_it_is_told_not_to(answers: Path, tmp_path: Path, lesson: Lesson) -> None:
    """The same folder of results: what was graded without mends is not taken for a result with them."""
    out = tmp_path / "out"
    mends = []
    for more in (("--no-mends",), ()):
        ran = run_grader("grade", answers, "--out", out, "--seed", "1", "--jobs", "1", *more)
        assert ran.returncode == 0, ran.stderr
        written = next((out / "submissions").glob("*/results.json")).read_text(encoding="utf-8")
        step = step_of(result_from_json(json.loads(written)), "ex1_chain.dprobs")
        assert (step.verdict, len(step.instructor.cases)) == ("wrong", cases_in(lesson))
        mends.append(step.instructor.mend)
    assert mends[0] is None
    assert mends[1]
    assert MEND in mends[1]


# --- the table --------------------------------------------------------------------------------------------


def shown(instructor: Instructor, lesson: Lesson, width: int = 80) -> str:
    step = StepResult("dprobs", "wrong", 0.0, 1.0, message="2 of 2 elements differ", instructor=instructor)
    exercise = ExerciseResult("ex1_chain", (step,))
    result = SubmissionResult("1", "mlp", "s01", 0, ("process",), (exercise,), None, ())
    output = io.StringIO()
    show_check(Console(file=output, width=width, markup=False, highlight=False, emoji=False), result, lesson, "s01")
    return output.getvalue()


def test_the_table_of_cases_is_plain_text_whatever_a_student_or_a_lesson_wrote(lesson: Lesson) -> None:
    case = CaseReport("a name of a case that is much too long for its column", {"n": 3}, "wrong", "2 of 2 differ",
                      0.25, (1, 0), 1.0, 2e-7)  # fmt: skip
    hostile = replace(case, case="small", outcome="error", fact="ValueError: \x1b[2J[bold]\nforged  right  0.0e+00",
                      scaled_error=None, got=None, expected=None)  # fmt: skip
    seen = Instructor("line 3: \x1b]0;x\x07 + should be -", "looks like \x1b[5m differences", (case, hostile))
    assert_readable(shown(seen, lesson))
    text = shown(seen, lesson, width=200)
    flat = in_one_line(text)
    assert "2.5e-01 2 of 2 differ, worst at (1, 0): got 1, expected 2e-07" in flat
    assert "small error - ValueError:" in flat
    assert not any(line.strip().startswith("forged") for line in text.splitlines())
    assert "nearest mend, line 3: " in flat
    assert "suspected: looks like" in flat


def test_nothing_is_added_where_the_result_holds_nothing_for_instructors(lesson: Lesson) -> None:
    text = shown(Instructor(), lesson)
    assert "outcome" not in text
    assert "nearest mend" not in text
    assert "suspected" not in text


# --- what results.json holds of it ------------------------------------------------------------------------


def test_each_case_is_reported_where_a_step_does_not_pass_and_none_where_it_does(
    judge_text: JudgeText, lesson: Lesson
) -> None:
    result = judge_text({"ex1_chain": ANSWERS}, *(f"ex1_chain.{name}" for name in ("dprobs", "db1", "db2", "dW1")))
    cases = step_of(result, "ex1_chain.dprobs").instructor.cases
    hidden = [case.name for case in lesson.cases if not case.ties]
    assert sorted(case.case for case in cases[:-1]) == sorted(DRAWS * hidden)
    assert len({str(case.sizes) for case in cases[:-1]}) == len(hidden)
    assert cases[-1].case == lesson.public_case.name
    for case in cases:
        assert (case.outcome, case.fact.split()[-1]) == ("wrong", "differ")
        assert case.got is not None
        assert case.expected is not None
        assert case.worst_index is not None
        assert all(0 <= place < size for place, size in zip(case.worst_index, sizes_of(case), strict=True))
    errors = step_of(result, "ex1_chain.db1").instructor.cases
    assert {(case.outcome, case.scaled_error, case.got) for case in errors} == {("error", None, None)}
    assert step_of(result, "ex1_chain.db2").instructor.cases == ()
    (forbidden,) = step_of(result, "ex1_chain.dW1").instructor.cases  # after which no further case is asked
    assert (forbidden.outcome, forbidden.got) == ("forbidden", None)


def sizes_of(case: CaseReport) -> tuple[int, int]:
    """The shape of probs."""
    return case.sizes["n"], case.sizes["vocab_size"]


def test_results_come_back_from_json_as_they_were(judge_text: JudgeText) -> None:
    result = judge_text({"ex1_chain": ANSWERS}, "ex1_chain.dprobs", "ex1_chain.dh", "ex1_chain.db2", mends=True)
    assert any(step.instructor.mend for exercise in result.exercises for step in exercise.steps)
    assert result_from_json(json.loads(json.dumps(result.as_json(), allow_nan=False))) == result


def test_for_students_takes_away_what_only_the_instructor_sees_and_nothing_else(judge_text: JudgeText) -> None:
    result = judge_text({"ex1_chain": ANSWERS}, "ex1_chain.dprobs", "ex1_chain.db2", mends=True)
    stripped = result.for_students()
    for exercise, theirs in zip(result.exercises, stripped.exercises, strict=True):
        for step, their in zip(exercise.steps, theirs.steps, strict=True):
            assert their == replace(step, instructor=Instructor())
    assert replace(stripped, exercises=result.exercises) == result
    assert stripped.for_students() == stripped
    assert "small batch" not in json.dumps(stripped.as_json())


def test_a_path_with_a_quote_in_it_stays_one_word_of_the_next_command(lesson: Lesson) -> None:
    step = next(step for step in lesson.steps if step.path == "ex1_chain.dprobs")
    options = Namespace(path="it's here\nforged", level=1, lesson=None)
    text: str = hint_command._next(step, options)
    assert text.endswith(""" SUBMISSION='it'"'"'s here forged'""")
