"""A wrong answer in one case, and what predictions are worked out from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from grader.judge.reference import Altered, Backward, Reference
from grader.judge.situation import Situation
from grader.judge.tape import Tape
from grader.lesson.graph import Graph, Statement

_FITS = 1e-9  # of the scale: rounding, not a mistake
_FITS_FLOAT32 = 1e-5
_MAY_FIT = 1e-5


@dataclass(frozen=True)
class Observation:
    """What a step returned in one case, as it came."""

    situation: Situation
    got: Tensor


@dataclass(frozen=True)
class Look:
    """One observation of the gradient of `tensor`, where the gradients of `cuts` were drawn."""

    observation: Observation
    tensor: str
    cuts: frozenset[str]
    mentioned: frozenset[str]  # the names in the student's code
    closed: frozenset[tuple[str, str]] = frozenset()  # paths that are taken for absent

    @property
    def situation(self) -> Situation:
        return self.observation.situation

    @property
    def tape(self) -> Tape:
        return self.situation.tape

    @property
    def graph(self) -> Graph:
        return self.tape.graph

    @cached_property
    def got(self) -> Tensor:
        """The answer in float64, in the shape it came in."""
        return self.observation.got.to(torch.float64)

    @cached_property
    def reference(self) -> Reference:
        return self.situation.reference(self.tensor, self.cuts)

    @property
    def right(self) -> Tensor:
        return self.reference.gradient

    @cached_property
    def drawn(self) -> Mapping[str, Tensor]:
        """The gradients at the cut points."""
        return {cut: self.situation.drawn(cut) for cut in sorted(self.cuts)}

    @cached_property
    def region(self) -> tuple[Statement, ...]:
        """The statements between the tensor and what was drawn (or the loss), nearest first."""
        found: list[Statement] = []
        waiting = list(self.users)
        while waiting:
            statement = waiting.pop(0)
            reaches = self.graph.loss == statement.tensor or self.graph.loss in self.graph.downstream[statement.tensor]
            if statement in found or not reaches:
                continue
            found.append(statement)
            if statement.tensor not in self.cuts:
                waiting += self._users(statement.tensor)
        return tuple(found)

    @cached_property
    def users(self) -> tuple[Statement, ...]:
        """The statements that read the tensor, and send a gradient back."""
        return self._users(self.tensor)

    def _users(self, tensor: str) -> tuple[Statement, ...]:
        return tuple(user for user in self.graph.users[tensor] if self.tape.values[user.tensor].is_floating_point())

    @cached_property
    def _tolerance(self) -> float:
        return _FITS if self.observation.got.dtype == torch.float64 else _FITS_FLOAT32

    def fits(self, prediction: Tensor) -> bool:
        """Whether the answer is `prediction` within rounding; axes of length 1 do not count."""
        if prediction.numel() != self.got.numel() or not prediction.numel():
            return False
        return self.small(prediction - self.got.reshape(prediction.shape), prediction)

    def small(self, difference: Tensor, beside: Tensor) -> bool:
        """Whether `difference` is rounding beside the right answer and `beside`."""
        size = max(self.reference.scale, float(beside.abs().max()))
        return bool((difference.abs() <= self._tolerance * size).all())

    def is_right(self, prediction: Tensor) -> bool:
        """Whether `prediction` is the right answer: then it explains nothing."""
        return prediction.numel() == self.right.numel() and self.small(
            prediction.reshape(self.right.shape) - self.right, self.right
        )

    @cached_property
    def backward(self) -> Backward:
        """The gradients with nothing altered."""
        return Backward(self.tape, self.drawn, self.closed)

    def altered(self, statement: Statement, products: Mapping[str, Tensor] | None) -> Tensor | None:
        """The gradient if the statement sent back `products` instead; None where that is not the answer for sure."""
        if products is None:
            return None
        usual = self.backward.through(statement.tensor)
        changes = {name: product - usual[name] for name, product in products.items() if name in self._directions}
        if not self._may_fit(changes):
            return None
        return Altered(self.tape, self.drawn, self.closed, statement.tensor, products).gradient(self.tensor)

    def with_gradient(self, inner: str, gradient: Tensor) -> Tensor | None:
        """The gradient if that of the tensor `inner` were another; None where that is not the answer for sure."""
        if inner not in self._directions or not self._may_fit({inner: gradient - self.backward.gradient(inner)}):
            return None
        return Backward(self.tape, {**self.drawn, inner: gradient}, self.closed).gradient(self.tensor)

    def part(self, read: str, statement: Statement) -> Tensor:
        """What reaches the tensor through this statement's use of `read`."""
        return self.backward.gradient(self.tensor) - self.without([(read, statement)])

    def without(self, edges: Collection[tuple[str, Statement]]) -> Tensor:
        """The gradient without what flows along these uses."""
        closed = self.closed | {(read, statement.tensor) for read, statement in edges}
        return self.situation.without(self.tensor, self.cuts, closed)

    def only(self, way: Collection[tuple[str, Statement]], edges: Collection[tuple[str, Statement]]) -> Tensor:
        """What flows along one way and no other."""
        return self.without([edge for edge in edges if edge not in way])

    @cached_property
    def vanishing(self) -> frozenset[tuple[str, str]]:
        """The paths out of the tensors of the region through which nothing comes, in exact arithmetic."""
        nothing: set[tuple[str, str]] = set()
        for statement in self.region:
            for read in statement.reads:
                if read in self._directions and len(self.graph.users[read]) > 1:
                    part = self.backward.through(statement.tensor)[read]
                    if self.small(part, self.right) or bool((part.abs() <= 1e-12 * self.reference.scale).all()):
                        nothing.add((read, statement.tensor))
        return frozenset(nothing)

    def _may_fit(self, changes: Mapping[str, Tensor]) -> bool:
        """Whether these changes of gradients inside the region can lead to the answer: along one random direction.

        <J^T change, v> = <change, J v>: with J v pushed forward once, a candidate costs one product.
        """
        if self.got.numel() != self.right.numel():
            return False
        expected = float((self._excess * self._direction).sum())
        moved = sum(float((change * self._directions[name]).sum()) for name, change in changes.items())
        size = max(self.reference.scale, float(self.got.abs().max())) * float(self._direction.abs().sum())
        return abs(expected - moved) <= _MAY_FIT * size

    @cached_property
    def _excess(self) -> Tensor:
        return self.got.reshape(self.right.shape) - self.backward.gradient(self.tensor)

    @cached_property
    def _direction(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(self.right.shape, generator=generator, dtype=torch.float64)

    @cached_property
    def _directions(self) -> dict[str, Tensor]:
        """How the tensors inside the region move when the tensor moves in a random direction."""
        moving = {self.tensor: self._direction}
        inside = {statement.tensor for statement in self.region} - self.cuts
        for statement in self.graph.statements:
            if statement.tensor in inside:
                among = {
                    name: moving[name]
                    for name in statement.reads
                    if (name in moving and (name, statement.tensor) not in self.closed)
                }
                if among:
                    moving[statement.tensor] = self.tape.push(statement, among)
        return moving

    def flows_to(self, read: str) -> bool:
        """Whether `read` is the tensor itself, or lies between it and the cut points."""
        return read in self._directions

    def place(self, statement: Statement) -> str:
        """The forward line, for messages: 'bnraw = bndiff * bnvar_inv (forward.py:41)'."""
        return f"{statement.source} ({self.graph.file.name}:{statement.line})"


@dataclass(frozen=True)
class Candidate:
    """One mistake, and what an answer that makes it would return in a case."""

    tag: str
    help: str
    predict: Callable[[Look], Tensor | None]
    mentions: str = ""  # a name that the student's code has to hold for this to be the mistake


Family = Callable[[Look], Iterator[Candidate]]
