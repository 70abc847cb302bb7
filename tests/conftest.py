"""What the tests share: the lesson, one warm process, one judge, and submissions made from text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from grader.judge.job import Request
from grader.judge.submission import NO_MENDS, Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import SubmissionResult
from grader.submission.find import submission_at
from grader.warm import client
from grader.warm.client import Warm
from tests.quick import chosen
from tests.support import LANGUAGE_OFF, ROOT, JudgeText

if TYPE_CHECKING:
    from tests.wrong_answers import JudgedPacks

torch.set_num_threads(1)
os.environ["GRADER_NO_PROGRESS"] = "1"  # tests leave no progress file behind, in no process
# No test hangs on where it is run: the width and the colours of a terminal, its language, the time zone.
os.environ.update(COLUMNS="80", LINES="25", NO_COLOR="1", LC_ALL="C.UTF-8", TZ="UTC")
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "PYTHONWARNINGS", "PYTHONIOENCODING"):
    os.environ.pop(name, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="a part of each test; see tests/quick.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: many tests wait, for a clock or for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        kept = chosen(items)
        ids = {id(item) for item in kept}
        config.hook.pytest_deselected(items=[item for item in items if id(item) not in ids])
        items[:] = kept


@pytest.fixture(scope="session")
def lesson() -> Lesson:
    """Of the solutions; in the copy that students get, of the exercises."""
    solutions = ROOT / "solutions" / "mlp"
    return load_lesson(solutions if solutions.is_dir() else ROOT / "exercises" / "mlp")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@pytest.fixture(scope="module")
def language_off(warm: Warm) -> Iterator[None]:
    """Whatever is warm from now on runs what it is sent as plain Python, as if the language had let it through.

    The warm process of all other tests is there before.
    """
    del warm
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_START", client._START.replace("main(", f"{LANGUAGE_OFF}main(", 1))
        yield


@pytest.fixture(scope="module")
def unguarded(language_off: None) -> Iterator[Warm]:
    """A warm process without the language: what holds there is held by the process."""
    del language_off
    with Warm() as process:
        yield process


@pytest.fixture(scope="session")
def judge(lesson: Lesson, warm: Warm) -> Judge:
    return Judge(lesson, 0, warm)


@pytest.fixture(scope="session")
def judged_packs(judge: Judge, lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> JudgedPacks:
    """The wrong answers of the corpus, judged once for all tests that look at them."""
    from tests.wrong_answers import JudgedPacks  # which the students' copy does not have

    return JudgedPacks(judge, lesson, tmp_path_factory.mktemp("packs"))


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
