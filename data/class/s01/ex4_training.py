"""Exercise 4: the whole backward pass."""

import torch
import torch.nn.functional as F
from torch import Tensor


def gradients(
    Xb: Tensor, Yb: Tensor, C: Tensor, W1: Tensor, W2: Tensor, bngain: Tensor,
    emb: Tensor, embcat: Tensor, bnraw: Tensor, bnvar_inv: Tensor, h: Tensor, logits: Tensor,
    n: int,
) -> tuple[Tensor, ...]:
    """dC, dW1, db1, dW2, db2, dbngain, dbnbias"""
    # cross-entropy
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    # 2nd layer
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    # tanh
    dhpreact = (1.0 - h**2) * dh
    # batchnorm
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = (
        bngain * bnvar_inv / n
        * (n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0))
    )
    # 1st layer
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    # embedding
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += demb[k, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
