"""Exercise 1: the chain, one step at a time."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    """loss = -logprobs[range(n), Yb].mean()"""
    # only the n entries that are picked out matter, each counts 1/n
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0 / n
    return dlogprobs


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    """logprobs = probs.log()"""
    return (1.0 / probs) * dlogprobs


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    """probs = counts * counts_sum_inv"""
    # broadcast along the row on the way forward -> sum along the row on the way back
    return (counts * dprobs).sum(1, keepdim=True)


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    """counts_sum_inv = counts_sum**-1"""
    return (-(counts_sum**-2)) * dcounts_sum_inv


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts: Tensor, counts_sum_inv: Tensor) -> Tensor:
    """probs = counts * counts_sum_inv, and counts_sum = counts.sum(1, keepdim=True)"""
    dcounts = counts_sum_inv * dprobs
    dcounts += torch.ones_like(counts) * dcounts_sum
    return dcounts


def dnorm_logits(dcounts: Tensor, counts: Tensor) -> Tensor:
    """counts = norm_logits.exp()"""
    return counts * dcounts


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    """norm_logits = logits - logit_maxes"""
    return (-dnorm_logits).sum(1, keepdim=True)


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    """norm_logits = logits - logit_maxes, and logit_maxes = logits.max(1, keepdim=True).values"""
    dlogits = dnorm_logits.clone()
    dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dlogit_maxes
    return dlogits


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    """logits = h @ W2 + b2"""
    return dlogits @ W2.T


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    """logits = h @ W2 + b2"""
    return h.T @ dlogits


def db2(dlogits: Tensor) -> Tensor:
    """logits = h @ W2 + b2"""
    return dlogits.sum(0)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    """h = torch.tanh(hpreact)"""
    return (1.0 - h**2) * dh


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias"""
    return (bnraw * dhpreact).sum(0, keepdim=True)


def dbnbias(dhpreact: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias"""
    return dhpreact.sum(0, keepdim=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias"""
    return bngain * dhpreact


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    """bnraw = bndiff * bnvar_inv"""
    return (bndiff * dbnraw).sum(0, keepdim=True)


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor) -> Tensor:
    """bnvar_inv = (bnvar + 1e-5) ** -0.5"""
    return (-0.5 * (bnvar + 1e-5) ** -1.5) * dbnvar_inv


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    """bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)"""
    return (1.0 / (n - 1)) * torch.ones_like(bndiff2) * dbnvar


def dbndiff(dbnraw: Tensor, dbndiff2: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    """bnraw = bndiff * bnvar_inv, and bndiff2 = bndiff**2"""
    dbndiff = bnvar_inv * dbnraw
    dbndiff += (2 * bndiff) * dbndiff2
    return dbndiff


def dbnmeani(dbndiff: Tensor) -> Tensor:
    """bndiff = hprebn - bnmeani"""
    return (-dbndiff).sum(0, keepdim=True)


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, hprebn: Tensor, n: int) -> Tensor:
    """bndiff = hprebn - bnmeani, and bnmeani = 1 / n * hprebn.sum(0, keepdim=True)"""
    dhprebn = dbndiff.clone()
    dhprebn += 1.0 / n * (torch.ones_like(hprebn) * dbnmeani)
    return dhprebn


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1"""
    return dhprebn @ W1.T


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1"""
    return embcat.T @ dhprebn


def db1(dhprebn: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1"""
    return dhprebn.sum(0)


def demb(dembcat: Tensor, emb: Tensor) -> Tensor:
    """embcat = emb.view(n, -1)"""
    return dembcat.view(emb.shape)


def dC(demb: Tensor, C: Tensor, Xb: Tensor) -> Tensor:
    """emb = C[Xb]"""
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k, j]
            dC[ix] += demb[k, j]  # += : the same letter stands in many contexts
    return dC
