"""Each stage of a submission is bounded: what exceeds it is ended, and costs its own submission alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from grader.bounds import Bound, enter, leave_no_core
from grader.errors import DEBUG
from grader.judge.job import Request
from grader.judge.stages import Stage, empty_result
from grader.lesson import Lesson
from grader.report.pages import plain_page
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.run import standing
from grader.run.standing import Fault, Graded, StandingJudge
from grader.submission.find import Submission
from grader.warm.client import Death, Forked, Warm

MEGABYTE = 1 << 20
Script = Callable[[socket.socket], None]


def burn() -> None:
    """Processor time until the kernel says that it is enough."""
    enter(Bound(1.0, 60.0))
    while True:
        pass


def child(act: Callable[[], object]) -> int:
    """The wait status of a process that does this."""
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            act()
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1]


def test_a_process_over_its_processor_time_dies_of_it_and_leaves_no_core(tmp_path: Path) -> None:
    def act() -> None:
        os.chdir(tmp_path)
        leave_no_core()
        burn()

    status = child(act)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGXCPU
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is bounded where Linux's /proc tells what is mapped"
)
@pytest.mark.parametrize(("wanted_mib", "is_refused"), [(50, False), (150, True)])
def test_memory_counts_from_what_is_mapped_when_the_stage_begins(wanted_mib: int, is_refused: bool) -> None:
    def act() -> None:
        mapped = bytearray(400 * MEGABYTE)
        enter(Bound(60.0, 60.0, memory_mib=100))
        try:
            more = bytearray(wanted_mib * MEGABYTE)
        except MemoryError:
            os._exit(3)
        os._exit(4 if len(mapped) + len(more) else 5)

    assert os.waitstatus_to_exitcode(child(act)) == (3 if is_refused else 4)


# A judge that is one in name only


class _Play:
    """A warm process whose judges play a script: what they tell, and how they end."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def fork(self, role: str, _arguments: dict[str, Any]) -> Forked:
        assert role == "judge"
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            with suppress(BaseException):
                theirs.recv(1 << 16)
                self._script(theirs)
            os._exit(0)
        theirs.close()
        return Forked(pid, ours)

    def bury(self, process: Forked, wait: float = 0.0) -> Death:
        process.channel.close()
        time.sleep(wait)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        status = os.waitpid(process.pid, 0)[1]
        return Death(signal=os.WTERMSIG(status)) if os.WIFSIGNALED(status) else Death(status=status)


@contextmanager
def played(lesson: Lesson, script: Script) -> Iterator[StandingJudge]:
    with StandingJudge(lesson, cast(Warm, _Play(script)), 0) as judge:
        judge.ask(Request(Submission("ann", Path("ann")), page=True))
        yield judge


def tell(channel: socket.socket, stage: Stage, result: SubmissionResult | None = None) -> None:
    message = {"stage": stage.value, "result": result.as_json() if result else None}
    channel.sendall(json.dumps(message).encode() + b"\n")


def nothing(lesson: Lesson) -> SubmissionResult:
    return empty_result(lesson, "ann", 0, ("process",))


def first_exercise(lesson: Lesson) -> SubmissionResult:
    """All of the first exercise is right, and nothing else is judged."""
    exercise = lesson.exercises[0]
    steps = tuple(StepResult(step.name, "right", 1.0, step.points) for step in exercise.steps)
    settled = nothing(lesson)
    return SubmissionResult(
        settled.kit, settled.lesson, "ann", 0, settled.isolation, (ExerciseResult(exercise.name, steps),), None, ()
    )


def verdicts(result: SubmissionResult) -> dict[str, set[str]]:
    return {found.exercise: {step.verdict for step in found.steps} for found in result.exercises}


def graded(judge: StandingJudge) -> Graded:
    found = judge.wait()
    assert isinstance(found, Graded)
    return found


def test_a_submission_that_takes_too_long_to_read_has_a_timeout_on_every_step_and_says_why(lesson: Lesson) -> None:
    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        burn()

    with played(lesson, script) as judge:
        found = graded(judge)
    assert verdicts(found.result) == {exercise.name: {"timeout"} for exercise in lesson.exercises}
    assert found.result.score == 0
    assert found.result.max_score == lesson.max_score
    assert found.result.notes == ("reading it took more than 10 s of processor time",)
    assert found.result.ended == "reading"
    assert found.is_final


def test_what_was_judged_before_the_judge_was_ended_counts(lesson: Lesson) -> None:
    first, *others = (exercise.name for exercise in lesson.exercises)

    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        tell(channel, Stage.JUDGING)
        tell(channel, Stage.JUDGING, first_exercise(lesson))
        burn()

    with played(lesson, script) as judge:
        found = graded(judge)
    assert verdicts(found.result) == {first: {"right"}, **{name: {"timeout"} for name in others}}
    assert found.result.score == lesson.exercises[0].max_score


@pytest.mark.parametrize(
    ("stage", "note"),
    [
        (Stage.FIXES, "no fixes were looked for: the search for fixes took more than 1024 MiB of memory"),
        (Stage.PAGE, "its page shows the verdicts alone: rendering it took more than 1024 MiB of memory"),
    ],
)
def test_fixes_and_pages_that_take_too_much_change_no_verdict(stage: Stage, note: str, lesson: Lesson) -> None:
    settled = first_exercise(lesson)

    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        tell(channel, stage, settled)
        channel.sendall(b'{"ended": "memory"}\n')

    with played(lesson, script) as judge:
        found = graded(judge)
    assert found.result.exercises == settled.exercises
    assert found.result.notes == (note,)
    assert found.page == ""
    assert "its page" in plain_page(found.result, lesson) or stage is Stage.FIXES


def test_a_judge_that_hangs_is_ended_by_the_clock_and_the_result_is_not_final(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "bound_of", lambda _stage, _limits: Bound(10.0, 0.2))

    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        time.sleep(60)

    with played(lesson, script) as judge:
        found = graded(judge)
    assert not found.is_final
    assert found.result.notes == ("reading it took more than 0.2 s",)


def test_a_page_that_the_kit_cannot_make_costs_no_verdict(lesson: Lesson) -> None:
    settled = first_exercise(lesson)

    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        tell(channel, Stage.PAGE, settled)
        channel.sendall(b'{"fault": "KeyError: x (pages.py:1)", "detail": "Traceback", "exit_code": 3}\n')

    with played(lesson, script) as judge:
        found = graded(judge)
    assert found.result.exercises == settled.exercises
    assert "KeyError: x (pages.py:1)" in found.result.notes[0]


def test_a_fault_of_the_kit_before_that_is_one_line_and_a_detail(lesson: Lesson) -> None:
    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        channel.sendall(b'{"fault": "KeyError: x (steps.py:1)", "detail": "Traceback", "exit_code": 3}\n')

    with played(lesson, script) as judge:
        assert judge.wait() == Fault("KeyError: x (steps.py:1)", 3, "Traceback")


def test_a_judge_that_dies_otherwise_is_a_fault_of_the_kit(lesson: Lesson) -> None:
    def script(channel: socket.socket) -> None:
        tell(channel, Stage.READING, nothing(lesson))
        os.kill(os.getpid(), signal.SIGKILL)

    with played(lesson, script) as judge:
        assert judge.wait() == Fault("the judge's process died")


def test_the_traceback_of_a_fault_is_told_with_debug_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault("KeyError: x (steps.py:1)", detail="Traceback")
    monkeypatch.delenv(DEBUG, raising=False)
    assert fault.told == "KeyError: x (steps.py:1)"
    monkeypatch.setenv(DEBUG, "1")
    assert fault.told == "KeyError: x (steps.py:1)\nTraceback"
