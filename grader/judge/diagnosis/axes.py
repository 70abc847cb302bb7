"""Sums too many, too few or over another axis; transposes, other orders, broadcasts left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from grader.judge.diagnosis.look import Candidate, Look
from grader.lesson.graph import Statement
from grader.lesson.model import GRADIENT_PREFIX

_How = TypeVar("_How")


def sums(look: Look) -> Iterator[Candidate]:
    """Where the forward pass spread the tensor over an axis: that sum left out, or over another axis."""
    users = [statement for statement in look.region if look.tensor in statement.reads]
    if len(users) != 1:
        return
    (user,) = users
    spread = _before_the_sum(look, user)
    if spread is None:
        return
    value = look.tape.values[look.tensor]
    wide = spread.dim() - value.dim()
    summed = [axis for axis in range(spread.dim()) if axis < wide or value.shape[axis - wide] != spread.shape[axis]]
    over = _axes(summed)
    place = look.place(user)
    words = f"{look.tensor} was spread over {over} in {place}: sum over it"
    yield Candidate("missing-sum", words, lambda look: _before_the_sum(look, user))
    for axes in _subsets(spread.dim()):
        if list(axes) == summed:
            continue
        if set(axes) > set(summed):
            words = f"it is summed over {_axes(axes)}; {look.tensor} was spread over {over} only: {place}"
            yield Candidate("extra-sum", words, _summed(user, axes))
        elif set(axes) < set(summed):
            words = f"it is summed over {_axes(axes)} only; {look.tensor} was spread over {over}: {place}"
            yield Candidate("missing-sum", words, _summed(user, axes))
        else:
            words = f"it is summed over {_axes(axes)}; {look.tensor} was spread over {over}: {place}"
            yield Candidate("wrong-axis", words, _summed(user, axes))


def one_of_the_batch(look: Look) -> Iterator[Candidate]:
    """Of a sum over an axis, the first or the last term alone."""
    for statement in look.users:
        if statement.tensor not in look.cuts:
            continue
        place = look.place(statement)
        words = f"only the last of the terms that add up is left, as if each replaced the one before: {place}"
        yield Candidate("overwritten", words, _term_alone(statement, 0, -1))
        words = f"only the first of the terms that add up is there: {place}"
        yield Candidate("missing-sum", words, _term_alone(statement, 0, 0))
        for axis in range(1, look.tape.values[statement.tensor].dim()):
            for which, term in (("first", 0), ("last", -1)):
                words = (
                    f"only the {which} place along axis {axis} of {GRADIENT_PREFIX}{statement.tensor} is used: {place}"
                )
                yield Candidate("missing-sum", words, _term_alone(statement, axis, term))


def _term_alone(statement: Statement, axis: int, place: int) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        upstream = look.backward.upstream(statement.tensor)
        if upstream.dim() < 2:
            return None
        alone = torch.zeros_like(upstream)
        alone.select(axis, place).copy_(upstream.select(axis, place))
        return look.altered(statement, look.tape.vjp(statement, alone))

    return predict


def extra_sums(look: Look) -> Iterator[Candidate]:
    """A sum, or a mean, over an axis that should stay; also spread out again."""
    for axis in range(look.right.dim()):
        if look.right.shape[axis] > 1:
            words = f"it is summed over axis {axis}, which should stay"
            yield Candidate("extra-sum", words, _of_right(lambda right, axis: right.sum(axis), axis))
            words = f"it is averaged over axis {axis}, which should stay"
            yield Candidate("extra-sum", words, _of_right(lambda right, axis: right.mean(axis), axis))
            words = f"it is summed over axis {axis}, which should stay, and spread out again"
            yield Candidate("extra-sum", words, _of_right(_summed_and_spread, axis))


def not_expanded(look: Look) -> Iterator[Candidate]:
    """One row or column that broadcasting would stretch to the right answer."""
    for axis in range(look.right.dim()):
        length = look.right.shape[axis]
        first = look.right.narrow(axis, 0, 1)
        if length > 1 and look.small(look.right - first, look.right):
            words = (
                f"all {look.tensor}'s entries along axis {axis} get the same, but the answer holds it once: "
                f"stretch it to the shape of {look.tensor} (multiply by torch.ones_like({look.tensor}), or expand)"
            )
            yield Candidate("not-expanded", words, _of_right(lambda right, axis: right.narrow(axis, 0, 1), axis))


def orders(look: Look) -> Iterator[Candidate]:
    """The right numbers with axes swapped, read in another order, or turned round."""
    shape = look.right.shape
    if sum(length > 1 for length in shape) < 2:
        yield from _flips(look)
        return
    for order in itertools.permutations(range(len(shape))):
        if list(order) == sorted(order):
            continue
        if len(shape) == 2:
            words = "its axes are swapped: it is the transpose of the right answer"
        else:
            words = f"its axes are in the order {order}"
        tag = "transposed" if look.got.shape != shape else "reordered"
        yield Candidate(tag, words, _of_right(lambda right, order: right.permute(order), order))
        words = (
            f"the right numbers stand in other places: they were read in another order of axes; "
            f"{look.tensor} keeps its order in {'; '.join(look.place(s) for s in look.users)}"
        )
        yield Candidate("reordered", words, _of_right(_viewed, order))
    yield from _flips(look)


def same_numbers(look: Look) -> Iterator[Candidate]:
    """The right numbers in any other places."""
    if look.got.shape != look.right.shape:
        return

    def predict(look: Look) -> Tensor | None:
        """The right numbers, in the places in which the answer has the numbers of the same rank."""
        flat = look.got.reshape(-1)
        placed = torch.empty_like(flat)
        placed[flat.argsort()] = look.right.reshape(-1).sort().values
        return placed.reshape(look.right.shape)

    if bool((look.right != look.right.reshape(-1)[0]).any()):
        words = "it holds the right numbers, but in other places: look at the order of axes, and at indices"
        yield Candidate("reordered", words, predict)


def _flips(look: Look) -> Iterator[Candidate]:
    for axis in range(look.right.dim()):
        if look.right.shape[axis] > 1:
            words = f"the right numbers stand in reverse along axis {axis}"
            yield Candidate("reordered", words, _of_right(lambda right, axis: right.flip(axis), axis))


def _of_right(change: Callable[[Tensor, _How], Tensor], how: _How) -> Callable[[Look], Tensor]:
    return lambda look: change(look.right, how)


def _summed_and_spread(right: Tensor, axis: int) -> Tensor:
    return right.sum(axis, keepdim=True).expand_as(right)


def _viewed(right: Tensor, order: Sequence[int]) -> Tensor:
    """The numbers laid out in another order of axes, in the right shape."""
    return right.permute(*order).reshape(right.shape)


def _before_the_sum(look: Look, user: Statement) -> Tensor | None:
    """The gradient as if the tensor had not been broadcast: in the shape of what the statement makes."""
    value, made = look.tape.values[look.tensor], look.tape.values[user.tensor]
    try:
        wide = value.expand_as(made)
    except RuntimeError:
        return None
    if wide.shape == value.shape:
        return None
    upstream = look.backward.upstream(user.tensor)
    products = look.tape.vjp_at(user, upstream, {look.tensor: wide})
    return products[look.tensor] if products else None


def _summed(user: Statement, axes: tuple[int, ...]) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        spread = _before_the_sum(look, user)
        return None if spread is None else spread.sum(axes)

    return predict


def _subsets(dim: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, dim + 1):
        yield from itertools.combinations(range(dim), size)


def _axes(axes: Sequence[int]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
