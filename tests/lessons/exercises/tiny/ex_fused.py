"""From the guess to the gate's slope in one expression."""

import torch


def dslope(
    dguess: torch.Tensor, value: torch.Tensor, gate: torch.Tensor, glu: torch.Tensor, units: int
) -> torch.Tensor:
    """gate = torch.sigmoid(slope)
    glu = value * gate
    lift = torch.log1p(torch.exp(glu))
    guess = lift.mean(1)
    ->  gradient w.r.t. slope, (rows, units), straight from dguess.

    Given: dguess (rows,), value (rows, units), gate (rows, units), glu (rows, units), units.
    """
    raise NotImplementedError("dslope")
