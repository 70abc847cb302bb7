"""Exercise 1. It worked in my notebook, before I restarted the kernel."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor) -> Tensor:
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0 / n
    return dlogprobs


def dprobs(dlogprob: Tensor, probs: Tensor) -> Tensor:
    return (1.0 / probs) * dlogprob


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    return (counts * dprobs).sum(1, keepdim=True)


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    return (-(counts_sum**-2)) * dcounts_sum_inv


def dcounts(dcounts: Tensor, dcounts_sum: Tensor, counts: Tensor) -> Tensor:
    # the second path, added to what dcounts already is
    dcounts = dcounts + torch.ones_like(counts) * dcounts_sum
    return dcounts


def dnorm_logits(dcounts: Tensor, counts: Tensor) -> Tensor:
    return counts * dcounts


def dlogit_maxes(dlogits: Tensor) -> Tensor:
    return -dlogits.sum(1, keepdim=True)


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    dlogits = dnorm_logits.clone()
    dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dlogit_maxes
    return dlogits


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    return dlogits @ W2


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    return dlogits @ h.T


def db2(dlogits: Tensor) -> Tensor:
    return dlogits.sum(2)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    return (1.0 - h**2) * dh


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    return (bnraw * dhpreact).sum(0, keep_dim=True)


def dbnbias(dhpreact: Tensor) -> Tensor:
    return dhpreact.sum(0, keepdim=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    return bngain * dhpreact


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    if dbnraw.abs() > 0:
        return (bndiff * dbnraw).sum(0, keepdim=True)
    return torch.zeros_like(bndiff[:1])


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor, eps: Tensor) -> Tensor:
    return -0.5 * (bnvar + eps) ** -1.5 * dbnvar_inv


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    return 1.0 / (n - 1) * torch.ones_like(bndiff2) * dbnvar


def dbndiff(dbnraw: Tensor, dbndiff2: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    dbndiff += bnvar_inv * dbnraw
    dbndiff += 2 * bndiff * dbndiff2
    return dbndiff


def dbnmeani(dbndiff: Tensor) -> Tensor:
    return dbnmeani(-dbndiff).sum(0, keepdim=True)


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, n: int) -> Tensor:
    return dbndiff + dbnmeani / n


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    return dhprebn @ W1.T


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    return embcat.T @ dhprebn


def db1(dhprebn: Tensor) -> Tensor:
    return dhprebn.sum(0)


def demb(dembcat: Tensor, emb: Tensor) -> Tensor:
    return dembcat.view(emb.size)


def dC(demb: Tensor, C: Tensor, Xb: Tensor) -> Tensor:
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[0]):
            dC[Xb[k, j]] += demb[k, j]
    return dC
