"""Exercise 3, as it stands in the BatchNorm paper."""

from torch import Tensor


def dhprebn(dhpreact: Tensor, bngain: Tensor, bnraw: Tensor, bnvar_inv: Tensor, n: int) -> Tensor:
    return bngain * bnvar_inv / n * (
        n * dhpreact - dhpreact.sum(axis=0) - bnraw * (dhpreact * bnraw).sum(axis=0)
    )
