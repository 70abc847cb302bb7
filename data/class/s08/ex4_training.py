"""Exercise 4. BatchNorm is recomputed here from hprebn, as in the paper."""

import torch
from torch import Tensor


def batchnorm_backward(dy: Tensor, x: Tensor, gain: Tensor) -> Tensor:
    n = x.shape[0]
    diff = x - x.mean(0, keepdim=True)
    var = (diff**2).sum(0, keepdim=True) / (n - 1)
    inv = 1 / var.sqrt()
    xhat = diff * inv
    dxhat = dy * gain
    return inv * (
        dxhat - dxhat.mean(0, keepdim=True) - xhat * (dxhat * xhat).sum(0, keepdim=True) / (n - 1)
    )


def gradients(
    Xb: Tensor, Yb: Tensor, C: Tensor, W1: Tensor, W2: Tensor, bngain: Tensor,
    embcat: Tensor, hprebn: Tensor, bnraw: Tensor, h: Tensor, probs: Tensor, n: int,
) -> tuple[Tensor, ...]:
    dlogits = probs.clone()
    dlogits[torch.arange(n), Yb] -= 1
    dlogits = dlogits / n

    dW2 = h.T.matmul(dlogits)
    db2 = dlogits.sum(axis=0)
    dhpreact = dlogits.matmul(W2.T) * (1 - h**2)
    dbngain = (dhpreact * bnraw).sum(axis=0, keepdims=True)
    dbnbias = dhpreact.sum(axis=0, keepdims=True)
    dhprebn = batchnorm_backward(dhpreact, hprebn, bngain)
    dW1 = embcat.T.matmul(dhprebn)
    db1 = dhprebn.sum(axis=0)
    demb = dhprebn.matmul(W1.T)
    dC = torch.zeros_like(C)
    dC.index_add_(0, Xb.reshape(-1), demb.reshape(-1, C.shape[1]))
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
