import torch


def gradients(Xb, Yb, C, W1, b1, W2, bngain, emb, embcat, bnraw, bnvar_inv, h, probs, n):
    dlogits = probs.clone()
    dlogits[torch.arange(n), Yb] -= 1.0
    dlogits = dlogits.div(n)

    db2 = dlogits.sum(0)
    dW2 = h.T @ dlogits
    dh = dlogits @ W2.T

    dhpreact = dh - dh * h * h
    dbnbias = dhpreact.sum(0, keepdim=True)
    dbngain = (dhpreact * bnraw).sum(0, keepdim=True)
    dhprebn = bngain * bnvar_inv * (dhpreact - dbnbias / n - bnraw * dbngain / (n - 1))

    db1 = torch.zeros_like(b1)
    dW1 = embcat.T @ dhprebn
    demb = (dhprebn @ W1.T).view_as(emb)
    dC = torch.zeros_like(C)
    dC[Xb] += demb
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
