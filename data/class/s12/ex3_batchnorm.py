from torch import Tensor


def dhprebn(dhpreact: Tensor, bngain: Tensor, bnraw: Tensor, bnvar_inv: Tensor, n: int) -> Tensor:
    dhpreact *= bngain
    share = (dhpreact * bnraw).sum(0) / (n - 1)
    dhpreact -= dhpreact.mean(0) + bnraw * share
    dhpreact *= bnvar_inv
    return dhpreact
