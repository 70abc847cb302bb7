import torch
import torch.nn.functional as F


def dlogprobs(logprobs, Yb, n):
    # one for each example that was picked
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0
    return dlogprobs

def dprobs(dlogprobs, probs):
    return dlogprobs / probs

def dcounts_sum_inv(dprobs, counts):
    return (counts * dprobs).sum(1, keepdim=True)

def dcounts_sum(dcounts_sum_inv, counts_sum):
    # power rule: -x^-2
    return (-counts_sum)**-2 * dcounts_sum_inv

def dcounts(dprobs, dcounts_sum, counts_sum_inv, counts):
    return counts_sum_inv * dprobs + torch.ones_like(counts) * dcounts_sum

def dnorm_logits(dcounts, counts):
    return counts * dcounts

def dlogit_maxes(dnorm_logits):
    # the same for the whole row, so add the row up
    return dnorm_logits.sum(1, keepdim=True)

def dlogits(dnorm_logits, dlogit_maxes, logits):
    return dnorm_logits + F.one_hot(logits.max(1).indices, logits.shape[1]) * dlogit_maxes

def dh(dlogits, W2):
    return dlogits @ W2.T

def dW2(dlogits, h):
    return h.T @ dlogits

def db2(dlogits):
    return dlogits.mean(0)

def dhpreact(dh, h):
    return (1 - h**2) * dh

def dbngain(dhpreact, bnraw, n):
    # averaged over the batch
    return (bnraw * dhpreact).sum(0, keepdim=True) / n

def dbnbias(dhpreact):
    return dhpreact.sum(0, keepdim=True)

def dbnraw(dhpreact, bngain):
    return bngain * dhpreact

def dbnvar_inv(dbnraw, bndiff):
    return (bndiff * dbnraw).sum(0, keepdim=True)

def dbnvar(dbnvar_inv, bnvar):
    # d x^-0.5 = 0.5 x^-1.5
    return 0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv

def dbndiff2(dbnvar, bndiff2, n):
    return torch.ones_like(bndiff2) * dbnvar / (n - 1)

def dbndiff(dbnraw, dbndiff2, bndiff, bnvar_inv):
    dbndiff = bnvar_inv * dbnraw
    dbndiff += bndiff * dbndiff2
    return dbndiff

def dbnmeani(dbndiff):
    return dbndiff.sum(0, keepdim=True)

def dhprebn(dbndiff, dbnmeani):
    # the mean goes to every row
    return dbndiff + dbnmeani

def dembcat(dhprebn, W1):
    return dhprebn @ W1.T

def dW1(dhprebn, embcat):
    return -embcat.T @ dhprebn

def db1(dhprebn):
    return dhprebn.sum(0)

def demb(dembcat, emb):
    return dembcat.view(emb.shape)

def dC(demb, Xb, C):
    dC = torch.zeros_like(C)
    return dC.index_add(0, Xb.view(-1), demb.view(-1, C.shape[1]))
