"""The training run: the judge does the forward pass and the update, the student's function only the backward.

The same run was made by autograd (`course`); the student's loss has to follow its loss at every step.
Gradients that were judged not right are replaced by autograd's. What the run is worth is the part of the gradients
that are right, and the student's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.judge.budget import Budget, Lost
from grader.judge.course import Course, by_autograd
from grader.judge.desk import Desk
from grader.judge.inject import Injection, resolve, written_call
from grader.judge.situation import answer_key
from grader.judge.student import Student
from grader.judge.verdict import credit_of, exception_in
from grader.lesson import Exercise, Step
from grader.lesson.model import GRADIENT_PREFIX
from grader.results.model import StepResult
from grader.submission.answers import Answer as Written
from grader.wire.messages import Answer, Failed, Loaded
from grader.wording import counted

FOLLOWS = 1e-9  # relative, in float64
_ABSENT = ("missing", "error")  # a gradient that is not there: None, or whatever was raised in its place


@dataclass(frozen=True)
class Problem:
    """What ended a run. `plain` says it without text or numbers that the answer may have made of hidden ones."""

    verdict: str
    message: str
    plain: str


@dataclass(frozen=True)
class _Left:
    """Where a function leaves autograd's own run: after so many points, with this answer to the next."""

    at: int
    answer: Answer | None = None  # where it was asked


def judge_training(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    step: Step,
    course: Course,
    written: Written,
    gradients: Sequence[StepResult],
    *,
    is_open: bool,
) -> StepResult:
    """Trains with the gradients that were judged right; the others are autograd's."""
    if absent := [result.step for result in gradients if result.verdict in _ABSENT]:
        message = f"there is no training without {', '.join(absent)}: look at {absent[0]} first"
        if all(result.verdict == "missing" for result in gradients):
            message = gradients[0].message
        return StepResult(
            step.name, "missing", 0.0, step.points, message=message, file=written.file or None, line=gradients[0].line
        )
    case = next(case for case in desk.lesson.cases if not case.ties)
    situation = desk.situations.hidden(exercise.name, written.name, case)
    usable = {result.step.removeprefix(GRADIENT_PREFIX) for result in gradients if result.passes}
    replaced = [result.step for result in gradients if not result.passes]
    if not any(situation.reference(tensor, frozenset()).proves for tensor in usable):  # zeros are no training
        first = next((result for result in gradients if not result.passes), gradients[0])
        message = "none of its gradients can be used, so there is nothing to train with"
        return StepResult(step.name, first.verdict, 0.0, step.points, message=message, file=first.file, line=first.line)
    seconds = desk.lesson.limits.training_seconds
    student.extend(seconds)
    budget = student.budget(seconds)
    own = (len(gradients) - len(replaced)) / len(gradients)
    result = StepResult(step.name, "right", own, step.points, file=written.file or None, line=written.line)
    found = _Left(0) if replaced else _along(desk, student, exercise, course, written, budget)
    if isinstance(found, _Left):
        problem = _run(desk, student, exercise, course, written, usable, budget, found)
    else:
        problem = found
    if problem:
        message = problem.message if is_open else problem.plain
        credit = own * credit_of(problem.verdict, desk.lesson)
        result = replace(result, verdict=problem.verdict, message=message, credit=credit)
    if replaced:
        result = replace(result, note=f"trained with autograd's {', '.join(replaced)} in place of its own")
    return result


def _along(
    desk: Desk, student: Student, exercise: Exercise, course: Course, written: Written, budget: Budget
) -> _Left | Problem | None:
    """Where the function leaves autograd's own run; the problem that ended it; None where it follows to the end.

    As long as its gradients are autograd's, its own run is the same.
    """
    injection = _asked(desk, student, exercise, written, budget)
    if not isinstance(injection, Injection):
        return injection
    if injection.cuts:
        return _Left(0)
    for stretch in course.stretches(desk, exercise, written.name, injection):
        replies = student.calls(written, stretch.calls, budget)
        for number, (reply, right) in enumerate(zip(replies, stretch.rights, strict=False), start=stretch.first):
            if problem := _ended(reply, number, stretch.last, desk):
                return problem
            assert isinstance(reply, Answer)
            if right is None or not reply.is_sequence or right.errors([reply.returned]) is None:
                return _Left(number - 1, reply)
    return None


def _ended(reply: Answer | Failed | Lost, number: int, last: int, desk: Desk) -> Problem | None:
    """The problem that the reply to a call is; one that is lost came at a step from `number` to `last`."""
    if isinstance(reply, Answer | Failed) and reply.refused:
        plain = f"at training step {number} it reaches outside the language"
        return Problem("forbidden", f"at training step {number}, {reply.refused[0]}", plain)
    if isinstance(reply, Lost):
        return _failed(reply, f"{number} to {last}" if number < last else number, desk)
    return None if isinstance(reply, Answer) else _failed(reply, number, desk)


@torch.inference_mode()
def _run(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    course: Course,
    written: Written,
    usable: set[str],
    budget: Budget,
    left: _Left,
) -> Problem | None:
    """The first problem of the run; None if its loss followed to the end. It begins where the function `left`."""
    injection = _asked(desk, student, exercise, written, budget)
    if not isinstance(injection, Injection):
        return injection
    targets = [step.tensor for step in exercise.gradient_steps]
    key = answer_key(exercise.name, written.name)
    parameters = {target: course.points[left.at].inputs[target] for target in targets}
    needs_autograd = [target for target in targets if target not in usable] + sorted(injection.cuts)
    for number, point in enumerate(course.points[left.at :], start=left.at + 1):
        inputs = {**point.inputs, **parameters}
        values = desk.situations.network.forward(inputs, course.plan.sizes)
        loss = float(values[desk.lesson.loss])
        if not abs(loss - point.loss) <= FOLLOWS * abs(point.loss):
            plain = f"the loss leaves autograd's at step {number} of {course.plan.steps}"
            return Problem("wrong", f"{plain}: {loss:.6f} where autograd has {point.loss:.6f}", plain)
        real = by_autograd(desk, inputs, course.plan.sizes, needs_autograd)[1] if needs_autograd else {}
        given = {name: values[name] for name in injection.names if name in values}
        call = written_call(key, "float64", injection, course.plan.sizes, given, _from(real))
        said = left.answer if number == left.at + 1 else None
        reply = said or student.call(written, call, budget)
        if problem := _ended(reply, number, number, desk):
            return problem
        assert isinstance(reply, Answer)
        for target, item in zip(targets, reply.returned, strict=False):
            gradient = item if target in usable and isinstance(item, Tensor) else real.get(target)
            if gradient is None or gradient.shape != parameters[target].shape:
                fact = f"at step {number} its {GRADIENT_PREFIX}{target} is no tensor of the right shape any more"
                return Problem("wrong", fact, fact)
            parameters[target] = parameters[target] - course.learning_rate * gradient.to(torch.float64)
        if len(reply.returned) != len(targets):
            fact = f"at step {number} it returned {counted(len(reply.returned), 'value')}, not {len(targets)}"
            return Problem("wrong", fact, f"at step {number} it did not return {len(targets)} values")
    return None


def _asked(desk: Desk, student: Student, exercise: Exercise, written: Written, budget: Budget) -> Injection | Problem:
    """What the function asks for, once it is ready."""
    loaded = student.load(written, budget)
    if not isinstance(loaded, Loaded):
        return _failed(loaded, 1, desk)
    injection = resolve(desk.lesson, [step.tensor for step in exercise.gradient_steps], loaded, written)
    return injection if isinstance(injection, Injection) else Problem("error", injection.message, injection.message)


def _from(gradients: Mapping[str, Tensor]) -> Callable[[str], Tensor]:
    """A way to these gradients; that of the loss is 1."""
    return lambda tensor: gradients[tensor] if tensor in gradients else torch.ones(())


def _failed(reply: Failed | Lost | Loaded, number: int | str, desk: Desk) -> Problem:
    if isinstance(reply, Lost):
        if reply.limit == "step" and not reply.by_wall_clock:
            fact = (
                f"it was at step {number} when the {desk.lesson.limits.training_seconds:g} s of processor time "
                "for training were over; look for Python loops over the batch"
            )
            return Problem("timeout", fact, fact)
        what = "its process ended" if reply.verdict == "crashed" else reply.message
        return Problem(reply.verdict, f"at step {number}: {reply.message}", f"at step {number}: {what}")
    if isinstance(reply, Failed):
        if reply.is_memory:
            return Problem("memory", f"at step {number}: {reply.error}", f"at step {number} it ran out of memory")
        plain = f"at step {number} it raised {exception_in(reply.error)}"
        return Problem("error", f"at step {number}: {reply.error}", plain)
    return Problem("error", f"at step {number}: no answer", f"at step {number}: no answer")
