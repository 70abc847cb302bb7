"""Exercise 1. Handed in at 23:58."""

import torch
import torch.nn.functional as F
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0 / n
    return dlogprobs


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    return dlogprobs * (1 / probs)


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    return (dprobs * counts).sum(1, keepdim=True)


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    return dcounts_sum_inv * (-(counts_sum**-2))


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor) -> Tensor:
    return (dprobs * counts_sum_inv) + dcounts_sum


def dnorm_logits(dcounts: Tensor, probs: Tensor, counts_sum: Tensor) -> Tensor:
    return dcounts * (probs * counts_sum)


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    return -(dnorm_logits.sum(1, keepdim=True))


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    return dnorm_logits + (F.one_hot(logits.argmax(1), logits.shape[1]) * dlogit_maxes


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    return dlogits @ W2.T


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    return h.T @ dlogits


def db2(dlogits: Tensor) -> Tensor:
    return dlogits.sum(0)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    return dh * (1 - (h**2))


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    return (dhpreact * bnraw).sum(0, keepdim=True)


def dbnbias(dhpreact: Tensor) -> Tensor
    return dhpreact.sum(0, keepdim=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    return dhpreact * bngain
