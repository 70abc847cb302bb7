"""One forward pass, statement by statement, so that every local derivative stands alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grader.errors import KitError
from grader.lesson.graph import Statement
from grader.lesson.network import Network


class Tape:
    """The values of one forward pass, and the vector-Jacobian product of every statement.

    Each statement is evaluated on fresh leaves, so its autograd graph reaches exactly
    from the tensors it reads to the one it makes.
    """

    def __init__(self, network: Network, inputs: Mapping[str, Tensor], sizes: Mapping[str, int]) -> None:
        self.graph = network.graph
        self._network = network
        self._sizes = sizes
        self.values: dict[str, Tensor] = {}
        self._leaves: dict[str, Tensor] = {}
        self._made: dict[str, Tensor] = {}
        for name, value in inputs.items():
            self._keep(name, value)
        for statement in self.graph.statements:
            made = network.evaluate(statement, {**sizes, **{name: self._leaves[name] for name in statement.reads}})
            self._made[statement.tensor] = made
            self._keep(statement.tensor, made.detach())

    def vjp(self, statement: Statement, upstream: Tensor) -> dict[str, Tensor]:
        """For each floating tensor t the statement reads: J^T upstream, in the shape of t.

        Zeros where no gradient flows: through a comparison, an index, a shape, a dtype, a detach.
        """
        reads = [name for name in statement.reads if self._leaves[name].requires_grad]
        leaves = [self._leaves[name] for name in reads]
        if not reads or not self._made[statement.tensor].requires_grad:
            return {name: torch.zeros_like(leaf) for name, leaf in zip(reads, leaves, strict=True)}
        made = self._made[statement.tensor]
        # The gradient of <made, upstream> instead of grad_outputs=upstream: the same numbers, and torch
        # does not import sympy (half a second) to compare two shapes.
        products = torch.autograd.grad((made * upstream).sum(), leaves, retain_graph=True, allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if product is None else product
            for name, leaf, product in zip(reads, leaves, products, strict=True)
        }

    def vjp_at(
        self, statement: Statement, upstream: Tensor, replaced: Mapping[str, Tensor], expression: str = ""
    ) -> dict[str, Tensor] | None:
        """The same product with other values for some of what the statement reads, or with another right-hand side.

        None where that cannot be evaluated, or makes a tensor of another shape.
        """
        values = {name: replaced.get(name, self.values[name]) for name in statement.reads}
        leaves = {name: value.detach().requires_grad_(value.is_floating_point()) for name, value in values.items()}
        try:
            made = self._network.evaluate(statement, {**self._sizes, **leaves}, expression)
        except KitError:
            return None
        floating = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
        if made.shape != upstream.shape or not made.requires_grad:
            return None
        products = torch.autograd.grad((made * upstream).sum(), list(floating.values()), allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if product is None else product
            for (name, leaf), product in zip(floating.items(), products, strict=True)
        }

    def push(self, statement: Statement, directions: Mapping[str, Tensor]) -> Tensor:
        """J directions: how what the statement makes moves when what it reads moves so.

        J^T u is linear in u, and its derivative along v is J v: two backward passes, because torch's
        forward mode compiles its rules when first used, which takes longer than all else here.
        """
        made = self._made[statement.tensor]
        read = [name for name in statement.reads if name in directions and self._leaves[name].requires_grad]
        if not read or not made.requires_grad:
            return torch.zeros_like(self.values[statement.tensor])
        upstream = torch.zeros_like(made, requires_grad=True)
        leaves = [self._leaves[name] for name in read]
        products = torch.autograd.grad((made * upstream).sum(), leaves, create_graph=True, allow_unused=True)
        moved = torch.zeros((), dtype=made.dtype)
        for name, product in zip(read, products, strict=True):
            if product is not None:
                moved = moved + (product * directions[name]).sum()
        if not moved.requires_grad:
            return torch.zeros_like(self.values[statement.tensor])
        (pushed,) = torch.autograd.grad(moved, [upstream], retain_graph=True)
        return pushed

    def made_at(self, statement: Statement, replaced: Mapping[str, Tensor]) -> Tensor | None:
        """What the statement makes of other values; None where that cannot be evaluated."""
        values = {name: replaced.get(name, self.values[name]) for name in statement.reads}
        try:
            return self._network.evaluate(statement, {**self._sizes, **values}).detach()
        except KitError:
            return None

    def value_of(self, statement: Statement, expression: str) -> Tensor | None:
        """Another expression over what the statement reads; None where that cannot be evaluated."""
        values = {name: self.values[name] for name in statement.reads}
        try:
            return self._network.evaluate(statement, {**self._sizes, **values}, expression).detach()
        except KitError:
            return None

    def _keep(self, name: str, value: Tensor) -> None:
        self.values[name] = value
        self._leaves[name] = value.detach().requires_grad_(value.is_floating_point())
