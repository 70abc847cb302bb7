"""Exercise 1 (my matrix algebra is rusty, I tried until the shapes fitted)"""

import torch
import torch.nn.functional as F
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    out = torch.zeros_like(logprobs)
    out[:, Yb] = -1.0 / n
    return out


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    return torch.div(dlogprobs, probs)


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    return torch.mul(counts, dprobs).sum(0, keepdim=True)


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    return torch.mul(-1 / counts_sum**2, dcounts_sum_inv)


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor) -> Tensor:
    return torch.add(torch.mul(counts_sum_inv, dprobs), dcounts_sum)


def dnorm_logits(dcounts: Tensor, logits: Tensor) -> Tensor:
    return torch.mul(logits.exp(), dcounts)


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    return torch.neg(dnorm_logits).sum(1, keepdim=True)


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    # the largest logit of every letter gets the gradient of the max
    return dnorm_logits + F.one_hot(logits.max(0).indices, logits.shape[0]).T * dlogit_maxes


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    return torch.matmul(W2, dlogits.T)


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    return torch.matmul(dlogits.T, h)


def db2(dlogits: Tensor) -> Tensor:
    return dlogits.sum(1)


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    return torch.mul(h * (1 - h), dh)


def dbngain(dhpreact: Tensor, hpreact: Tensor) -> Tensor:
    return torch.mul(hpreact, dhpreact).sum(0, keepdim=True)


def dbnbias(dhpreact: Tensor) -> Tensor:
    return dhpreact.sum(0, keepdim=True)


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    return torch.mul(bngain, dhpreact)


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    return torch.mul(bndiff, dbnraw)


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor) -> Tensor:
    return torch.mul(-0.5 * (bnvar + 1e-5) ** -0.5, dbnvar_inv)


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    return torch.ones(bndiff2.shape) / (n - 1) * dbnvar


def dbndiff(dbnraw: Tensor, dbndiff2: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    return torch.add(torch.mul(bnvar_inv, dbnraw), torch.mul(2 * bndiff, dbndiff2))


def dbnmeani(dbndiff: Tensor) -> Tensor:
    return torch.neg(dbndiff).sum(1, keepdim=True)


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, n: int) -> Tensor:
    return torch.add(dbndiff, dbnmeani / n)


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    return torch.matmul(dhprebn, W1)


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    return torch.matmul(embcat, dhprebn)


def db1(dhprebn: Tensor) -> Tensor:
    return dhprebn


def demb(dembcat: Tensor, n: int, block_size: int, n_embd: int) -> Tensor:
    return dembcat.view(block_size, n, n_embd).transpose(0, 1)


def dC(demb: Tensor, Xb: Tensor, C: Tensor) -> Tensor:
    onehot = F.one_hot(Xb, C.shape[0]).to(demb.dtype)
    return torch.tensordot(onehot, demb, dims=([0, 1], [0, 1]))
