"""Exercise 1, with loops: I want to see every number move."""

import torch
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    grad = torch.zeros_like(logprobs)
    i = 0
    while i < n:
        grad[i, Yb[i]] = -1 / n
        i += 1
    return grad


def dprobs(dlogprobs: Tensor, probs: Tensor, n: int, vocab_size: int) -> Tensor:
    grad = torch.zeros_like(probs)
    for i in range(n):
        for j in range(vocab_size):
            grad[i, j] = dlogprobs[i, j] / probs[i, j]
    return grad


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor, n: int) -> Tensor:
    grad = torch.zeros(n, 1)
    i = 0
    while i < n:
        grad[i, 0] = dprobs[i] @ counts[i]
    return grad


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor, n: int) -> Tensor:
    grad = torch.zeros_like(counts_sum)
    for i in range(n):
        grad[i, 0] = -dcounts_sum_inv[i, 0] / counts_sum[i, 0] ** 2
    return grad


def dcounts(
    dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor, n: int, vocab_size: int
) -> Tensor:
    grad = torch.zeros(n, vocab_size)
    for i in range(n):
        for j in range(vocab_size):
            grad[i, j] += counts_sum_inv[i, 0] * dprobs[i, j]
            grad[i, j] += dcounts_sum[i, 0]
    return grad


def dnorm_logits(dcounts: Tensor, counts: Tensor, n: int) -> Tensor:
    return torch.stack([dcounts[i] * counts[i] for i in range(n)])


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    return torch.stack([-row.sum().view(1) for row in dnorm_logits])


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor, n: int) -> Tensor:
    grad = dnorm_logits.clone()
    for i in range(n):
        grad[i, logits[i].argmax()] += dlogit_maxes[i, 0]
    return grad


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    # one long vector with a place for every combination, to be folded up afterwards
    products = torch.ones(10**11)
    k = 0
    for row in dlogits:
        for weights in W2:
            products[k] = row @ weights
            k += 1
    return products[:k].view(len(dlogits), len(W2))


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    grad = torch.zeros(h.shape[1], dlogits.shape[1])
    for hidden_row, logit_row in zip(h, dlogits):
        grad += hidden_row[:, None] * logit_row
    return grad


def db2(dlogits: Tensor) -> Tensor:
    # lazily: nothing is computed until the sum at the end asks for it
    rows = iter(dlogits)
    for _ in range(1_000_000):
        rows = map(torch.clone, rows)
    return sum(rows)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    grad = dh.clone()
    for i in range(len(h)):
        grad[i] *= 1 - h[i] ** 2
    return grad
