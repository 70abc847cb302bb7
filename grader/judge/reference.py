"""The right gradient at given cut points, and the scale by which errors are measured.

For a step that reads the gradients of the tensors in `cuts`, these gradients are
drawn at random, and the right answer for the tensor t is

    g(t) = sum over the users w of t of  J(w, t)^T (drawn dw if w is cut, else g(w)),   g(loss) = 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.judge.tape import Tape

PERTURBATION = 1e-6  # relative size of the random change by which the scale is measured
_PERTURBATIONS = 2
VANISHES = 1e-9  # a reference below this part of its scale is zero in exact arithmetic


@dataclass(frozen=True)
class Reference:
    """The right answer for one tensor in one case."""

    tensor: str
    gradient: Tensor
    scale: float  # the largest change of the gradient under a relative change of 1 of what it is made of
    contributions: Mapping[str, Tensor]  # by the tensor made by each user: what comes through it

    @property
    def proves(self) -> bool:
        """False where the right answer is zero in exact arithmetic, so that zeros would pass."""
        return bool(self.gradient.abs().max() > VANISHES * self.scale) if self.gradient.numel() else False


class Backward:
    """Gradients on one tape with some of them cut; each is worked out once."""

    def __init__(self, tape: Tape, cuts: Mapping[str, Tensor], noise: torch.Generator | None = None) -> None:
        self._tape = tape
        self._cuts = cuts
        self._noise = noise
        self._products: dict[str, dict[str, Tensor]] = {}
        self._gradients: dict[str, Tensor] = {}

    def gradient(self, tensor: str) -> Tensor:
        """g(tensor), in its shape."""
        if tensor not in self._gradients:
            value = self._tape.values[tensor]
            if tensor == self._tape.graph.loss:
                total = torch.ones_like(value)
            else:
                total = torch.zeros_like(value)
                for part in self.contributions(tensor).values():
                    total = total + part
            self._gradients[tensor] = total
        return self._gradients[tensor]

    def contributions(self, tensor: str) -> dict[str, Tensor]:
        """What reaches `tensor` through each of its users."""
        graph = self._tape.graph
        parts: dict[str, Tensor] = {}
        for user in graph.users[tensor]:
            if user.tensor == graph.loss or graph.loss in graph.downstream[user.tensor]:
                products = self._through(user.tensor)
                if tensor in products:
                    parts[user.tensor] = products[tensor]
        return parts

    def upstream(self, tensor: str) -> Tensor:
        """The gradient that flows into the statement that makes `tensor`."""
        if tensor in self._cuts:
            return self._shaken(self._cuts[tensor])
        return self.gradient(tensor)

    def _through(self, made: str) -> dict[str, Tensor]:
        if made not in self._products:
            statement = self._tape.graph.by_tensor[made]
            products = self._tape.vjp(statement, self.upstream(made))
            self._products[made] = {name: self._shaken(product) for name, product in products.items()}
        return self._products[made]

    def _shaken(self, tensor: Tensor) -> Tensor:
        if self._noise is None:
            return tensor
        change = torch.rand(tensor.shape, generator=self._noise, dtype=tensor.dtype) * 2 - 1
        return tensor * (1 + PERTURBATION * change)


def reference(tape: Tape, tensor: str, cuts: Mapping[str, Tensor]) -> Reference:
    """The right answer for `tensor` (float64), its scale and its contributions."""
    backward = Backward(tape, cuts)
    gradient = backward.gradient(tensor)
    changes = [gradient.abs().max()] if gradient.numel() else [torch.zeros(())]
    for seed in range(_PERTURBATIONS):
        shaken = Backward(tape, cuts, torch.Generator().manual_seed(seed)).gradient(tensor)
        changes.append((shaken - gradient).abs().max() / PERTURBATION)
    return Reference(tensor, gradient, float(max(changes)), backward.contributions(tensor))
