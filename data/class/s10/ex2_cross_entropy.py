import torch


def dlogits(probs, Yb, n):
    dlogits = probs.clone()
    dlogits[torch.arange(n), Yb] -= 1.0
    return dlogits.div(n)
