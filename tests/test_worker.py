"""The student process: whatever an answer does, it costs its own step, and nothing of it is left afterwards.

Most of these answers would be `forbidden` before they ran. They are written by hand and given to the
process directly, because the language is the first wall and this is the second.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.judge.budget import Budget, Lost
from grader.judge.job import Request
from grader.judge.student import Student
from grader.judge.submission import Judge
from grader.lesson import Lesson, Limits
from grader.results.model import SubmissionResult
from grader.results.store import as_text
from grader.run.pool import Pool
from grader.runner.answer import OUTPUT_CAP
from grader.submission.answers import Answer as Written
from grader.submission.answers import Answers, read_answers
from grader.submission.find import Submission, submission_at
from grader.warm.client import Forked, Forker, Warm
from grader.wire import frames
from grader.wire.line import Line
from grader.wire.messages import Answer, Call, Failed, Load, Loaded, Ran, Refused, Run, Sealed
from tests.support import PRELUDE, ROOT, JudgeText, step_of

LIMITS = Limits(call_seconds=0.5, step_seconds=1, submission_seconds=60, training_seconds=1, memory_mib=1536)
X = torch.arange(6, dtype=torch.float64).reshape(2, 3) + 1
FILE = "ex.py"

# Every answer starts with this: modules, its own end of the channel, and a way to speak on it with the right number.
TOOLS = """\
import ctypes, gc, os, signal, struct, sys, threading, time
import torch
from grader.wire import frames, messages
def _serving():
    frame = sys._getframe()
    while frame.f_code.co_name != "_serve": frame = frame.f_back
    return frame.f_locals
def _channel():
    return _serving()["channel"].fileno()
def _number():
    return frames.number_of(_serving()["frame"])
def _say(text, number=0):
    os.write(_channel(), struct.pack("<IIQ", len(text), 0, number or _number()) + text)
def _answer(*replies):
    os.write(_channel(), frames.join([frames.write(reply) for reply in replies], _number()))
"""
_NUMBERS = itertools.count()
pytestmark = pytest.mark.usefixtures("language_off")
FIRST_LINE = TOOLS.count("\n") + 2  # of an answer's body


def written(body: str, name: str = "step", parameters: str = "x") -> Written:
    """An answer made by hand: a function with this body. No two of them are the same to the process."""
    text = f"{TOOLS}def {name}({parameters}):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    return Written(f"ex{next(_NUMBERS)}", name, "ready", file=FILE, line=1, source=text)


def call_of(answer: Written, *, dtype: str = "float64", **tensors: Tensor) -> frames.Part:
    return frames.write(Call(f"{answer.exercise}.{answer.name}", dtype, {}, tensors or {"x": X}))


def time_for(seconds: float = 20.0) -> Budget:
    """So much of the processor's time for one call and for all, and as much of the wall clock's."""
    return Budget(seconds, seconds, time.monotonic() + seconds)


def ask(student: Student, answer: Written, seconds: float = 20.0) -> Answer | Failed | Lost:
    """One question by itself, of an answer that is ready."""
    student.load(answer, time_for())
    return student.call(answer, call_of(answer), time_for(seconds))


def tensor_of(reply: Answer | Failed | Lost) -> Tensor:
    """The one tensor that a good reply returns."""
    assert isinstance(reply, Answer), reply
    (item,) = reply.returned
    assert isinstance(item, Tensor), item
    return item


def pid_of(unguarded: Warm) -> int:
    """The warm process, which is ready once this is known."""
    forked = unguarded.fork("student", {"memory_mib": 1024, "cpu_seconds": 5})
    parent = processes()[forked.pid].parent
    unguarded.bury(forked)
    return parent


@pytest.fixture(scope="module")
def warm_pid(unguarded: Warm) -> int:
    return pid_of(unguarded)


def forked(unguarded: Warm) -> Forked:
    """A student process that has said that it is sealed."""
    process = unguarded.fork("student", {"memory_mib": 1024, "cpu_seconds": 5})
    greeting = frames.read_greeting(Line(process.channel).get(time.monotonic() + 20))
    assert isinstance(greeting, Sealed)
    assert greeting.layers == unguarded.isolation.layers
    return process


@pytest.fixture
def student(unguarded: Warm, warm_pid: int) -> Iterator[Student]:
    """A student process's holder. Afterwards, no process of it may be left."""
    with Student(unguarded, LIMITS) as held:
        yield held
    assert not [pid for pid, process in processes().items() if process.parent == warm_pid]


class Process:
    """A line of /proc: who its parent is, and whether it lives."""

    def __init__(self, stat: str) -> None:
        state, parent, group = stat.rpartition(")")[2].split()[:3]
        self.parent = int(parent)
        self.group = int(group)
        self.is_dead = state in "ZX"  # a zombie whose parent is the system's first process is not ours to bury


def processes() -> dict[int, Process]:
    """Every process of the machine by its id."""
    found: dict[int, Process] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = Process((entry / "stat").read_text())
            except OSError:
                continue
    return found


def dies(pid: int, within: float = 2.0) -> bool:
    """Whether a process is gone, or gone soon."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        process = processes().get(pid)
        if process is None or process.is_dead:
            return True
        time.sleep(0.02)
    return False


# Through the judge: one broken step, one verdict


def plant(monkeypatch: pytest.MonkeyPatch, *answers: Written) -> None:
    """Puts answers made by hand into ex1_chain of every submission, as if the language had let them through."""
    planted = {("ex1_chain", answer.name): replace(answer, exercise="ex1_chain") for answer in answers}

    def read(submission: Submission, lesson: Lesson, *_: object) -> Answers:
        answers_read = read_answers(submission, lesson)
        return replace(answers_read, by_name=answers_read.by_name | planted)

    monkeypatch.setattr("grader.judge.submission.read_answers", read)


def judge_solution(lesson: Lesson, unguarded: Warm, *asked: str, limits: Limits) -> SubmissionResult:
    """The solution (or what was planted in it) under limits of its own."""
    judge = Judge(replace(lesson, limits=limits), 0, unguarded)
    return judge.judge(Request(submission_at(ROOT / "solutions" / "mlp", lesson), frozenset(asked)))


BROKEN = {
    "dlogprobs": ("timeout", "while True: pass"),
    "dcounts_sum": ("memory", "return torch.ones(10**11)"),
    "dlogit_maxes": ("crashed", "os._exit(0)"),
    "dW2": ("crashed", "os.kill(os.getpid(), signal.SIGSEGV)"),
    "db2": ("error", "raise SystemExit(0)"),
    "dbngain": ("crashed", "os.write(_channel(), bytes(100)); time.sleep(60)"),
    "dbnraw": ("error", "raise KeyboardInterrupt"),
    "dbnvar": ("timeout", "os.kill(os.getpid(), signal.SIGSTOP)"),
    "dC": ("error", "return None"),
}


def test_each_way_to_break_a_step_costs_that_step_and_no_other(
    lesson: Lesson, unguarded: Warm, warm_pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, *(written(body, name, "") for name, (_, body) in BROKEN.items()))
    steps = lesson.exercise("ex1_chain").steps
    limits = Limits(call_seconds=0.5, step_seconds=1.5, submission_seconds=60)
    result = judge_solution(lesson, unguarded, *(step.path for step in steps), limits=limits)
    found = {step.step: step.verdict.replace("exact", "right") for step in result.exercises[0].steps}
    assert found == {step.name: BROKEN.get(step.name, ("right", ""))[0] for step in steps}
    assert all(step.message for step in result.exercises[0].steps if not step.passes)
    assert not [pid for pid, process in processes().items() if process.parent == warm_pid]


def test_a_submission_over_its_time_is_told_which_steps_were_not_reached(
    lesson: Lesson, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, written("while True: pass", "dC", ""))
    asked = ("ex1_chain.dlogprobs", "ex1_chain.dC", "ex2_cross_entropy.dlogits")
    result = judge_solution(lesson, unguarded, *asked, limits=Limits(call_seconds=10, submission_seconds=1.5))
    steps = [step_of(result, path) for path in asked]
    # All are asked at the lecture's sizes before one of them sees another case, and dC uses up the time there.
    assert [step.verdict for step in steps] == ["timeout"] * 3
    assert ["not reached" in step.message for step in steps] == [True, True, True]


# What may be the machine's fault is tried again, once

CHANCE = {
    "killed for memory": Lost("memory", "the system killed it, most likely for the memory it took"),
    "crashed": Lost("crashed", "the process died of SIGSEGV"),
    "too slow by the clock": Lost("timeout", "one call took more than 10 s", limit="call", by_wall_clock=True),
}


def strike(monkeypatch: pytest.MonkeyPatch, lost: Lost, *when: int) -> list[int]:
    """Ends the process at these questions of a submission, or from the first on; the second tries that follow."""
    ask_process, start_again = Student._ask, Student.start_again
    asked: list[int] = []
    tries: list[int] = []

    def struck(student: Student, questions: Any, budget: Budget) -> Any:
        asked.append(1)
        if len(asked) in when or not when:
            student._bury(0)
            return [student._over(budget, lost) if lost.limit else lost]
        return ask_process(student, questions, budget)

    def noted(student: Student) -> None:
        tries.append(len(asked))
        start_again(student)

    monkeypatch.setattr(Student, "_ask", struck)
    monkeypatch.setattr(Student, "start_again", noted)
    return tries


def whole(lesson: Lesson) -> Request:
    return Request(submission_at(ROOT / "solutions" / "mlp", lesson), mends=False)


@pytest.fixture(scope="module")
def undisturbed(lesson: Lesson, judge: Judge) -> str:
    return as_text(judge.judge(whole(lesson)).as_json())


@pytest.mark.parametrize("when", [(1, 2), (9, 10), (27, 28, 29), (32,), (1, 2, 5)], ids=str)
@pytest.mark.parametrize("what", CHANCE)
def test_what_a_second_try_in_a_fresh_process_does_not_give_again_is_not_given(
    what: str, when: tuple[int, ...], lesson: Lesson, judge: Judge, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = strike(monkeypatch, CHANCE[what], *when)
    assert as_text(judge.judge(whole(lesson)).as_json()) == undisturbed
    assert len(tries) <= 1


@pytest.mark.parametrize("what", CHANCE)
def test_what_happens_again_is_the_verdict_and_there_is_no_third_try(
    what: str, lesson: Lesson, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = strike(monkeypatch, CHANCE[what])
    asked = ("ex1_chain.dprobs", "ex1_chain.dcounts", "ex4_training.training")
    result = judge_solution(lesson, unguarded, *asked, limits=LIMITS)
    assert {step.verdict for exercise in result.exercises for step in exercise.steps} == {CHANCE[what].verdict}
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("body", "verdict", "count"),
    [
        ("while True: pass", "timeout", 0),
        ("raise ValueError", "error", 0),
        ("return None", "error", 0),
        ("return dlogprobs", "wrong", 0),
        ("raise MemoryError", "memory", 1),
        ("os._exit(0)", "crashed", 1),
        ("time.sleep(60)", "timeout", 1),
    ],
)
def test_only_what_may_be_chance_is_tried_again(
    body: str, verdict: str, count: int, lesson: Lesson, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, written(body, "dprobs", "dlogprobs"))
    tries = strike(monkeypatch, CHANCE["crashed"], 0)
    result = judge_solution(lesson, unguarded, "ex1_chain.dprobs", limits=replace(LIMITS, call_seconds=0.2))
    assert (step_of(result, "ex1_chain.dprobs").verdict, len(tries)) == (verdict, count)


def test_a_step_that_overran_is_called_nowhere_else_and_its_neighbours_cost_a_fork(
    lesson: Lesson, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, written("while True: pass", "dcounts", "dprobs, dcounts_sum, counts_sum_inv, counts"))
    ended: list[Lost] = []
    over = Student._over

    def noted(student: Student, budget: Budget, lost: Lost) -> Lost:
        ended.append(lost)
        return over(student, budget, lost)

    monkeypatch.setattr(Student, "_over", noted)
    steps = lesson.exercise("ex1_chain").steps
    result = judge_solution(lesson, unguarded, *(step.path for step in steps), limits=LIMITS)
    assert [step.step for step in result.exercises[0].steps if not step.passes] == ["dcounts"]
    assert len(ended) == 1
    assert result.chain_reaches == steps[steps.index(next(s for s in steps if s.name == "dcounts")) - 1].name


HARMLESS_WORDS = {
    "an endless loop": ("timeout", "while True:\n        pass"),
    "more memory than there is": ("memory", "return torch.ones(10**11)"),
    "a recursion without end": ("error", "return dprobs(dlogprobs, probs)"),
    "a step that raises": ("error", "raise ValueError('no idea')"),
}


@pytest.mark.parametrize("what", HARMLESS_WORDS)
def test_what_the_language_lets_through_is_stopped_by_the_process(
    what: str, lesson: Lesson, unguarded: Warm, warm_pid: int, tmp_path: Path
) -> None:
    verdict, body = HARMLESS_WORDS[what]
    (tmp_path / "ex1_chain.py").write_text(f"{PRELUDE}def dprobs(dlogprobs, probs):\n    {body}\n", encoding="utf-8")
    judge = Judge(replace(lesson, limits=LIMITS), 0, unguarded)
    result = judge.judge(Request(submission_at(tmp_path, lesson), frozenset({"ex1_chain.dprobs"})))
    assert step_of(result, "ex1_chain.dprobs").verdict == verdict
    assert not [pid for pid, process in processes().items() if process.parent == warm_pid]


@pytest.mark.parametrize("body", ['print("\\ud800")\n    return logits', 'raise ValueError("\\ud800")'])
def test_whatever_a_step_prints_or_raises_its_result_can_be_written(body: str, judge_text: JudgeText) -> None:
    text = f"{PRELUDE}def dlogits(logits):\n    {body}\n"
    result: SubmissionResult = judge_text({"ex2_cross_entropy": text}, "ex2_cross_entropy.dlogits")
    assert as_text(result.as_json()).encode("utf-8")


# The process dies, hangs or talks nonsense

LOST = {
    "it leaves with 0": ("crashed", "exit code 0", "os._exit(0)"),
    "it leaves with 7": ("crashed", "exit code 7", "os._exit(7)"),
    "it crashes": ("crashed", "SIGSEGV", "os.kill(os.getpid(), signal.SIGSEGV)"),
    "it reads address 0": ("crashed", "SIGSEGV", "ctypes.string_at(0)"),
    "it aborts": ("crashed", "SIGABRT", "os.abort()"),
    "it is killed": ("memory", "killed", "os.kill(os.getpid(), signal.SIGKILL)"),
    "it never ends": ("timeout", "took more than", "while True: pass"),
    "it sleeps": ("timeout", "took more than", "time.sleep(60)"),
    "it stops itself": ("timeout", "took more than", "os.kill(os.getpid(), signal.SIGSTOP)"),
    "it ignores every signal": (
        "timeout",
        "took more than",
        "for n in range(1, 32):\n    if n not in (9, 19): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)",
    ),
    "it writes zeros": ("crashed", "not one well-formed", "os.write(_channel(), bytes(100)); time.sleep(60)"),
    "it writes noise": ("crashed", "not one well-formed", "os.write(_channel(), b'\\xff' * 100); time.sleep(60)"),
    "it claims 4 GB": (
        "crashed",
        "over the caps",
        "os.write(_channel(), struct.pack('<IIQ', 9, 2**32 - 1, 0)); time.sleep(60)",
    ),
    "it says it passed": (
        "crashed",
        "not a message",
        """_say(b'{"kind": "right", "credit": 1.0}'); time.sleep(60)""",
    ),
    "it answers another question": (
        "crashed",
        "no answer",
        "_answer(messages.Loaded(('x',), ())); time.sleep(60)",
    ),
    "it answers a later question": (
        "crashed",
        "more than one answer",
        "_say(b'{}', _number() + 1); time.sleep(60)",
    ),
    "half a message, then silence": ("timeout", "took more than", "os.write(_channel(), b'\\x09'); time.sleep(60)"),
    "half a message, then death": ("crashed", "exit code 0", "os.write(_channel(), b'\\x09'); os._exit(0)"),
    "it closes every descriptor": ("crashed", "", "os.closerange(0, 64); return x"),
    "it closes its channel and sleeps": ("crashed", "closed its pipe", "os.close(_channel()); time.sleep(60)"),
    "it closes its channel and returns": ("crashed", "", "os.close(_channel()); return x"),
}


@pytest.mark.parametrize("what", LOST)
def test_a_process_that_dies_hangs_or_talks_nonsense_costs_its_own_step(what: str, student: Student) -> None:
    verdict, words, body = LOST[what]
    before = ask(student, written("return x + 1", "before"))
    reply = ask(student, written(body), seconds=0.4 if verdict == "timeout" else 20)
    after = ask(student, written("return x + 2", "after"))
    assert isinstance(reply, Lost)
    assert reply.verdict == verdict
    assert words in reply.message
    assert torch.equal(tensor_of(before), X + 1)
    assert torch.equal(tensor_of(after), X + 2)


@pytest.mark.parametrize("what", ["it leaves with 0", "it crashes", "it sleeps", "it writes noise"])
def test_the_same_while_the_file_is_read_costs_the_answer_too(what: str, student: Student) -> None:
    verdict, words, body = LOST[what]
    top_level = replace(written("return x"), source=f"{TOOLS}{body}\ndef step(x): return x\n")
    reply = student.load(top_level, time_for(0.4 if verdict == "timeout" else 20))
    assert isinstance(reply, Lost)
    assert (reply.verdict, words in reply.message) == (verdict, True)
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


ANSWER_NONE = "_answer(messages.Answer((messages.Refused('None'),), False, (), ''))"


@pytest.mark.parametrize("pause", ["", "time.sleep(0.3)"], ids=["at once", "late"])
def test_a_second_answer_to_one_question_is_never_the_answer_to_the_next(pause: str, student: Student) -> None:
    first = ask(student, written(f"{ANSWER_NONE}\n{pause}\nreturn x"))
    assert isinstance(first, Answer)
    assert first.returned == (Refused("None"),)
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


@pytest.mark.parametrize("pause", ["", "time.sleep(0.1)"], ids=["at once", "late"])
def test_a_step_that_answers_twice_is_not_passed_and_costs_itself_alone(
    pause: str, lesson: Lesson, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f"""
    right = dlogprobs / probs
    _answer(messages.Answer((right,), False, (), ''))
    {pause}
    return right
    """
    plant(monkeypatch, written(body, "dprobs", "dlogprobs, probs"))
    result = judge_solution(lesson, unguarded, "ex1_chain.dprobs", "ex1_chain.dcounts", limits=LIMITS)
    assert step_of(result, "ex1_chain.dprobs").credit == 0
    assert step_of(result, "ex1_chain.dcounts").passes


def test_a_burst_is_answered_as_its_calls_would_be_one_by_one(student: Student) -> None:
    answer = written("return x + 1")
    calls = [call_of(answer, x=X * factor) for factor in range(5)]
    ready, replies = student.load_and_call(answer, calls, time_for())
    assert isinstance(ready, Loaded)
    assert [tensor_of(reply).tolist() for reply in replies] == [(X * factor + 1).tolist() for factor in range(5)]


def test_replies_that_do_not_go_into_one_frame_come_in_several(student: Student) -> None:
    answer = written("return torch.full((300, 300), x[0, 0].item(), dtype=torch.float64)")
    calls = [call_of(answer, x=X * factor) for factor in range(5)]
    assert sum(8 * 300 * 300 for _ in calls) > frames.TOGETHER
    ready, replies = student.load_and_call(answer, calls, time_for())
    assert isinstance(ready, Loaded)
    assert [tensor_of(reply)[0, 0].item() for reply in replies] == [0, 1, 2, 3, 4]


def test_questions_that_do_not_go_into_one_frame_are_asked_in_several(student: Student) -> None:
    answer = written("return x.sum(0)")
    calls = [call_of(answer, x=torch.full((300, 300), float(number))) for number in range(9)]
    _, replies = student.load_and_call(answer, calls, time_for())
    assert [tensor_of(reply)[0].item() for reply in replies] == [300.0 * number for number in range(9)]


def test_more_answers_than_questions_are_none(student: Student) -> None:
    none = "messages.Answer((messages.Refused('None'),), False, (), '')"
    reply = ask(student, written(f"_answer({none}, {none})\nreturn x"))
    assert isinstance(reply, Lost)
    assert "2 answers to 1 questions" in reply.message
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


def test_of_a_burst_that_takes_too_long_the_calls_that_ended_are_told(student: Student) -> None:
    answer = written("time.sleep(60 if x[0, 0] == 2 else 0.15)\nreturn x")
    calls = [call_of(answer, x=torch.full((1, 1), float(number))) for number in range(5)]
    assert isinstance(student.load(answer, time_for()), Loaded)
    _, replies = student.load_and_call(answer, calls, time_for(1.5))
    assert [tensor_of(reply).item() for reply in replies[:-1]] == [0, 1]
    lost = replies[-1]
    assert isinstance(lost, Lost)
    assert lost.verdict == "timeout"


AT_THE_THIRD = {
    "it dies": ("if x[0, 0] == 2: os._exit(3)\nreturn x", "ended itself with exit code 3"),
    "it plants an answer": (f"if x[0, 0] == 2: {ANSWER_NONE}\nreturn x", "more than one answer"),
}


@pytest.mark.parametrize("what", AT_THE_THIRD)
def test_of_a_burst_that_is_lost_the_calls_before_it_are_told_all_the_same(what: str, student: Student) -> None:
    body, words = AT_THE_THIRD[what]
    answer = written(body)
    calls = [call_of(answer, x=torch.full((1, 1), float(number))) for number in range(5)]
    _, replies = student.load_and_call(answer, calls, time_for())
    assert [tensor_of(reply).item() for reply in replies[:2]] == [0, 1]
    lost = replies[-1]
    assert isinstance(lost, Lost)
    assert (lost.verdict, words in lost.message) == ("crashed", True)
    assert len(replies) <= 4
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


def test_a_call_is_given_what_another_answer_returned_last(student: Student) -> None:
    first, second = written("return x.T * 2", "first"), written("return y + 1", "second", "y")
    for answer in (first, second):
        assert isinstance(student.load(answer, time_for()), Loaded)
    passed_on = {"y": f"{first.exercise}.first"}
    taking = frames.write(Call(f"{second.exercise}.second", "float64", {}, {}, passed_on))
    replies = student.calls_of_several([call_of(first), taking], time_for())
    assert torch.equal(tensor_of(replies[1]), X.T * 2 + 1)


@pytest.mark.parametrize("body", ["return None", "raise ValueError"])
def test_what_was_not_returned_is_given_to_nobody(body: str, student: Student) -> None:
    first, second = written(body, "first"), written("return y", "second", "y")
    for answer in (first, second):
        assert isinstance(student.load(answer, time_for()), Loaded)
    taking = frames.write(Call(f"{second.exercise}.second", "float64", {}, {}, {"y": f"{first.exercise}.first"}))
    _, reply = student.calls_of_several([call_of(first), taking], time_for())
    assert isinstance(reply, Failed)
    assert "was not returned" in reply.error


ANSWER_AND_DIE = "_answer(messages.Answer((x,), False, (), '')); os._exit(3)"


def test_a_process_that_dies_between_two_questions_does_not_cost_the_next_step(student: Student) -> None:
    assert torch.equal(tensor_of(ask(student, written(ANSWER_AND_DIE))), X)
    time.sleep(0.1)
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


def test_a_process_that_dies_between_two_calls_of_one_answer_is_told_as_dead(student: Student) -> None:
    answer = written(ANSWER_AND_DIE)
    ask(student, answer)
    assert student.load(answer, time_for())
    time.sleep(0.1)
    (reply,) = student._ask_all([call_of(answer)], time_for())
    assert isinstance(reply, Lost)
    assert (reply.verdict, reply.message, reply.is_stale) == (
        "crashed",
        "the process ended itself with exit code 3",
        True,
    )


PROCESSOR = {
    "call": (
        Limits(call_seconds=0.2),
        "one call took more than 0.2 s of processor time; look for a loop that never ends",
    ),
    "step": (
        Limits(step_seconds=0.2),
        "its calls took more than 0.2 s of processor time together; look for Python loops over the batch",
    ),
    "submission": (
        Limits(submission_seconds=0.2),
        "the submission's 0.2 s of processor time were over before it had an answer",
    ),
}


@pytest.mark.parametrize("limit", PROCESSOR)
def test_a_timeout_says_which_limit_it_was(limit: str, unguarded: Warm) -> None:
    limits, message = PROCESSOR[limit]
    answer = written("while True: pass")
    with Student(unguarded, limits) as student:
        lost = student.call(answer, call_of(answer), student.budget(limits.step_seconds))
    assert lost == Lost("timeout", message, limit=limit, by_wall_clock=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", PROCESSOR)
def test_behind_each_limit_there_is_a_longer_one_of_wall_clock(limit: str, unguarded: Warm) -> None:
    limits, _ = PROCESSOR[limit]
    answer = written("time.sleep(60)")
    with Student(unguarded, limits) as student:
        lost = student.call(answer, call_of(answer), student.budget(limits.step_seconds))
    assert isinstance(lost, Lost)
    assert (lost.verdict, lost.limit, lost.by_wall_clock) == ("timeout", limit, True)
    assert "1 s of wall clock" in lost.message


def test_where_the_system_tells_no_processor_time_the_wall_clock_ends_a_loop(
    unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forker, "processor_seconds", lambda *_: None)
    answer = written("while True: pass")
    with Student(unguarded, Limits(call_seconds=0.2)) as student:
        lost = student.call(answer, call_of(answer), student.budget(10))
    assert lost == Lost(
        "timeout",
        "one call took more than 1 s of wall clock; look for a loop that never ends",
        limit="call",
        by_wall_clock=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process is Linux's")
def test_a_process_cannot_hide_its_processor_time(unguarded: Warm) -> None:
    tampering = """
    time.process_time = time.thread_time = time.monotonic = lambda: 0.0
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: pass
    """
    answer = written(tampering)
    with Student(unguarded, Limits(call_seconds=0.2)) as student:
        lost = student.call(answer, call_of(answer), student.budget(10))
    assert isinstance(lost, Lost)
    assert (lost.limit, lost.by_wall_clock) == ("call", False)


SLOW = "end = time.process_time() + {}\nwhile time.process_time() < end: pass\nreturn x"


def test_a_step_may_be_slow_in_every_call_but_not_in_all_of_them_together(unguarded: Warm) -> None:
    answer = written(SLOW.format(0.4))
    with Student(unguarded, Limits(call_seconds=5, step_seconds=1)) as student:
        budget = student.budget(1)
        replies = [student.call(answer, call_of(answer), budget) for _ in range(8)]
    came = [reply for reply in replies if isinstance(reply, Answer)]
    assert 2 <= len(came) <= 4  # the first tenth of a second of each is not counted
    assert {reply.limit for reply in replies if isinstance(reply, Lost)} == {"step"}


def test_after_an_overrun_a_step_is_asked_nothing_more_and_the_next_one_is(unguarded: Warm) -> None:
    endless, other = written("while True: pass"), written("return x + 1", "other")
    with Student(unguarded, LIMITS) as student:
        budget = student.budget(1)
        first = student.call(endless, call_of(endless), budget)
        start = time.monotonic()
        rest = [student.call(endless, call_of(endless), budget) for _ in range(50)]
        assert time.monotonic() - start < 50 * LIMITS.call_seconds / 4
        assert rest == [first] * 50
        assert torch.equal(tensor_of(student.call(other, call_of(other), student.budget(1))), X + 1)


def test_time_in_which_it_does_not_compute_is_not_its_processor_time(unguarded: Warm) -> None:
    """As on a busy machine, where others compute in the meantime."""
    answer = written("time.sleep(1.3)\nreturn x")
    with Student(unguarded, Limits(call_seconds=1)) as student:
        reply = student.call(answer, call_of(answer), student.budget(10))
    assert isinstance(reply, Answer)


def test_the_time_that_the_kit_needs_to_start_is_not_the_students() -> None:
    with Warm() as cold, Student(cold, LIMITS) as student:
        student.budget(0.5)  # a step's clock starts when its process is there
        assert torch.equal(tensor_of(ask(student, written("return x"), seconds=0.5)), X)


# Processes it leaves behind, on a machine where none of the walls that keep it from starting them are there


@pytest.fixture(scope="module")
def bare() -> Iterator[Warm]:
    with Warm(left_out=("rlimits", "user", "landlock", "seccomp", "bubblewrap")) as process:
        yield process


@pytest.fixture(scope="module")
def bare_pid(bare: Warm) -> int:
    return pid_of(bare)


ORPHAN = """
child = os.fork()
if child == 0:
    {escape}
    time.sleep(60)
    os._exit(0)
time.sleep(0.2)  # the child gets where it wants to be
{then}
"""
ORPHANS = {
    "beside a right answer": ("", "return torch.tensor(float(child))"),
    "ignoring signals": ("signal.signal(15, signal.SIG_IGN)", "return torch.tensor(float(child))"),
    "stopped": ("os.kill(os.getpid(), signal.SIGSTOP)", "return torch.tensor(float(child))"),
    "after a death": ("", "raise ValueError(child)"),
    "in a session of its own": ("os.setsid()", "return torch.tensor(float(child))"),
}


@pytest.mark.parametrize("what", ORPHANS)
def test_what_a_submission_started_is_dead_afterwards(what: str, bare: Warm, bare_pid: int) -> None:
    escape, then = ORPHANS[what]
    with Student(bare, LIMITS) as student:
        reply = ask(student, written(ORPHAN.format(escape=escape, then=then)))
    child = int(reply.error.split(": ")[1]) if isinstance(reply, Failed) else int(tensor_of(reply))
    try:
        assert dies(child)
        assert not [pid for pid, process in processes().items() if process.parent == bare_pid]
    finally:
        if not dies(child, 0.01):
            os.kill(child, signal.SIGKILL)


LINE_OF_STRAYS = """
inner, outer = os.pipe()
if os.fork() == 0:
    os.setsid()
    for generation in range(4):  # each leaves its parent's session, and its parent waits for nothing
        os.write(outer, struct.pack('<i', os.getpid()))
        if os.fork(): break
        os.setsid()
    time.sleep(60)
    os._exit(0)
time.sleep(0.3)
return torch.tensor(struct.unpack('<4i', os.read(inner, 16)), dtype=torch.float64)
"""


def test_strays_of_strays_are_dead_afterwards(bare: Warm, bare_pid: int) -> None:
    with Student(bare, LIMITS) as student:
        strays = [int(pid) for pid in tensor_of(ask(student, written(LINE_OF_STRAYS)))]
    alive = [pid for pid in strays if not dies(pid)]
    left = [pid for pid, process in processes().items() if process.parent == bare_pid]
    for pid in {*alive, *left}:
        os.kill(pid, signal.SIGKILL)
    assert (alive, left) == ([], [])


def test_burying_one_submission_leaves_the_others_alone(bare: Warm) -> None:
    with Student(bare, LIMITS) as student:
        ask(student, written("torch.left = 1; return x"))
        with Student(bare, LIMITS) as other:
            ask(other, written(ORPHAN.format(escape="os.setsid()", then="return x")))
        assert _told(student, "print(torch.left)") == ["1"]


def test_a_child_that_holds_the_pipe_open_does_not_make_a_dead_process_live(bare: Warm) -> None:
    body = ORPHAN.format(escape="", then="os._exit(0)")
    with Student(bare, LIMITS) as student:
        reply = ask(student, written(body), seconds=0.5)
        assert isinstance(reply, Lost)
        assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


# What it raises

RAISED = {
    "an error": ("raise ValueError('no')", "ValueError: no", False),
    "SystemExit": ("raise SystemExit(0)", "SystemExit: 0", False),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt: ", False),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit: ", False),
    "sys.exit": ("sys.exit('passed')", "SystemExit: passed", False),
    "recursion": ("return step(x)", "RecursionError: maximum recursion depth exceeded", False),
    "a broken __str__": (
        "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd",
        "Odd: (its message cannot be shown)",
        False,
    ),
    "a __str__ that is no text": (
        "class Odd(Exception):\n    def __str__(self): return 3\nraise Odd",
        "Odd: (its message cannot be shown)",
        False,
    ),
    "a long message": ("raise ValueError('a' * 10**6)", "ValueError: " + "a" * 1988, False),
    "a terabyte tensor": ("return torch.ones(10**11)", "ran out of memory", True),
    "a tensor over the limit": ("return torch.ones(2**28)", "ran out of memory", True),
    "a terabyte list": ("return [0] * 10**12", "ran out of memory", True),
    "memory, bit by bit": ("kept = []\nwhile True: kept.append(bytearray(1 << 26))", "ran out of memory", True),
    "a shape": (
        "return x @ x",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3); x is (2, 3)",
        False,
    ),
}


@pytest.mark.parametrize("what", RAISED)
def test_an_exception_of_any_kind_is_told_and_costs_its_own_step(what: str, student: Student) -> None:
    body, error, is_memory = RAISED[what]
    reply = ask(student, written(body))
    assert isinstance(reply, Failed), reply
    assert (reply.error, reply.is_memory) == (error, is_memory)
    assert reply.line is not None
    assert reply.line >= FIRST_LINE
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


def test_nothing_can_be_written_to_a_file(student: Student, tmp_path: Path) -> None:
    target = tmp_path / "grades.csv"
    reply = ask(student, written(f"with open({str(target)!r}, 'w') as file: file.write('44 of 44')\nreturn x"))
    assert isinstance(reply, Failed)
    assert not target.exists() or not target.read_bytes()


NO_ANSWER = {
    "no such name": ("other = 1", "step is not defined; expected a function"),
    "a number": ("step = 3", "step is the Python number 3; expected a function"),
    "a tensor": ("import torch\nstep = torch.ones(2)", "step is a torch.Tensor; expected a function"),
    "no Python": ("def step(x) return x", "SyntaxError: "),
    "an error on the way": ("step = 1 / 0", "step was not made: line 1 raised ZeroDivisionError: division by zero"),
    "a signature that cannot be read": ("import torch\nstep = torch.exp", "ValueError: no signature found"),
}


@pytest.mark.parametrize("what", NO_ANSWER)
def test_a_file_that_makes_no_callable_says_why(what: str, student: Student) -> None:
    source, error = NO_ANSWER[what]
    reply = student.load(replace(written("return x"), source=source), time_for())
    assert isinstance(reply, Failed)
    assert reply.error.startswith(error)
    if "Python" in what:
        assert reply.line == 1


@pytest.mark.usefixtures("warm_pid")
def test_a_call_before_its_load_is_told_so(unguarded: Warm) -> None:
    process = forked(unguarded)
    frames.send(process.channel, frames.join([call_of(written("return x"))]), time.monotonic() + 5)
    (reply,) = frames.read_replies(Line(process.channel).get(time.monotonic() + 5))
    unguarded.bury(process)
    assert reply == Failed(False, "nothing is loaded", None, "")


# What it returns

NO_TENSOR = {
    "None": ("return None", "None"),
    "nothing": ("x", "None"),
    "an int": ("return 3", "the Python number 3"),
    "a float": ("return 0.5", "the Python number 0.5"),
    "a bool": ("return True", "the Python number True"),
    "text": ("return 'right'", "a str"),
    "a dict": ("return {'verdict': 'right'}", "a dict"),
    "an array": ("return x.numpy()", "a numpy.ndarray"),
    "a subclass": ("return torch.nn.Parameter(x)", "a torch.nn.parameter.Parameter"),
    "a subclass of one's own": ("class Mine(torch.Tensor): pass\nreturn x.as_subclass(Mine)", "a Mine"),
    "a subclass that lies": (
        """
        class Odd(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None): return True
        return x.as_subclass(Odd)
        """,
        "an Odd",
    ),
    "an object that says it is a tensor": (
        "class Liar:\n    __class__ = torch.Tensor\n    def __eq__(self, other): return True\nreturn Liar()",
        "a Liar",
    ),
    "a sparse tensor": ("return x.to_sparse()", "a sparse tensor"),
    "a sparse tensor by rows": ("return x.to_sparse_csr()", "a sparse tensor"),
    "a complex tensor": ("return x + 0j", "a complex tensor"),
    "a meta tensor": ("return x.to('meta')", "a tensor on the device meta"),
    "an 8-bit float": ("return x.to(torch.float8_e5m2)", "a tensor of (2, 3) float8_e5m2"),
    "a quantized tensor": (
        "return torch.quantize_per_tensor(x.float(), 1.0, 0, torch.qint8)",
        "a tensor of (2, 3) qint8",
    ),
    "a tensor too large to send": (
        "return torch.ones(1, dtype=x.dtype).expand(2**24, -1)",
        "a tensor of (16777216, 1)",
    ),
    "the function itself": ("return step", "a function"),
    "a generator": ("return (row for row in x)", "a generator"),
}


@pytest.mark.parametrize("what", NO_TENSOR)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_plain_dense_real_tensor_is_named_in_words(what: str, student: Student) -> None:
    body, words = NO_TENSOR[what]
    reply = ask(student, written(body))
    assert isinstance(reply, Answer), reply
    (item,) = reply.returned
    assert isinstance(item, Refused)
    assert item.what.startswith(words)
    assert not reply.is_sequence


IN_WORDS_TOO = {
    "a list of 300 numbers": "return [0.0] * 300",
    "a list of 100000 numbers": "return [0.0] * 100_000",
    "a nested tensor": "return torch.nested.nested_tensor([x, x])",
    "five tensors of 16 MiB": "return [torch.ones(2**21, dtype=torch.float64)] * 5",
}


@pytest.mark.parametrize("what", IN_WORDS_TOO)
def test_an_answer_that_no_message_can_carry_is_an_error_and_no_crash(what: str, student: Student) -> None:
    reply = ask(student, written(IN_WORDS_TOO[what]))
    assert not isinstance(reply, Lost), reply


def test_several_things_are_returned_each_by_itself(student: Student) -> None:
    reply = ask(student, written("return [x, None, x + 0j, x.T, 1]"))
    assert isinstance(reply, Answer)
    assert reply.is_sequence
    assert [item.what if isinstance(item, Refused) else list(item.shape) for item in reply.returned] == [
        [2, 3],
        "None",
        "a complex tensor",
        [3, 2],
        "the Python number 1",
    ]


PLAIN = {
    "a transpose": ("return x.T", X.T),
    "a row": ("return x[1]", X[1]),
    "one number": ("return x.sum()", X.sum()),
    "an expanded view": ("return x[:1].expand(4, -1)", X[:1].expand(4, -1)),
    "no rows": ("return x[:0]", X[:0]),
    "a negated view": ("return torch.complex(x, -x).conj().imag", X),
    "half precision": ("return x.half()", X.half()),
    "integers": ("return x.long()", X.long()),
    "not a number": ("return x * float('nan')", X * math.nan),
}


@pytest.mark.parametrize("what", PLAIN)
def test_a_plain_tensor_comes_as_it_is(what: str, student: Student) -> None:
    body, expected = PLAIN[what]
    reply = ask(student, written(body))
    got = tensor_of(reply)
    assert got.dtype == expected.dtype
    assert torch.equal(got.isnan(), expected.isnan())
    assert torch.equal(got.nan_to_num(), expected.nan_to_num())
    assert isinstance(reply, Answer)
    assert reply.changed == ()


# What it leaves in its process

LEFT = {
    "the default dtype": "torch.set_default_dtype(torch.float16)",
    "the number of threads": "torch.set_num_threads(2)",
    "the seed": "torch.manual_seed(99); torch.rand(5)",
    "its gradient mode": "torch.set_grad_enabled(True)",
    "its output": "sys.stdout = sys.stderr = None",
    "the recursion it reached": "sys.setrecursionlimit(10**5)",
    "an error": "torch.set_default_dtype(torch.float16); torch.set_num_threads(2); raise ValueError",
}
STATE = """
print('heard')
return torch.tensor([torch.ones(1).element_size(), torch.get_num_threads(), torch.is_inference_mode_enabled(),
                     torch.is_grad_enabled(), *torch.rand(4)], dtype=torch.float64)
"""


@pytest.mark.parametrize("what", LEFT)
def test_torchs_state_is_as_at_the_start_in_every_call(what: str, student: Student) -> None:
    clean = ask(student, written(STATE, "state"))
    ask(student, written(f"{LEFT[what]}\nreturn x"))
    after = ask(student, written(STATE, "state"))
    assert torch.equal(tensor_of(after), tensor_of(clean))
    assert isinstance(after, Answer)
    assert after.output == "heard\n"


@pytest.mark.parametrize(("dtype", "size"), [("float64", 8), ("float32", 4)])
def test_the_default_dtype_is_the_one_asked_for(dtype: str, size: int, student: Student) -> None:
    answer = written("return torch.tensor(torch.zeros(1).element_size())")
    reply = student.call(answer, call_of(answer, dtype=dtype), time_for())
    assert int(tensor_of(reply)) == size


def test_inputs_are_sent_anew_for_every_call(student: Student) -> None:
    ask(student, written("torch.kept = x\nx.zero_()\nreturn x"))
    assert torch.equal(tensor_of(ask(student, written("return x"))), X)


CHANGED = {
    "in place": ("x.add_(1); return x", ("x",)),
    "through a view": ("y = x.view(-1); y += 1; return y", ("x",)),
    "one entry": ("x[1, 2] = 0; return x", ("x",)),
    "through .data": ("x.data.zero_(); return x", ("x",)),
    "its shape": ("x.t_(); return x", ("x",)),
    "its size": ("x.resize_(1); return x", ("x",)),
    "to NaN": ("x.fill_(float('nan')); return x", ("x",)),
    "and back": ("x.add_(1); x.sub_(1); return x", ()),
    "a copy": ("y = x.clone(); y.zero_(); return x", ()),
    "nothing, a view returned": ("return x.view(3, 2)", ()),
    "nothing, the input returned": ("return x", ()),
    "and raised": ("x.zero_(); return x.view(7)", None),
}


@pytest.mark.parametrize("what", CHANGED)
def test_inputs_changed_in_place_are_reported_and_views_are_not(what: str, student: Student) -> None:
    body, changed = CHANGED[what]
    reply = ask(student, written(body))
    assert (reply.changed if isinstance(reply, Answer) else None) == changed


def test_each_changed_input_is_named(student: Student) -> None:
    answer = written("b.zero_(); d.mul_(2); return a", parameters="a, b, c, d")
    frame = call_of(answer, a=X.clone(), b=X.clone(), c=X.clone(), d=X.clone())
    reply = student.call(answer, frame, time_for())
    assert isinstance(reply, Answer)
    assert reply.changed == ("b", "d")


def test_parameters_are_given_by_name_and_by_place(student: Student) -> None:
    answer = written("return a - b + c", parameters="b, /, a, *rest, c=5, **others")
    loaded = student.load(answer, time_for())
    assert loaded == Loaded(("b", "a", "c"), ("c",), True, {"c": 5})
    reply = student.call(answer, call_of(answer, a=X * 3, b=X), time_for())
    assert torch.equal(tensor_of(reply), X * 2 + 5)


# What it prints

PRINTED = {
    "a little": ("print('one'); print('two', file=sys.stderr)", "one\ntwo\n"),
    "just the cap": ("print('a' * (1 << 16), end='')", "a" * OUTPUT_CAP),
    "the cap and an empty text": ("print('a' * (1 << 16), end=''); print('', end='')", "a" * OUTPUT_CAP),
    "the cap and one sign": ("print('a' * (1 << 16))", "a" * OUTPUT_CAP + "\n[output cut here]"),
    "10 MB at once": ("print('a' * 10**7)", "a" * OUTPUT_CAP + "\n[output cut here]"),
    "10 MB in lines": (
        "for _ in range(10_000): print('b' * 999)",
        ("b" * 999 + "\n") * 65 + "b" * 536 + "\n[output cut here]",
    ),
    "10 MB of signs": ("print('\\U0001d700' * 10**7)", "\U0001d700" * OUTPUT_CAP + "\n[output cut here]"),
    "quotes and zeros": ("print('\"}\\x00\\r\\x1b[31m')", '"}\x00\r\x1b[31m\n'),
}


@pytest.mark.parametrize("what", PRINTED)
@pytest.mark.parametrize("end", ["return x", "raise ValueError"])
def test_what_is_printed_comes_along_cut_at_a_cap(what: str, end: str, student: Student) -> None:
    body, output = PRINTED[what]
    reply = ask(student, written(f"{body}\n{end}"))
    assert isinstance(reply, Answer | Failed)
    assert reply.output == output


def test_an_output_that_lies_about_its_length_costs_its_own_step(student: Student) -> None:
    body = """
    class Long(str):
        def __len__(self): return 0
        def __getitem__(self, place): return 'a' * (1 << 21)
    sys.stdout.write(Long())
    return x
    """
    assert not isinstance(ask(student, written(body)), Answer)
    assert torch.equal(tensor_of(ask(student, written("return x + 2", "after"))), X + 2)


# What it can see


def _told(student: Student, body: str) -> list[str]:
    """Lines that an answer prints."""
    reply = ask(student, written(f"{textwrap.dedent(body)}\nreturn x"))
    assert isinstance(reply, Answer), reply
    return reply.output.splitlines()


def test_of_the_grader_it_holds_the_worker_and_the_wire_and_nothing_that_judges(student: Student) -> None:
    modules = set(_told(student, "print(*(m for m in sys.modules if m.split('.')[0] == 'grader'), sep='\\n')"))
    assert {module.split(".")[1] for module in modules if "." in module} == {"names", "runner", "seal", "warm", "wire"}
    assert not {module for module in modules if module == "grader.warm.client"}


def test_no_object_in_its_memory_comes_from_the_judge(student: Student) -> None:
    body = """
    far = ('grader.judge', 'grader.submission', 'grader.results', 'grader.lesson', 'grader.run.')
    for thing in gc.get_objects():
        place = (thing if type(thing) in (type, type(_channel)) else type(thing)).__module__
        if isinstance(place, str) and place.startswith(far): print(place, type(thing))
    """
    assert _told(student, body) == []


def test_no_tensor_was_there_before_its_own_inputs(student: Student) -> None:
    body = """
    tensors = [t for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    print(sum(t.requires_grad for t in tensors), len({t.data_ptr() for t in tensors} - {0}))
    """
    (line,) = _told(student, body)
    with_graph, places = map(int, line.split())
    assert with_graph == 0
    assert places <= 2  # the input as it came, and the copy that the function is given


def test_its_frames_lead_to_the_warm_process_and_no_further(student: Student) -> None:
    body = """
    frame = sys._getframe()
    while frame:
        print(frame.f_globals.get('__name__'))
        frame = frame.f_back
    """
    assert set(_told(student, body)) == {
        "submission",
        "grader.runner.answer",
        "grader.runner.serve",
        "grader.warm.process",
        "__main__",
    }


def test_its_environment_is_empty(student: Student) -> None:
    body = """
    print(len(os.environ), ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ").value,
          ctypes.cast(ctypes.CDLL(None).getenv, ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_char_p))(b"PATH"))
    """
    (line,) = _told(student, body)
    assert line.startswith("0 ")
    assert line.endswith(" None")


def test_its_open_descriptors_are_the_standard_ones_and_its_channel(student: Student) -> None:
    body = """
    import select
    for fd in range(64):
        poll = select.poll()
        poll.register(fd)
        if not any(event & select.POLLNVAL for _, event in poll.poll(0)): print(fd)
    print(_channel())
    """
    *open_ones, channel = _told(student, body)
    assert open_ones == ["0", "1", "2", channel]


def test_its_standard_streams_lead_nowhere(unguarded: Warm, capfd: pytest.CaptureFixture[str]) -> None:
    with Student(unguarded, LIMITS) as student:
        assert _told(student, "print(os.write(1, b'one'), os.write(2, b'two'), os.read(0, 10))") == ["3 3 b''"]
    assert capfd.readouterr() == ("", "")


def test_its_command_line_names_no_lesson_and_no_submission(student: Student) -> None:
    line = " ".join(_told(student, "print(*sys.orig_argv)"))
    assert "json.loads" in line
    assert not any(word in line for word in ("solutions", "lesson", "seed"))


SEED = 918_273_645
FIND_SEED = """
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what a sealed process may not: make its own memory readable again
for line in open('/proc/self/maps'):
    place, mode, *_, name = line.split()
    if mode[0] != 'r' or name.startswith('[v') or name.startswith('/'): continue
    first, last = (int(part, 16) for part in place.split('-'))
    with open('/proc/self/mem', 'rb', 0) as memory:
        memory.seek(first)
        seen = memory.read(min(last - first, 1 << 27)) or b''
    at = seen.find(b'91827')  # in two halves, so that the code that looks for it does not hold it
    while at >= 0:
        if seen[at + 5 : at + 9] == b'3645': print(name)
        at = seen.find(b'91827', at + 1)
    del seen
"""


def test_its_memory_does_not_hold_the_seed_of_a_run(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fork = Forker.fork

    def noted(forker: Forker, role: str, arguments: dict[str, Any]) -> Forked:
        asked.append(f"{role} {arguments}")
        return fork(forker, role, arguments)

    monkeypatch.setattr(Forker, "fork", noted)
    sample = Request(submission_at(ROOT / "data" / "class" / "s01", lesson), frozenset({"ex2_cross_entropy.dlogits"}))
    walls = ("rlimits", "user", "landlock", "seccomp", "bubblewrap")  # without them, it may read its memory
    with Pool(lesson, SEED, left_out=walls) as pool:
        ((_, result),) = pool.judge([sample])
        assert isinstance(result, SubmissionResult)
        assert result.seed == SEED
        assert pool._warm
        with Student(pool._warm, LIMITS) as student:
            found = _told(student, FIND_SEED)
    assert found == []
    assert asked[0].startswith("judge")
    assert not [line for line in asked if str(SEED) in line or str(lesson.folder) in line]


@pytest.mark.usefixtures("warm_pid")
def test_one_submissions_process_knows_nothing_of_anothers(unguarded: Warm) -> None:
    with Student(unguarded, LIMITS) as first:
        ask(first, written("torch.left = sys.left = 'the answers'; os.environ['LEFT'] = 'x'; return x"))
        with Student(unguarded, LIMITS) as second:
            body = "print(hasattr(torch, 'left'), hasattr(sys, 'left'), 'LEFT' in os.environ)"
            assert _told(second, body) == ["False False False"]


def test_a_replaced_process_starts_afresh(student: Student) -> None:
    ask(student, written("torch.left = 1; return x"))
    ask(student, written("os._exit(0)", "dead"))
    assert _told(student, "print(hasattr(torch, 'left'))") == ["False"]


def test_load_is_sent_once_a_process(student: Student) -> None:
    answer = replace(
        written("return x"), source=f"{TOOLS}count = [0]\ndef step(x):\n    count[0] += 1\n    return x * count[0]\n"
    )
    assert torch.equal(tensor_of(ask(student, answer)), X)
    assert torch.equal(tensor_of(ask(student, answer)), X * 2)


@pytest.mark.usefixtures("warm_pid")
def test_a_run_message_is_what_is_run_and_a_load_message_finds_what_is_called(unguarded: Warm) -> None:
    process = forked(unguarded)
    run, load = Run("program", FILE, "def f(x, n=1): return x\n1 / 0\n"), Load("key", "program", "f", (1, 0))
    frames.send(process.channel, frames.join([frames.write(run), frames.write(load)]), time.monotonic() + 5)
    assert frames.read_replies(Line(process.channel).get(time.monotonic() + 5)) == [
        Ran(1),
        Loaded(("x", "n"), ("n",), numbers={"n": 1}),
    ]
    unguarded.bury(process)
