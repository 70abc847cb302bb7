"""One forward pass, statement by statement, so that every local derivative stands alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grader.lesson.graph import Statement
from grader.lesson.network import Network


class Tape:
    """The values of one forward pass, and the vector-Jacobian product of every statement.

    Each statement is evaluated on fresh leaves, so its autograd graph reaches exactly
    from the tensors it reads to the one it makes.
    """

    def __init__(self, network: Network, inputs: Mapping[str, Tensor], sizes: Mapping[str, int]) -> None:
        self.graph = network.graph
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
        """For each floating tensor t the statement reads: J^T upstream, in the shape of t."""
        reads = [name for name in statement.reads if self._leaves[name].requires_grad]
        if not reads or not self._made[statement.tensor].requires_grad:
            return {}
        leaves = [self._leaves[name] for name in reads]
        made = self._made[statement.tensor]
        # The gradient of <made, upstream> instead of grad_outputs=upstream: the same numbers, and torch
        # does not import sympy (half a second) to compare two shapes.
        products = torch.autograd.grad((made * upstream).sum(), leaves, retain_graph=True, allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if product is None else product
            for name, leaf, product in zip(reads, leaves, products, strict=True)
        }

    def _keep(self, name: str, value: Tensor) -> None:
        self.values[name] = value
        self._leaves[name] = value.detach().requires_grad_(value.is_floating_point())
