"""The right gradient at given cut points, and the scale by which errors are measured.

For a step that reads the gradients of the tensors in `cuts`, these gradients are
drawn at random, and the right answer for the tensor t is

    g(t) = sum over the users w of t of  J(w, t)^T (drawn dw if w is cut, else g(w)),   g(loss) = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from grader.judge.tape import Tape

PERTURBATION = 1e-6  # relative size of the random change by which the scale is measured
_SOURCES = 3  # of noise
VANISHES = 1e-9  # a reference below this part of its scale is zero in exact arithmetic


@dataclass(frozen=True)
class Reference:
    """The right answer for one tensor in one case."""

    tensor: str
    gradient: Tensor
    contributions: Mapping[str, Tensor]  # by the tensor made by each user: what comes through it
    measure: Callable[[], float]

    @cached_property
    def largest(self) -> float:
        """The largest element: the scale is at least this, and takes several backward passes more."""
        return float(self.gradient.abs().max()) if self.gradient.numel() else 0.0

    @cached_property
    def scale(self) -> float:
        """The largest change of the gradient under a relative change of 1 of what it is made of."""
        return self.measure()

    @cached_property
    def proves(self) -> bool:
        """False where the right answer is zero in exact arithmetic, so that zeros would pass."""
        return self.largest > VANISHES * self.scale


class Backward:
    """Gradients on one tape with some of them cut; each is worked out once.

    `closed` are paths, (tensor, tensor made from it), along which nothing flows back.
    """

    def __init__(
        self, tape: Tape, cuts: Mapping[str, Tensor], closed: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self._tape = tape
        self._cuts = cuts
        self._closed = closed
        self._products: dict[str, dict[str, Tensor]] = {}
        self._gradients: dict[str, Tensor] = {}

    def gradient(self, tensor: str) -> Tensor:
        """g(tensor), in its shape."""
        if tensor not in self._gradients:
            value = self._tape.values[tensor]
            total = torch.ones_like(value) if tensor == self._tape.graph.loss else torch.zeros_like(value)
            for part in self.contributions(tensor).values():
                total = total + part
            self._gradients[tensor] = total
        return self._gradients[tensor]

    def contributions(self, tensor: str) -> dict[str, Tensor]:
        """What reaches `tensor` through each of its users."""
        graph = self._tape.graph
        parts: dict[str, Tensor] = {}
        for place, user in enumerate(graph.users[tensor]):
            if (tensor, user.tensor) in self._closed:
                continue
            if not self._tape.values[user.tensor].is_floating_point():
                continue  # a mask, an index: no gradient comes back from it
            if user.tensor == graph.loss or graph.loss in graph.downstream[user.tensor]:
                products = self.path(place).through(user.tensor)
                if tensor in products:
                    parts[user.tensor] = products[tensor]
        return parts

    def upstream(self, tensor: str) -> Tensor:
        """The gradient that flows into the statement that makes `tensor`."""
        return self._cuts[tensor] if tensor in self._cuts else self.gradient(tensor)

    def through(self, made: str) -> dict[str, Tensor]:
        """What flows out of the statement that makes `made`, to each tensor it reads."""
        if made not in self._products:
            self._products[made] = self._tape.vjp(self._tape.graph.by_tensor[made], self.upstream(made))
        return self._products[made]

    def path(self, _place: int) -> Backward:
        """Where the contribution of a tensor's `place`th user comes from."""
        return self


class Altered(Backward):
    """The same, but with something else than what flows back from one statement to what it reads."""

    def __init__(
        self,
        tape: Tape,
        cuts: Mapping[str, Tensor],
        closed: frozenset[tuple[str, str]],
        made: str,
        products: Mapping[str, Tensor],
    ) -> None:
        super().__init__(tape, cuts, closed)
        self._products[made] = dict(products)


class Shaken(Backward):
    """The same with every drawn gradient and every contribution off by a relative 1e-6 of noise.

    The paths into a tensor take their noise from different sources: where two contributions
    cancel, the noise must not cancel with them, because rounding does not.
    """

    def __init__(self, tape: Tape, cuts: Mapping[str, Tensor], seed: int, family: list[Shaken]) -> None:
        super().__init__(tape, cuts)
        self._noise = torch.Generator().manual_seed(seed)
        self._seed = seed
        self._family = family

    def upstream(self, tensor: str) -> Tensor:
        return self._shake(super().upstream(tensor))

    def through(self, made: str) -> dict[str, Tensor]:
        if made not in self._products:
            self._products[made] = {name: self._shake(product) for name, product in super().through(made).items()}
        return self._products[made]

    def path(self, place: int) -> Backward:
        return self._family[(self._seed + place) % len(self._family)]

    def _shake(self, tensor: Tensor) -> Tensor:
        change = torch.rand(tensor.shape, generator=self._noise, dtype=tensor.dtype) * 2 - 1
        return tensor * (1 + PERTURBATION * change)


def reference(tape: Tape, tensor: str, cuts: Mapping[str, Tensor]) -> Reference:
    """The right answer for `tensor` (float64), its scale and its contributions."""
    backward = Backward(tape, cuts)
    gradient = backward.gradient(tensor)

    def measure() -> float:
        changes = [gradient.abs().max()] if gradient.numel() else [torch.zeros(())]
        family: list[Shaken] = []
        for seed in range(_SOURCES):
            family.append(Shaken(tape, cuts, seed, family))
        for shaken in family:
            changes.append((shaken.gradient(tensor) - gradient).abs().max() / PERTURBATION)
        return float(max(changes))

    return Reference(tensor, gradient, backward.contributions(tensor), measure)
