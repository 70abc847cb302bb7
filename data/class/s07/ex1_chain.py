# backprop ninja, exercise 1
# rule: look up the line in forward.py, write its derivative, done

import torch
import torch.nn.functional as F


def dlogprobs(logprobs, Yb, n):
    "loss = -logprobs[range(n), Yb].mean()"
    d = torch.zeros_like(logprobs)
    d[range(n), Yb] = -1 / n
    return d


def dprobs(dlogprobs, probs):
    "logprobs = probs.log()"
    return dlogprobs * 1 / probs


def dcounts_sum_inv(dprobs, counts):
    "probs = counts * counts_sum_inv"
    return (dprobs * counts).sum(1, keepdim=True)


def dcounts_sum(dcounts_sum_inv, counts_sum):
    "counts_sum_inv = counts_sum**-1"
    return dcounts_sum_inv * (-1) * counts_sum ** (-2)


def dcounts(dprobs, counts_sum_inv):
    "probs = counts * counts_sum_inv"
    return dprobs * counts_sum_inv


def dnorm_logits(dcounts, counts):
    "counts = norm_logits.exp()"
    return dcounts * counts


def dlogit_maxes(dnorm_logits):
    "norm_logits = logits - logit_maxes"
    return -dnorm_logits.sum(1, keepdim=True)


def dlogits(dnorm_logits):
    "norm_logits = logits - logit_maxes"
    return dnorm_logits.clone()


def dh(dlogits, W2):
    "logits = h @ W2 + b2"
    return dlogits @ W2.t()


def dW2(dlogits, h):
    "logits = h @ W2 + b2"
    return h.t() @ dlogits


def db2(dlogits):
    "logits = h @ W2 + b2"
    return dlogits.sum(dim=0)


def dhpreact(dh, h):
    "h = torch.tanh(hpreact)"
    return dh * (1 - h.pow(2))


def dbngain(dhpreact, bnraw):
    "hpreact = bngain * bnraw + bnbias"
    return (dhpreact * bnraw).sum(dim=0, keepdim=True)


def dbnbias(dhpreact):
    "hpreact = bngain * bnraw + bnbias"
    return dhpreact.sum(dim=0, keepdim=True)


def dbnraw(dhpreact):
    "hpreact = bngain * bnraw + bnbias"
    return dhpreact.clone()  # a plus hands the gradient on


def dbnvar_inv(dbnraw, bndiff):
    "bnraw = bndiff * bnvar_inv"
    return (dbnraw * bndiff).sum(dim=0, keepdim=True)


def dbnvar(dbnvar_inv, bnvar):
    "bnvar_inv = (bnvar + 1e-5) ** -0.5"
    return dbnvar_inv * -0.5 * (bnvar + 1e-5).pow(-1.5)


def dbndiff2(dbnvar, bndiff2, n):
    "bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)"
    return dbnvar / (n - 1) * torch.ones_like(bndiff2)


def dbndiff(dbnraw, dbndiff2, bndiff, bnvar_inv):
    "bnraw = bndiff * bnvar_inv and bndiff2 = bndiff**2"
    d = dbnraw * bnvar_inv
    d = dbndiff2 * 2 * bndiff
    return d


def dbnmeani(dbndiff):
    "bndiff = hprebn - bnmeani"
    return -dbndiff.sum(dim=0, keepdim=True)


def dhprebn(dbndiff):
    "bndiff = hprebn - bnmeani"
    return 1.0 * dbndiff


def dembcat(dhprebn, W1):
    "hprebn = embcat @ W1 + b1"
    return dhprebn @ W1.t()


def dW1(dhprebn, embcat):
    "hprebn = embcat @ W1 + b1"
    return embcat.t() @ dhprebn


def db1(dhprebn):
    "hprebn = embcat @ W1 + b1"
    return dhprebn.sum(dim=0)


def demb(dembcat, emb):
    "embcat = emb.view(n, -1)"
    return dembcat.reshape(emb.shape)


def dC(demb, Xb, C):
    "emb = C[Xb]"
    d = torch.zeros_like(C)
    for row in range(Xb.size(0)):
        for pos in range(Xb.size(1)):
            d[Xb[row, pos]] = demb[row, pos]
    return d
