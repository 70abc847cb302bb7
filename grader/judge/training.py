"""The training run: the judge does the forward pass and the update, the student's function only the backward.

Beside it the same run is made by autograd; the student's loss has to follow its loss
at every step. Gradients that were judged not right are replaced by autograd's, so
that one mistake costs one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.judge.draw import draw_inputs, key_of
from grader.judge.inject import Injection, call_frame, resolve
from grader.judge.situation import answer_key
from grader.judge.steps import FLOAT32_WORDS, Desk
from grader.judge.student import Lost, Student
from grader.judge.verdict import credit_of
from grader.lesson import Case, Exercise, Step, TrainingPlan
from grader.lesson.model import GRADIENT_PREFIX
from grader.results.model import StepResult
from grader.submission.answers import Answer as Written
from grader.wire.messages import Answer, Failed, Loaded

FOLLOWS = 1e-9  # relative, in float64
FOLLOWS_FLOAT32 = 1e-6  # from the first step on that brought a float32 gradient


@dataclass(frozen=True)
class Course:
    """The run by autograd: what every student's run starts from and has to follow."""

    plan: TrainingPlan
    start: Mapping[str, Tensor]
    batches: tuple[Mapping[str, Tensor], ...]
    losses: tuple[float, ...]
    learning_rate: float


def make_course(desk: Desk, exercise: Exercise, plan: TrainingPlan, seed: int) -> Course:
    """Draws start and batches, and trains with autograd."""
    lesson = desk.lesson
    assert lesson.training is not None
    case = Case("training", plan.sizes, lesson.inputs)
    start = draw_inputs(case, key_of(seed, exercise.name, "training", "start"))
    batches = tuple(
        {
            name: value
            for name, value in draw_inputs(case, key_of(seed, exercise.name, "training", str(number))).items()
            if name in lesson.training.batch
        }
        for number in range(plan.steps)
    )
    course = Course(plan, start, batches, (), lesson.training.learning_rate)
    learned = [step.tensor for step in exercise.gradient_steps]
    parameters = {name: value.clone() for name, value in start.items()}
    losses: list[float] = []
    for batch in batches:
        loss, gradients = _by_autograd(desk, {**parameters, **batch}, plan.sizes, learned)
        losses.append(loss)
        for name, gradient in gradients.items():
            parameters[name] = parameters[name] - course.learning_rate * gradient
    return replace(course, losses=tuple(losses))


def judge_training(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    step: Step,
    course: Course,
    written: Written,
    gradients: Sequence[StepResult],
) -> StepResult:
    """Trains with the gradients that were judged right; the others are autograd's."""
    case = next(case for case in desk.lesson.cases if not case.ties)
    situation = desk.situations.hidden(exercise.name, written.name, case)
    usable = {result.step.removeprefix(GRADIENT_PREFIX) for result in gradients if result.passes}
    replaced = [result.step for result in gradients if not result.passes]
    if not any(situation.reference(tensor, frozenset()).proves for tensor in usable):  # zeros are no training
        first = next((result for result in gradients if not result.passes), gradients[0])
        message = "none of its gradients can be used, so there is nothing to train with"
        if first.verdict == "missing":
            message = first.message
        return StepResult(step.name, first.verdict, 0.0, step.points, message=message, file=first.file, line=first.line)
    seconds = desk.lesson.limits.training_seconds
    student.extend(seconds)
    deadline = student.deadline(seconds)
    result = StepResult(step.name, "right", 1.0, step.points, file=written.file or None, line=written.line)
    problem = _run(desk, student, exercise, course, written, usable, deadline)
    if problem and problem[0] == "error" and FLOAT32_WORDS.search(written.source):  # mixed dtypes raise
        in_float32 = _run(desk, student, exercise, course, written, usable, deadline, torch.float32)
        problem = problem if in_float32 else None
    if problem:
        verdict, message = problem
        result = replace(result, verdict=verdict, message=message, credit=credit_of(verdict, desk.lesson))
    if replaced:
        result = replace(result, note=f"trained with autograd's {', '.join(replaced)} in place of its own")
    return result


@torch.inference_mode()
def _run(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    course: Course,
    written: Written,
    usable: set[str],
    deadline: float,
    dtype: torch.dtype = torch.float64,
) -> tuple[str, str] | None:
    """The first problem of the run as (verdict, message); None if its loss followed to the end.

    `dtype` is that of what the function is given; the forward pass and the update stay in float64.
    """
    targets = [step.tensor for step in exercise.gradient_steps]
    loaded = student.load(written, deadline)
    if not isinstance(loaded, Loaded):
        return _failed(loaded, 1, desk)
    injection = resolve(desk.lesson, targets, loaded, written)
    if not isinstance(injection, Injection):
        return "error", injection.message
    key = answer_key(exercise.name, written.name)
    name_of_dtype = str(dtype).removeprefix("torch.")
    parameters = {name: value.clone() for name, value in course.start.items()}
    needs_autograd = [target for target in targets if target not in usable] + sorted(injection.cuts)
    follows = FOLLOWS if dtype is torch.float64 else FOLLOWS_FLOAT32
    for number, (batch, expected) in enumerate(zip(course.batches, course.losses, strict=True), start=1):
        inputs = {**parameters, **batch}
        values = desk.situations.network.forward(inputs, course.plan.sizes)
        loss = float(values[desk.lesson.loss])
        if not abs(loss - expected) <= follows * abs(expected):
            return "wrong", (
                f"the loss leaves autograd's at step {number} of {course.plan.steps}: "
                f"{loss:.6f} where autograd has {expected:.6f}"
            )
        real = _by_autograd(desk, inputs, course.plan.sizes, needs_autograd)[1] if needs_autograd else {}
        given = {name: _in(dtype, values[name]) for name in injection.names if name in values}
        frame = call_frame(key, name_of_dtype, injection, course.plan.sizes, given, _from(real))
        reply = student.call(written, frame, deadline)
        if isinstance(reply, Answer | Failed) and reply.watched:
            return "forbidden", f"at step {number} it tried {reply.watched[0]}, which the exercise does by hand"
        if not isinstance(reply, Answer):
            return _failed(reply, number, desk)
        for target, item in zip(targets, reply.returned, strict=False):
            gradient = item if target in usable and isinstance(item, Tensor) else real.get(target)
            if gradient is None or gradient.shape != parameters[target].shape:
                return (
                    "wrong",
                    f"at step {number} its {GRADIENT_PREFIX}{target} is no tensor of the right shape any more",
                )
            if gradient.dtype is not torch.float64:
                follows = FOLLOWS_FLOAT32
            parameters[target] = parameters[target] - course.learning_rate * gradient.to(torch.float64)
        if len(reply.returned) != len(targets):
            return "wrong", f"at step {number} it returned {len(reply.returned)} values, not {len(targets)}"
    return None


def _in(dtype: torch.dtype, value: Tensor) -> Tensor:
    return value.to(dtype) if value.is_floating_point() and value.dtype is not dtype else value


def _from(gradients: Mapping[str, Tensor]) -> Callable[[str], Tensor]:
    """A way to these gradients; that of the loss is 1."""
    return lambda tensor: gradients[tensor] if tensor in gradients else torch.ones(())


def _by_autograd(
    desk: Desk, inputs: Mapping[str, Tensor], sizes: Mapping[str, int], wanted: Sequence[str]
) -> tuple[float, dict[str, Tensor]]:
    """The loss, and the gradients of the wanted tensors."""
    with torch.inference_mode(False):
        leaves = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in inputs.items()}
        values = desk.situations.network.forward(leaves, sizes)
        loss = values[desk.lesson.loss]
        gradients = torch.autograd.grad(loss, [values[name] for name in wanted])
    return float(loss.detach()), dict(zip(wanted, gradients, strict=True))


def _failed(reply: Failed | Lost | Loaded, number: int, desk: Desk) -> tuple[str, str]:
    if isinstance(reply, Lost):
        if reply.is_step_limit:
            return "timeout", (
                f"it was at step {number} when the {desk.lesson.limits.training_seconds:g} s "
                "for training were over; look for Python loops over the batch"
            )
        return reply.verdict, f"at step {number}: {reply.message}"
    if isinstance(reply, Failed):
        return ("memory" if reply.is_memory else "error"), f"at step {number}: {reply.error}"
    return "error", f"at step {number}: no answer"
