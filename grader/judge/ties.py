"""Tied maxima: where a maximum is reached by several entries, any subgradient is right.

What a step may do with the gradient of the maximum is to share it out among the tied
entries as it likes; so tied entries are compared by their sum. Giving each of them
the whole is wrong at a tie and right everywhere else; it passes, with a note.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.judge.tape import Tape


@dataclass(frozen=True)
class Ties:
    """Which entries of a tensor are tied, and at which entry of the maximum each group meets."""

    maximum: str  # the tensor made by taking the maximum
    tied: Tensor  # bool, the tensor's shape: the entry reaches the maximum
    group: Tensor  # int64, the tensor's shape: which entry of the maximum
    groups: int

    def sums(self, values: Tensor) -> Tensor:
        """For each group the sum of `values` over its tied entries, (groups,)."""
        return torch.zeros(self.groups, dtype=values.dtype).index_add_(0, self.group[self.tied], values[self.tied])

    def shared(self, shares: Tensor, tolerance: float) -> bool:
        """Whether every tied entry's share lies between nothing and its group's whole: a subgradient."""
        whole = self.sums(shares)[self.group]
        low, high = torch.minimum(whole, torch.zeros_like(whole)), torch.maximum(whole, torch.zeros_like(whole))
        inside = (shares >= low - tolerance) & (shares <= high + tolerance)
        return bool((inside | ~self.tied).all())

    def whole_to_each(self, gradient: Tensor, contribution: Tensor) -> Tensor:
        """`gradient` with the maximum's contribution given to each tied entry in full."""
        whole = self.sums(contribution)[self.group]
        return gradient - contribution + torch.where(self.tied, whole, torch.zeros_like(whole))


def ties_of(tape: Tape, tensor: str) -> Ties | None:
    """The ties of `tensor` at the one statement that takes a maximum of it along an axis; None if there is none."""
    picking = [user for user in tape.graph.users[tensor] if user.picks]
    if len(picking) != 1:
        return None
    value, picked = tape.values[tensor], tape.values[picking[0].tensor]
    spread = _spread(torch.arange(picked.numel()).reshape(picked.shape), value)
    if spread is None:
        return None
    return Ties(picking[0].tensor, value == picked.reshape(-1)[spread], spread, picked.numel())


def _spread(numbers: Tensor, value: Tensor) -> Tensor | None:
    """`numbers`, one an entry of the maximum, spread over the axes that were reduced."""
    for axes in itertools.combinations(range(value.dim()), value.dim() - numbers.dim()):
        shape = list(numbers.shape)
        for axis in axes:
            shape.insert(axis, 1)
        if all(a in (1, b) for a, b in zip(shape, value.shape, strict=True)):
            return numbers.reshape(shape).expand(value.shape)
    return None
