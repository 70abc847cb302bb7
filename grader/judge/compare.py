"""One answer against one reference: type, shape, finite, values, in this order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from msgspec import Struct
from torch import Tensor

from grader.judge.reference import Reference
from grader.judge.situation import TOLERANCE, Situation, View
from grader.wording import counted

_FLOATS = (torch.float64, torch.float32)

Outcome = Literal["right", "shape", "wrong"]


class Comparison(Struct, frozen=True):
    """What an answer is, measured against the reference."""

    outcome: Outcome
    fact: str = ""  # for wrong and shape: what is off, without the numbers of hidden cases
    tag: str = ""  # of the mistake, where the form alone shows it
    off: Tensor | None = None  # bool: which elements differ
    proves: bool = False  # the right answer is not zero in exact arithmetic
    got: Tensor | None = None  # in the reference's shape, where it has as many elements
    scaled_error: float | None = None
    differing: int = 0
    note: str = ""
    more_axes: int = 0  # than the reference has


def compare(got: Tensor, situation: Situation, tensor: str, cuts: frozenset[str], view: View = "plain") -> Comparison:
    """Judges `got` as the gradient of `tensor` in `situation`."""
    reference = situation.reference(tensor, cuts, view)
    right, shape = reference.gradient, tuple(reference.gradient.shape)
    if got.dtype not in _FLOATS:
        kind = str(got.dtype).removeprefix("torch.")
        return Comparison("wrong", f"it holds {kind} numbers; a gradient is float32 or float64", "dtype")
    if got.numel() != right.numel():
        return Comparison(
            "wrong",
            f"its shape is {_shape(got)}, which has {counted(got.numel(), 'element')}; expected {_tuple(shape)}",
        )
    aligned = got if got.dtype is torch.float64 and got.shape == shape else got.to(torch.float64).reshape(shape)
    error = (aligned - right).abs()
    worst = float(error.max())
    tolerance = TOLERANCE * reference.scale
    bad = 0 if math.isfinite(worst) else int((~torch.isfinite(got)).sum())
    if bad:
        some = f"{bad} of {counted(got.numel(), 'element')} {'is' if bad == 1 else 'are'}"
        return Comparison("wrong", f"{some} not finite (NaN or infinite)", "not-finite")
    note = ""
    fits = worst <= tolerance
    if not fits and situation.case.ties:
        fits, note = _fits_tied(aligned, situation, reference, tolerance)
    scaled = worst / reference.scale if reference.scale > 0 else None
    if not fits:
        differing = int((error > tolerance).sum())
        fact = f"{differing} of {counted(error.numel(), 'element')} {'differs' if differing == 1 else 'differ'}"
        if tuple(got.shape) != shape:
            fact = f"its shape is {_shape(got)}, expected {_tuple(shape)}, and {fact}"
        return Comparison("wrong", fact, "", error > tolerance, reference.proves, aligned, scaled, differing)
    if tuple(got.shape) != shape:
        fact = f"its shape is {_shape(got)}, expected {_tuple(shape)}; the values are right"
        tag = "keepdim" if _long(got.shape) == _long(shape) else "flattened"
        more = got.dim() - len(shape)
        return Comparison("shape", fact, tag, None, reference.proves, aligned, scaled, 0, note, more)
    return Comparison("right", "", "", None, reference.proves, aligned, scaled, 0, note)


def _fits_tied(got: Tensor, situation: Situation, reference: Reference, tolerance: float) -> tuple[bool, str]:
    """Whether `got` is right but for how it shares a maximum's gradient among tied entries."""
    ties = situation.ties(reference.tensor)
    if ties is None or ties.maximum not in reference.contributions:
        return False, ""
    right = reference.gradient
    untied = bool((((got - right).abs() <= tolerance) | ties.tied).all())
    summed = float((ties.sums(got) - ties.sums(right)).abs().max())
    share = got - right + reference.contributions[ties.maximum]
    if untied and summed <= tolerance * got.numel() and ties.shared(share, tolerance * got.numel()):
        return True, ""
    each = ties.whole_to_each(right, reference.contributions[ties.maximum])
    if float((got - each).abs().max()) <= tolerance * got.numel():
        return True, (
            f"where several entries tie for the maximum, each of them gets the whole gradient of {ties.maximum}; "
            "a subgradient shares it out among them"
        )
    return False, ""


def _long(shape: Sequence[int]) -> list[int]:
    """The lengths of a shape but those of 1."""
    return [length for length in shape if length != 1]


def _shape(tensor: Tensor) -> str:
    return _tuple(tuple(tensor.shape))


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
