"""The progress file: what is counted, what is never touched, and that nothing depends on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.lesson import Lesson, load_lesson
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.results.progress import FILE, Progress, StepProgress, fingerprint, progress_of, summary
from grader.submission.answers import Answer, read_answers
from grader.submission.find import submission_at
from tests.support import ROOT

PATH = "ex1_chain.dprobs"
EXERCISES = ROOT / "exercises" / "mlp"


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADER_NO_PROGRESS")


@pytest.fixture
def progress(tmp_path: Path, lesson: Lesson) -> Progress:
    return Progress(tmp_path / FILE, lesson)


def judged(progress: Progress, body: str, verdict: str) -> StepProgress:
    """One check of dprobs with this body and this verdict; its story after that."""
    folder = progress.file.parent
    (folder / "ex1_chain.py").write_text(f"\n\ndef dprobs(probs):\n    {body}\n", encoding="utf-8")
    step = StepResult("dprobs", verdict, 0.0, 1.0)
    result = SubmissionResult("", "mlp", "me", 0, (), (ExerciseResult("ex1_chain", (step,)),), None, ())
    progress.judged(result, read_answers(submission_at(folder, progress.lesson), progress.lesson))
    return progress.steps().get(PATH, StepProgress())


def test_a_new_answer_is_an_attempt_and_the_same_one_again_is_none(progress: Progress) -> None:
    assert judged(progress, "return 1", "error").attempts == 1
    assert judged(progress, "return 1", "error").attempts == 1
    assert judged(progress, "return 2", "wrong").attempts == 2
    right = judged(progress, "return 3", "right")
    assert (right.attempts, bool(right.first_right)) == (3, True)
    again = judged(progress, "return 4", "wrong")
    assert (again.attempts, again.first_right) == (4, right.first_right)


def test_a_stub_is_no_attempt_and_leaves_no_file(progress: Progress) -> None:
    assert judged(progress, "raise NotImplementedError", "missing") == StepProgress()
    assert not progress.file.exists()


def test_the_highest_hint_is_kept(progress: Progress) -> None:
    for level in (1, 3, 2):
        progress.hinted(PATH, level)
    assert progress.steps()[PATH].hints == 3
    assert summary(progress.steps()) == "so far 0 attempts, hints at 1 step"


def test_two_that_keep_the_same_file_lose_nothing_of_each_other(progress: Progress) -> None:
    other = Progress(progress.file, progress.lesson)
    progress.hinted(PATH, 1)
    other.hinted("ex1_chain.dh", 2)
    progress.hinted("ex1_chain.dW2", 3)
    assert {path: story.hints for path, story in other.steps().items()} == {
        PATH: 1, "ex1_chain.dh": 2, "ex1_chain.dW2": 3,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "junk", "[]", '{"steps": 1}', '{"steps": {"a": {"odd": 1}}}', "\xff"])
def test_a_file_that_is_something_else_is_left_as_it_is(text: str, progress: Progress) -> None:
    progress.file.write_text(text, encoding="latin-1")
    progress.hinted(PATH, 1)
    assert judged(progress, "return 1", "wrong") == StepProgress()
    assert progress.file.read_text(encoding="latin-1") == text


def test_a_deleted_file_starts_anew(progress: Progress) -> None:
    progress.hinted(PATH, 2)
    progress.file.unlink()
    assert progress.steps() == {}
    progress.hinted(PATH, 1)
    assert json.loads(progress.file.read_text(encoding="utf-8"))["steps"][PATH]["hints"] == 1


def test_nothing_is_kept_where_it_is_switched_off(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_NO_PROGRESS", "1")
    progress.hinted(PATH, 1)
    assert not progress.file.exists()


def test_it_is_kept_in_the_lessons_own_folder_and_in_none_that_is_only_checked(tmp_path: Path) -> None:
    lesson = load_lesson(EXERCISES)
    kept = progress_of(EXERCISES, lesson)
    assert kept is not None
    assert kept.file == EXERCISES / FILE
    assert progress_of(EXERCISES / "ex1_chain.py", lesson) == kept
    assert progress_of(tmp_path, lesson) is None
    watched = progress_of(tmp_path, lesson, is_own=True)
    assert watched is not None
    assert watched.file == tmp_path / FILE


def test_a_fingerprint_does_not_know_where_an_answer_stands() -> None:
    def answer(source: str) -> Answer:
        return Answer("ex1_chain", "dprobs", "ready", source=source)

    moved = fingerprint(answer("\n\n\ndef dprobs(): \n\n  return 1\n"))
    assert fingerprint(answer("def dprobs():\n  return 1")) == moved
    assert fingerprint(answer("def dprobs():\n  return 2")) != moved
    assert fingerprint(Answer("ex1_chain", "dprobs", "error", "line 2 is not Python")) != moved
