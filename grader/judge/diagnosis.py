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
    other-gradient the gradient of another tensor
    missing-sum    not yet summed over an axis
    extra-sum      summed over an axis that should stay
    transposed     the axes are swapped
    keepdim        right but for axes of length 1, or flattened (verdict `shape`)
    in-place       an input was changed (verdict `mutates`)
    hard-coded     right only at the lecture's sizes, or on the zeros of the real chain
    no-tensor      what was returned is no tensor
    not-summed-twice  only the last of several contributions to one row is kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.judge.reference import Backward, Reference
from grader.judge.situation import Situation
from grader.lesson.graph import Graph
from grader.lesson.model import GRADIENT_PREFIX
from grader.results.model import Mistake

_FITS = 1e-9  # of the scale: rounding, not a mistake


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
    value: Callable[[], Tensor | None]


def diagnose(observations: Sequence[Observation], tensor: str, cuts: frozenset[str]) -> Mistake | None:
    """The one mistake that explains all observations of a wrong step; None if there is none or more than one reading."""
    if not observations:
        return None
    alive: dict[tuple[str, str], Mistake] | None = None
    for observation in observations:
        fitting = _fitting(observation, tensor, cuts)
        alive = fitting if alive is None else {key: alive[key] for key in alive if key in fitting}
        if not alive:
            return None
    assert alive is not None
    return next(iter(alive.values()))


def _fitting(observation: Observation, tensor: str, cuts: frozenset[str]) -> dict[tuple[str, str], Mistake]:
    situation = observation.situation
    reference = situation.reference(tensor, cuts)
    found: dict[tuple[str, str], Mistake] = {}
    for prediction in _predictions(observation, reference, cuts):
        value = prediction.value()
        if value is not None and _equal(value, observation.got, reference.scale):
            found[prediction.tag, prediction.help] = Mistake(prediction.tag, prediction.help)
    return found


def _equal(value: Tensor, got: Tensor, scale: float) -> bool:
    if value.numel() != got.numel():
        return False
    aligned = got.to(torch.float64).reshape(value.shape)
    tolerance = _FITS if got.dtype == torch.float64 else 1e-5
    return bool(((value - aligned).abs() <= tolerance * max(scale, float(value.abs().max()))).all())


def _predictions(observation: Observation, reference: Reference, cuts: frozenset[str]) -> Iterator[_Prediction]:
    situation, got = observation.situation, observation.got
    graph = situation.tape.graph
    right = reference.gradient
    yield _Prediction("zeros", "every element is 0; the gradient is not", lambda: torch.zeros_like(right))
    yield _Prediction("sign", "it is the negative of the right answer: look for a lost or doubled minus",
                      lambda: -right)
    yield from _factors(situation, right)
    yield from _paths(graph, reference)
    yield from _without_chain_rule(situation, reference, cuts)
    yield from _reductions(graph, got, reference)


def _factors(situation: Situation, right: Tensor) -> Iterator[_Prediction]:
    for name, size in situation.case.sizes.items():
        for words, factor in (
            (f"it is {name} times too large: a division by {name} is missing (or stands there as a multiplication)", size),
            (f"it is {name} times too small: it was divided by {name} once too often", 1 / size),
            (f"it is off by ({name}-1)/{name}: {name} and {name}-1 are mixed up", (size - 1) / size),
            (f"it is off by {name}/({name}-1): {name} and {name}-1 are mixed up", size / (size - 1) if size > 1 else 0.0),
        ):
            yield _Prediction("factor", words, lambda factor=factor: right * factor)  # type: ignore[misc]
    for words, factor in (
        ("it is twice the right answer", 2.0), ("it is half the right answer: a factor 2 is missing", 0.5),
        ("it is -2 times the right answer", -2.0), ("it is -1/2 times the right answer", -0.5),
    ):
        yield _Prediction("factor", words, lambda factor=factor: right * factor)  # type: ignore[misc]


def _paths(graph: Graph, reference: Reference) -> Iterator[_Prediction]:
    tensor, right = reference.tensor, reference.gradient
    if len(reference.contributions) < 2:
        return
    for user, part in reference.contributions.items():
        statement = graph.by_tensor[user]
        place = f"{statement.source} ({graph.file.name}:{statement.line})"
        yield _Prediction("missing-path", f"what reaches {tensor} through {user} is missing: {place} uses {tensor}, too",
                          lambda part=part: right - part)  # type: ignore[misc]
        yield _Prediction("extra-path", f"what reaches {tensor} through {user} is counted twice: {place}",
                          lambda part=part: right + part)  # type: ignore[misc]
        yield _Prediction("path-sign", f"what reaches {tensor} through {user} has the wrong sign: {place}",
                          lambda part=part: right - 2 * part)  # type: ignore[misc]


def _without_chain_rule(situation: Situation, reference: Reference, cuts: frozenset[str]) -> Iterator[_Prediction]:
    tape, tensor = situation.tape, reference.tensor
    for cut in sorted(cuts):
        yield _Prediction("upstream-only", f"it is {GRADIENT_PREFIX}{cut} itself; the local derivative of "
                          f"{cut} with respect to {tensor} is not in it", lambda cut=cut: situation.drawn(cut))  # type: ignore[misc]
    ones = {cut: torch.ones_like(tape.values[cut]) for cut in cuts}
    if ones:
        yield _Prediction("local-only", f"it is the local derivative alone; multiply by what comes from the loss: "
                          f"{', '.join(GRADIENT_PREFIX + cut for cut in sorted(cuts))}",
                          lambda: Backward(tape, ones).gradient(tensor))


def _reductions(graph: Graph, got: Tensor, reference: Reference) -> Iterator[_Prediction]:
    """Sums too many or too few, and swapped axes: `got` is brought into the reference's form, or the other way."""
    right, tensor = reference.gradient, reference.tensor
    where = graph.uses(tensor)
    if got.dim() == 2 and right.dim() == 2 and got.shape == right.T.shape:
        yield _Prediction("transposed", f"its axes are swapped: transpose it to {tuple(right.shape)}"
                          if got.shape != right.shape else "its axes are swapped", lambda: right.T.contiguous())
    for axis in range(got.dim()):
        if got.numel() != right.numel() and got.shape[axis] * right.numel() == got.numel():
            summed = got.to(torch.float64).sum(axis)
            if _equal(right, summed, reference.scale):
                yield _Prediction("missing-sum", f"it still has the axis {axis}, over which {tensor} was spread in the "
                                  f"forward pass ({where}): sum over it", lambda: got.to(torch.float64))
    for axis in range(right.dim()):
        if right.shape[axis] > 1:
            yield _Prediction("extra-sum", f"it was summed over axis {axis}, which should stay",
                              lambda axis=axis: right.sum(axis))  # type: ignore[misc]
