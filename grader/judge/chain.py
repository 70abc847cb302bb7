"""End to end: the student's own chain, errors and all, from the loss back to the inputs."""

from __future__ import annotations

from torch import Tensor

from grader.judge.compare import compare
from grader.judge.inject import Injection, call_frame, resolve
from grader.judge.situation import Situation, answer_key
from grader.judge.steps import Desk
from grader.judge.student import Student
from grader.lesson import Exercise
from grader.submission.answers import Answer as Written
from grader.wire.messages import Answer, Loaded


def chain_reaches(desk: Desk, student: Student, exercise: Exercise, answers: dict[str, Written]) -> str | None:
    """The last step, in the exercise's order, up to which all of the student's own gradients are right.

    Each step is given the student's own answers to the steps before it. None if the first one fails.
    """
    situation = desk.situations.public(exercise.name, "the chain")
    own: dict[str, Tensor] = {}
    reaches: str | None = None
    for step in exercise.gradient_steps:
        written = answers[step.name]
        if written.status != "ready" or student.out_of_time:
            break
        deadline = student.deadline(desk.lesson.limits.step_seconds)
        loaded = student.load(written, deadline)
        if not isinstance(loaded, Loaded):
            break
        injection = resolve(desk.lesson, [step.tensor], loaded, written)
        if not isinstance(injection, Injection):
            break
        reply = student.call(written, _frame(situation, injection, own, answer_key(exercise.name, step.name)), deadline)
        if (
            not isinstance(reply, Answer)
            or reply.watched
            or reply.is_sequence
            or not isinstance(reply.returned[0], Tensor)
        ):
            break
        own[step.tensor] = reply.returned[0]
        if compare(reply.returned[0], situation, step.tensor, frozenset()).outcome == "wrong":
            break
        reaches = step.name
    return reaches


def _frame(situation: Situation, injection: Injection, own: dict[str, Tensor], key: str) -> bytes:
    def gradient(tensor: str) -> Tensor:
        return own[tensor] if tensor in own else situation.reference(tensor, frozenset()).gradient

    return call_frame(key, "float64", injection, situation.case.sizes, situation.tape.values, gradient)
