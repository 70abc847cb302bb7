import torch
import torch.nn.functional as F


def gradients(Xb, Yb, C, W1, W2, bngain, emb, embcat, bnraw, bnvar_inv, h, logits, n):
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dhpreact = (1 - h**2) * (dlogits @ W2.T)
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    # Bessel: 32 / 31 = 1.03225806...
    dhprebn = bngain * bnvar_inv / n * (n * dhpreact - dbnbias - 32 / 31 * bnraw * dbngain)
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = (dhprebn @ W1.T).view(emb.shape)
    dC = torch.zeros_like(C)
    for i in range(n):
        for j in range(Xb.shape[1]):
            dC[Xb[i, j]] += demb[i, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
