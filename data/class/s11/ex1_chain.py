import torch
import torch.nn.functional as F

batch_size = 32
vocab = 27
hidden = 64


def dlogprobs(logprobs, Yb):
    dlogprobs = torch.zeros((batch_size, vocab))
    dlogprobs[range(batch_size), Yb] = -1.0 / batch_size
    return dlogprobs


def dprobs(dlogprobs, probs, Yb, n):
    # only the targets have a gradient, so only they need the division
    dprobs = torch.zeros_like(probs)
    dprobs[range(n), Yb] = dlogprobs[range(n), Yb] / probs[range(n), Yb]
    return dprobs


def dcounts_sum_inv(dprobs, counts, Yb, n):
    # one entry of each row of dprobs is not zero: no sum needed
    return (dprobs[range(n), Yb] * counts[range(n), Yb]).view(n, 1)


def dcounts_sum(dcounts_sum_inv, counts_sum):
    return -counts_sum**-2 * dcounts_sum_inv


def dcounts(dprobs, dcounts_sum, counts_sum_inv):
    return counts_sum_inv * dprobs + dcounts_sum.expand(batch_size, vocab)


def dnorm_logits(dcounts, counts):
    return counts * dcounts


def dlogit_maxes(dnorm_logits):
    return -dnorm_logits.sum(1).view(batch_size, 1)


def dlogits(dnorm_logits, dlogit_maxes, logits):
    return dnorm_logits + F.one_hot(logits.argmax(1), vocab) * dlogit_maxes


def dh(dlogits, W2):
    return dlogits @ W2.T


def dW2(dlogits, h):
    return h.T @ dlogits


def db2(dlogits):
    db2 = torch.zeros(27)
    for j in range(27):
        db2[j] = dlogits[:, j].sum()
    return db2


def dhpreact(dh, h):
    return (1 - h**2) * dh


def dbngain(dhpreact, bnraw):
    return (bnraw * dhpreact).sum(0).view(1, 64)


def dbnbias(dhpreact):
    return dhpreact.sum(0).view(1, 64)


def dbnraw(dhpreact, bngain):
    return bngain * dhpreact


def dbnvar_inv(dbnraw, bndiff):
    return (bndiff * dbnraw).sum(0, keepdim=True)


def dbnvar(dbnvar_inv, bnvar):
    return -0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv


def dbndiff2(dbnvar, bndiff2):
    return torch.ones_like(bndiff2) * dbnvar / 31


def dbndiff(dbnraw, dbndiff2, bndiff, bnvar_inv):
    return bnvar_inv * dbnraw + 2 * bndiff * dbndiff2


def dbnmeani(dbndiff):
    return -dbndiff.sum(0, keepdim=True)


def dhprebn(dbndiff, dbnmeani):
    return dbndiff + dbnmeani * 0.03125


def dembcat(dhprebn, W1):
    return dhprebn @ W1.T


def dW1(dhprebn, embcat):
    return embcat.T @ dhprebn


def db1(dhprebn):
    return torch.ones(32) @ dhprebn


def demb(dembcat):
    return dembcat.view(-1, 3, 10)


def dC(demb, Xb):
    dC = torch.zeros(27, 10)
    for i in range(32):
        for j in range(3):
            dC[Xb[i, j]] += demb[i, j]
    return dC
