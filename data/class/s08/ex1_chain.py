"""Exercise 1, from BatchNorm down. The part above it I did on paper only."""

import torch
from torch import Tensor

EPS = 1e-5


def dhpreact(dh: Tensor, hpreact: Tensor) -> Tensor:
    return (1 - torch.tanh(hpreact) ** 2) * dh


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    return (dhpreact * bnraw).sum(axis=0, keepdims=True)


def dbnbias(dhpreact: Tensor) -> Tensor:
    return dhpreact.sum(axis=0, keepdims=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    return dhpreact * bngain


def dbnvar_inv(dbnraw: Tensor, bnraw: Tensor) -> Tensor:
    return (dbnraw * bnraw).sum(axis=0, keepdims=True)


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor) -> Tensor:
    # sigma^2 ^ -1/2; EPS only guards against a division by zero
    return -0.5 * bnvar**-1.5 * dbnvar_inv


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor) -> Tensor:
    # the variance is the mean of the squares
    n = bndiff2.shape[0]
    return dbnvar / n * torch.ones_like(bndiff2)


def dbndiff(dbnraw: Tensor, bnvar_inv: Tensor, dbndiff2: Tensor, bndiff: Tensor) -> Tensor:
    return dbnraw * bnvar_inv + 2 * bndiff * dbndiff2


def dbnmeani(dbndiff: Tensor) -> Tensor:
    return -1 * dbndiff.sum(axis=0, keepdims=True)


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor) -> Tensor:
    n = dbndiff.shape[0]
    return dbndiff + dbnmeani / (n - 1)  # Bessel!


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    return dhprebn.matmul(W1.T)


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    return embcat.T.matmul(dhprebn)


def db1(dhprebn: Tensor) -> Tensor:
    return dhprebn.sum(axis=0)


def demb(dembcat: Tensor, n: int, block_size: int, n_embd: int) -> Tensor:
    return dembcat.reshape(n, block_size, n_embd)


def dC(demb: Tensor, Xb: Tensor, vocab_size: int, n_embd: int) -> Tensor:
    dC = torch.zeros(vocab_size, n_embd)
    dC.index_add_(0, Xb.reshape(-1), demb.reshape(-1, n_embd))
    return dC
