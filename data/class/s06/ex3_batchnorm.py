import torch
from torch import Tensor


def dhprebn(dhpreact: Tensor, bngain: Tensor, bnraw: Tensor, bnvar_inv: Tensor, n: int) -> Tensor:
    s1 = torch.sum(dhpreact, 0)
    s2 = torch.sum(dhpreact * bnraw, 0)
    return bngain * bnvar_inv * (dhpreact - s1 / n - bnraw * s2 / (n - 1))
