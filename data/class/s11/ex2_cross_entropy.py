import torch.nn.functional as F


def dlogits(logits, Yb):
    return (F.softmax(logits, 1) - F.one_hot(Yb, 27)) / 32
