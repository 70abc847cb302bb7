import torch
from torch import Tensor


def dhprebn(
    dhpreact: Tensor, hpreact: Tensor, bngain: Tensor, bnvar_inv: Tensor, n: int
) -> Tensor:
    d = torch.mul(bngain, dhpreact)
    along = torch.mul(d, hpreact).sum(0) / (n - 1)
    return torch.mul(bnvar_inv, d - d.mean(0) - torch.mul(hpreact, along))
