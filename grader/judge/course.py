"""A training run made by autograd: what every student's run starts from and has to follow.

A student whose gradients are right at each of its points follows it. That is known at a glance, and asked in calls
that are the same for every submission; any other run is made step by step (`training`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grader.judge.desk import Desk
from grader.judge.draw import draw_inputs, key_of
from grader.judge.glance import Right, right_at_a_glance
from grader.judge.inject import Injection, written_call
from grader.judge.situation import answer_key, keep_small
from grader.lesson import Case, Exercise, TrainingPlan
from grader.wire.frames import Part

# Of the largest parameter in a tensor: an update that is off by no more leaves every later loss where it is,
# which may be off by a thousand times as much.
_SAME_UPDATE = 1e-12
_STRIDE = 5  # points that are asked at once: a run that takes too long can tell how far it came
_MOST_KEPT = 8


@dataclass(frozen=True)
class Point:
    """One step of the run: what goes in, the loss, and autograd's gradients of what is learned."""

    inputs: Mapping[str, Tensor]
    loss: float
    gradients: Mapping[str, Tensor]


@dataclass(frozen=True)
class Stretch:
    """Some points in a row: what a function that reads no gradient is asked there, and what is right."""

    first: int  # the number of its first point, from 1
    calls: tuple[Part, ...]
    rights: tuple[Right | None, ...]

    @property
    def last(self) -> int:
        """The number of its last point."""
        return self.first + len(self.calls) - 1


@dataclass(frozen=True)
class Course:
    """The run by autograd."""

    plan: TrainingPlan
    points: tuple[Point, ...]
    learning_rate: float
    _stretches: dict[tuple[str, Injection], tuple[Stretch, ...]] = field(default_factory=dict)

    def stretches(self, desk: Desk, exercise: Exercise, name: str, injection: Injection) -> tuple[Stretch, ...]:
        """The whole run for a function that asks for this, stretch by stretch."""
        place = (name, injection)
        if place not in self._stretches:
            keep_small(self._stretches, _MOST_KEPT)
            targets = [step.tensor for step in exercise.gradient_steps]
            largest = {
                target: max(float(point.inputs[target].abs().max()) for point in self.points) for target in targets
            }
            allowed = [_SAME_UPDATE * largest[target] / self.learning_rate for target in targets]
            self._stretches[place] = tuple(
                Stretch(
                    first + 1,
                    tuple(self._call(desk, answer_key(exercise.name, name), injection, point) for point in points),
                    tuple(
                        right_at_a_glance([[point.gradients[target] for target in targets]], [allowed])
                        for point in points
                    ),
                )
                for first in range(0, len(self.points), _STRIDE)
                for points in [self.points[first : first + _STRIDE]]
            )
        return self._stretches[place]

    def _call(self, desk: Desk, key: str, injection: Injection, point: Point) -> Part:
        with torch.inference_mode():
            values = desk.situations.network.forward(point.inputs, self.plan.sizes)
        return written_call(key, "float64", injection, self.plan.sizes, values, lambda _: torch.ones(()))


def make_course(desk: Desk, exercise: Exercise, plan: TrainingPlan, seed: int) -> Course:
    """Draws start and batches, and trains with autograd."""
    lesson = desk.lesson
    assert lesson.training is not None
    case = Case("training", plan.sizes, lesson.inputs)
    parameters = draw_inputs(case, key_of(seed, exercise.name, "training", "start"))
    learned = [step.tensor for step in exercise.gradient_steps]
    points: list[Point] = []
    for number in range(plan.steps):
        drawn = draw_inputs(case, key_of(seed, exercise.name, "training", str(number)))
        inputs = {**parameters, **{name: drawn[name] for name in lesson.training.batch}}
        loss, gradients = by_autograd(desk, inputs, plan.sizes, learned)
        points.append(Point(inputs, loss, gradients))
        updated = {name: parameters[name] - lesson.training.learning_rate * gradients[name] for name in learned}
        parameters = {**parameters, **updated}
    return Course(plan, tuple(points), lesson.training.learning_rate)


def by_autograd(
    desk: Desk, inputs: Mapping[str, Tensor], sizes: Mapping[str, int], wanted: Sequence[str]
) -> tuple[float, dict[str, Tensor]]:
    """The loss, and the gradients of the wanted tensors."""
    with torch.inference_mode(False):
        leaves = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in inputs.items()}
        values = desk.situations.network.forward(leaves, sizes)
        loss = values[desk.lesson.loss]
        gradients = torch.autograd.grad(loss, [values[name] for name in wanted])
    return float(loss.detach()), dict(zip(wanted, gradients, strict=True))
