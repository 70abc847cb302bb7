import torch


def gradients(Xb, Yb, C, W1, W2, bngain, embcat, bnraw, bnvar_inv, h, logits, n):
    p = torch.softmax(logits, 1)
    p[range(n), Yb] -= 1
    p /= n
    dhpreact = p @ W2.T * (1 - h**2)
    dbngain = (dhpreact * bnraw).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain * bnvar_inv * (dhpreact - dbnbias / n - bnraw * dbngain / (n - 1))
    dC = None  # the embedding comes later
    db1 = [float(x) for x in dhprebn.sum(0)]
    return dC, embcat.T @ dhprebn, db1, h.T @ p, p.sum(0).half(), dbngain, dbnbias
