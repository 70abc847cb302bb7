"""All the way back, in one function, and a fit with it."""

import torch


def steepest(
    x: torch.Tensor,
    kind: torch.Tensor,
    value: torch.Tensor,
    gate: torch.Tensor,
    glu: torch.Tensor,
    delta: torch.Tensor,
    square: torch.Tensor,
    share: torch.Tensor,
    price: torch.Tensor,
    cost: torch.Tensor,
    units: int,
) -> tuple[torch.Tensor, ...]:
    """All of forward.py  ->  the gradients w.r.t. the four parameters, in this order:

        dA (feats, units), dG (feats, units), doffset (units,), dprice (kinds,)

    Given: x (rows, feats), kind (rows,), value (rows, units), gate (rows, units), glu (rows, units),
    delta (rows,), square (rows,), share (rows,), price (kinds,), cost (), units.
    """
    raise NotImplementedError("steepest")
