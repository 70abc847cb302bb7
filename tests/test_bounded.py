"""What is asked about a student's files costs only them: each question has its bound, and the next one is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from grader.bounds import Bound
from grader.copies.compare import Source
from grader.lesson import Lesson
from grader.run import answering
from grader.run.bounded import BOUND, Bounded, Exceeded

DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs * 2 * probs / probs\n"
LARGE = DPROBS + "x = [" + "1, " * 40_000 + "]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A name that is no valid Unicode."""
    path = tmp_path / "caf\udce9.py"
    path.write_text(DPROBS, encoding="utf-8")
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.py"
    path.write_text(LARGE, encoding="utf-8")
    return path


@pytest.fixture
def asking(lesson: Lesson, request: pytest.FixtureRequest) -> Iterator[Bounded]:
    with Bounded(lesson.folder, getattr(request, "param", BOUND)) as bounded:
        yield bounded


def test_an_answer_comes_back_as_it_was_whatever_the_names_are(asking: Bounded, file: Path) -> None:
    found = asking.ask("source", ["ann\udcff", str(file)], Source)
    assert found.name == "ann\udcff"
    assert list(found.files) == [file.name]
    assert found.hashes


@pytest.mark.parametrize(
    ("asking", "why"),
    [
        (Bound(1.0, 60.0), "more than 1 s of processor time"),
        (Bound(10.0, 0.0), "more than 0 s"),
    ],
    indirect=["asking"],
)
def test_a_question_beyond_its_bound_is_ended_and_the_next_is_answered(
    asking: Bounded, why: str, file: Path, large: Path
) -> None:
    with pytest.raises(Exceeded, match=why):
        asking.ask("source", ["ann", *[str(large)] * 300], Source)
    if asking._bound.wall_seconds:
        assert asking.ask("source", ["bob", str(file)], Source).hashes


def test_a_fault_of_the_kits_own_is_told_as_that(asking: Bounded) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'no such question'"):
        asking.ask("no such question", [], Source)


def test_a_question_over_its_memory_says_so(monkeypatch: pytest.MonkeyPatch, lesson: Lesson) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(answering, "enter", lambda _bound: None)
    monkeypatch.setitem(answering.QUESTIONS, "source", greedy)
    assert answering._reply(str(lesson.folder), "source", asdict(BOUND), []) == {"is_over_memory": True}
