import torch
import torch.nn.functional as F


def gradients(Xb, Yb, W1, W2, bngain, embcat, bnraw, bnvar_inv, h, logits, n):
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dhpreact = (1.0 - h**2) * (dlogits @ W2.T)
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain * bnvar_inv / n * (
        n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0)
    )
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    # TODO dC
    return dW1, db1, dW2, db2, dbngain, dbnbias
