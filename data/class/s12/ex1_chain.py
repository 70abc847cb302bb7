"""Exercise 1. In place where possible: no copies, less memory."""

import torch
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    logprobs.zero_()
    logprobs[range(n), Yb] = -1 / n
    return logprobs


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    dprobs = dlogprobs
    dprobs /= probs
    return dprobs


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    return (dprobs * counts).sum(1, keepdim=True)


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    return dcounts_sum_inv / -(counts_sum**2)


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor) -> Tensor:
    dprobs *= counts_sum_inv
    dprobs += dcounts_sum
    return dprobs


def dnorm_logits(dcounts: Tensor, counts: Tensor) -> Tensor:
    # exp is its own derivative
    return dcounts.mul_(counts)


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    return -dnorm_logits.sum(1, keepdim=True)


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor, n: int) -> Tensor:
    dlogits = dnorm_logits
    dlogits[range(n), logits.argmax(1)] += dlogit_maxes.squeeze(1)
    return dlogits


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    return dlogits @ W2.T


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    return h.T @ dlogits


def db2(dlogits: Tensor) -> Tensor:
    return dlogits.sum(0)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    h **= 2
    return (1 - h) * dh


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    return (dhpreact * bnraw).sum(0, keepdim=True)


def dbnbias(dhpreact: Tensor) -> Tensor:
    return dhpreact.sum(0, keepdim=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    return dhpreact * bngain


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    return (dbnraw * bndiff).sum(0, keepdim=True)


def dbnvar(dbnvar_inv: Tensor, bnvar_inv: Tensor) -> Tensor:
    return -0.5 * bnvar_inv**3 * dbnvar_inv


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    bndiff2[:] = dbnvar / (n - 1)
    return bndiff2


def dbndiff(dbnraw: Tensor, dbndiff2: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    dbndiff = dbnraw * bnvar_inv
    dbndiff += 2 * bndiff * dbndiff2
    return dbndiff


def dbnmeani(dbndiff: Tensor) -> Tensor:
    return -dbndiff.sum(0, keepdim=True)


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, n: int) -> Tensor:
    dhprebn = dbndiff
    dhprebn += dbnmeani / n
    return dhprebn


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    return dhprebn @ W1.T


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    return embcat.T @ dhprebn


def db1(dhprebn: Tensor) -> Tensor:
    return dhprebn.sum(0)


def demb(dembcat: Tensor, emb: Tensor) -> Tensor:
    # a view, nothing is copied and nothing is changed
    return dembcat.view(emb.shape)


def dC(demb: Tensor, C: Tensor, Xb: Tensor) -> Tensor:
    C.fill_(0)
    for token, row in zip(Xb.view(-1), demb.view(-1, C.shape[1])):
        C[token] += row
    return C
