"""The pool: processes die, and every submission is graded all the same, or said not to be."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from grader.errors import KitError, WorkerFault
from grader.judge.draw import draw_inputs
from grader.judge.job import Request
from grader.judge.student import Student
from grader.lesson import Lesson
from grader.lesson.network import Network
from grader.results.model import SubmissionResult
from grader.run.backward import LearnersBackward
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.submission.answers import read_answers
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import PRELUDE, ROOT
from tests.test_worker import ask, dies, processes, written

STEP = frozenset({"ex2_cross_entropy.dlogits"})
RIGHT = "(F.one_hot(Yb, logits.shape[1]).to(logits.dtype) - logits.softmax(1)) / -n"
BUSY = "for _ in range(4_000_000): pass"  # long enough for a test to come between
ENDLESS = "while True: pass"

Graded = dict[int, SubmissionResult | Fault]


def request(folder: Path, lesson: Lesson, name: str, first: str = "", answer: str = RIGHT) -> Request:
    """A submission that answers one step."""
    (folder / name).mkdir()
    body = f"    {first}\n    return {answer}\n"
    text = f"{PRELUDE}def dlogits(logits, Yb, n):\n{body}"
    (folder / name / "ex2_cross_entropy.py").write_text(text, encoding="utf-8")
    return Request(submission_at(folder / name, lesson), STEP)


def verdicts(graded: Graded) -> dict[int, str]:
    """The one step's verdict, or `fault`."""
    return {
        place: "fault"
        if isinstance(outcome, Fault)
        else outcome.exercises[0].steps[0].verdict.replace("exact", "right")
        for place, outcome in graded.items()
    }


class Family:
    """The processes of a pool, as the system lists them."""

    def __init__(self, before: set[int]) -> None:
        self._before = before

    def warm(self) -> int:
        """The newest warm process."""
        own = os.getpid()
        return max(
            pid for pid, p in processes().items() if p.parent == own and not p.is_dead and pid not in self._before
        )

    def judges(self) -> list[int]:
        """They stay in the warm process's group."""
        warm = self.warm()
        return [pid for pid, p in processes().items() if p.parent == warm and p.group == warm and not p.is_dead]

    def students(self) -> list[int]:
        """They have groups of their own."""
        warm = self.warm()
        return [pid for pid, p in processes().items() if p.parent == warm and p.group == pid and not p.is_dead]


@contextmanager
def pool_and_family(lesson: Lesson, jobs: int = 1) -> Iterator[tuple[Pool, Family]]:
    before = {pid for pid, process in processes().items() if process.parent == os.getpid()}
    with Pool(lesson, 0, jobs) as pool:
        yield pool, Family(before)


@contextmanager
def when_a_student_runs(family: Family, act: Callable[[], None], times: int = 1) -> Iterator[list[int]]:
    """Does `act` while a student process is at work; again for another one, until it was done so many times."""
    over = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while len(seen) < times and not over.wait(0.005):
            new = [pid for pid in family.students() if pid not in seen]
            if new:
                seen.append(new[0])
                act()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_judge_killed_mid_run_is_replaced_and_its_submission_graded_again_but_not_for_ever(
    lesson: Lesson, tmp_path: Path
) -> None:
    """The first submission loses two judges, the second one, the third none."""
    requests = [
        request(tmp_path, lesson, "a", BUSY),
        request(tmp_path, lesson, "b", BUSY),
        request(tmp_path, lesson, "c", answer="logits"),
    ]
    with (
        pool_and_family(lesson) as (pool, family),
        when_a_student_runs(family, lambda: kill(family.judges()), times=3) as seen,
    ):
        graded = dict(pool.judge(requests))
        left = [pid for pid in seen if not dies(pid)]
    assert len(seen) == 3
    assert verdicts(graded) == {0: "fault", 1: "right", 2: "wrong"}
    assert graded[0] == Fault("the judge's process died")
    assert not left


@pytest.fixture(scope="module")
def without_its_warm_process(
    lesson: Lesson, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[int, str], list[int], list[str]]:
    """A run of two judges whose warm process is killed: verdicts, the students of that moment, warnings."""
    folder = tmp_path_factory.mktemp("class")
    requests = [request(folder, lesson, name, BUSY) for name in ("a", "b", "c")]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with (
            pool_and_family(lesson, jobs=2) as (pool, family),
            when_a_student_runs(family, lambda: kill([family.warm()])) as seen,
        ):
            graded = dict(pool.judge(requests))
        gc.collect()
    return verdicts(graded), seen, [str(warning.message) for warning in warned]


def test_the_warm_process_killed_mid_run_is_replaced_and_everything_is_graded(
    without_its_warm_process: tuple[dict[int, str], list[int], list[str]],
) -> None:
    found, students, _ = without_its_warm_process
    assert len(students) == 1
    assert found == {0: "right", 1: "right", 2: "right"}
    assert dies(students[0])


def test_a_replaced_warm_process_leaves_no_socket_open(
    without_its_warm_process: tuple[dict[int, str], list[int], list[str]],
) -> None:
    assert without_its_warm_process[2] == []


@pytest.mark.parametrize("end", ["the run is left", "the warm process is killed"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_no_student_process_outlives_its_run(end: str, lesson: Lesson, tmp_path: Path) -> None:
    requests = [request(tmp_path, lesson, "a"), request(tmp_path, lesson, "b", ENDLESS)]
    students: list[int] = []
    try:
        with pool_and_family(lesson, jobs=2) as (pool, family):
            next(pool.judge(requests))
            students = _soon(family.students)
            if "killed" in end:
                kill([family.warm()])
        assert students
        assert all(dies(pid) for pid in students)
    finally:
        kill([pid for pid in students if not dies(pid, 0.01)])


def _soon(look: Callable[[], list[int]], within: float = 20.0) -> list[int]:
    """What `look` finds, as soon as it finds something."""
    give_up = time.monotonic() + within
    while not (found := look()) and time.monotonic() < give_up:
        time.sleep(0.01)
    return found


def test_a_warm_process_that_is_just_dying_is_replaced_as_well(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = subprocess.Popen.poll
    asked: list[int] = []

    def late(process: subprocess.Popen[bytes]) -> int | None:
        """The kernel closes a process's sockets first, and lets its parent know second."""
        asked.append(process.pid)
        return poll(process) if len(asked) > 1 else None

    with pool_and_family(lesson) as (pool, family):
        kill([family.warm()])
        monkeypatch.setattr(subprocess.Popen, "poll", late)
        graded = dict(pool.judge([request(tmp_path, lesson, "a")]))
    assert verdicts(graded) == {0: "right"}


def open_sockets() -> int:
    """How many sockets this process holds."""
    links = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith("socket:") for entry in links)


def test_a_pool_judges_again_and_leaks_nothing_also_when_a_run_was_left(lesson: Lesson, tmp_path: Path) -> None:
    requests = [request(tmp_path, lesson, name) for name in ("a", "b", "c")]
    with pool_and_family(lesson, jobs=2) as (pool, family):
        assert verdicts(dict(pool.judge(requests))) == {0: "right", 1: "right", 2: "right"}
        held = open_sockets()
        for _ in range(2):
            assert verdicts(dict(pool.judge(requests))) == {0: "right", 1: "right", 2: "right"}
        left = pool.judge(requests)
        next(left)
        assert verdicts(dict(pool.judge(requests[:1]))) == {0: "right"}
        del left
        gc.collect()
        assert open_sockets() == held
        assert _none(family.judges)


def _none(look: Callable[[], list[int]], within: float = 5.0) -> bool:
    give_up = time.monotonic() + within
    while look() and time.monotonic() < give_up:
        time.sleep(0.01)
    return not look()


def end_with_all(family: Family) -> None:
    """Kills the warm process, and waits for its student to be dead, too."""
    students = family.students()
    kill([family.warm()])
    assert students
    assert all(dies(pid) for pid in students)


def test_what_is_asked_of_a_warm_process_that_is_gone_starts_another(lesson: Lesson) -> None:
    before = {pid for pid, process in processes().items() if process.parent == os.getpid()}
    family = Family(before)
    with Warm() as warm, Student(warm, lesson.limits) as student:
        first = ask(student, written("return x"))
        isolation = warm.isolation
        end_with_all(family)
        with pytest.raises(WorkerFault, match="gone"):
            ask(student, written("return x"))
        assert isinstance(ask(student, written("return x")), type(first))
        assert warm.isolation == isolation


def test_training_goes_on_when_the_warm_process_dies(lesson: Lesson) -> None:
    family = Family({pid for pid, process in processes().items() if process.parent == os.getpid()})
    exercise = lesson.exercise("ex4_training")
    answers = read_answers(submission_at(ROOT / "solutions" / "mlp", lesson), lesson)
    case = lesson.public_case
    inputs = {name: _single(value) for name, value in draw_inputs(case, "training").items()}
    values: dict[str, Tensor | int] = {**Network(lesson.graph).forward(inputs, case.sizes), **case.sizes}
    with Warm() as warm:
        backward = LearnersBackward(lesson, exercise, answers, warm)
        before = backward.gradients(values)
        end_with_all(family)
        after = backward.gradients(values)
        backward.close()
    assert len(before) == len(exercise.gradient_steps)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


ASKED = frozenset({"ex1_chain.dhprebn", "ex1_chain.dC", "ex2_cross_entropy.dlogits", "ex3_batchnorm.dhprebn"})


def test_two_judges_give_what_one_gives_each_in_its_place(lesson: Lesson) -> None:
    folders = [ROOT / "data" / "class" / name for name in ("s05", "s01", "s03", "s04")]
    requests = [Request(submission_at(folder, lesson), ASKED) for folder in folders]
    graded: list[Graded] = []
    for jobs in (1, 2):
        with Pool(lesson, 7, jobs) as pool:
            graded.append(dict(pool.judge(requests)))
    assert sorted(graded[0]) == sorted(graded[1]) == [0, 1, 2, 3]
    for place, folder in enumerate(folders):
        one, two = graded[0][place], graded[1][place]
        assert isinstance(one, SubmissionResult)
        assert one == two
        assert one.submission == folder.name


def test_more_judges_than_submissions_are_not_started(lesson: Lesson, tmp_path: Path) -> None:
    with pool_and_family(lesson, jobs=5) as (pool, family):
        for place, _ in pool.judge([request(tmp_path, lesson, "a")]):
            assert place == 0
            assert len(family.judges()) == 1


def test_a_lesson_that_is_broken_is_an_error_of_the_run_and_no_fault_of_a_submission(
    lesson: Lesson, tmp_path: Path
) -> None:
    broken = tmp_path / "lesson"
    broken.mkdir()
    (broken / "lesson.toml").write_text("title = ", encoding="utf-8")
    with pytest.raises(KitError, match=r"lesson\.toml"), Pool(replace(lesson, folder=broken), 0) as pool:
        list(pool.judge([request(tmp_path, lesson, "a")]))
