"""Which mistake explains a wrong answer: from the graph and the numbers, for any lesson.

Every candidate is a prediction of what the student's code would return under one
mistake. The mistake is named only if its prediction fits the answer in every case;
if none fits, nothing is guessed. Tags, a closed list:

    zeros          every element is 0
    sign           the negative of the right answer
    factor         the right answer times a constant: 2, n, 1/n, (n-1)/n, ...
    missing-path   one user's contribution was left out
    extra-path     one user's contribution was counted twice
    path-sign      one user's contribution has the wrong sign
    upstream-only  a gradient was passed on without the local derivative
    local-only     the local derivative without the gradient that comes from the loss
    missing-sum    not yet summed over an axis
    extra-sum      summed over an axis that should stay
    transposed     the axes are swapped
    keepdim        right but for axes of length 1, or flattened (verdict `shape`)
    in-place       an input was changed (verdict `mutates`)
    hard-coded     right only at the lecture's sizes, or on the zeros of the real chain
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.judge.reference import Backward, Reference
from grader.judge.situation import Situation
from grader.lesson.graph import Graph
from grader.lesson.model import GRADIENT_PREFIX
from grader.results.model import Mistake

_FITS = 1e-9  # of the scale: rounding, not a mistake
_FITS_FLOAT32 = 1e-5


@dataclass(frozen=True)
class Observation:
    """What a step returned in one case, as it came."""

    situation: Situation
    got: Tensor


@dataclass(frozen=True)
class _Prediction:
    """One mistake, and what it would return in one case."""

    tag: str
    help: str
    value: Tensor


def diagnose(observations: Sequence[Observation], tensor: str, cuts: frozenset[str]) -> Mistake | None:
    """The mistake that explains all observations of a wrong step; None if there is none."""
    common: dict[tuple[str, str], Mistake] | None = None
    for observation in observations:
        fitting = _fitting(observation, tensor, cuts)
        common = fitting if common is None else {key: common[key] for key in common if key in fitting}
    return next(iter(common.values()), None) if common else None


def _fitting(observation: Observation, tensor: str, cuts: frozenset[str]) -> dict[tuple[str, str], Mistake]:
    """The mistakes that explain one observation."""
    reference = observation.situation.reference(tensor, cuts)
    return {
        (prediction.tag, prediction.help): Mistake(prediction.tag, prediction.help)
        for prediction in _predictions(observation, reference, cuts)
        if _equal(prediction.value, observation.got, reference.scale)
    }


def _equal(value: Tensor, got: Tensor, scale: float) -> bool:
    """Whether `got` is `value` within rounding; axes of length 1 do not count."""
    if value.numel() != got.numel() or not value.numel():
        return False
    aligned = got.to(torch.float64).reshape(value.shape)
    tolerance = _FITS if got.dtype == torch.float64 else _FITS_FLOAT32
    return bool(((value - aligned).abs() <= tolerance * max(scale, float(value.abs().max()))).all())


def _predictions(observation: Observation, reference: Reference, cuts: frozenset[str]) -> Iterator[_Prediction]:
    situation, right = observation.situation, reference.gradient
    yield _Prediction("zeros", "every element is 0; the gradient is not", torch.zeros_like(right))
    yield _Prediction("sign", "it is the negative of the right answer: look for a lost or doubled minus", -right)
    yield from _factors(situation, right)
    yield from _paths(situation.tape.graph, reference)
    yield from _without_chain_rule(situation, reference, cuts)
    yield from _reductions(situation.tape.graph, observation.got, reference)


def _factors(situation: Situation, right: Tensor) -> Iterator[_Prediction]:
    """Constant ratios, and what they mean."""
    for name, size in situation.case.sizes.items():
        yield _Prediction("factor", f"it is {name} times too large: a division by {name} is missing", right * size)
        yield _Prediction(
            "factor", f"it is {name} times too small: it is divided by {name} once too often", right / size
        )
        mixed = f"{name} and {name}-1 are mixed up"
        yield _Prediction("factor", f"it is off by ({name}-1)/{name}: {mixed}", right * (size - 1) / size)
        if size > 1:
            yield _Prediction("factor", f"it is off by {name}/({name}-1): {mixed}", right * size / (size - 1))
    yield _Prediction("factor", "it is twice the right answer", right * 2)
    yield _Prediction("factor", "it is half the right answer: a factor 2 is missing", right / 2)
    yield _Prediction("factor", "it is -2 times the right answer", right * -2)
    yield _Prediction("factor", "it is -1/2 times the right answer", right / -2)


def _paths(graph: Graph, reference: Reference) -> Iterator[_Prediction]:
    """Where several statements use the tensor: one of their contributions lost, doubled or negated."""
    tensor, right = reference.tensor, reference.gradient
    if len(reference.contributions) < 2:
        return
    for user, part in reference.contributions.items():
        statement = graph.by_tensor[user]
        place = f"{statement.source} ({graph.file.name}:{statement.line})"
        through = f"what reaches {tensor} through {user}"
        yield _Prediction("missing-path", f"{through} is missing: {place} uses {tensor}, too", right - part)
        yield _Prediction("extra-path", f"{through} is counted twice: {place}", right + part)
        yield _Prediction("path-sign", f"{through} has the wrong sign: {place}", right - 2 * part)


def _without_chain_rule(situation: Situation, reference: Reference, cuts: frozenset[str]) -> Iterator[_Prediction]:
    """One factor of the chain rule alone."""
    tensor = reference.tensor
    for cut in sorted(cuts):
        words = f"it is {GRADIENT_PREFIX}{cut} itself; the derivative of {cut} with respect to {tensor} is not in it"
        yield _Prediction("upstream-only", words, situation.drawn(cut))
    near = cuts or {user.tensor for user in situation.tape.graph.users[tensor]} - {situation.tape.graph.loss}
    if near:
        ones = {cut: torch.ones_like(situation.tape.values[cut]) for cut in near}
        upstream = ", ".join(GRADIENT_PREFIX + cut for cut in sorted(near))
        words = f"it is the local derivative alone; multiply it by what comes from the loss: {upstream}"
        yield _Prediction("local-only", words, Backward(situation.tape, ones).gradient(tensor))


def _reductions(graph: Graph, got: Tensor, reference: Reference) -> Iterator[_Prediction]:
    """Sums too many or too few, and swapped axes."""
    right, tensor = reference.gradient, reference.tensor
    if right.dim() == 2 and 1 not in right.shape:
        yield _Prediction("transposed", "its axes are swapped: it is the transpose of the right answer", right.T)
    for axis in range(got.dim()):
        if got.shape[axis] > 1 and got.numel() == got.shape[axis] * right.numel():
            summed = got.to(torch.float64).sum(axis)
            if _equal(right, summed, reference.scale):
                words = f"{tensor} was spread over axis {axis} in the forward pass: sum over it ({graph.uses(tensor)})"
                yield _Prediction("missing-sum", words, got.to(torch.float64))
    for axis in range(right.dim()):
        if right.shape[axis] > 1:
            yield _Prediction("extra-sum", f"it is summed over axis {axis}, which should stay", right.sum(axis))
