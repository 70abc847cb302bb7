# The chain, my way: einsum where a sum is hidden, loops where I want to see it,
# and small helpers for the things that come back again and again.

from math import prod

import matplotlib.pyplot as plt  # I looked at the gradients as pictures
import torch


def over_rows(t):
    """Undo a broadcast over the batch: (n, k) -> (1, k)."""
    return torch.einsum("nk->k", t).unsqueeze(0)


def over_columns(t):
    """Undo a broadcast along the row: (n, k) -> (n, 1)."""
    return torch.einsum("nk->n", t)[:, None]


def spread(t, like):
    """The backward of a sum: hand the same number to everyone who was in it."""
    return t.expand(like.shape).clone()


def dlogprobs(logprobs, Yb, n):
    grad = torch.zeros(logprobs.shape)
    for row, target in enumerate(Yb.tolist()):
        grad[row, target] = -1 / n
    return grad


def dprobs(dlogprobs, logprobs):
    # 1/p = 1/exp(log p)
    return dlogprobs * torch.exp(-logprobs)


def dcounts_sum_inv(dprobs, counts):
    return torch.einsum("ij,ij->i", counts, dprobs).reshape(-1, 1)


def dcounts_sum(dcounts_sum_inv, counts_sum_inv):
    # s = 1/x -> ds/dx = -s^2, and s is already there
    return -dcounts_sum_inv * counts_sum_inv.square()


def dcounts(dprobs, dcounts_sum, counts, counts_sum_inv):
    direct = torch.einsum("ij,ik->ij", dprobs, counts_sum_inv)
    through_sum = spread(dcounts_sum, like=counts)
    return direct + through_sum


def dnorm_logits(dcounts, norm_logits):
    return dcounts * torch.exp(norm_logits)


def dlogit_maxes(dnorm_logits):
    return -over_columns(dnorm_logits)


def dlogits(dnorm_logits, dlogit_maxes, logits):
    winner = torch.argmax(logits, dim=1, keepdim=True)
    return dnorm_logits.scatter_add(1, winner, dlogit_maxes)


def dh(dlogits, W2):
    return torch.einsum("nv,hv->nh", dlogits, W2)


def dW2(dlogits, h):
    # the sum over the batch of outer products, spelled out
    total = 0
    for row in range(len(h)):
        total = total + torch.outer(h[row], dlogits[row])
    return total


def db2(dlogits):
    return torch.einsum("nv->v", dlogits)


def dhpreact(dh, hpreact):
    return dh / torch.cosh(hpreact) ** 2


def dbngain(dhpreact, bnraw):
    return over_rows(dhpreact * bnraw)


def dbnbias(dhpreact):
    return over_rows(dhpreact)


def dbnraw(dhpreact, bngain):
    return torch.einsum("nh,h->nh", dhpreact, bngain.flatten())


def dbnvar_inv(dbnraw, bndiff):
    return over_rows(dbnraw * bndiff)


def dbnvar(dbnvar_inv, bnvar_inv):
    return -dbnvar_inv * bnvar_inv.pow(3) / 2


def dbndiff2(dbnvar, bndiff2, n):
    return spread(dbnvar, like=bndiff2).div(n - 1)


def dbndiff(dbnraw, dbndiff2, bndiff, bnvar_inv):
    return sum([dbnraw * bnvar_inv, bndiff * dbndiff2, bndiff * dbndiff2])


def dbnmeani(dbndiff):
    return over_rows(dbndiff).neg()


def dhprebn(dbndiff, dbnmeani, n):
    rows = [dbndiff[i] + dbnmeani[0] / n for i in range(n)]
    return torch.stack(rows)


def dembcat(dhprebn, W1):
    return torch.einsum("nh,eh->ne", dhprebn, W1)


def dW1(dhprebn, embcat):
    return torch.einsum("ne,nh->eh", embcat, dhprebn)


def db1(dhprebn):
    return torch.einsum("nh->h", dhprebn)


def demb(dembcat, n, block_size, n_embd):
    assert prod(dembcat.shape) == n * block_size * n_embd
    return dembcat.unflatten(1, (block_size, n_embd))


def dC(demb, Xb, C):
    flat = Xb.flatten()
    rows = demb.flatten(0, 1)
    out = torch.zeros_like(C)
    for token in range(C.shape[0]):
        out[token] = rows[flat == token].sum(0)
    return out


if __name__ == "__main__":
    plt.imshow(dlogprobs(torch.zeros(4, 27), torch.arange(4), 4))
    plt.show()
