"""A gated linear unit, softplus, and a weighted squared error: one tensor a line.

x (rows, feats) is a batch of examples, goal (rows,) what they should give, kind (rows,)
what sort of example each is. A and G (feats, units) and offset (units,) are the value
and the gate of the unit; price (kinds,) says how much each sort of example counts.
"""

import torch


def forward(
    x: torch.Tensor,
    kind: torch.Tensor,
    goal: torch.Tensor,
    A: torch.Tensor,
    G: torch.Tensor,
    offset: torch.Tensor,
    price: torch.Tensor,
) -> torch.Tensor:
    """The cost of one batch: a scalar."""
    # gated linear unit
    value = x @ A + offset
    slope = x @ G
    gate = torch.sigmoid(slope)
    glu = value * gate
    # softplus, averaged over the units
    lift = torch.log1p(torch.exp(glu))
    guess = lift.mean(1)
    # squared error
    delta = guess - goal
    square = delta * delta
    # how much each example counts
    rate = price[kind]
    worth = torch.exp(rate)
    total = worth.sum()
    share = worth / (total + 0.5)
    cost = (share * square).sum()
    return cost  # noqa: RET504
