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
    # BEGIN SOLUTION
    # why: the walk once more. A row's price pulls its own square into the cost, and pushes the others' out.
    dglu = (2 * delta * share).unsqueeze(1) / units * torch.sigmoid(glu)
    dvalue = gate * dglu
    dslope = value * gate * (1 - gate) * dglu
    drate = share * (square - cost)
    return x.T @ dvalue, x.T @ dslope, dvalue.sum(0), torch.zeros_like(price).index_add(0, kind, drate)
    # END SOLUTION
